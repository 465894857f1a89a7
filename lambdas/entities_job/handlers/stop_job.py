"""StopJob: asks the service to stop a job."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ..aws import client, logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Stop the job ``event["JobId"]``. Payload and answer: docs/architecture.md, StopJob."""
    return {"JobStatus": stop(event["JobId"])}


def stop(job_id: str, *, patiently: bool = False) -> str:
    """Ask for the job's stop; a job that has ended already is left as it is.

    Args:
        job_id: the job.
        patiently: outlast the quota of calls, for minutes if need be, where no state machine tries again.

    Returns:
        The job's status as the service answered it, or ``ENDED`` for a job that has ended.
    """
    comprehend = client("comprehend", patiently=patiently)
    try:
        status: str = comprehend.stop_entities_detection_job(JobId=job_id)["JobStatus"]
    except comprehend.exceptions.InvalidRequestException:
        # The documented answer for a job that is COMPLETED or FAILED; the next look tells which.
        status = "ENDED"
    logger.info("stop requested", extra={"job_id": job_id, "job_status": status})
    return status
