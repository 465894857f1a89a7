"""StartJob: starts the job, once however often it is retried."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ..aws import client, logger, task
from ..job.active import folder
from ..job.schedule import PollSchedule


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Start the job of ``event["Request"]``. Payload and answer: docs/architecture.md, StartJob.

    Raises:
        ServiceError: under the service's own error code.
    """
    request = identified(event["Request"], event["Execution"]["Id"], event["Attempt"])
    started = _start(request)
    logger.info("job started", extra={"job_id": started["JobId"], "job_name": request["JobName"]})
    wait = PollSchedule.from_settings(event["Settings"]["Schedule"]).wait_seconds(0)
    job = {name: started[name] for name in ("JobId", "JobArn", "JobStatus")}
    return {"Job": {**job, "JobName": request["JobName"]}, "WaitSeconds": wait}


def job_name(execution_arn: str, attempt: int = 1) -> str:
    """The JobName of an execution's job, ``<state machine>.<execution>``: either can be found from the other."""
    state_machine, execution = execution_arn.split(":")[-2:]
    name = f"{state_machine}.{execution}" + (f".{attempt}" if attempt > 1 else "")
    # Execution names may hold characters that job names may not.
    return re.sub(r"[^\w.:/=+\-%@ ]", "-", name)


def identified(request: dict[str, Any], execution_arn: str, attempt: int) -> dict[str, Any]:
    """The request with a ClientRequestToken, a JobName and a folder for its output that derive from the execution.

    A caller's own token and name hold for the first attempt; a restart is another job and needs others. Executions with
    one token ask for the same job: theirs writes into a folder named by the token.
    """
    given = request.get("ClientRequestToken") if attempt == 1 else None
    output = request["OutputDataConfig"]
    place = folder(output["S3Uri"], given or execution_arn.rsplit(":", 1)[1])
    request = {**request, "OutputDataConfig": {**output, "S3Uri": place}}
    token = hashlib.sha256(f"{execution_arn}#{attempt}".encode()).hexdigest()
    own = {"ClientRequestToken": token, "JobName": job_name(execution_arn, attempt)}
    return {**own, **request} if attempt == 1 else {**request, **own}


def _start(request: dict[str, Any]) -> dict[str, Any]:
    comprehend = client("comprehend")
    try:
        started: dict[str, Any] = comprehend.start_entities_detection_job(**request)
    except comprehend.exceptions.ResourceInUseException:
        # "The name is already in use": once more under a name that no other execution has.
        renamed = {**request, "JobName": f"{request['JobName'][:200]}.{request['ClientRequestToken'][:32]}"}
        logger.warning("job name in use, renamed", extra={"job_name": renamed["JobName"]})
        started = comprehend.start_entities_detection_job(**renamed)
    return started
