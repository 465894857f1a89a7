"""Who may do what: the role that the service assumes for a job, and the roles of the functions.

Each gets the calls it makes, on what it makes them on, under the conditions that IAM knows for them. Rights add up, so
what is too narrow for a special case is widened by ``workflow.data_access_role.add_to_principal_policy(...)``.
Sources: Amazon Comprehend Developer Guide, security_iam_id-based-policy-examples and
cross-service-confused-deputy-prevention; Service Authorization Reference of Amazon Comprehend.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from entities_job.contracts import EVENT_DETAIL_TYPE, EVENT_SOURCE

from ._access import allow, service
from ._functions import Functions
from ._network import JobNetwork
from ._staging import grant_staging
from ._storage import Storage

_COMPREHEND = "comprehend.amazonaws.com"
_NO_RESOURCES = "IAM knows no resources for these actions"
_JOBS = "a job's number is made by the service"


def data_access_role(scope: Construct) -> iam.Role:
    """A role that only Comprehend can assume, and only for an entity-detection job of this account and Region."""
    return iam.Role(
        scope,
        "DataAccessRole",
        description="Assumed by Amazon Comprehend for entity-detection jobs",
        assumed_by=service(scope, _COMPREHEND, _arn(scope, "entities-detection-job")),
    )


def grant(
    functions: Functions,
    role: iam.IRole,
    storage: Storage,
    settings: Mapping[str, Any],
    *,
    network: JobNetwork | None,
    bus: events.IEventBus,
) -> None:
    """Give the service's ``role`` and each function its rights."""
    semi_structured = "DocumentReaderConfig" in settings["Request"]["InputDataConfig"]
    _grant_service(role, storage, network, semi_structured=semi_structured)
    _grant_objects(functions, storage)
    grant_staging(storage, stage=functions.stage, inspect_input=functions.inspect_input, data_access_role=role)
    _grant_start(functions.start_job, settings["Request"], settings["AllowedOverrides"])
    _grant_jobs(functions)
    _grant_emit(functions.publish_result, bus)
    grant_stop(functions.publish_failure, bus)


def grant_stop(function: lambda_.Function, bus: events.IEventBus) -> None:
    """Let ``function`` find active jobs, stop them and report it on the ``bus``."""
    jobs = [_arn(function, "entities-detection-job")]
    allow(function, "comprehend:StopEntitiesDetectionJob", on=jobs, wildcard=_JOBS)
    allow(function, "comprehend:ListEntitiesDetectionJobs", on=["*"], wildcard=_NO_RESOURCES)
    _grant_emit(function, bus)


def _grant_emit(function: lambda_.Function, bus: events.IEventBus) -> None:
    own_event = {"events:source": EVENT_SOURCE, "events:detail-type": EVENT_DETAIL_TYPE}
    allow(function, "events:PutEvents", on=[bus.event_bus_arn], when={"StringEquals": own_event})


def _grant_service(role: iam.IRole, storage: Storage, network: JobNetwork | None, *, semi_structured: bool) -> None:
    storage.documents.grant_list(role)
    storage.documents.grant_read(role)
    storage.jobs.grant_write(role)
    allow(role, "kms:CreateGrant", on=[storage.volume_key.key_arn])
    if network:
        network.grant_interfaces(role)
    if semi_structured:
        _allow_textract(role)


def _grant_objects(functions: Functions, storage: Storage) -> None:
    inspect_input, publish_result = functions.inspect_input, functions.publish_result
    storage.documents.grant_list(inspect_input)
    storage.documents.grant_read(inspect_input)
    storage.work.grant_write(inspect_input)
    # A sample of entities is compared with the text that they were found in.
    storage.documents.grant_read(publish_result)
    storage.staging.grant_read(publish_result)
    storage.jobs.grant_read(publish_result)
    storage.jobs.grant_tell_missing(publish_result)
    storage.work.grant_read(publish_result)
    storage.work.grant_write(publish_result)
    storage.results.grant_write(publish_result)


def _grant_jobs(functions: Functions) -> None:
    jobs = [_arn(functions.poll_job, "entities-detection-job")]
    allow(functions.poll_job, "comprehend:DescribeEntitiesDetectionJob", on=jobs, wildcard=_JOBS)
    allow(functions.stop_job, "comprehend:StopEntitiesDetectionJob", on=jobs, wildcard=_JOBS)


def _grant_start(function: lambda_.Function, request: Mapping[str, Any], overridable: Collection[str]) -> None:
    """Starting jobs with the keys, network, role and model of the construct's own ``request`` only.

    What ``overridable`` fields need beyond them is opened, as far as the service's own rights go.
    """
    models = [request[field] for field in ("EntityRecognizerArn", "FlywheelArn") if field in request]
    for field, resource in (("EntityRecognizerArn", "entity-recognizer"), ("FlywheelArn", "flywheel")):
        if field in overridable:
            models.append(_arn(function, resource))
    jobs = [_arn(function, "entities-detection-job")]
    start = "comprehend:StartEntitiesDetectionJob"
    allow(function, start, on=[*jobs, *models], when=_pinned(request, overridable), wildcard=_JOBS)
    to_service = {"StringEquals": {"iam:PassedToService": _COMPREHEND}}
    allow(function, "iam:PassRole", on=[request["DataAccessRoleArn"]], when=to_service)
    # The guide's sample for callers has these, too: the service may check the key with the caller's rights.
    via_service = {"StringEquals": {"kms:ViaService": f"comprehend.{Stack.of(function).region}.amazonaws.com"}}
    allow(function, "kms:CreateGrant", "kms:DescribeKey", on=[request["VolumeKmsKeyId"]], when=via_service)
    if "Tags" in request or "Tags" in overridable:
        allow(function, "comprehend:TagResource", on=jobs, wildcard=_JOBS)
    if "DocumentReaderConfig" in request["InputDataConfig"]:
        _allow_textract(function)


def _pinned(request: Mapping[str, Any], overridable: Collection[str]) -> dict[str, dict[str, Any]]:
    """Conditions that pin what a request may name: refused by IAM, whatever the function's code does."""
    keys = {
        "VolumeKmsKeyId": ("comprehend:VolumeKmsKey", request["VolumeKmsKeyId"]),
        "OutputDataConfig": ("comprehend:OutputKmsKey", request["OutputDataConfig"]["KmsKeyId"]),
    }
    equal = dict(pinned for field, pinned in keys.items() if field not in overridable)
    conditions: dict[str, dict[str, Any]] = {"StringEquals": equal} if equal else {}
    if "VpcConfig" in overridable:
        return conditions
    network, subnets, groups = request.get("VpcConfig"), "comprehend:VpcSubnets", "comprehend:VpcSecurityGroupIds"
    if network is None:
        return {**conditions, "Null": {subnets: "true", groups: "true"}}
    # ForAllValues is true of an absent key, too.
    return {
        **conditions,
        "ForAllValues:StringEquals": {subnets: network["Subnets"], groups: network["SecurityGroupIds"]},
        "Null": {subnets: "false", groups: "false"},
    }


def _allow_textract(grantee: iam.IGrantable) -> None:
    """Reading images and scans; the guide does not say whether the job's role or its caller is judged."""
    allow(grantee, "textract:DetectDocumentText", "textract:AnalyzeDocument", on=["*"], wildcard=_NO_RESOURCES)


def _arn(scope: Construct, resource: str) -> str:
    return Stack.of(scope).format_arn(service="comprehend", resource=resource, resource_name="*")
