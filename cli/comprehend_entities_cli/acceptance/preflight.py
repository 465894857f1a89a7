"""Checks before anything is created: the account, the Region, quotas, and policies that would be in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ..aws import Aws, error_code, explain
from ..care.checks import Finding, in_turn
from ..console import count
from .scenarios.slots import SLOTS
from .stack import BOOTSTRAP_PARAMETER, bootstrap_bucket

_BOOTSTRAP_VERSION = 6
_FREE_SLOTS = 3
_FREE_EXECUTIONS = 10
_LARGEST_FUNCTION = 3008
_ACTIONS = (
    "cloudformation:CreateStack",
    "cloudformation:DeleteStack",
    "comprehend:DescribeEntitiesDetectionJob",
    "comprehend:ListEntitiesDetectionJobs",
    "comprehend:StartEntitiesDetectionJob",
    "comprehend:StopEntitiesDetectionJob",
    "comprehend:TagResource",
    "athena:CreateWorkGroup",
    "athena:StartQueryExecution",
    "cloudwatch:PutMetricAlarm",
    "events:PutRule",
    "glue:CreateDatabase",
    "iam:CreateRole",
    "iam:PassRole",
    "iam:PutRolePolicy",
    "kms:CreateGrant",
    "kms:CreateKey",
    "kms:GenerateDataKey",
    "kms:ScheduleKeyDeletion",
    "lambda:CreateFunction",
    "lambda:InvokeFunction",
    "logs:CreateLogGroup",
    "s3:CreateBucket",
    "s3:DeleteObjectVersion",
    "s3:PutBucketPolicy",
    "s3:PutObject",
    "sqs:CreateQueue",
    "states:CreateStateMachine",
    "states:StartExecution",
)
"""Permissions of the caller: not all that CloudFormation asks for, but one of each kind."""


def account_of(aws: Aws) -> str:
    """Return the number of the caller's account."""
    return str(aws.client("sts").get_caller_identity()["Account"])


def preflight(aws: Aws, account: str) -> Iterator[Finding]:
    """Check the account in order; a check without permission is reported as unknown."""
    checks: dict[str, Callable[[Aws, str], Iterator[Finding]]] = {
        "Region": _region,
        "Comprehend": _comprehend,
        "CDK bootstrap": _bootstrap,
        "Lambda": _lambda,
        "Policies": _policies,
    }
    yield from in_turn({name: partial(check, aws, account) for name, check in checks.items()})


def _region(aws: Aws, account: str) -> Iterator[Finding]:
    from entities_job.request.model import regions

    if aws.region not in regions():
        text = f"botocore lists no Amazon Comprehend endpoint in {aws.region}"
        yield Finding("problem", "", text, f"Give --region, one of {', '.join(sorted(regions()))}.")
    else:
        yield Finding("ok", "", f"account {account}, {aws.region}{' (local AWS)' if aws.is_local else ''}")


def _comprehend(aws: Aws, _: str) -> Iterator[Finding]:
    from entities_job import operation
    from entities_job.job.active import ACTIVE

    client = aws.client("comprehend")
    try:
        active = sum(1 for status in ACTIVE for _ in operation.listed(client, {"JobStatus": status}))
    except Exception as error:
        if not error_code(error).startswith("AccessDenied"):
            raise
        message, advice = explain(error)
        if "service control policy" in message:
            advice = "A policy of the organization denies it: ask its administrator, or use another account or Region."
        yield Finding("problem", "", message, advice)
        return
    text = f"it answers; {count(active, 'active job')} of {SLOTS} by default"
    if active > SLOTS - _FREE_SLOTS:
        yield Finding("problem", "", text, f"Wait until {_FREE_SLOTS} slots are free: the checks start jobs.")
    else:
        yield Finding("ok", "", text)


def _bootstrap(aws: Aws, account: str) -> Iterator[Finding]:
    advice = f"Run: npx cdk bootstrap aws://{account}/{aws.region}"
    try:
        version = aws.client("ssm").get_parameter(Name=BOOTSTRAP_PARAMETER)["Parameter"]["Value"]
        aws.client("s3").head_bucket(Bucket=bootstrap_bucket(account, aws.region))
    except Exception as error:
        if error_code(error) not in ("ParameterNotFound", "404", "NoSuchBucket"):
            raise
        yield Finding("problem", "", "the account and Region are not bootstrapped for the CDK", advice)
        return
    if int(version) < _BOOTSTRAP_VERSION:
        text = f"its version is {version}, and {_BOOTSTRAP_VERSION} is needed"
        yield Finding("problem", "", text, advice)
    else:
        yield Finding("ok", "", f"version {version}")


def _lambda(aws: Aws, _: str) -> Iterator[Finding]:
    limits = aws.client("lambda").get_account_settings()["AccountLimit"]
    free = limits["UnreservedConcurrentExecutions"]
    if free < _FREE_EXECUTIONS:
        advice = "Request more concurrent executions in Service Quotas (L-B99A9384), or release reserved ones."
        yield Finding("problem", "", f"{free} concurrent executions are not reserved", advice)
    else:
        yield Finding("ok", "", f"{free:,} concurrent executions are not reserved")
    # No API tells the quota of memory (AWS Lambda Developer Guide, gettingstarted-limits).
    yield Finding("ok", "", f"functions have at most {_LARGEST_FUNCTION:,} MB, which new accounts allow, too")


def _policies(aws: Aws, account: str) -> Iterator[Finding]:
    caller = str(aws.client("sts").get_caller_identity()["Arn"])
    if caller.endswith(f":{account}:root") or caller.endswith(":root"):
        yield Finding("ok", "", "the caller is the account's root: only a policy of an organization can deny it")
        return
    denied: list[str] = []
    forbidden: list[str] = []
    answer = aws.client("iam").simulate_principal_policy(
        PolicySourceArn=_role_of(aws, caller), ActionNames=list(_ACTIONS)
    )
    for each in answer["EvaluationResults"]:
        if each["EvalDecision"] != "allowed":
            allowed = each.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True)
            (denied if allowed else forbidden).append(each["EvalActionName"])
    if forbidden:
        text = f"a policy of the organization denies {', '.join(forbidden)}"
        yield Finding("problem", "", text, "Ask the organization's administrator, or use another account.")
    if denied:
        # A simulation without resources denies what is allowed on some resources only.
        text = f"the caller does not have these permissions on every resource: {', '.join(denied)}"
        yield Finding("note", "", text, "If the deployment fails, use a caller with more permissions.")
    if not forbidden and not denied:
        yield Finding("ok", "", f"the caller has {len(_ACTIONS)} of the required permissions")


def _role_of(aws: Aws, caller: str) -> str:
    """Return the ARN whose policies count: of the role, for a session of it."""
    if ":assumed-role/" not in caller:
        return caller
    role: Any = aws.client("iam").get_role(RoleName=caller.split("/")[1])["Role"]
    return str(role["Arn"])
