"""Permissions of every function: its calls, their resources, and the conditions that IAM knows.

Permissions add up: ``function.add_to_role_policy(...)`` widens what is too narrow for a special case.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from entities_job import operation
from entities_job.contracts import EVENT_DETAIL_TYPE, EVENT_SOURCE, JobRequest, Settings

from .access import NARROWER, SERVICE_GUIDE, Conditions, allow, executions_arn, statement, via
from .acknowledged import acknowledge, cite

if TYPE_CHECKING:
    from .._functions import Functions
    from .._storage import Prefix, Storage

COMPREHEND = "comprehend.amazonaws.com"
GUIDE = "Amazon Comprehend Developer Guide, security_iam_id-based-policy-examples"

_REFERENCE = "Service Authorization Reference, "
_COMPREHEND_ACTIONS = f"{_REFERENCE}list_amazoncomprehend"
_STATES_ACTIONS = f"{_REFERENCE}list_awsstepfunctions"
_EC2_ACTIONS = "AWS Lambda Developer Guide, configuration-vpc"
_SQS_KEYS = "Amazon SQS Developer Guide, sqs-key-management"
_SQS_ACTIONS = "Amazon SQS Developer Guide, sqs-api-permissions-reference"
_DESCRIBE = ("states:DescribeExecution", "states:GetExecutionHistory")
_READ_QUEUE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


def grant_tasks(
    functions: Functions, storage: Storage, settings: Settings, bus: events.IEventBus, *, narrow: bool
) -> None:
    """Give the functions that the state machine calls their permissions; ``narrow`` ones if the guide's are wider."""
    _grant_inspect(functions.inspect_input, storage)
    _grant_start(functions.start_job, settings["Request"], settings["AllowedOverrides"], narrow=narrow)
    _allow_list(functions.start_job)
    storage.work.below("owners/").grant_write(functions.start_job)
    _allow_on_jobs(functions.poll_job, operation.DESCRIBE)
    _allow_on_jobs(functions.stop_job, operation.STOP)
    _grant_publish(functions.publish_result, storage)
    _grant_report(functions.publish_result, storage, bus)
    _grant_end(functions.publish_failure, storage, bus)
    _grant_stage(functions.stage, storage)
    if settings.get("UniqueNames"):
        storage.staging.below("*/manifest/").grant_write(functions.inspect_input)
        storage.documents.grant_read(functions.stage)


def grant_await_output(function: lambda_.Function, storage: Storage, waiting: Prefix) -> None:
    """Let ``function`` keep tokens under ``waiting``, and see whether the output of a job is there."""
    waiting.grant_write(function)
    waiting.grant_read(function)
    storage.jobs.grant_read(function)
    storage.jobs.grant_see_missing(function)


def grant_wake(scope: Construct, role: iam.IRole, machine: sfn.IStateMachine) -> None:
    """Let ``role`` wake executions of ``machine``.

    In the role's own policy it would make a circle: the function waits for them, the machine for the function.
    The Service Authorization Reference names no resource for it, which would mean ``*``. The service checks the ARN of
    the machine that waits, as CDK's grants and their deployed tests (aws-cdk pull request 8486) rely on; without the
    right a wait would end with the next poll.
    """
    source = "AWS CDK, StateMachine.grantTaskResponse"
    wake = statement("states:SendTaskSuccess", on=[machine.state_machine_arn], source=source)
    iam.Policy(scope, "Wake", statements=[wake], roles=[role])
    cite(role, "states:SendTaskSuccess", source=source)


def grant_describe(scope: Construct, function: lambda_.Function, machine: sfn.IStateMachine) -> None:
    """Let ``function`` describe executions of ``machine``, which calls it: in a policy of its own, as for waking."""
    assert function.role is not None
    every = [executions_arn(machine)]
    described = statement(*_DESCRIBE, on=every, source=_STATES_ACTIONS)
    policy = iam.Policy(scope, "Describe", statements=[described], roles=[function.role])
    acknowledge(policy, "execution-names", arns=every)
    cite(function.role, *_DESCRIBE, source=_STATES_ACTIONS)


def grant_stop_orphans(
    function: lambda_.Function, machine: sfn.IStateMachine, storage: Storage, bus: events.IEventBus
) -> None:
    """Let ``function`` find jobs without an execution of ``machine``, stop them, and report ends."""
    _grant_end(function, storage, bus)
    storage.work.below("owners/").grant_read(function)
    allow(function, "states:ListExecutions", on=[machine.state_machine_arn], source=_STATES_ACTIONS)
    every, names = [executions_arn(machine)], "execution-names"
    allow(function, *_DESCRIBE, on=every, wildcard=names, source=_STATES_ACTIONS)


