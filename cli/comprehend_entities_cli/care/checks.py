"""Checks of ``doctor``: the account, and everything that a deployment needs to work."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from ..aws import Aws, error_code, explain
from ..command import release
from ..console import count
from ..deployment import Deployment
from ..executions import runs
from ..published import Place
from .uploads import messages, queue_of

_JOBS = 10
_OLD = timedelta(days=7)


class Finding(NamedTuple):
    """One check's finding: ``level`` is ok, note, problem, or unknown if it could not be checked."""

    level: str
    check: str
    text: str
    advice: str = ""


def findings(aws: Aws, deployment: Deployment) -> Iterator[Finding]:
    """Check one thing after another; a check without permission is reported as unknown."""
    checks: dict[str, Callable[[Aws, Deployment], Iterator[Finding]]] = {
        "Region": _region,
        "Version": _version,
        "State machine": _machine,
        "Buckets": _buckets,
        "Role of jobs": _role,
        "Jobs": _jobs,
        "Uploads": _uploads,
        "Failures": _failures,
        "Reports": _reports,
    }
    yield from in_turn({name: partial(check, aws, deployment) for name, check in checks.items()})


def in_turn(checks: Mapping[str, Callable[[], Iterator[Finding]]]) -> Iterator[Finding]:
    """Make checks, and give their findings their names; a call that AWS does not allow is a finding, too."""
    for name, check in checks.items():
        try:
            yield from (each._replace(check=name) for each in check())
        except Exception as error:
            if not error_code(error):
                raise
            message, advice = explain(error)
            yield Finding("unknown", name, message, advice)


def _region(aws: Aws, _: Deployment) -> Iterator[Finding]:
    from entities_job.request.model import regions

    account = aws.client("sts").get_caller_identity()["Account"]
    if aws.region not in regions():
        text = f"botocore lists no Amazon Comprehend endpoint in {aws.region}"
        yield Finding("problem", "", text, "Deploy the workflow in a Region that has it.")
    else:
        yield Finding("ok", "", f"account {account}, {aws.region}{' (local AWS)' if aws.is_local else ''}")


def _version(_: Aws, deployment: Deployment) -> Iterator[Finding]:
    own = release()
    if deployment.version == own:
        yield Finding("ok", "", f"{deployment.name} and this command line are of version {own}")
    else:
        text = f"{deployment.name} is of version {deployment.version}, this command line of {own}"
        yield Finding(
            "note", "", text, "Use the command line of the deployment's version if you see unexpected results."
        )


def _machine(aws: Aws, deployment: Deployment) -> Iterator[Finding]:
    found = aws.client("stepfunctions").describe_state_machine(stateMachineArn=deployment.arn)
    if found["status"] == "ACTIVE":
        yield Finding("ok", "", deployment.machine)
    else:
        yield Finding("problem", "", f"{deployment.machine} is {found['status']}", "Deploy the stack again.")


def _buckets(aws: Aws, deployment: Deployment) -> Iterator[Finding]:
    s3 = aws.client("s3")
    for what, uri in (("documents", deployment.input_uri), ("results", deployment.results_uri)):
        bucket = Place.of(uri).bucket
        try:
            s3.head_bucket(Bucket=bucket)
        except Exception as error:
            if error_code(error) not in ("404", "NoSuchBucket"):
                raise
            yield Finding("problem", "", f"the bucket of {what}, {bucket}, does not exist", "Deploy the stack again.")
            continue
        yield from _key(aws, bucket, what)
    if deployment.triggers:
        bucket = Place.of(deployment.input_uri).bucket
        if "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=bucket):
            yield Finding("ok", "", f"{bucket} announces uploads to EventBridge")
        else:
            text = f"{bucket} does not send its events to EventBridge: uploads start no jobs"
            advice = "Deploy the stack again; after five minutes, put the objects again (comprehend-entities backfill)."
            yield Finding("problem", "", text, advice)


