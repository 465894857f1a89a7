"""Subnets and security groups in which the service runs a job's containers, and the way from there to S3.

Source: Amazon Comprehend Developer Guide, usingVPC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aws_cdk import Annotations, Stack, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from ._access import acknowledge, allow
from ._storage import Prefix

# What the guide's endpoint policy lets through, and the versions that uploads are copied from.
_READ = ["s3:GetBucketLocation", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"]
_WRITE = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:ListMultipartUploadParts", "s3:PutObject"]


class JobNetwork(Construct):
    """The subnets and security groups of jobs.

    Attributes:
        vpc: where they are.
        subnets: given, or the isolated ones of the VPC.
        security_groups: given, or one that admits only itself and S3.
        connections: of the security groups.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        subnets: ec2.SubnetSelection | None,
        security_groups: Sequence[ec2.ISecurityGroup] | None,
        s3_prefix_list: ec2.IPrefixList | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.vpc = vpc
        self._s3_prefix_list = s3_prefix_list
        chosen = subnets or ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
        self.subnets: list[ec2.ISubnet] = vpc.select_subnets(
            availability_zones=chosen.availability_zones,
            one_per_az=chosen.one_per_az,
            subnet_filters=chosen.subnet_filters,
            subnet_group_name=chosen.subnet_group_name,
            subnets=chosen.subnets,
            subnet_type=chosen.subnet_type,
        ).subnets
        self.security_groups = list(security_groups or [self._security_group()])
        self.connections = ec2.Connections(security_groups=self.security_groups)

    def request(self) -> dict[str, list[str]]:
        """The request's ``VpcConfig``."""
        return {
            "SecurityGroupIds": [group.security_group_id for group in self.security_groups],
            "Subnets": [subnet.subnet_id for subnet in self.subnets],
        }

    def grant_interfaces(self, role: iam.IRole) -> None:
        """The nine rights on network interfaces that the service needs, each as narrow as IAM can say it."""
        subnets = [self._arn("subnet", subnet.subnet_id) for subnet in self.subnets]
        groups = [self._arn("security-group", group.security_group_id) for group in self.security_groups]
        interfaces, why = self._arn("network-interface", "*"), "network interfaces are made by the service"
        allow(role, "ec2:CreateNetworkInterface", on=[*subnets, *groups, interfaces], wildcard=why)
        allow(
            role,
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission",
            on=[interfaces],
            when={"ArnEquals": {"ec2:Subnet": subnets}},
            wildcard=why,
        )
        described = ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
        why = "IAM knows no resources for these actions"
        allow(role, *(f"ec2:Describe{name}" for name in described), on=["*"], wildcard=why)

    def grant_function_interfaces(self, function: lambda_.Function, group: ec2.ISecurityGroup) -> None:
        """The rights with which Lambda puts a function into the subnets."""
        subnets = [self._arn("subnet", subnet.subnet_id) for subnet in self.subnets]
        groups, interfaces = self._arn("security-group", group.security_group_id), self._arn("network-interface", "*")
        why = "network interfaces are made by Lambda"
        allow(function, "ec2:CreateNetworkInterface", on=[*subnets, groups, interfaces], wildcard=why)
        # Lambda refuses a role that may delete less, whatever it will delete.
        deleted = ("DeleteNetworkInterface", "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses")
        allow(function, *(f"ec2:{action}" for action in deleted), on=[self._arn("*", "*")], wildcard=why)
        described = ("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets")
        allow(function, *described, on=["*"], wildcard="IAM knows no resources for these actions")

    def _arn(self, resource: str, name: str) -> str:
        return Stack.of(self).format_arn(service="ec2", resource=resource, resource_name=name)

    def add_s3_endpoint(self, prefixes: Iterable[Prefix], *, custom: bool) -> ec2.GatewayVpcEndpoint:
        """A gateway endpoint in the jobs' subnets whose policy names the buckets.

        Args:
            prefixes: what jobs read and write.
            custom: jobs use a custom model, whose artifacts lie in buckets of the service that nobody can name.
        """
        endpoint = ec2.GatewayVpcEndpoint(
            self,
            "S3",
            vpc=self.vpc,
            service=ec2.GatewayVpcEndpointAwsService.S3,
            subnets=[ec2.SubnetSelection(subnets=self.subnets)],
        )
        buckets = [prefix.bucket for prefix in prefixes]
        objects = [bucket.arn_for_objects("*") for bucket in buckets]
        read = ["*"] if custom else [*(bucket.bucket_arn for bucket in buckets), *objects]
        for actions, resources in ((_READ, read), (_WRITE, objects)):
            statement = iam.PolicyStatement(principals=[iam.AnyPrincipal()], actions=actions, resources=resources)
            endpoint.add_to_policy(statement)
        return endpoint

    def _security_group(self) -> ec2.SecurityGroup:
        """A group for the containers of jobs, which talk to each other and to S3."""
        group = self.group_reaching_s3(self, "SecurityGroup", "Containers of entity-detection jobs")
        group.connections.allow_internally(ec2.Port.all_traffic(), "containers of one job")
        acknowledge(group, "EC2RestrictedCommonPorts", "the group admits nobody but itself")
        return group

    def group_reaching_s3(self, scope: Construct, construct_id: str, description: str) -> ec2.SecurityGroup:
        """A security group that admits nobody and reaches S3 only."""
        group = ec2.SecurityGroup(scope, construct_id, vpc=self.vpc, description=description, allow_all_outbound=False)
        peer = ec2.Peer.prefix_list((self._s3_prefix_list or self._looked_up_s3()).prefix_list_id)
        group.connections.allow_to(peer, ec2.Port.HTTPS, "S3 by the gateway endpoint")
        return group

    def _looked_up_s3(self) -> ec2.IPrefixList:
        stack = Stack.of(self)
        if Token.is_unresolved(stack.region) or Token.is_unresolved(stack.account):
            raise ValueError(
                "the security group of jobs may only reach S3, and the S3 prefix list of an unknown Region can't be "
                "looked up: give s3_prefix_list or security_groups, or give the stack an env with account and region"
            )
        self._s3_prefix_list = ec2.PrefixList.from_lookup(
            self, "S3PrefixList", prefix_list_name=f"com.amazonaws.{stack.region}.s3", owner_id="AWS"
        )
        return self._s3_prefix_list


def lock_bucket(bucket: s3.IBucket, endpoint: ec2.IVpcEndpoint, except_roles: Sequence[iam.IRole]) -> None:
    """Deny everybody but ``except_roles`` the objects of a bucket, unless they come through ``endpoint``.

    Only calls on objects are denied: administrators and CloudFormation keep the bucket itself, and its policy.
    """
    statement = iam.PolicyStatement(
        sid="ObjectsThroughTheEndpointOnly",
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=["s3:AbortMultipartUpload", "s3:DeleteObject*", "s3:GetObject*", "s3:ListBucket*", "s3:PutObject*"],
        resources=[bucket.bucket_arn, bucket.arn_for_objects("*")],
        conditions={
            "StringNotEquals": {"aws:SourceVpce": endpoint.vpc_endpoint_id},
            "ArnNotEquals": {"aws:PrincipalArn": [role.role_arn for role in except_roles]},
        },
    )
    if not bucket.add_to_resource_policy(statement).statement_added:
        text = f"{bucket.node.path} is imported, so that CDK can't lock it to {endpoint.node.path}: its owner must"
        Annotations.of(bucket).add_warning_v2("cdk-comprehend-entities:not-locked", text)
