"""A job's life as its polls see it: when to poll again, when it is overdue, and what follows a poll."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from ..contracts import CaughtError, PollJobInput, Step, StopCode
from .active import ENDED, RUNNING
from .schedule import MAXIMUM_ATTEMPTS, STOPPING_SECONDS, PollSchedule, seconds_after_output

if TYPE_CHECKING:
    from mypy_boto3_comprehend.type_defs import EntitiesDetectionJobPropertiesTypeDef

_EARLY = timedelta(seconds=60)
_ROLE_TROUBLE = ("NO_READ_ACCESS_TO_INPUT", "NO_WRITE_ACCESS_TO_OUTPUT")


def step(
    event: PollJobInput, job: EntitiesDetectionJobPropertiesTypeDef, elapsed: float
) -> tuple[Step, StopCode | None]:
    """Return what follows a poll of a job of age ``elapsed`` seconds, and why the job is stopping, if it is."""
    status, before = str(job["JobStatus"]), event["StopCode"]
    if status in ENDED:
        restart = status == "FAILED" and _restartable(event["Attempt"], job)
        return "RESTART" if restart else "FAIL" if status == "FAILED" else "PUBLISH", before
    if before:
        return "FAIL" if elapsed > event["Limit"] else "WAIT", before
    if status == "STOP_REQUESTED":
        return "WAIT", "JobStopped"
    if status == "SUBMITTED" and elapsed > event["Settings"]["MaximumQueueSeconds"]:
        return "STOP", "JobNotBegun"
    if elapsed > event["Limit"]:
        return "STOP", "JobTimedOut" if status in RUNNING else "UnknownJobStatus"
    wakes = event["Settings"]["CompletionEvents"] and not event["Looks"] and status in RUNNING
    return "AWAIT" if wakes else "WAIT", None


def limit(event: PollJobInput, stop: StopCode | None, elapsed: float) -> float:
    """Return the age at which the job is stopped or, once it is stopping, no longer waited for."""
    return elapsed + STOPPING_SECONDS if stop and not event["StopCode"] else event["Limit"]


def failure(event: PollJobInput, job: EntitiesDetectionJobPropertiesTypeDef) -> CaughtError:
    """Return the error of a job whose step is ``FAIL``: by its own message, or by its status that does not end."""
    status: str = job["JobStatus"]
    if status != "FAILED":
        code = "UnknownJobStatus" if event["StopCode"] == "UnknownJobStatus" else "JobNotStopped"
        cause = (
            f"the job {job['JobId']} still has the status {status!r} an hour after it was asked to stop, and may run"
        )
        return {"Error": code, "Cause": cause}
    message = job.get("Message") or "the service gave no reason"
    code, separator, _ = message.partition(":")
    return {"Error": code if separator and code.isupper() else "JobFailed", "Cause": message}


def wait_seconds(event: PollJobInput, elapsed: float, stopping: bool, limit: float) -> int:
    """Return the seconds to the next poll: as the schedule says, but soon if the end is near, and by the limit.

    Once the output was seen, ``event["Looks"]`` counts the polls since; the job's status follows it shortly.
    """
    waits = [PollSchedule.from_settings(event["Settings"]["Schedule"]).wait_seconds(elapsed)]
    if stopping:
        waits.append(PollSchedule.proportional(0.05).wait_seconds(elapsed))
    if event["Looks"]:
        waits.append(seconds_after_output(event["Looks"]))
    if elapsed < limit:
        waits.append(math.ceil(limit - elapsed) + 1)
    return min(waits)


def _restartable(attempt: int, job: EntitiesDetectionJobPropertiesTypeDef) -> bool:
    """Return whether a job failed at once for lack of permissions: a new role may not have propagated yet.

    IAM is eventually consistent, and the service checks the role only when the job runs
    (hashicorp/terraform-provider-aws waits two minutes after making one).
    """
    early = job.get("EndTime", job["SubmitTime"]) - job["SubmitTime"] < _EARLY
    return attempt < MAXIMUM_ATTEMPTS and job.get("Message", "").startswith(_ROLE_TROUBLE) and early
