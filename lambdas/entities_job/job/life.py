"""A job's life as its polls see it: when to poll again, when it is overdue, and whether it may be started again."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from ..contracts import PollJobInput, StopCode
from .schedule import PollSchedule, seconds_after_output

_MAXIMUM_ATTEMPTS = 3
"""Starts of one execution's job: the first, and restarts while a new role may not have propagated."""

_EARLY = timedelta(seconds=60)
_ROLE_TROUBLE = ("NO_READ_ACCESS_TO_INPUT", "NO_WRITE_ACCESS_TO_OUTPUT")


def overdue(event: PollJobInput, status: str, elapsed: float) -> StopCode | None:
    """Return why a job of age ``elapsed`` seconds must be stopped, or None."""
    if status == "SUBMITTED" and elapsed > event["Settings"]["MaximumQueueSeconds"]:
        return "JobNotBegun"
    return "JobTimedOut" if elapsed > _deadline(event) else None


def wait_seconds(event: PollJobInput, elapsed: float, *, stopping: bool) -> int:
    """Return the seconds to the next poll: as the schedule says, but soon if the end is near, and by the deadline.

    Once the output was seen, ``event["Looks"]`` counts the polls since; the job's status follows it shortly.
    """
    waits = [PollSchedule.from_settings(event["Settings"]["Schedule"]).wait_seconds(elapsed)]
    if stopping:
        waits.append(PollSchedule.proportional(0.05).wait_seconds(elapsed))
    if event["Looks"]:
        waits.append(seconds_after_output(event["Looks"]))
    if elapsed < _deadline(event):
        waits.append(math.ceil(_deadline(event) - elapsed) + 1)
    return min(waits)


def restartable(attempt: int, status: str, message: str, submitted: datetime, ended: datetime) -> bool:
    """Return whether a job failed at once for lack of permissions: a new role may not have propagated yet.

    IAM is eventually consistent, and the service checks the role only when the job runs
    (hashicorp/terraform-provider-aws waits two minutes after making one).
    """
    early = ended - submitted < _EARLY
    return attempt < _MAXIMUM_ATTEMPTS and status == "FAILED" and message.startswith(_ROLE_TROUBLE) and early


def _deadline(event: PollJobInput) -> float:
    settings = event["Settings"]
    return settings["MaximumSeconds"] + settings["SecondsPerGigabyte"] * event["InputBytes"] / 1e9
