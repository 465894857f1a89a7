"""StopAbandoned: stops jobs that no execution waits for: every now and then, and all of them with the stack."""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from .active import active_jobs, folder
from .hints import hint
from .outcome import SCHEMA_VERSION, emit
from .service import client, logger, task
from .stop_job import stop

_CODE = "JobAbandoned"


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Stop what is abandoned; ``event`` is ``{"StateMachineArn": ...}``, or CloudFormation's for a custom resource."""
    if "RequestType" not in event:
        return {"Stopped": _stop_abandoned(event["StateMachineArn"])}
    try:
        # Nobody publishes what comes of a job whose stack is gone.
        stopped = _stop_all() if event["RequestType"] == "Delete" else 0
    except Exception as error:
        _answer(event, "FAILED", f"jobs could not be stopped: {error}")
        raise
    _answer(event, "SUCCESS", f"{stopped} jobs were asked to stop")
    return {"Stopped": stopped}


def _stop_abandoned(machine_arn: str) -> int:
    # Before the executions: one that starts now has no job in this list.
    jobs = [active for active in active_jobs() if active.folder.startswith(os.environ["JOBS_URI"])]
    pages = client("stepfunctions").get_paginator("list_executions")
    living = {
        folder(os.environ["JOBS_URI"], execution["name"])
        for page in pages.paginate(stateMachineArn=machine_arn, statusFilter="RUNNING")
        for execution in page["executions"]
    }
    abandoned = [active for active in jobs if active.folder not in living]
    for active in abandoned:
        execution = machine_arn.replace(":stateMachine:", ":execution:") + f":{active.folder.split('/')[-2]}"
        status = stop(active.job["JobId"], patiently=True)
        message = f"the job {active.job['JobId']} ran on without a living execution and was asked to stop"
        logger.warning("job abandoned", extra={"job_id": active.job["JobId"], "execution": execution})
        emit(
            {
                "SchemaVersion": SCHEMA_VERSION,
                "Status": "ABORTED",
                "ExecutionArn": execution,
                "StateMachineArn": machine_arn,
                "Job": {**active.job, "JobStatus": status},
                "Error": {"Code": _CODE, "Message": message, "Hint": hint(_CODE)},
            }
        )
    return len(abandoned)


def _stop_all() -> int:
    jobs = [active.job["JobId"] for active in active_jobs() if active.folder.startswith(os.environ["JOBS_URI"])]
    for job_id in jobs:
        stop(job_id, patiently=True)
    return len(jobs)


def _answer(event: dict[str, Any], status: str, reason: str) -> None:
    """Answer CloudFormation (AWS CloudFormation User Guide, custom resource response objects)."""
    same = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    physical = event.get("PhysicalResourceId", event["LogicalResourceId"])
    body = json.dumps({**same, "Status": status, "Reason": reason, "PhysicalResourceId": physical})
    request = urllib.request.Request(
        event["ResponseURL"], data=body.encode(), method="PUT", headers={"Content-Type": ""}
    )
    urllib.request.urlopen(request, timeout=30)
