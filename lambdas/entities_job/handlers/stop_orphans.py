"""StopAbandoned: stops jobs that no execution waits for: every now and then, and all of them with the stack."""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ..aws import client, logger, task
from ..handlers.stop_job import stop
from ..hints import hint
from ..job.active import ActiveJob, active_jobs, folders
from ..publish.outcome import SCHEMA_VERSION, emit

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
    jobs = _own_jobs()
    living = _folders_of_living(machine_arn) if jobs else set()
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
    jobs = _own_jobs()
    for active in jobs:
        stop(active.job["JobId"], patiently=True)
    return len(jobs)


def _own_jobs() -> list[ActiveJob]:
    return [active for active in active_jobs() if active.folder.startswith(os.environ["JOBS_URI"])]


def _folders_of_living(machine_arn: str) -> set[str]:
    functions = client("stepfunctions")
    found: set[str] = set()
    for page in functions.get_paginator("list_executions").paginate(
        stateMachineArn=machine_arn, statusFilter="RUNNING"
    ):
        for execution in page["executions"]:
            given = functions.describe_execution(executionArn=execution["executionArn"]).get("input")
            found |= folders(os.environ["JOBS_URI"], execution["name"], given)
    return found


def _answer(event: dict[str, Any], status: str, reason: str) -> None:
    """Answer CloudFormation (AWS CloudFormation User Guide, custom resource response objects)."""
    same = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    physical = event.get("PhysicalResourceId", event["LogicalResourceId"])
    body = json.dumps({**same, "Status": status, "Reason": reason, "PhysicalResourceId": physical})
    request = urllib.request.Request(
        event["ResponseURL"], data=body.encode(), method="PUT", headers={"Content-Type": ""}
    )
    urllib.request.urlopen(request, timeout=30)
