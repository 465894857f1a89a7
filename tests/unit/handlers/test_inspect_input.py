"""InspectInput with S3 in memory: request, inventory, estimate and warnings of one input."""

from __future__ import annotations

import gzip
import json

import pytest

from entities_job.contracts import InspectInputOutput, Settings
from entities_job.errors import RequestRefused
from entities_job.handlers import inspect_input
from tests.aws import Aws
from tests.payloads import REQUEST, RUN, SETTINGS
from tests.unit.lambda_context import CONTEXT

RECOGNIZER = "arn:aws:comprehend:us-east-1:111122223333:entity-recognizer/r"
OWN: Settings = {
    **SETTINGS,
    "InputUris": ["s3://in-bucket/input/"],
    "AllowedOverrides": ["EntityRecognizerArn"],
}


def inspect(uri: str = "s3://in-bucket/input/a/", **request: object) -> InspectInputOutput:
    given = {"InputDataConfig": {"S3Uri": uri}, **request}
    return inspect_input.handler({"Input": given, "Settings": OWN, "Execution": RUN}, CONTEXT)


def test_request_inventory_estimate_and_warnings(aws: Aws) -> None:
    aws.put("s3://in-bucket/input/a/1.txt", b"x" * 400)
    aws.put("s3://in-bucket/input/a/b/2.txt", b"y" * 1000)
    aws.put("s3://in-bucket/input/a/empty", b"")
    place = "s3://out/work/run-1/inventory.jsonl.gz"
    assert inspect() == {
        "Request": {
            **REQUEST,
            "InputDataConfig": {"S3Uri": "s3://in-bucket/input/a/", "InputFormat": "ONE_DOC_PER_FILE"},
        },
        "Inventory": {"Uri": place, "Documents": 3, "Files": 3, "Bytes": 1400},
        "Estimate": {"Units": 17, "CostUsd": 0.0017},
        "Warnings": [{"File": "empty", "Warning": "is empty"}],
    }
    assert [json.loads(line) for line in gzip.decompress(aws.get(place)).splitlines()] == [
        {"File": "1.txt", "Source": "s3://in-bucket/input/a/1.txt", "Size": 400},
        {"File": "2.txt", "Source": "s3://in-bucket/input/a/b/2.txt", "Size": 1000},
        {"File": "empty", "Source": "s3://in-bucket/input/a/empty", "Size": 0},
    ]


def test_a_custom_recognizer_has_its_own_price_and_no_least_size(aws: Aws) -> None:
    aws.put("s3://in-bucket/input/a/1.txt", b"x" * 100)
    assert inspect(EntityRecognizerArn=RECOGNIZER)["Estimate"] == {"Units": 3, "CostUsd": 0.0015}


def test_a_request_that_breaks_a_rule_is_refused_before_anything_is_listed(aws: Aws) -> None:
    with pytest.raises(RequestRefused, match="LanguageCode: must be one of"):
        inspect(LanguageCode="xx")
    assert not aws.calls


def test_an_input_that_breaks_a_limit_is_refused(aws: Aws) -> None:
    with pytest.raises(RequestRefused, match="nothing lies there"):
        inspect()
