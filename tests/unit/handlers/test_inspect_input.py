"""InspectInput with S3 in memory: request, inventory, estimate and warnings of one input."""

from __future__ import annotations

import gzip
import json

import pytest

from entities_job.contracts import Inspected, InspectInputOutput, Settings
from entities_job.errors import RequestRefused, ServiceError
from entities_job.handlers import inspect_input
from entities_job.job import marker
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
    assert set(aws.calls) == {"PutObject"}
    assert aws.uris() == ["s3://out/work/open/Workflow.run-1"]


def test_an_input_that_breaks_a_limit_is_refused(aws: Aws) -> None:
    with pytest.raises(RequestRefused, match="there is none"):
        inspect()


def take_up(**given: object) -> InspectInputOutput:
    return inspect_input.handler({"Input": given, "Settings": OWN, "Execution": RUN}, CONTEXT)


def old_job(aws: Aws, status: str = "COMPLETED", **more: object) -> None:
    """A job that another execution has started."""
    data = {"S3Uri": "s3://in-bucket/input/a/", "InputFormat": "ONE_DOC_PER_FILE"}
    aws.job("old", "s3://out/jobs/first/", status, LanguageCode="en", InputDataConfig=data, **more)
    aws.put(aws.jobs["old"]["OutputDataConfig"]["S3Uri"], b"archive")


def test_a_job_is_taken_up_with_the_inventory_of_its_start(aws: Aws) -> None:
    aws.put("s3://in-bucket/input/a/1.txt", b"x" * 600)
    first = inspect_input.handler(
        {
            "Input": {"InputDataConfig": {"S3Uri": "s3://in-bucket/input/a/"}},
            "Settings": OWN,
            "Execution": {**RUN, "Name": "first"},
        },
        CONTEXT,
    )
    old_job(aws)
    del aws.objects["s3://in-bucket/input/a/1.txt"]
    found = take_up(JobId="old", AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID="arn:parent")
    assert found["Inventory"] == first["Inventory"]
    assert (found["Job"]["JobId"], found["Job"]["JobStatus"]) == ("old", "COMPLETED")
    assert json.loads(aws.get("s3://out/work/open/Workflow.run-1")) == {
        "Execution": RUN["Id"],
        "Folders": [],
        "JobId": "old",
    }


def test_the_inventory_of_a_job_in_the_folder_of_a_callers_token_is_found_by_its_owner(aws: Aws) -> None:
    old_job(aws)
    kept: Inspected = {
        "Inventory": {"Uri": "s3://out/x", "Documents": 7, "Files": 7, "Bytes": 9},
        "Estimate": {"Units": 1, "CostUsd": 0.1},
        "Warnings": [],
    }
    aws.put("s3://out/work/started-it/inspected.json", json.dumps(kept).encode())
    marker.own("first", f"{RUN['Id'].rpartition(':')[0]}:started-it")
    assert take_up(JobId="old")["Inventory"]["Documents"] == 7


def test_a_job_without_an_inventory_has_its_input_listed_again(aws: Aws) -> None:
    old_job(aws, "IN_PROGRESS")
    aws.put("s3://in-bucket/input/a/1.txt", b"x")
    assert take_up(JobId="old")["Inventory"]["Documents"] == 1


def test_a_job_whose_input_is_out_of_reach_is_published_without_sources(aws: Aws) -> None:
    old_job(aws)
    aws.fail("ListObjectsV2", "AccessDenied")
    found = take_up(JobId="old")
    assert found["Inventory"]["Documents"] == 0
    assert "results have no source" in found["Warnings"][0]["Warning"]


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "503"])
def test_a_listing_that_fails_for_a_moment_is_tried_again_by_the_state_machine(aws: Aws, code: str) -> None:
    old_job(aws)
    aws.fail("ListObjectsV2", code)
    with pytest.raises(ServiceError, match=code):
        take_up(JobId="old")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"JobId": "unknown"}, "the service has no job unknown"),
        ({"JobId": "old", "LanguageCode": "en"}, "no other field is allowed; got LanguageCode"),
        ({"JobId": None}, "must be the id of a job, as a string; got None"),
        ({"JobId": ""}, "must be the id of a job"),
        ({"JobId": "elsewhere"}, "writes to s3://another/111122223333-NER-elsewhere/output/output.tar.gz"),
        ({"JobId": "gone"}, "has completed, and its archive .* does not exist"),
    ],
)
def test_a_job_that_can_not_be_taken_up_is_refused_with_the_reason(
    aws: Aws, given: dict[str, object], why: str
) -> None:
    old_job(aws)
    aws.job("elsewhere", "s3://another/", "COMPLETED")
    aws.job("gone", "s3://out/jobs/gone/", "COMPLETED")
    with pytest.raises(RequestRefused, match=why):
        take_up(**given)


def test_a_published_job_is_taken_up_even_if_its_archive_is_gone(aws: Aws) -> None:
    aws.job("gone", "s3://out/jobs/gone/", "COMPLETED", InputDataConfig={"S3Uri": "s3://in-bucket/input/a/"})
    aws.put(f"s3://out/results/summaries/job_date={aws.now:%Y-%m-%d}/gone.json", b"{}")
    assert take_up(JobId="gone")["Job"]["JobId"] == "gone"
