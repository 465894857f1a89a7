"""StartJob: starts the job, once however often it is retried."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from .. import aws, operation
from ..aws import logger, task
from ..contracts import JobRequest, StartJobInput, StartJobOutput
from ..job.identity import identified
from ..job.schedule import PollSchedule


@task
def handler(event: StartJobInput, context: LambdaContext) -> StartJobOutput:
    """Start the job of ``event["Request"]``.

    Raises:
        ServiceError: under the service's own error code.
    """
    request = identified(event["Request"], event["Execution"]["Id"], event["Attempt"])
    comprehend = aws.comprehend()
    try:
        started = operation.start(comprehend, request)
    except comprehend.exceptions.ResourceInUseException:
        # "The name is already in use": once more under a name that no other execution has.
        renamed: JobRequest = {**request, "JobName": f"{request['JobName'][:200]}.{request['ClientRequestToken'][:32]}"}
        logger.warning("job name in use, renamed", extra={"job_name": renamed["JobName"]})
        started = operation.start(comprehend, renamed)
    logger.info("job started", extra={"job_id": started["JobId"], "job_name": request["JobName"]})
    return {
        "Job": {
            "JobId": started["JobId"],
            "JobArn": started["JobArn"],
            "JobStatus": started["JobStatus"],
            "JobName": request["JobName"],
        },
        "WaitSeconds": PollSchedule.from_settings(event["Settings"]["Schedule"]).wait_seconds(0),
    }
