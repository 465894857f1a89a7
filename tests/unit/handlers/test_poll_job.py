"""PollJob: what a description of the job leads to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from entities_job.contracts import PollJobInput, PollJobOutput, StopCode
from entities_job.handlers import poll_job
from entities_job.job.active import ACTIVE, ENDED
from entities_job.request.model import model
from tests.aws import Aws
from tests.payloads import SETTINGS
from tests.unit.lambda_context import CONTEXT


def poll(
    aws: Aws,
    *,
    after: float,
    attempt: int = 1,
    looks: int = 0,
    limit: float = 3600,
    stopped: StopCode | None = None,
    ended: float | None = None,
    JobStatus: str,
    **properties: Any,
) -> PollJobOutput:
    """Poll a job ``after`` seconds; ``ended`` is its age when it ended."""
    aws.job("j", status=JobStatus, **properties)
    if ended is not None:
        aws.jobs["j"]["EndTime"] = aws.now + timedelta(seconds=ended)
    aws.clock += after
    given: PollJobInput = {
        "JobId": "j",
        "Settings": SETTINGS,
        "Polls": 2,
        "Attempt": attempt,
        "Looks": looks,
        "Limit": limit,
        "StopCode": stopped,
        "Warnings": [],
    }
    try:
        return poll_job.handler(given, CONTEXT)
    finally:
        aws.clock -= after


def test_a_running_job_is_polled_again_on_the_grid(aws: Aws) -> None:
    seen = poll(aws, after=371, looks=9, JobStatus="IN_PROGRESS")
    assert (seen["Step"], seen["WaitSeconds"], seen["Polls"]) == ("WAIT", 120, 3)
    assert (seen["StopCode"], seen["Error"], seen["LagSeconds"], seen["ElapsedSeconds"]) == (None, None, None, 371)
    assert seen["Job"]["SubmitTime"] == aws.now.isoformat()


@pytest.mark.parametrize(
    ("status", "step"),
    [
        ("SUBMITTED", "AWAIT"),
        ("IN_PROGRESS", "AWAIT"),
        ("STOP_REQUESTED", "WAIT"),
        ("COMPLETED", "PUBLISH"),
        ("STOPPED", "PUBLISH"),
        ("FAILED", "FAIL"),
        ("PONDERING", "WAIT"),
    ],
)
def test_where_a_status_leads(aws: Aws, status: str, step: str) -> None:
    assert poll(aws, after=20, JobStatus=status)["Step"] == step


def test_every_status_of_the_api_has_its_step() -> None:
    assert {*ACTIVE, *ENDED} == set(model()["shapes"]["JobStatus"]["enum"])


def test_lag_is_from_the_jobs_end_to_the_poll_by_the_services_clock(aws: Aws) -> None:
    seen = poll(aws, after=490, JobStatus="COMPLETED", ended=487)
    assert seen["LagSeconds"] == 3


def test_an_answer_without_a_date_is_aged_by_the_own_clock(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = aws._DescribeEntitiesDetectionJob
    monkeypatch.setattr(
        aws, "_DescribeEntitiesDetectionJob", lambda given: {**answer(given), "ResponseMetadata": {"HTTPHeaders": {}}}
    )
    assert poll(aws, after=20, JobStatus="COMPLETED", ended=20)["Step"] == "PUBLISH"


def test_a_job_past_its_limit_is_stopped_and_then_waited_for_an_hour(aws: Aws) -> None:
    seen = poll(aws, after=3601, JobStatus="IN_PROGRESS")
    assert (seen["Step"], seen["StopCode"], seen["Limit"]) == ("STOP", "JobTimedOut", 7201)
    assert seen["WaitSeconds"] <= 180
    seen = poll(aws, after=7200, limit=7201, stopped="JobTimedOut", JobStatus="IN_PROGRESS")
    assert (seen["Step"], seen["StopCode"], seen["Limit"]) == ("WAIT", "JobTimedOut", 7201)
    seen = poll(aws, after=7202, limit=7201, stopped="JobTimedOut", JobStatus="STOP_REQUESTED")
    assert (seen["Step"], seen["Error"] and seen["Error"]["Error"]) == ("FAIL", "JobNotStopped")


@pytest.mark.parametrize(
    ("given", "step"),
    [
        ({"after": 3600, "JobStatus": "IN_PROGRESS"}, "AWAIT"),
        ({"after": 1800, "JobStatus": "SUBMITTED"}, "AWAIT"),
        ({"after": 7201, "limit": 7201, "stopped": "JobTimedOut", "JobStatus": "STOP_REQUESTED"}, "WAIT"),
    ],
)
def test_a_job_that_is_exactly_at_a_limit_is_within_it(aws: Aws, given: dict[str, Any], step: str) -> None:
    assert poll(aws, **given)["Step"] == step


def test_a_job_that_was_stopped_from_outside_has_an_hour_too(aws: Aws) -> None:
    seen = poll(aws, after=900, JobStatus="STOP_REQUESTED")
    assert (seen["Step"], seen["StopCode"], seen["Limit"]) == ("WAIT", "JobStopped", 4500)
    assert seen["WaitSeconds"] <= 60
    seen = poll(aws, after=4501, limit=4500, stopped="JobStopped", JobStatus="STOP_REQUESTED")
    assert seen["Error"] == {
        "Error": "JobNotStopped",
        "Cause": "the job j still has the status 'STOP_REQUESTED' an hour after it was asked to stop, and may run",
    }


@pytest.mark.parametrize("status", ["COMPLETED", "STOPPED"])
def test_a_job_that_ends_after_its_limit_is_published(aws: Aws, status: str) -> None:
    seen = poll(aws, after=9000, limit=7201, stopped="JobTimedOut", JobStatus=status)
    assert (seen["Step"], seen["StopCode"]) == ("PUBLISH", "JobTimedOut")


def test_a_status_that_the_api_does_not_document_is_followed_with_one_warning(aws: Aws) -> None:
    seen = poll(aws, after=3600, JobStatus="PONDERING")
    assert seen["Step"] == "WAIT"
    assert [warning["Warning"] for warning in seen["Warnings"]] == [
        "the service returned the job status 'PONDERING', which its API does not document"
    ]
    assert poll_job._warnings(seen["Warnings"], "PONDERING") == seen["Warnings"]
    seen = poll(aws, after=3601, JobStatus="PONDERING")
    assert (seen["Step"], seen["StopCode"]) == ("STOP", "UnknownJobStatus")
    seen = poll(aws, after=7202, limit=7201, stopped="UnknownJobStatus", JobStatus="PONDERING")
    assert seen["Error"] and seen["Error"]["Error"] == "UnknownJobStatus"
    assert "PONDERING" in seen["Error"]["Cause"]


def test_a_job_that_the_service_does_not_begin_has_a_limit_of_its_own(aws: Aws) -> None:
    seen = poll(aws, after=1801, JobStatus="SUBMITTED")
    assert (seen["Step"], seen["StopCode"]) == ("STOP", "JobNotBegun")
    assert poll(aws, after=1801, JobStatus="IN_PROGRESS")["StopCode"] is None


def test_the_next_poll_comes_no_later_than_the_limit(aws: Aws) -> None:
    assert poll(aws, after=3590, JobStatus="IN_PROGRESS")["WaitSeconds"] == 11


def test_a_status_that_lags_behind_the_output_is_polled_again_soon(aws: Aws) -> None:
    seen = [poll(aws, after=380, looks=looks, JobStatus="IN_PROGRESS") for looks in (1, 4, 5, 9)]
    assert [each["WaitSeconds"] for each in seen] == [5, 5, 10, 111]
    assert [each["Looks"] for each in seen] == [2, 5, 6, 10]
    assert {each["Step"] for each in seen} == {"WAIT"}


@pytest.mark.parametrize(
    ("message", "seconds", "attempt", "step"),
    [
        ("NO_READ_ACCESS_TO_INPUT: no", 14, 1, "RESTART"),
        ("NO_WRITE_ACCESS_TO_OUTPUT: no", 12, 2, "RESTART"),
        ("NO_READ_ACCESS_TO_INPUT: no", 14, 3, "FAIL"),
        ("NO_READ_ACCESS_TO_INPUT: no", 59, 1, "RESTART"),
        ("NO_READ_ACCESS_TO_INPUT: no", 60, 1, "FAIL"),
        ("INTERNAL: no", 14, 1, "FAIL"),
    ],
)
def test_a_job_that_failed_at_once_for_lack_of_permissions_may_be_restarted(
    aws: Aws, message: str, seconds: int, attempt: int, step: str
) -> None:
    seen = poll(aws, after=20, attempt=attempt, JobStatus="FAILED", Message=message, ended=seconds)
    assert seen["Step"] == step
    assert seen["Error"] == (None if step == "RESTART" else {"Error": message.partition(":")[0], "Cause": message})


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        ({}, "the service gave no reason"),
        ({"Message": "the service says nothing useful: really"}, "the service says nothing useful: really"),
    ],
)
def test_a_job_that_failed_for_reasons_of_its_own(aws: Aws, told: dict[str, Any], cause: str) -> None:
    assert poll(aws, after=20, JobStatus="FAILED", **told)["Error"] == {"Error": "JobFailed", "Cause": cause}
