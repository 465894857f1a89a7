"""What each function may do: the calls it makes, on what it makes them on, under the conditions that IAM knows for them.

Sources: Service Authorization Reference of Amazon Comprehend; Developer Guide, security_iam_id-based-policy-examples.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from ._data_access import COMPREHEND, job_arn, textract
from ._functions import Functions
from ._network import JobNetwork
from ._settings import JobDefaults

EVENT_SOURCE = "cdk-comprehend-entities"
EVENT_DETAIL_TYPE = "Entities Detection Job Ended"


def grant(functions: Functions, defaults: JobDefaults, *, overridable: Collection[str], bus: events.IEventBus) -> None:
    """Give each function its rights; what ``overridable`` fields need beyond the construct's own resources is opened, too."""
    _grant_objects(functions, defaults)
    for statement in _start(functions.start_job, defaults, overridable):
        functions.start_job.add_to_role_policy(statement)
    _grant_jobs(functions)
    for function in (functions.publish_result, functions.publish_failure):
        function.add_to_role_policy(_put_events(bus))


def _grant_objects(functions: Functions, defaults: JobDefaults) -> None:
    storage = defaults.storage
    storage.documents.grant_list(functions.inspect_input)
    storage.documents.grant_read(functions.inspect_input)
    storage.work.grant_write(functions.inspect_input)
    storage.jobs.grant_read(functions.publish_result)
    storage.work.grant_read(functions.publish_result)
    storage.work.grant_write(functions.publish_result)
    storage.results.grant_write(functions.publish_result)


def _start(scope: Construct, defaults: JobDefaults, overridable: Collection[str]) -> Iterator[iam.PolicyStatement]:
    stack = Stack.of(scope)
    models = [defaults.recognizer.arn] if defaults.recognizer else []
    for field, resource in (("EntityRecognizerArn", "entity-recognizer"), ("FlywheelArn", "flywheel")):
        if field in overridable:
            models.append(stack.format_arn(service="comprehend", resource=resource, resource_name="*"))
    yield iam.PolicyStatement(
        actions=["comprehend:StartEntitiesDetectionJob"],
        resources=[job_arn(scope), *models],
        conditions=_pinned(defaults, overridable),
    )
    yield iam.PolicyStatement(
        actions=["iam:PassRole"],
        resources=[defaults.data_access_role.role_arn],
        conditions={"StringEquals": {"iam:PassedToService": COMPREHEND}},
    )
    # The guide's sample for callers has these, too: the service may check the key with the caller's rights.
    yield iam.PolicyStatement(
        actions=["kms:CreateGrant", "kms:DescribeKey"],
        resources=[defaults.storage.volume_key.key_arn],
        conditions={"StringEquals": {"kms:ViaService": f"comprehend.{stack.region}.amazonaws.com"}},
    )
    if defaults.tags or "Tags" in overridable:
        yield iam.PolicyStatement(actions=["comprehend:TagResource"], resources=[job_arn(scope)])
    if defaults.document_reader:
        yield textract()


def _pinned(defaults: JobDefaults, overridable: Collection[str]) -> dict[str, dict[str, object]]:
    """Conditions that pin what a request may name: refused by IAM, whatever the function's code does."""
    keys: dict[str, object] = {}
    if "VolumeKmsKeyId" not in overridable:
        keys["comprehend:VolumeKmsKey"] = defaults.storage.volume_key.key_arn
    if "OutputDataConfig" not in overridable:
        keys["comprehend:OutputKmsKey"] = defaults.storage.output_key.key_arn
    network = {} if "VpcConfig" in overridable else _pinned_network(defaults.network)
    return {**({"StringEquals": keys} if keys else {}), **network}


def _pinned_network(network: JobNetwork | None) -> dict[str, dict[str, object]]:
    names = {"Subnets": "comprehend:VpcSubnets", "SecurityGroupIds": "comprehend:VpcSecurityGroupIds"}
    if network is None:
        return {"Null": dict.fromkeys(names.values(), "true")}
    allowed: dict[str, object] = {names[field]: ids for field, ids in network.request().items()}
    # ForAllValues is true of an absent key, too.
    return {"ForAllValues:StringEquals": allowed, "Null": dict.fromkeys(names.values(), "false")}


def _grant_jobs(functions: Functions) -> None:
    jobs = job_arn(functions.poll_job)
    stop = iam.PolicyStatement(actions=["comprehend:StopEntitiesDetectionJob"], resources=[jobs])
    functions.poll_job.add_to_role_policy(
        iam.PolicyStatement(actions=["comprehend:DescribeEntitiesDetectionJob"], resources=[jobs])
    )
    functions.stop_job.add_to_role_policy(stop)
    functions.publish_failure.add_to_role_policy(stop)
    functions.publish_failure.add_to_role_policy(
        # IAM knows no resources for listing.
        iam.PolicyStatement(actions=["comprehend:ListEntitiesDetectionJobs"], resources=["*"])
    )


def _put_events(bus: events.IEventBus) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=["events:PutEvents"],
        resources=[bus.event_bus_arn],
        conditions={"StringEquals": {"events:source": EVENT_SOURCE, "events:detail-type": EVENT_DETAIL_TYPE}},
    )
