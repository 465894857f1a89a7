"""Jobs that run at this moment, and so cost money and hold a slot of the account's quota; and how to stop one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from .. import aws, operation
from ..aws import logger
from ..contracts import Job

if TYPE_CHECKING:
    from mypy_boto3_comprehend.literals import JobStatusType
    from mypy_boto3_comprehend.type_defs import EntitiesDetectionJobPropertiesTypeDef

ACTIVE: tuple[JobStatusType, ...] = ("SUBMITTED", "IN_PROGRESS", "STOP_REQUESTED")
"""Job statuses that are taken to hold a slot of the account's quota, in the order of a job's life."""

ENDED = ("COMPLETED", "FAILED", "STOPPED")
"""Statuses of a job that has ended; one that the API does not document counts as running."""

RUNNING = ACTIVE[:2]
"""Statuses of a job that can be stopped."""

_LATELY = timedelta(days=2)
"""Jobs of statuses that the API does not document are looked for among those submitted since then: the API's filter
takes documented ones only, and a listing of all jobs grows without end."""


class ActiveJob(NamedTuple):
    """A job of the account and Region, which may have ended since.

    Attributes:
        folder: the folder of its output (:func:`entities_job.job.identity.folder`).
        job: JobId, JobArn, JobName and JobStatus.
    """

    folder: str
    job: Job


def active_jobs(statuses: tuple[JobStatusType, ...]) -> Iterator[ActiveJob]:
    """Yield every job of the account and Region that has one of the ``statuses``, each once.

    In the order of a job's life: one that moves on between two listings is seen in the second.
    """
    seen: set[str] = set()
    for status in statuses:
        for properties in operation.listed(aws.comprehend(), {"JobStatus": status}):
            if properties["JobId"] not in seen:
                seen.add(properties["JobId"])
                yield _active(properties)


def running_jobs() -> Iterator[ActiveJob]:
    """Yield every job of the account and Region that runs, under a status that the API documents or not."""
    yield from active_jobs(RUNNING)
    lately = submitted(since=datetime.now(UTC) - _LATELY)
    yield from (found for found in lately if found.job["JobStatus"] not in ACTIVE + ENDED)


def submitted(*, since: datetime) -> Iterator[ActiveJob]:
    """Yield every job of the account and Region that was submitted since a time, whatever its status; newest first."""
    found = operation.listed(aws.comprehend(), {"SubmitTimeAfter": since})
    yield from map(_active, sorted(found, key=lambda properties: properties["SubmitTime"], reverse=True))


def _active(properties: EntitiesDetectionJobPropertiesTypeDef) -> ActiveJob:
    job: Job = {"JobId": properties["JobId"], "JobStatus": properties["JobStatus"]}
    if "JobArn" in properties:
        job["JobArn"] = properties["JobArn"]
    if "JobName" in properties:
        job["JobName"] = properties["JobName"]
    return ActiveJob(operation.requested_folder(properties["OutputDataConfig"]["S3Uri"]), job)


def names_since(start: datetime) -> set[str]:
    """Return the names of all jobs that were submitted after ``start``."""
    return {found.job["JobName"] for found in submitted(since=start) if "JobName" in found.job}


def stop(job_id: str, *, patiently: bool = False) -> str:
    """Ask the service to stop a job; a job that has ended already is left as it is.

    Args:
        job_id: the job.
        patiently: outlast the quota of calls, for minutes if need be, where no state machine tries again.

    Returns:
        The job's status as the service answered it, or ``ENDED`` for a job that has ended.
    """
    comprehend = aws.comprehend(patiently=patiently)
    try:
        status = operation.stop(comprehend, job_id)
    except comprehend.exceptions.InvalidRequestException:
        # The documented answer for a job that is COMPLETED or FAILED; the next poll shows which.
        status = "ENDED"
    logger.info("stop requested", extra={"job_id": job_id, "job_status": status})
    return status
