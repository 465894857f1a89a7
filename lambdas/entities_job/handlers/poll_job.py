"""PollJob: describes the job once, and says when to poll again."""

from __future__ import annotations

import json

from aws_lambda_powertools.utilities.typing import LambdaContext

from .. import aws, operation
from ..aws import logger, task
from ..contracts import Job, PollJobInput, PollJobOutput
from ..job.life import overdue, restartable, wait_seconds


@task
def handler(event: PollJobInput, context: LambdaContext) -> PollJobOutput:
    """Describe the job ``event["JobId"]``.

    Raises:
        ServiceError: under the service's own error code; a failed poll says nothing about the job.
    """
    # The service's own clock: elapsed time and lag then don't depend on how well ours agrees with it.
    properties, now = operation.describe(aws.comprehend(), event["JobId"])
    submitted, ended = properties["SubmitTime"], properties.get("EndTime")
    elapsed = max(0.0, (now - submitted).total_seconds())
    job: Job = json.loads(json.dumps(properties, default=lambda time: time.isoformat()))
    status: str = properties["JobStatus"]
    late = overdue(event, status, elapsed)
    logger.info("polled", extra={"job_id": event["JobId"], "job_status": status, "elapsed": elapsed})
    return {
        "JobStatus": status,
        "Job": job,
        "WaitSeconds": wait_seconds(event, elapsed, stopping=bool(late) or status == "STOP_REQUESTED"),
        "Await": event["Settings"]["CompletionEvents"] and not event["Looks"],
        "Looks": event["Looks"] and event["Looks"] + 1,
        "ElapsedSeconds": elapsed,
        "LagSeconds": max(0.0, (now - ended).total_seconds()) if ended else None,
        "Polls": event["Polls"] + 1,
        "Overdue": late,
        "Restartable": restartable(event["Attempt"], status, job.get("Message", ""), submitted, ended or submitted),
    }
