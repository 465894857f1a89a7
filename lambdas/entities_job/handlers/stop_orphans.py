"""StopOrphans: stops jobs that no execution waits for: every now and then, and all of them with the stack."""

from __future__ import annotations

import json
import os
import urllib.request

from aws_lambda_powertools.utilities.typing import LambdaContext

from .. import aws
from ..aws import logger, task
from ..contracts import CustomResourceEvent, Execution, StopOrphansInput, StopOrphansOutput
from ..job.active import ActiveJob, active_jobs, stop
from ..job.identity import folders
from ..publish.outcome import emit, outcome, problem

_CODE = "JobAbandoned"


@task
def handler(event: StopOrphansInput | CustomResourceEvent, context: LambdaContext) -> StopOrphansOutput:
    """Stop orphaned jobs, or all jobs if CloudFormation deletes the custom resource."""
    if "StateMachineArn" in event:
        return {"Stopped": _stop_orphans(event["StateMachineArn"])}
    try:
        # What comes of a job whose stack is gone is published by no one.
        stopped = _stop_all() if event["RequestType"] == "Delete" else 0
    except Exception as error:
        _answer(event, "FAILED", f"jobs could not be stopped: {error}")
        raise
    _answer(event, "SUCCESS", f"{stopped} jobs were asked to stop")
    return {"Stopped": stopped}


def _stop_orphans(machine_arn: str) -> int:
    # Before the executions: one that starts now has no job in this list.
    jobs = _own_jobs()
    living = _folders_of_running(machine_arn) if jobs else set()
    orphans = [active for active in jobs if active.folder not in living]
    for active in orphans:
        name = active.folder.split("/")[-2]
        arn = machine_arn.replace(":stateMachine:", ":execution:") + f":{name}"
        status = stop(active.job["JobId"], patiently=True)
        message = f"the job {active.job['JobId']} ran on without a running execution and was asked to stop"
        logger.warning("orphaned job", extra={"job_id": active.job["JobId"], "execution": arn})
        execution: Execution = {"Id": arn, "Name": name, "StateMachineArn": machine_arn}
        emit(outcome(execution, "ABORTED", {**active.job, "JobStatus": status}, problem(_CODE, message)))
    return len(orphans)


def _stop_all() -> int:
    jobs = _own_jobs()
    for active in jobs:
        stop(active.job["JobId"], patiently=True)
    return len(jobs)


def _own_jobs() -> list[ActiveJob]:
    return [active for active in active_jobs() if active.folder.startswith(os.environ["JOBS_URI"])]


def _folders_of_running(machine_arn: str) -> set[str]:
    functions = aws.stepfunctions()
    found: set[str] = set()
    for page in functions.get_paginator("list_executions").paginate(
        stateMachineArn=machine_arn, statusFilter="RUNNING"
    ):
        for execution in page["executions"]:
            given = functions.describe_execution(executionArn=execution["executionArn"]).get("input")
            found |= folders(os.environ["JOBS_URI"], execution["name"], given)
    return found


def _answer(event: CustomResourceEvent, status: str, reason: str) -> None:
    """Answer CloudFormation (AWS CloudFormation User Guide, custom resource response objects)."""
    body = {
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "PhysicalResourceId": event.get("PhysicalResourceId", event["LogicalResourceId"]),
        "Status": status,
        "Reason": reason,
    }
    request = urllib.request.Request(
        event["ResponseURL"], data=json.dumps(body).encode(), method="PUT", headers={"Content-Type": ""}
    )
    urllib.request.urlopen(request, timeout=30)
