"""Events of other services, as far as they are read."""

from __future__ import annotations

from typing import NotRequired, TypedDict, final


class CreatedObject(TypedDict):
    """The object of an S3 event."""

    key: str


class ObjectCreatedDetail(TypedDict):
    """The detail of an S3 event."""

    object: CreatedObject


@final
class ObjectCreated(TypedDict):
    """S3's event "Object Created" (Amazon S3 User Guide, ev-events)."""

    detail: ObjectCreatedDetail


class ExecutionEnded(TypedDict):
    """The detail of Step Functions' event "Step Functions Execution Status Change"."""

    executionArn: str


@final
class ExecutionStatusChange(TypedDict):
    """Step Functions' event "Step Functions Execution Status Change"."""

    detail: ExecutionEnded


class CustomResourceProperties(TypedDict):
    """The properties of the custom resource."""

    StateMachineArn: str


@final
class CustomResourceEvent(TypedDict):
    """The event that CloudFormation sends to a custom resource (CloudFormation User Guide, crpg-ref-requests)."""

    RequestType: str
    ResponseURL: str
    StackId: str
    RequestId: str
    LogicalResourceId: str
    ResourceProperties: CustomResourceProperties
    PhysicalResourceId: NotRequired[str]
