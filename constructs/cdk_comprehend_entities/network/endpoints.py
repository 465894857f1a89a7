"""Endpoints of the VPC: S3's for jobs and functions, and those of other services that functions call.

Sources: Amazon Comprehend Developer Guide, usingVPC; AWS PrivateLink Guide, vpc-endpoints-access.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Fn, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from entities_job import operation

from ..rights.access import statement

_ENDPOINTS = "Endpoints for functions around entity-detection jobs"
_GUIDE = "Amazon Comprehend Developer Guide, usingVPC"

# What the guide's endpoint policy lets through, and the versions that uploads are copied from.
_READ = ("s3:GetBucketLocation", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket")
_WRITE = ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:ListMultipartUploadParts", "s3:PutObject")

# What the functions call besides S3, by CDK's names of the services; logs and traces leave them through Lambda itself.
_CALLED = {
    "Comprehend": (
        "COMPREHEND",
        "comprehend",
        (operation.DESCRIBE, operation.LIST, operation.START, operation.STOP, "TagResource"),
    ),
    "Events": ("EVENTBRIDGE", "events", ("PutEvents",)),
    "Queues": (
        "SQS",
        "sqs",
        ("ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage", "SendMessage"),
    ),
    "States": (
        "STEP_FUNCTIONS",
        "states",
        ("DescribeExecution", "GetExecutionHistory", "ListExecutions", "SendTaskSuccess", "StartExecution"),
    ),
}


def s3_endpoint(
    scope: Construct, vpc: ec2.IVpc, subnets: Sequence[ec2.ISubnet], buckets: Sequence[s3.IBucket]
) -> ec2.GatewayVpcEndpoint:
    """Return a new gateway endpoint that all can be read through, and ``buckets`` written.

    Jobs read the service's models and tools through it, from buckets that have no known names; the rights of those who
    read say what else may be.

    Args:
        scope: the parent.
        vpc: where it is.
        subnets: whose route tables lead to it.
        buckets: what jobs write.
    """
    called, chosen = ec2.GatewayVpcEndpointAwsService.S3, ec2.SubnetSelection(subnets=subnets)
    endpoint = ec2.GatewayVpcEndpoint(scope, "S3", vpc=vpc, service=called, subnets=[chosen])
    objects = [bucket.arn_for_objects("*") for bucket in buckets]
    for actions, resources in ((_READ, ["*"]), (_WRITE, objects)):
        endpoint.add_to_policy(statement(*actions, on=resources, to=iam.AnyPrincipal(), source=_GUIDE))
    return endpoint


def let_answers_through(endpoint: ec2.GatewayVpcEndpoint) -> None:
    """Let the functions' answers to CloudFormation through an S3 endpoint: they go to a bucket of CloudFormation."""
    region = Fn.join("", Fn.split("-", Stack.of(endpoint).region))
    answers = f"arn:{Stack.of(endpoint).partition}:s3:::cloudformation-custom-resource-response-{region}/*"
    guide = "AWS CloudFormation User Guide, cfn-vpce-bucketnames"
    endpoint.add_to_policy(statement("s3:PutObject", on=[answers], to=iam.AnyPrincipal(), source=guide))


def interface_endpoints(
    scope: Construct, vpc: ec2.IVpc, subnets: Sequence[ec2.ISubnet], callers: ec2.ISecurityGroup
) -> list[ec2.InterfaceVpcEndpoint]:
    """Return new endpoints for what the functions call besides S3.

    Args:
        scope: the parent.
        vpc: where they are.
        subnets: the subnets of jobs and functions.
        callers: the security group of the functions, the only one that is admitted.
    """
    group = ec2.SecurityGroup(
        scope, "EndpointsSecurityGroup", vpc=vpc, description=_ENDPOINTS, allow_all_outbound=False
    )
    group.connections.allow_from(callers, ec2.Port.HTTPS)
    own = {"StringEquals": {"aws:PrincipalAccount": Stack.of(scope).account}}
    endpoints = []
    for name, (service, prefix, operations) in _CALLED.items():
        endpoint = ec2.InterfaceVpcEndpoint(
            scope,
            name,
            vpc=vpc,
            service=getattr(ec2.InterfaceVpcEndpointAwsService, service),
            subnets=ec2.SubnetSelection(subnets=subnets),
            security_groups=[group],
            # CDK would let in the whole VPC.
            open=False,
        )
        actions = [f"{prefix}:{each}" for each in operations]
        # The functions' roles say on what: an endpoint's policy adds no permission.
        source = "AWS PrivateLink Guide, vpc-endpoints-access"
        endpoint.add_to_policy(statement(*actions, on=["*"], to=iam.AnyPrincipal(), when=own, source=source))
        endpoints.append(endpoint)
    return endpoints
