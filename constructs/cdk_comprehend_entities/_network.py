"""Subnets and security groups in which the service runs a job's containers, and the way from there to S3.

Source: Amazon Comprehend Developer Guide, usingVPC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aws_cdk import Stack, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from ._storage import Prefix


class JobNetwork(Construct):
    """The VPC settings of jobs.

    Attributes:
        vpc: the VPC.
        subnets: the subnets, isolated ones are enough.
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
        self._selection = subnets or ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
        self.subnets: list[ec2.ISubnet] = vpc.select_subnets(
            availability_zones=self._selection.availability_zones,
            one_per_az=self._selection.one_per_az,
            subnet_filters=self._selection.subnet_filters,
            subnet_group_name=self._selection.subnet_group_name,
            subnets=self._selection.subnets,
            subnet_type=self._selection.subnet_type,
        ).subnets
        self.security_groups = list(security_groups or [self._security_group(s3_prefix_list)])
        self.connections = ec2.Connections(security_groups=self.security_groups)

    def request(self) -> dict[str, list[str]]:
        """The request's ``VpcConfig``."""
        return {
            "SecurityGroupIds": [group.security_group_id for group in self.security_groups],
            "Subnets": [subnet.subnet_id for subnet in self.subnets],
        }

    def statements(self) -> list[iam.PolicyStatement]:
        """The nine rights of the data-access role, each as narrow as IAM can say it."""
        stack = Stack.of(self)
        subnets = [
            stack.format_arn(service="ec2", resource="subnet", resource_name=subnet.subnet_id)
            for subnet in self.subnets
        ]
        groups = [
            stack.format_arn(service="ec2", resource="security-group", resource_name=group.security_group_id)
            for group in self.security_groups
        ]
        interfaces = stack.format_arn(service="ec2", resource="network-interface", resource_name="*")
        return [
            iam.PolicyStatement(
                actions=["ec2:CreateNetworkInterface"],
                resources=[*subnets, *groups, interfaces],
            ),
            iam.PolicyStatement(
                actions=[
                    "ec2:CreateNetworkInterfacePermission",
                    "ec2:DeleteNetworkInterface",
                    "ec2:DeleteNetworkInterfacePermission",
                ],
                resources=[interfaces],
                conditions={"ArnEquals": {"ec2:Subnet": subnets}},
            ),
            iam.PolicyStatement(
                actions=[
                    "ec2:DescribeDhcpOptions",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeSecurityGroups",
                    "ec2:DescribeSubnets",
                    "ec2:DescribeVpcs",
                ],
                # IAM knows no resources for these actions.
                resources=["*"],
            ),
        ]

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
        buckets = {prefix.bucket.node.path: prefix.bucket for prefix in prefixes}.values()
        read = [bucket.bucket_arn for bucket in buckets] + [bucket.arn_for_objects("*") for bucket in buckets]
        everyone = [iam.AnyPrincipal()]
        endpoint.add_to_policy(
            iam.PolicyStatement(
                principals=everyone,
                actions=["s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket"],
                resources=["*"] if custom else read,
            )
        )
        endpoint.add_to_policy(
            iam.PolicyStatement(
                principals=everyone,
                actions=[
                    "s3:AbortMultipartUpload",
                    "s3:DeleteObject",
                    "s3:ListMultipartUploadParts",
                    "s3:PutObject",
                ],
                resources=[bucket.arn_for_objects("*") for bucket in buckets],
            )
        )
        return endpoint

    def _security_group(self, s3_prefix_list: ec2.IPrefixList | None) -> ec2.SecurityGroup:
        """A group for the containers of jobs, which talk to each other and to S3."""
        group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=self.vpc,
            description="Containers of entity-detection jobs",
            allow_all_outbound=False,
        )
        group.connections.allow_internally(ec2.Port.all_traffic(), "containers of one job")
        s3 = ec2.Peer.prefix_list((s3_prefix_list or self._looked_up_s3()).prefix_list_id)
        group.connections.allow_to(s3, ec2.Port.HTTPS, "S3 by the gateway endpoint")
        return group

    def _looked_up_s3(self) -> ec2.IPrefixList:
        stack = Stack.of(self)
        if Token.is_unresolved(stack.region) or Token.is_unresolved(stack.account):
            raise ValueError(
                "the security group of jobs may only reach S3, and the S3 prefix list of an unknown Region can't be looked "
                "up: give s3_prefix_list or security_groups, or give the stack an env with account and region"
            )
        return ec2.PrefixList.from_lookup(
            self, "S3PrefixList", prefix_list_name=f"com.amazonaws.{stack.region}.s3", owner_id="AWS"
        )
