"""PollJob: describes the job once, and says what follows."""

from __future__ import annotations

import json

from aws_lambda_powertools.utilities.typing import LambdaContext

from .. import aws, operation
from ..aws import logger
from ..contracts import InputWarning, Job, PollJobInput, PollJobOutput
from ..job.active import ACTIVE, ENDED
from ..job.life import failure, limit, step, wait_seconds
from ..task import task


@task
def handler(event: PollJobInput, context: LambdaContext) -> PollJobOutput:
    """Describe the job ``event["JobId"]``.

    Raises:
        ServiceError: under the service's own error code; a failed poll says nothing about the job.
    """
    # The service's own clock: elapsed time and lag then don't depend on how well ours agrees with it.
    properties, now = operation.describe(aws.comprehend(), event["JobId"])
    ended = properties.get("EndTime")
    elapsed = max(0.0, (now - properties["SubmitTime"]).total_seconds())
    job: Job = json.loads(json.dumps(properties, default=lambda time: time.isoformat()))
    following, stop = step(event, properties, elapsed)
    last = limit(event, stop, elapsed)
    logger.info("polled", extra={"job_id": event["JobId"], "job_status": job["JobStatus"], "elapsed": elapsed})
    return {
        "Step": following,
        "Job": job,
        "WaitSeconds": wait_seconds(event, elapsed, stop is not None, last),
        "Looks": event["Looks"] and event["Looks"] + 1,
        "ElapsedSeconds": elapsed,
        "LagSeconds": max(0.0, (now - ended).total_seconds()) if ended else None,
        "Polls": event["Polls"] + 1,
        "Limit": last,
        "StopCode": stop,
        "Warnings": _warnings(event["Warnings"], job["JobStatus"]),
        "Error": failure(event, properties) if following == "FAIL" else None,
    }


def _warnings(before: list[InputWarning], status: str) -> list[InputWarning]:
    """Return the warnings with one of a status that the API does not document."""
    warning: InputWarning = {
        "Warning": f"the service returned the job status {status!r}, which its API does not document"
    }
    known = status in (*ACTIVE, *ENDED) or warning in before
    return before if known else [*before, warning]
