"""StopOrphans: reports ends that were not reported and stops orphaned jobs: on a schedule, and with the stack."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from aws_lambda_powertools.utilities.typing import LambdaContext

from ..aws import logger
from ..contracts import CustomResourceEvent, StopOrphansInput, StopOrphansOutput
from ..job import executions, marker
from ..job.active import ActiveJob, running_jobs, stop
from ..measure import measure
from ..publish.ending import end, followed
from ..task import task

_LATELY = timedelta(hours=2)


@task
def handler(event: StopOrphansInput | CustomResourceEvent, context: LambdaContext) -> StopOrphansOutput:
    """Sweep, or stop all jobs of the state machine if CloudFormation deletes the custom resource."""
    if "StateMachineArn" in event:
        return _sweep(event["StateMachineArn"])
    try:
        # Without the stack, no function would publish the job's result.
        deleted = event["RequestType"] == "Delete"
        machine_arn = event["ResourceProperties"]["StateMachineArn"]
        jobs = _own_jobs(machine_arn, running_jobs()) if deleted else []
        for active, _ in jobs:
            stop(active.job["JobId"], patiently=True)
    except Exception as error:
        _answer(event, "FAILED", f"jobs could not be stopped: {error}")
        raise
    _answer(event, "SUCCESS", f"{len(jobs)} jobs were asked to stop")
    return {"Stopped": len(jobs), "Reported": 0}


def _sweep(machine_arn: str) -> StopOrphansOutput:
    # Whether its execution runs is asked after this list: one that has begun since then does.
    running = list(running_jobs())
    jobs = _own_jobs(machine_arn, running)
    since = datetime.now(UTC) - _LATELY
    marked = {opened["Execution"] for opened in marker.every()}
    own = {arn for arn in marked if arn.startswith(executions.execution_arn(machine_arn, ""))}
    reported = {arn for arn in own.union(executions.unsuccessful(machine_arn, since)) if end(arn)}
    # Jobs of those were asked to stop just now.
    left = [(active, arn) for active, arn in jobs if arn not in reported]
    orphans = [(active, arn) for active, arn in left if not executions.runs(arn) and not followed(active)]
    for active, arn in orphans:
        status = stop(active.job["JobId"], patiently=True)
        told = {"job_id": active.job["JobId"], "job_status": status, "execution": arn.rpartition(":")[2]}
        logger.warning("a job ran on without a running execution and was asked to stop", extra=told)
    measure({"ActiveJobs": len(running), "OrphanedJobs": len(orphans)})
    return {"Stopped": len(orphans), "Reported": len(reported)}


def _own_jobs(machine_arn: str, running: Iterable[ActiveJob]) -> list[tuple[ActiveJob, str]]:
    """Return those of the ``running`` jobs that executions of this machine have started, with their executions.

    Another workflow may have the same output bucket: its folders bear names that this machine knows no execution of.
    """
    found = []
    for active in running:
        if not active.folder.startswith(os.environ["JOBS_URI"]):
            continue
        name = active.folder.split("/")[-2]
        arn = marker.owner(name) or executions.execution_arn(machine_arn, name)
        if arn.startswith(executions.execution_arn(machine_arn, "")) and executions.described(arn):
            found.append((active, arn))
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
