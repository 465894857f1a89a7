"""Documents of a direct execution, copied under unique names."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from entities_job.contracts import InspectInputOutput, Settings, StageInput, StageOutput
from entities_job.errors import RequestRefused
from entities_job.handlers import inspect_input, stage
from tests.aws import Aws
from tests.payloads import RUN, SETTINGS
from tests.unit.lambda_context import CONTEXT

OWN: Settings = {
    **SETTINGS,
    "InputUris": ["s3://given/input/", "s3://given/staging/"],
    "StagingUri": "s3://given/staging/",
    "UniqueNames": True,
}


def inspected(aws: Aws, **changes: Any) -> InspectInputOutput:
    settings: Settings = {**OWN, **changes}  # type: ignore[typeddict-item]  # a spread
    given = {"InputDataConfig": {"S3Uri": "s3://given/input/"}}
    return inspect_input.handler({"Input": given, "Settings": settings, "Execution": RUN}, CONTEXT)


def staged(aws: Aws, made: InspectInputOutput) -> list[StageOutput]:
    found = []
    for shard in aws.uris(f"s3://given/{made['Manifest']}"):
        given: StageInput = {
            "Shard": shard,
            "Execution": "run-1",
            "ClaimsUri": "s3://given/claims/",
            "ResultsUri": "s3://out/results/",
        }
        found.append(stage.handler(given, CONTEXT))
    return found


def test_documents_whose_base_names_repeat_are_copied_under_unique_names_and_keep_their_source(aws: Aws) -> None:
    for folder in ("a", "b"):
        aws.put(f"s3://given/input/{folder}/README.md", folder.encode() * 400)
    made = inspected(aws)
    data = made["Request"]["InputDataConfig"]
    assert data["S3Uri"].startswith("s3://given/staging/Direct-20261118T120000-")
    lines = [json.loads(line) for line in gzip.decompress(aws.get(made["Inventory"]["Uri"])).splitlines()]
    assert {line["Source"] for line in lines} == {"s3://given/input/a/README.md", "s3://given/input/b/README.md"}
    assert staged(aws, made) == [{"Staged": 2, "Refused": 0, "Duplicates": 0}]
    copies = {uri.removeprefix(data["S3Uri"]): aws.get(uri)[:1].decode() for uri in aws.uris(data["S3Uri"])}
    assert copies == {line["File"]: line["Source"].split("/")[4] for line in lines}
    assert not any("base name" in warning["Warning"] for warning in made["Warnings"])
    assert aws.uris("s3://given/claims/") == []


def test_a_repetition_makes_the_same_copies(aws: Aws) -> None:
    aws.put("s3://given/input/a.txt", b"x" * 700)
    first = inspected(aws)
    staged(aws, first)
    before = aws.uris()
    assert inspected(aws) == first
    staged(aws, first)
    assert aws.uris() == before


def test_the_estimate_counts_the_copies(aws: Aws) -> None:
    for number in range(1000):
        aws.put(f"s3://given/input/{number}.txt", b"x" * 100)
    assert inspected(aws)["Estimate"]["CostUsd"] == pytest.approx(1000 * 0.0003 + 0.005)
    assert len(aws.uris("s3://given/staging/")) == 2


def test_limits_are_those_of_the_originals(aws: Aws) -> None:
    aws.put("s3://given/input/a.txt", b"tiny")
    with pytest.raises(RequestRefused, match="at least 500 bytes"):
        inspected(aws)


def test_no_padding_is_added(aws: Aws) -> None:
    for name, size in (("a", 600), ("b", 100)):
        aws.put(f"s3://given/input/{name}.txt", b"x" * size)
    made = inspected(aws)
    del aws.objects["s3://given/input/a.txt"]
    assert staged(aws, made) == [{"Staged": 1, "Refused": 1, "Duplicates": 0}]
    assert len(aws.uris(made["Request"]["InputDataConfig"]["S3Uri"])) == 1


def test_without_the_setting_nothing_is_staged(aws: Aws) -> None:
    aws.put("s3://given/input/a.txt", b"x" * 700)
    made = inspected(aws, UniqueNames=False)
    assert "Manifest" not in made
    assert made["Request"]["InputDataConfig"]["S3Uri"] == "s3://given/input/"
    assert aws.uris("s3://given/staging/") == []


def test_a_batch_of_uploads_is_not_copied_again(aws: Aws) -> None:
    aws.put("s3://given/staging/En-x/documents/a.txt", b"x" * 700)
    given = {"InputDataConfig": {"S3Uri": "s3://given/staging/En-x/documents/"}}
    made = inspect_input.handler({"Input": given, "Settings": OWN, "Execution": RUN}, CONTEXT)
    assert "Manifest" not in made
