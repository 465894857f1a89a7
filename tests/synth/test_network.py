"""Jobs in a VPC: their subnets, their security group, and the way to S3."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2

from cdk_comprehend_entities import EntitiesDetectionWorkflow
from tests.synth.reading import Synthesized, shown

EC2 = "arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>"
SUBNETS = [f"<VpcIsolatedSubnet{n}Subnet>" for n in (1, 2)]
GROUP = "<NetworkSecurityGroup.GroupId>"
INTERFACES = f"{EC2}:network-interface/*"
OF_THE_SUBNETS = "ArnEquals ec2:Subnet " + " ".join(f"{EC2}:subnet/{subnet}" for subnet in SUBNETS)
DESCRIBED = {
    (f"ec2:Describe{what}", "*", "")
    for what in ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
}
USED = ("CreateNetworkInterfacePermission", "DeleteNetworkInterface", "DeleteNetworkInterfacePermission")


def isolated_vpc(stack: cdk.Stack) -> ec2.Vpc:
    isolated = ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    return ec2.Vpc(stack, "Vpc", max_azs=2, nat_gateways=0, subnet_configuration=[isolated])


def prefix_list(stack: cdk.Stack) -> ec2.IPrefixList:
    return ec2.PrefixList.from_prefix_list_id(stack, "S3PrefixList", "pl-1234")


def in_vpc(stack: cdk.Stack, **props: Any) -> EntitiesDetectionWorkflow:
    return EntitiesDetectionWorkflow(
        stack, "Entities", vpc=isolated_vpc(stack), s3_prefix_list=prefix_list(stack), **props
    )


@pytest.fixture(scope="module")
def networked() -> Synthesized:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        workflow = in_vpc(stack)
        workflow.add_s3_endpoint()
        return workflow

    return Synthesized(build)


def test_jobs_run_in_the_isolated_subnets(networked: Synthesized) -> None:
    definition = json.loads(networked.settings())
    request = definition["States"]["InspectInput"]["Arguments"]["Payload"]["Settings"]["Request"]
    assert request["VpcConfig"] == {"SecurityGroupIds": [GROUP], "Subnets": SUBNETS}


def test_requests_are_pinned_to_the_subnets_and_the_group(networked: Synthesized) -> None:
    (start,) = [right for right in networked.rights("<StartJobRole>") if right[0].startswith("comprehend:Start")]
    assert start[2].endswith(
        f"ForAllValues:StringEquals comprehend:VpcSubnets {' '.join(SUBNETS)}"
        f" and ForAllValues:StringEquals comprehend:VpcSecurityGroupIds {GROUP}"
    )


def test_the_service_makes_network_interfaces_as_its_guide_shows(networked: Synthesized) -> None:
    rights = {right for right in networked.rights("<DataAccessRole>") if right[0].startswith("ec2:")}
    assert rights == {*((f"ec2:{action}", "*", "") for action in ("CreateNetworkInterface", *USED)), *DESCRIBED}


def test_narrow_permissions_pin_network_interfaces_to_the_subnets_and_starts_to_the_network() -> None:
    narrow = Synthesized(lambda stack: in_vpc(stack, narrow_permissions=True))
    created = [*(f"{EC2}:subnet/{subnet}" for subnet in SUBNETS), f"{EC2}:security-group/{GROUP}", INTERFACES]
    assert {right for right in narrow.rights("<DataAccessRole>") if right[0].startswith("ec2:")} == {
        *(("ec2:CreateNetworkInterface", resource, "") for resource in created),
        *((f"ec2:{action}", INTERFACES, OF_THE_SUBNETS) for action in USED),
        *DESCRIBED,
    }
    (start,) = [right for right in narrow.rights("<StartJobRole>") if right[0].startswith("comprehend:Start")]
    assert start[2].endswith("Null comprehend:VpcSubnets false and Null comprehend:VpcSecurityGroupIds false")


def test_the_security_group_admits_itself_and_reaches_itself_and_s3(networked: Synthesized) -> None:
    group = networked.one("AWS::EC2::SecurityGroup", "NetworkSecurityGroup")
    assert not {"SecurityGroupIngress", "SecurityGroupEgress"} & group.keys()
    (ingress,) = networked.of_type("AWS::EC2::SecurityGroupIngress").values()
    assert (shown(ingress["GroupId"]), shown(ingress["SourceSecurityGroupId"])) == (GROUP, GROUP)
    egress = networked.of_type("AWS::EC2::SecurityGroupEgress").values()
    assert {shown(rule["GroupId"]) for rule in egress} == {GROUP}
    reached = {
        (shown(rule.get("DestinationSecurityGroupId")), rule.get("DestinationPrefixListId"), rule.get("ToPort"))
        for rule in egress
    }
    assert reached == {(GROUP, None, None), ("None", "pl-1234", 443)}


def test_the_endpoint_lets_the_services_models_be_read_and_only_the_workflows_buckets_written(
    networked: Synthesized,
) -> None:
    (endpoint,) = networked.of_type("AWS::EC2::VPCEndpoint").values()
    assert endpoint["VpcEndpointType"] == "Gateway"
    assert len(endpoint["RouteTableIds"]) == 2
    read, written = endpoint["PolicyDocument"]["Statement"]
    assert read["Resource"] == "*"
    assert not [action for action in read["Action"] if not action.startswith(("s3:Get", "s3:List"))]
    assert list(map(shown, written["Resource"])) == ["<InputBucket.Arn>/*", "<OutputBucket.Arn>/*"]


def test_given_subnets_and_groups_are_used() -> None:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        vpc = ec2.Vpc(stack, "Vpc", max_azs=1)
        return EntitiesDetectionWorkflow(
            stack,
            "Entities",
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            security_groups=[ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1234")],
        )

    given = Synthesized(build)
    request = json.loads(given.settings())["States"]["InspectInput"]["Arguments"]["Payload"]["Settings"]["Request"]
    assert request["VpcConfig"] == {"SecurityGroupIds": ["sg-1234"], "Subnets": ["<VpcPrivateSubnet1Subnet>"]}
    assert given.of_type("AWS::EC2::SecurityGroup") == {}


def test_connections_open_the_jobs_group() -> None:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        workflow = in_vpc(stack)
        workflow.connections.allow_to(ec2.Peer.ipv4("10.1.0.0/16"), ec2.Port.HTTPS)
        proxy = ec2.SecurityGroup(stack, "Proxy", vpc=ec2.Vpc(stack, "Peered"))
        proxy.connections.allow_from(workflow, ec2.Port.HTTPS)
        return workflow

    opened = Synthesized(build)
    egress = opened.one("AWS::EC2::SecurityGroup", "NetworkSecurityGroup")["SecurityGroupEgress"]
    assert "10.1.0.0/16" in [rule.get("CidrIp") for rule in egress]
    assert len(opened.of_type("AWS::EC2::SecurityGroupIngress")) == 2


def test_fails_without_a_vpc(stack: cdk.Stack) -> None:
    workflow = EntitiesDetectionWorkflow(stack, "Entities")
    with pytest.raises(ValueError, match="give the workflow a vpc"):
        _ = workflow.connections
    with pytest.raises(ValueError, match="give the workflow a vpc"):
        workflow.add_s3_endpoint()


def test_fails_where_the_prefix_list_of_s3_is_unknown(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match="give s3_prefix_list or security_groups"):
        EntitiesDetectionWorkflow(stack, "Entities", vpc=isolated_vpc(stack))
