"""PollJob: what a description of the job leads to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from entities_job.contracts import PollJobOutput
from entities_job.handlers import poll_job
from tests.aws import Aws
from tests.payloads import SETTINGS
from tests.unit.lambda_context import CONTEXT


def poll(
    aws: Aws,
    *,
    after: float,
    attempt: int = 1,
    looks: int = 0,
    size: int = 0,
    ended: float | None = None,
    JobStatus: str,
    **properties: Any,
) -> PollJobOutput:
    """Poll a job ``after`` seconds; ``ended`` is its age when it ended."""
    aws.job("j", status=JobStatus, **properties)
    if ended is not None:
        aws.jobs["j"]["EndTime"] = aws.now + timedelta(seconds=ended)
    aws.clock += after
    try:
        return poll_job.handler(
            {
                "JobId": "j",
                "Settings": SETTINGS,
                "Polls": 2,
                "Attempt": attempt,
                "Looks": looks,
                "InputBytes": size,
            },
            CONTEXT,
        )
    finally:
        aws.clock -= after


def test_a_running_job_is_polled_again_on_the_grid(aws: Aws) -> None:
    seen = poll(aws, after=371, JobStatus="IN_PROGRESS")
    assert (seen["JobStatus"], seen["WaitSeconds"], seen["Polls"]) == ("IN_PROGRESS", 120, 3)
    assert (seen["Overdue"], seen["Restartable"], seen["LagSeconds"]) == (None, False, None)
    assert seen["Job"]["SubmitTime"] == aws.now.isoformat()


def test_lag_is_from_the_jobs_end_to_the_poll_by_the_services_clock(aws: Aws) -> None:
    seen = poll(aws, after=490, JobStatus="COMPLETED", ended=487)
    assert seen["LagSeconds"] == 3


def test_a_job_past_its_maximum_is_overdue(aws: Aws) -> None:
    assert poll(aws, after=3601, JobStatus="IN_PROGRESS")["Overdue"] == "JobTimedOut"


def test_each_gigabyte_of_documents_puts_the_deadline_off(aws: Aws) -> None:
    assert poll(aws, after=3799, size=2 * 10**9, JobStatus="IN_PROGRESS")["Overdue"] is None
    assert poll(aws, after=3801, size=2 * 10**9, JobStatus="IN_PROGRESS")["Overdue"] == "JobTimedOut"


def test_a_job_that_the_service_does_not_begin_has_a_limit_of_its_own(aws: Aws) -> None:
    assert poll(aws, after=1801, JobStatus="SUBMITTED")["Overdue"] == "JobNotBegun"
    assert poll(aws, after=1801, JobStatus="IN_PROGRESS")["Overdue"] is None


def test_the_next_poll_comes_no_later_than_the_deadline(aws: Aws) -> None:
    assert poll(aws, after=3590, JobStatus="IN_PROGRESS")["WaitSeconds"] == 11


def test_a_job_that_is_stopping_is_polled_soon(aws: Aws) -> None:
    assert poll(aws, after=3601, JobStatus="IN_PROGRESS")["WaitSeconds"] <= 180
    assert poll(aws, after=900, JobStatus="STOP_REQUESTED")["WaitSeconds"] <= 60


def test_a_status_that_lags_behind_the_output_is_polled_again_soon(aws: Aws) -> None:
    seen = [poll(aws, after=380, looks=looks, JobStatus="IN_PROGRESS") for looks in (1, 4, 5, 9)]
    assert [each["WaitSeconds"] for each in seen] == [5, 5, 10, 111]
    assert [each["Looks"] for each in seen] == [2, 5, 6, 10]
    assert not any(each["Await"] for each in seen)


@pytest.mark.parametrize(
    ("message", "seconds", "attempt", "restartable"),
    [
        ("NO_READ_ACCESS_TO_INPUT: no", 14, 1, True),
        ("NO_WRITE_ACCESS_TO_OUTPUT: no", 12, 2, True),
        ("NO_READ_ACCESS_TO_INPUT: no", 14, 3, False),
        ("NO_READ_ACCESS_TO_INPUT: no", 400, 1, False),
        ("INTERNAL: no", 14, 1, False),
    ],
)
def test_a_job_that_failed_at_once_for_lack_of_permissions_may_be_restarted(
    aws: Aws, message: str, seconds: int, attempt: int, restartable: bool
) -> None:
    seen = poll(aws, after=20, attempt=attempt, JobStatus="FAILED", Message=message, ended=seconds)
    assert seen["Restartable"] is restartable
