"""Removing all that a run has made, and searching for remaining resources, whatever state it is in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from entities_job import operation
from entities_job.job.active import ACTIVE

from ..aws import Aws, error_code, explain
from ..care.purging import KINDS, empty, remove, still_there
from .ledger import STACK_PREFIX, Ledger, alive, interrupted
from .stack import TAG, described, failures, resources, settled

_ATTEMPTS = 3
_JOBS_SECONDS = 1200.0
_QUEUE_LOOKS = 15
_MACHINE, _BUCKET = "AWS::StepFunctions::StateMachine", "AWS::S3::Bucket"


@dataclass
class Cleaned:
    """The result of a clean-up.

    Attributes:
        left: what is left behind and costs or holds data, with the reason.
        keys_waiting: keys that AWS deletes when their waiting period ends; they cost nothing until then.
    """

    left: list[str] = field(default_factory=list)
    keys_waiting: list[str] = field(default_factory=list)


def clean_up(aws: Aws, ledger: Ledger, *, pause: float, told: Callable[[str], None]) -> Cleaned:
    """Remove everything of a run; a step that fails keeps no other from being done.

    Args:
        aws: the account.
        ledger: the run; its file is removed if nothing is left.
        pause: seconds between two looks at what is being removed.
        told: gets what is done now, in words.
    """
    done = Cleaned()

    def step(what: str, work: Callable[[], None]) -> None:
        told(what)
        try:
            work()
        except Exception as error:
            done.left.append(f"{what}: {'. '.join(filter(None, explain(error)))}")

    step("waiting for CloudFormation", lambda: _know(aws, ledger, pause))
    step("stopping executions", lambda: _stop_executions(aws, ledger))
    step("stopping jobs", lambda: _stop_jobs(aws, ledger, pause))
    step("deleting the stack", lambda: _delete(aws, ledger, pause))
    step("removing resources that the stack left", lambda: _remove_parts(aws, ledger))
    step("removing assets", lambda: _remove_assets(aws, ledger))
    told("searching for remaining resources")
    try:
        done.left += _left(aws, ledger, pause)
        done.keys_waiting += _keys_waiting(aws, ledger)
    except Exception as error:
        done.left.append(f"could not search for remaining resources: {'. '.join(filter(None, explain(error)))}")
    if not done.left:
        ledger.remove()
    return done


def found_runs(aws: Aws, account: str) -> tuple[list[Ledger], list[Ledger]]:
    """Return the interrupted runs of this machine, and stacks of runs that this machine knows nothing of."""
    own = interrupted(account, aws.region)
    known = {each.stack for each in own}
    pages = aws.client("cloudformation").get_paginator("describe_stacks").paginate()
    others = [
        Ledger(each["StackName"], account, aws.region)
        for page in pages
        for each in page["Stacks"]
        if any(tag["Key"] == TAG for tag in each.get("Tags", [])) or each["StackName"].startswith(STACK_PREFIX)
        if each["StackName"] not in known and not alive(each["StackName"])
        if each["StackStatus"] != "DELETE_COMPLETE"
    ]
    return own, others


def _know(aws: Aws, ledger: Ledger, pause: float) -> None:
    """Write down what the stack has made, so that it is looked for even when the stack is gone."""
    if settled(aws, ledger.stack, pause=pause):
        ledger.parts = sorted({(kind, physical) for kind, _, physical in resources(aws, ledger.stack)})
        ledger.write()


def _of_kind(ledger: Ledger, kind: str) -> list[str]:
    return [physical for each, physical in ledger.parts if each == kind]


def _stop_executions(aws: Aws, ledger: Ledger) -> None:
    client = aws.client("stepfunctions")
    for machine in _of_kind(ledger, _MACHINE):
        try:
            pages = client.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="RUNNING")
            for execution in (each for page in pages for each in page["executions"]):
                client.stop_execution(executionArn=execution["executionArn"], cause="comprehend-entities accept")
        except Exception as error:
            if error_code(error) not in ("StateMachineDoesNotExist", "ExecutionDoesNotExist"):
                raise


def _stop_jobs(aws: Aws, ledger: Ledger, pause: float) -> None:
    """Stop the jobs of the run and wait for their end: each costs money, and writes into the buckets."""
    client, until, asked = aws.client("comprehend"), time.monotonic() + _JOBS_SECONDS, set()
    while jobs := list(_active_jobs(aws, ledger)):
        for job in jobs:
            if job["JobId"] not in asked and job["JobStatus"] != "STOP_REQUESTED":
                try:
                    operation.stop(client, job["JobId"])
                except Exception as error:
                    if error_code(error) != "InvalidRequestException":
                        raise
                asked.add(job["JobId"])
        if time.monotonic() > until:
            return
        time.sleep(pause)


def _active_jobs(aws: Aws, ledger: Ledger) -> Iterator[Any]:
    places = tuple(f"s3://{bucket}/" for bucket in _of_kind(ledger, _BUCKET))
    if not places:
        return
    for status in ACTIVE:
        for job in operation.listed(aws.client("comprehend"), {"JobStatus": status}):
            if job["OutputDataConfig"]["S3Uri"].startswith(places):
                yield job


def _delete(aws: Aws, ledger: Ledger, pause: float) -> None:
    client, reasons = aws.client("cloudformation"), ""
    for _ in range(_ATTEMPTS):
        for bucket in _of_kind(ledger, _BUCKET):
            if still_there(aws, "bucket", bucket):
                empty(aws, bucket)
        if not described(aws, ledger.stack):
            return
        client.delete_stack(StackName=ledger.stack)
        status = settled(aws, ledger.stack, pause=pause)
        if not status:
            return
        # A function that still ran may have written into a bucket meanwhile.
        reasons = f"{status}: {'; '.join(failures(aws, ledger.stack)[-1:])}"
    raise RuntimeError(f"the stack {ledger.stack} is {reasons}; delete it in the console")


def _remove_parts(aws: Aws, ledger: Ledger) -> None:
    """Remove what is there without its stack, such as the log group that a function wrote into as it was deleted."""
    if described(aws, ledger.stack):
        return
    for kind, word in KINDS.items():
        for name in _of_kind(ledger, kind):
            if kept := still_there(aws, word, name):
                remove(aws, kept)


def _remove_assets(aws: Aws, ledger: Ledger) -> None:
    s3 = aws.client("s3")
    for bucket, key in ledger.assets:
        found = s3.list_object_versions(Bucket=bucket, Prefix=key)
        for version in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])


def _left(aws: Aws, ledger: Ledger, pause: float) -> list[str]:
    found = []
    if status := described(aws, ledger.stack).get("StackStatus"):
        found.append(f"the stack {ledger.stack}: {status}")
    for kind, word in KINDS.items():
        for name in _of_kind(ledger, kind):
            if kept := still_there(aws, word, name):
                found.append(f"{word} {name}: {kept.holds}")
    found += [f"queue {each}" for each in _of_kind(ledger, "AWS::SQS::Queue") if not _queue_is_gone(aws, each, pause)]
    if alarms := _of_kind(ledger, "AWS::CloudWatch::Alarm"):
        answer = aws.client("cloudwatch").describe_alarms(AlarmNames=alarms)
        found += [f"alarm {each['AlarmName']}" for each in answer["MetricAlarms"]]
    found += [f"job {each['JobId']}: {each['JobStatus']}" for each in _active_jobs(aws, ledger)]
    for bucket, key in ledger.assets:
        if aws.client("s3").list_object_versions(Bucket=bucket, Prefix=key).get("Versions"):
            found.append(f"asset s3://{bucket}/{key}")
    return found


def _queue_is_gone(aws: Aws, queue: str, pause: float) -> bool:
    """Return whether a queue is gone; one that was deleted answers for up to 60 seconds (SQS API, DeleteQueue)."""
    for _ in range(_QUEUE_LOOKS):
        try:
            aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        except Exception as error:
            if "NonExistentQueue" not in error_code(error):
                raise
            return True
        time.sleep(pause)
    return False


def _keys_waiting(aws: Aws, ledger: Ledger) -> list[str]:
    kms, waiting = aws.client("kms"), []
    for key in _of_kind(ledger, "AWS::KMS::Key"):
        try:
            found = kms.describe_key(KeyId=key)["KeyMetadata"]
        except Exception as error:
            if error_code(error) != "NotFoundException":
                raise
            continue
        if found["KeyState"] == "PendingDeletion":
            waiting.append(f"{key}: {found['DeletionDate']:%Y-%m-%d}")
    return waiting
