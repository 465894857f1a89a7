"""PollJob: looks at the job once, and says when to look again."""

from __future__ import annotations

import json
import math
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ..aws import client, logger, task
from ..job.schedule import PollSchedule, seconds_after_output

_MAXIMUM_ATTEMPTS = 3
"""Starts of one execution's job: the first, and restarts while a fresh role may not have propagated."""

_EARLY_SECONDS = 60
_ROLE_TROUBLE = ("NO_READ_ACCESS_TO_INPUT", "NO_WRITE_ACCESS_TO_OUTPUT")


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Describe the job ``event["JobId"]``. Payload and answer: docs/architecture.md, PollJob.

    Raises:
        ServiceError: under the service's own error code; a failed poll says nothing about the job.
    """
    answer = client("comprehend").describe_entities_detection_job(JobId=event["JobId"])
    properties = answer["EntitiesDetectionJobProperties"]
    # The service's own clock: elapsed time and lag then don't depend on how well ours agrees with it.
    now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    elapsed = max(0.0, (now - properties["SubmitTime"]).total_seconds())
    ended: datetime | None = properties.get("EndTime")
    settings, status = event["Settings"], properties["JobStatus"]
    overdue = _overdue(event, status, elapsed)
    logger.info("polled", extra={"job_id": event["JobId"], "job_status": status, "elapsed": elapsed})
    return {
        "JobStatus": status,
        "Job": json.loads(json.dumps(properties, default=lambda time: time.isoformat())),
        "WaitSeconds": _wait_seconds(event, elapsed, stopping=bool(overdue) or status == "STOP_REQUESTED"),
        "Await": settings["CompletionEvents"] and not event["Looks"],
        "Looks": event["Looks"] and event["Looks"] + 1,
        "ElapsedSeconds": elapsed,
        "LagSeconds": max(0.0, (now - ended).total_seconds()) if ended else None,
        "Polls": event["Polls"] + 1,
        "Overdue": overdue,
        "Restartable": event["Attempt"] < _MAXIMUM_ATTEMPTS and _role_may_be_fresh(properties),
    }


def _overdue(event: dict[str, Any], status: str, elapsed: float) -> str | None:
    """Why the job must be stopped, or None."""
    if status == "SUBMITTED" and elapsed > event["Settings"]["MaximumQueueSeconds"]:
        return "JobNotBegun"
    return "JobTimedOut" if elapsed > _deadline(event) else None


def _deadline(event: dict[str, Any]) -> float:
    settings = event["Settings"]
    return float(settings["MaximumSeconds"] + settings["SecondsPerGigabyte"] * event["InputBytes"] / 1e9)


def _wait_seconds(event: dict[str, Any], elapsed: float, *, stopping: bool) -> int:
    """Seconds to the next look: as the schedule says, but soon where the end is near, and no later than the deadline.

    Where the output was seen, ``event["Looks"]`` counts the looks since; the job's status follows it shortly.
    """
    waits = [PollSchedule.from_settings(event["Settings"]["Schedule"]).wait_seconds(elapsed)]
    if stopping:
        waits.append(PollSchedule.proportional(0.05).wait_seconds(elapsed))
    if event["Looks"]:
        waits.append(seconds_after_output(event["Looks"]))
    if elapsed < _deadline(event):
        waits.append(math.ceil(_deadline(event) - elapsed) + 1)
    return min(waits)


def _role_may_be_fresh(properties: dict[str, Any]) -> bool:
    """Whether the job failed at once for want of rights: a role just made may not have propagated yet.

    IAM is eventually consistent, and the service judges the role only when the job runs
    (hashicorp/terraform-provider-aws waits two minutes after making one).
    """
    if properties["JobStatus"] != "FAILED" or not str(properties.get("Message", "")).startswith(_ROLE_TROUBLE):
        return False
    ended: datetime = properties.get("EndTime", properties["SubmitTime"])
    return bool((ended - properties["SubmitTime"]).total_seconds() < _EARLY_SECONDS)