def _key(aws: Aws, bucket: str, what: str) -> Iterator[Finding]:
    try:
        rules = aws.client("s3").get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    except Exception as error:
        if error_code(error) != "ServerSideEncryptionConfigurationNotFoundError":
            raise
        rules = []
    keys = [rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID") for rule in rules]
    for key in filter(None, keys):
        state = aws.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
        if state == "Enabled":
            yield Finding("ok", "", f"the key of {what} is enabled")
        else:
            enable = f"aws kms enable-key --key-id {key}"
            cancel = f"aws kms cancel-key-deletion --key-id {key} && "
            advice = f"Run: {cancel if state == 'PendingDeletion' else ''}{enable}"
            yield Finding("problem", "", f"the key of {what} is {state}: nothing can be read or written", advice)


def _role(aws: Aws, deployment: Deployment) -> Iterator[Finding]:
    name = str(deployment.request(aws)["DataAccessRoleArn"]).rpartition("/")[2]
    try:
        role = aws.client("iam").get_role(RoleName=name)["Role"]
    except Exception as error:
        if error_code(error) not in ("NoSuchEntity", "NoSuchEntityException"):
            raise
        yield Finding("problem", "", f"the role {name} does not exist: every job would fail", "Deploy the stack again.")
        return
    trusted = "comprehend.amazonaws.com" in json.dumps(role["AssumeRolePolicyDocument"])
    if trusted:
        yield Finding("ok", "", f"{name} trusts Amazon Comprehend")
    else:
        yield Finding("problem", "", f"{name} does not trust comprehend.amazonaws.com", "Deploy the stack again.")


def _jobs(aws: Aws, deployment: Deployment) -> Iterator[Finding]:
    active = list(_active(aws))
    text = f"{count(len(active), 'active job')} in the account and Region, of {_JOBS} by default"
    if len(active) >= _JOBS:
        yield Finding(
            "note",
            "",
            text,
            "New jobs wait. Request a higher quota in Service Quotas, or put more documents into each job.",
        )
    else:
        yield Finding("ok", "", text)
    running = runs(aws, deployment, status="RUNNING", most=1000)
    names = {each["name"] for each in running}
    client = aws.client("stepfunctions")
    orphans = []
    for job in active:
        folder = str(job["OutputDataConfig"]["S3Uri"])
        if (
            folder.startswith(deployment.jobs_uri)
            and folder.removeprefix(deployment.jobs_uri).split("/")[0] not in names
        ):
            orphans.append(job["JobId"])
    if orphans:
        # A running execution may have resumed a job, or have a caller's own ClientRequestToken.
        inputs = [client.describe_execution(executionArn=each["executionArn"]).get("input") or "" for each in running]
        orphans = [
            each for each in orphans if not any(each in given or "ClientRequestToken" in given for given in inputs)
        ]
    if orphans:
        advice = f"A sweep stops them within 15 minutes. To keep one: comprehend-entities resume {orphans[0]}"
        yield Finding("problem", "", f"no execution follows {count(len(orphans), 'job')}: {', '.join(orphans)}", advice)
    else:
        yield Finding("ok", "", f"{count(len(running), 'execution')} running; every active job of it is followed")


def _active(aws: Aws) -> Iterator[Any]:
    from entities_job import operation
    from entities_job.job.active import ACTIVE

    for status in ACTIVE:
        yield from operation.listed(aws.client("comprehend"), {"JobStatus": status})


def _uploads(aws: Aws, deployment: Deployment) -> Iterator[Finding]:
    if not deployment.triggers:
        yield Finding("ok", "", "no upload trigger")
    for name, trigger in deployment.triggers.items():
        dead, waiting = messages(aws, trigger.dead_letters), messages(aws, queue_of(aws, trigger))
        if dead:
            advice = "Remove the cause, then: comprehend-entities redrive"
            yield Finding(
                "problem",
                "",
                f"{name}: {count(dead, 'message')} in the dead-letter queue: uploads, or batches that failed",
                advice,
            )
        text = f"{name}: {count(waiting, 'upload')} waiting under {trigger.uri}"
        yield Finding("ok", "", text)


def _failures(aws: Aws, deployment: Deployment) -> Iterator[Finding]:
    since = datetime.now(UTC) - _OLD
    failed = [
        each
        for status in ("FAILED", "TIMED_OUT", "ABORTED")
        for each in runs(aws, deployment, status=status, most=100)
        if each["startDate"] > since
    ]
    if not failed:
        yield Finding("ok", "", "no execution has failed within a week")
        return
    newest = max(failed, key=lambda each: each["startDate"])["name"]
    batches = [each for each in failed if each["name"].partition("-")[0] in deployment.triggers]
    text = f"{count(len(failed), 'execution')} failed within a week, {len(batches)} of them of uploads; newest {newest}"
    yield Finding("note", "", text, f"comprehend-entities show {newest}")


def _reports(aws: Aws, deployment: Deployment) -> Iterator[Finding]:
    if not deployment.unreported:
        return
    if lost := messages(aws, deployment.unreported):
        text = f"{count(lost, 'end')} of executions could not be reported as an event"
        advice = "The sweep reports them within 15 minutes; the messages in the queue have the cause: "
        advice += deployment.unreported
        yield Finding("problem", "", text, advice)
    else:
        yield Finding("ok", "", "the end of every execution was reported")