def grant_dispatch(
    function: lambda_.Function, storage: Storage, machine: sfn.IStateMachine, *, wakes: sqs.IQueue, key: kms.IKey
) -> None:
    """Let ``function`` count what runs, write manifests and its note, start executions and wake itself."""
    source = "AWS Lambda Developer Guide, services-sqs-configure (execution role)"
    allow(function, *_READ_QUEUE, "sqs:SendMessage", on=[wakes.queue_arn], source=source)
    source = f"{_SQS_KEYS}; AWS KMS Developer Guide, conditions-kms"
    allow(function, "kms:Decrypt", "kms:GenerateDataKey", on=[key.key_arn], when=via("sqs", function), source=source)
    storage.staging.below("*/manifest/").grant_write(function)
    storage.claims.grant_read(function)
    storage.claims.grant_write(function)
    storage.claims.grant_see_missing(function)
    storage.work.below("open/").grant_write(function)
    outcomes = storage.work.below("outcomes/")
    outcomes.grant_list(function)
    outcomes.grant_read(function)
    machine.grant_start_execution(function)
    allow(function, "states:ListExecutions", on=[machine.state_machine_arn], source=_STATES_ACTIONS)
    _allow_list(function)


def grant_uploads(
    uploads: Prefix, queue: sqs.IQueue, dead: sqs.IQueue, *, dispatcher: lambda_.Function, stage: lambda_.Function
) -> None:
    """Let ``dispatcher`` read a queue of uploads and send ``dead`` ones away, and ``stage`` copy the objects."""
    actions = (*_READ_QUEUE, "sqs:ChangeMessageVisibility")
    allow(dispatcher, *actions, on=[queue.queue_arn], source=_SQS_ACTIONS)
    allow(dispatcher, "sqs:SendMessage", on=[queue.queue_arn, dead.queue_arn], source=_SQS_ACTIONS)
    uploads.grant_read_versions(stage)
    prefix = {"StringLike": {"s3:prefix": f"{uploads.path}*"}}
    source = "Amazon S3 User Guide, amazon-s3-policy-keys"
    listed = [uploads.bucket.bucket_arn]
    allow(dispatcher, "s3:ListBucketVersions", on=listed, when=prefix, owner=uploads.bucket, source=source)


def grant_vpc(function: lambda_.Function, key: kms.IKey) -> None:
    """Let Lambda put ``function`` into subnets, and decrypt its environment."""
    described = ("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets")
    allow(function, *described, on=["*"], source=_EC2_ACTIONS)
    interfaces = ("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface")
    addresses = ("ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses")
    allow(function, *interfaces, *addresses, on=["*"], wildcard=SERVICE_GUIDE, source=_EC2_ACTIONS)
    # A message that Lambda puts into a dead-letter queue is encrypted with a data key that the role asks for.
    puts = ["kms:GenerateDataKey"] if function.dead_letter_queue else []
    source = f"AWS Lambda Developer Guide, configuration-envvars-encryption; {_SQS_KEYS}"
    allow(function, "kms:Decrypt", *puts, on=[key.key_arn], source=source)


def allow_textract(grantee: iam.IGrantable) -> None:
    """Allow reading images and scans; the guide does not say if the job's role or its caller needs the permission."""
    allow(grantee, "textract:DetectDocumentText", "textract:AnalyzeDocument", on=["*"], source=GUIDE)


def jobs_arn(scope: Construct) -> str:
    """Return the ARN of every job of this account and Region."""
    return _comprehend_arn(scope, operation.ARN_RESOURCE)


def ec2_arn(scope: Construct, resource: str, name: str) -> str:
    """Return the ARN of a part of a network."""
    return Stack.of(scope).format_arn(service="ec2", resource=resource, resource_name=name)


def _grant_inspect(function: lambda_.Function, storage: Storage) -> None:
    for documents in (storage.documents, storage.staging):
        documents.grant_list(function)
        documents.grant_read(function)
    storage.work.grant_write(function)
    # For a job that is resumed.
    _allow_on_jobs(function, operation.DESCRIBE)
    for place in (storage.work, storage.jobs, storage.results.below("summaries/")):
        place.grant_read(function)
    storage.jobs.grant_see_missing(function)


def _grant_publish(function: lambda_.Function, storage: Storage) -> None:
    storage.jobs.grant_read(function)
    storage.jobs.grant_see_missing(function)
    storage.work.grant_read(function)
    storage.results.below("summaries/").grant_read(function)
    storage.results.grant_write(function)


def _grant_stage(function: lambda_.Function, storage: Storage) -> None:
    for own in (storage.staging, storage.claims):
        own.grant_read(function)
        own.grant_write(function)
    storage.results.below("refused/").grant_write(function)
    storage.staging.grant_see_missing(function)


def _grant_end(function: lambda_.Function, storage: Storage, bus: events.IEventBus) -> None:
    """Let ``function`` find active jobs, stop them and report an execution's end."""
    _allow_on_jobs(function, operation.STOP)
    _allow_list(function)
    _grant_report(function, storage, bus)
    # PublishResult reads all of the functions' files, and never ends an execution without a marker.
    storage.work.below("open/").grant_write(function)
    for place in ("outcomes/", "open/"):
        storage.work.below(place).grant_read(function)


