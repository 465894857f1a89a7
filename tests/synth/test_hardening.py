"""``hardening="strict"``: what the rule packs of test_checkers.py don't see of it."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from cdk_comprehend_entities import EntitiesDetectionWorkflow
from tests.synth.reading import Synthesized, conditions, shown
from tests.synth.variants import own_vpc, prefix_list

HTTPS = 443
CALLED = {"comprehend", "events", "sqs", "states"}


def build(stack: cdk.Stack, **props: Any) -> EntitiesDetectionWorkflow:
    return EntitiesDetectionWorkflow(
        stack, "Entities", vpc=own_vpc(stack), s3_prefix_list=prefix_list(stack), hardening="strict", **props
    )


@pytest.fixture(scope="module")
def strict() -> Synthesized:
    def locked(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        workflow = build(stack)
        workflow.start_on_upload()
        workflow.add_interface_endpoints()
        administrator = iam.Role(stack, "Administrator", assumed_by=iam.AccountRootPrincipal())
        workflow.lock_buckets(workflow.add_s3_endpoint(), except_roles=[administrator])
        return workflow

    return Synthesized(locked)


def test_functions_reach_s3_and_the_endpoints_only(strict: Synthesized) -> None:
    functions = strict.of_type("AWS::Lambda::Function").values()
    (group,) = {shown(group) for function in functions for group in function["VpcConfig"]["SecurityGroupIds"]}
    reached = [
        rule for rule in strict.of_type("AWS::EC2::SecurityGroupEgress").values() if shown(rule["GroupId"]) == group
    ]
    inline = strict.one("AWS::EC2::SecurityGroup", group.strip("<>").removesuffix(".GroupId"))
    reached += inline.get("SecurityGroupEgress", [])
    targets = {shown(rule.get("DestinationSecurityGroupId") or rule["DestinationPrefixListId"]) for rule in reached}
    assert targets == {"pl-63a5400a", "<NetworkEndpointsSecurityGroup.GroupId>"}
    assert {rule["ToPort"] for rule in reached} == {HTTPS}
    assert not inline.get("SecurityGroupIngress")


def test_only_functions_reach_the_endpoints(strict: Synthesized) -> None:
    admitted = {
        (shown(rule["GroupId"]), shown(rule["SourceSecurityGroupId"]))
        for rule in strict.of_type("AWS::EC2::SecurityGroupIngress").values()
    }
    jobs, functions = "<NetworkSecurityGroup.GroupId>", "<NetworkFunctionsSecurityGroup.GroupId>"
    assert admitted == {(jobs, jobs), ("<NetworkEndpointsSecurityGroup.GroupId>", functions)}


def test_there_is_an_endpoint_for_each_service_that_functions_call(strict: Synthesized) -> None:
    endpoints = strict.of_type("AWS::EC2::VPCEndpoint").values()
    interfaces = [endpoint for endpoint in endpoints if endpoint["VpcEndpointType"] == "Interface"]
    assert {shown(endpoint["ServiceName"]).split(".")[-1] for endpoint in interfaces} == CALLED
    assert all(endpoint["PrivateDnsEnabled"] for endpoint in interfaces)
    let_through = {
        action
        for endpoint in interfaces
        for statement in endpoint["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    needed = {
        action
        for role in strict.of_type("AWS::IAM::Role")
        if role.endswith("Role") and role not in {"DataAccessRole", "StateMachineRole"}
        for action, _, _ in strict.rights(f"<{role}>")
        if action.split(":")[0] in CALLED
    }
    # Lambda itself, which reads the wake queue for its function, does so from outside of the VPC.
    assert needed <= let_through | {"sqs:GetQueueUrl"}


def test_functions_can_be_let_to_endpoints_that_exist() -> None:
    def to_existing(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        workflow = build(stack)
        endpoints = ec2.SecurityGroup.from_security_group_id(stack, "Endpoints", "sg-1234", mutable=False)
        workflow.function_connections.allow_to(endpoints, ec2.Port.HTTPS)
        return workflow

    (rule,) = [
        rule
        for rule in Synthesized(to_existing).of_type("AWS::EC2::SecurityGroupEgress").values()
        if rule.get("DestinationSecurityGroupId") == "sg-1234"
    ]
    assert shown(rule["GroupId"]) == "<NetworkFunctionsSecurityGroup.GroupId>"


def test_buckets_refuse_objects_to_whoever_comes_another_way(strict: Synthesized) -> None:
    for bucket in ("InputBucket", "OutputBucket"):
        statements = strict.one("AWS::S3::BucketPolicy", f"{bucket}Policy")["PolicyDocument"]["Statement"]
        (lock,) = [statement for statement in statements if statement.get("Sid") == "ObjectsThroughTheEndpointOnly"]
        assert lock["Effect"] == "Deny"
        assert conditions(lock) == (
            "StringNotEquals aws:SourceVpce <NetworkS3>"
            " and ArnNotEquals aws:PrincipalArn <StateMachineRole.Arn> <Administrator.Arn>"
        )
        # Whoever administers the bucket still can.
        assert not [action for action in lock["Action"] if "Bucket" in action and not action.startswith("s3:List")]


def test_an_imported_bucket_is_said_not_to_be_locked() -> None:
    def locked(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        workflow = build(stack, input_bucket=s3.Bucket.from_bucket_name(stack, "In", "given-in"))
        workflow.lock_buckets(workflow.add_s3_endpoint())
        return workflow

    assert any("can't lock it" in text for text in Synthesized(locked).warnings())


def test_functions_that_answer_cloudformation_are_let_through(strict: Synthesized) -> None:
    endpoint = strict.one("AWS::EC2::VPCEndpoint", "NetworkS3")
    written = [
        shown(statement["Resource"])
        for statement in endpoint["PolicyDocument"]["Statement"]
        if statement["Action"] == "s3:PutObject"
    ]
    assert any("cloudformation-custom-resource-response-" in resource for resource in written)


def test_only_log_groups_that_are_protected_outlive_a_first_deployment_that_fails(strict: Synthesized) -> None:
    holding = ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Logs::LogGroup")
    kept = {
        (resource["Type"], bool(resource["Properties"].get("DeletionProtectionEnabled")))
        for resource in strict.resources.values()
        if resource["Type"] in holding and resource["DeletionPolicy"] == "Retain"
    }
    assert kept == {("AWS::Logs::LogGroup", True)}


def test_no_function_reserves_concurrency(strict: Synthesized) -> None:
    functions = strict.of_type("AWS::Lambda::Function").values()
    assert not [function for function in functions if "ReservedConcurrentExecutions" in function]


@pytest.mark.parametrize(
    ("props", "message"),
    [
        ({"hardening": "strict"}, "vpc: is needed by strict hardening"),
        ({"hardening": "strictest"}, "hardening: must be one of .*one of 'standard', 'strict'; got 'strictest'"),
    ],
)
def test_fails_without_what_it_needs(stack: cdk.Stack, props: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EntitiesDetectionWorkflow(stack, "Entities", **props)


def test_fails_where_data_would_be_deleted(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match="removal_policy: can't be DESTROY"):
        build(stack, removal_policy=RemovalPolicy.DESTROY)


def test_only_functions_in_a_vpc_need_endpoints(stack: cdk.Stack) -> None:
    workflow = EntitiesDetectionWorkflow(stack, "Entities", vpc=own_vpc(stack), s3_prefix_list=prefix_list(stack))
    with pytest.raises(ValueError, match='give the workflow hardening="strict"'):
        workflow.add_interface_endpoints()
    with pytest.raises(ValueError, match='give the workflow hardening="strict"'):
        workflow.lock_buckets(workflow.add_s3_endpoint())
