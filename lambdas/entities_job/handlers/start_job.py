"""StartJob: starts the job, once however often it is retried, when there is a free slot."""

from __future__ import annotations

import os

from aws_lambda_powertools.utilities.typing import LambdaContext

from .. import aws, operation
from ..aws import logger
from ..contracts import JobRequest, StartJobInput, StartJobOutput
from ..errors import NoFreeSlot, SlotTaken
from ..job import marker
from ..job.active import ACTIVE, ActiveJob, active_jobs
from ..job.identity import identified
from ..job.schedule import PollSchedule
from ..measure import measure
from ..task import task

_NAMED = 10


@task
def handler(event: StartJobInput, context: LambdaContext) -> StartJobOutput:
    """Start the job of ``event["Request"]``.

    Raises:
        SlotTaken: as many jobs as may be are active; to be tried again later.
        NoFreeSlot: that was so for longer than the workflow's limit.
        ServiceError: under the service's own error code.
    """
    request = identified(event["Request"], event["Execution"]["Id"], event["Attempt"])
    folder = request["OutputDataConfig"]["S3Uri"]
    if not folder.endswith(f"/{event['Execution']['Name']}/"):
        marker.own(folder.split("/")[-2], event["Execution"]["Id"])
    active = list(active_jobs(ACTIVE))
    # A job in the own folder is this start, whose answer was lost: the same token gives the same job.
    if len(active) >= _slots(event) and not any(job.folder == folder for job in active):
        raise _no_slot(event, active)
    comprehend = aws.comprehend()
    try:
        try:
            started = operation.start(comprehend, request)
        except comprehend.exceptions.ResourceInUseException:
            # "The name is already in use": once more under a name that no other execution has.
            name = f"{request['JobName'][:200]}.{request['ClientRequestToken'][:32]}"
            renamed: JobRequest = {**request, "JobName": name}
            logger.warning("job name in use, renamed", extra={"job_name": renamed["JobName"]})
            started = operation.start(comprehend, renamed)
    except comprehend.exceptions.TooManyRequestsException as error:
        raise _no_slot(event, active) from error
    measure({"ActiveJobs": len(active) + 1})
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


def _slots(event: StartJobInput) -> int:
    """Return how many jobs may be active before this one: one slot is left to uploads, where there are any."""
    slots, uploads = int(os.environ["SLOTS"]), int(os.environ.get("SLOTS_FOR_UPLOADS", "0"))
    batch = event["Request"]["InputDataConfig"]["S3Uri"].startswith(event["Settings"]["StagingUri"])
    return slots if batch else max(1, slots - uploads)


def _no_slot(event: StartJobInput, active: list[ActiveJob]) -> SlotTaken | NoFreeSlot:
    waited, most = event["SlotSeconds"], event["Settings"]["MaximumSlotSeconds"]
    names = ", ".join(job.job.get("JobName", job.job["JobId"]) for job in active[:_NAMED])
    text = f"no slot for a job was free within {waited:,.0f} seconds; {len(active)} jobs were active: {names}"
    return SlotTaken(text) if waited < most else NoFreeSlot(text)