def _grant_report(function: lambda_.Function, storage: Storage, bus: events.IEventBus) -> None:
    """Let ``function`` write the outcome of an execution, emit it on the ``bus``, and remove the open marker."""
    storage.work.below("outcomes/").grant_write(function)
    storage.work.below("open/").grant_delete(function)
    storage.work.grant_see_missing(function)
    _grant_emit(function, bus)


def _grant_emit(function: lambda_.Function, bus: events.IEventBus) -> None:
    # Both keys hold lists.
    own_event = {"ForAllValues:StringEquals": {"events:source": EVENT_SOURCE, "events:detail-type": EVENT_DETAIL_TYPE}}
    source = "Amazon EventBridge User Guide, eb-use-conditions"
    allow(function, "events:PutEvents", on=[bus.event_bus_arn], when=own_event, source=source)


def _grant_start(
    function: lambda_.Function, request: JobRequest, overridable: Collection[str], *, narrow: bool
) -> None:
    """Let ``function`` start jobs with the keys, network, role and model of the construct's own ``request`` only.

    What ``overridable`` fields need beyond them is opened, as far as the service's own permissions go.
    """
    models = [arn for arn in (request.get("EntityRecognizerArn"), request.get("FlywheelArn")) if arn]
    for field, resource in (("EntityRecognizerArn", "entity-recognizer"), ("FlywheelArn", "flywheel")):
        if field in overridable:
            models.append(_comprehend_arn(function, resource))
    action, pinned = f"comprehend:{operation.START}", _pinned(request, overridable, narrow=narrow)
    source = f"{GUIDE}#tagging-resources; {_COMPREHEND_ACTIONS} (condition keys)"
    _allow_on_jobs(function, operation.START, when=pinned, source=f"{NARROWER}: {source}" if narrow else source)
    if models:
        # By the reference, the condition keys belong to the job: a statement of both might never match the model.
        allow(function, action, on=models, wildcard="job-numbers", source=source)
    to_service = {"StringEquals": {"iam:PassedToService": COMPREHEND}}
    source = f"{GUIDE}; IAM User Guide, id_roles_use_passrole"
    allow(function, "iam:PassRole", on=[request["DataAccessRoleArn"]], when=to_service, source=source)
    # The service may check the keys with the caller's permissions; the guide does not say with whose.
    key, via_service = [request["VolumeKmsKeyId"]], via("comprehend", function) if narrow else None
    source = f"{GUIDE}#auth-kms-permissions"
    of_volume = f"{NARROWER}: {source}" if narrow else source
    allow(function, "kms:CreateGrant", "kms:DescribeKey", on=key, when=via_service, source=of_volume)
    if not narrow:
        output, via_s3 = [request["OutputDataConfig"]["KmsKeyId"]], via("s3", function)
        allow(function, "kms:Decrypt", "kms:GenerateDataKey", on=output, when=via_s3, source=source)
    if "Tags" in request or "Tags" in overridable:
        _allow_on_jobs(function, "TagResource", source=f"{GUIDE}#tagging-resources")
    if "DocumentReaderConfig" in request["InputDataConfig"]:
        allow_textract(function)


def _pinned(request: JobRequest, overridable: Collection[str], *, narrow: bool) -> Conditions:
    """Return conditions that pin what a request may name: refused by IAM, whatever the function's code does."""
    keys = {
        "VolumeKmsKeyId": ("comprehend:VolumeKmsKey", request["VolumeKmsKeyId"]),
        "OutputDataConfig": ("comprehend:OutputKmsKey", request["OutputDataConfig"]["KmsKeyId"]),
    }
    equal = dict(pinned for field, pinned in keys.items() if field not in overridable)
    conditions: dict[str, dict[str, object]] = {"StringEquals": {**equal}} if equal else {}
    if "VpcConfig" in overridable:
        return conditions
    network, subnets, groups = request.get("VpcConfig"), "comprehend:VpcSubnets", "comprehend:VpcSecurityGroupIds"
    if network:
        conditions["ForAllValues:StringEquals"] = {subnets: network["Subnets"], groups: network["SecurityGroupIds"]}
    if narrow:
        # ForAllValues is true of an absent key, too.
        absent = "false" if network else "true"
        conditions["Null"] = {subnets: absent, groups: absent}
    return conditions


def _allow_on_jobs(
    function: lambda_.Function, action: str, *, when: Conditions | None = None, source: str = _COMPREHEND_ACTIONS
) -> None:
    on = [jobs_arn(function)]
    allow(function, f"comprehend:{action}", on=on, when=when, wildcard="job-numbers", source=source)


def _allow_list(function: lambda_.Function) -> None:
    allow(function, f"comprehend:{operation.LIST}", on=["*"], source=_COMPREHEND_ACTIONS)


def _comprehend_arn(scope: Construct, resource: str) -> str:
    return Stack.of(scope).format_arn(service="comprehend", resource=resource, resource_name="*")
