"""Subnets and security groups in which the service runs a job's containers, and the way from there to S3.

Source: Amazon Comprehend Developer Guide, usingVPC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aws_cdk import Stack, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from ._access import allow
from ._storage import Prefix

# What the guide's endpoint policy lets through.
_READ = ["s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket"]
_WRITE = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:ListMultipartUploadParts", "s3:PutObject"]


class JobNetwork(Construct):
    """The subnets and security groups of jobs.

    Attributes:
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
        self._vpc = vpc
        chosen = subnets or ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
        self.subnets: list[ec2.ISubnet] = vpc.select_subnets(
            availability_zones=chosen.availability_zones,
            one_per_az=chosen.one_per_az,
            subnet_filters=chosen.subnet_filters,
            subnet_group_name=chosen.subnet_group_name,
            subnets=chosen.subnets,
            subnet_type=chosen.subnet_type,
        ).subnets
        self.security_groups = list(security_groups or [self._security_group(s3_prefix_list)])
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
            vpc=self._vpc,
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

    def _security_group(self, s3_prefix_list: ec2.IPrefixList | None) -> ec2.SecurityGroup:
        """A group for the containers of jobs, which talk to each other and to S3."""
        group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=self._vpc,
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
                "the security group of jobs may only reach S3, and the S3 prefix list of an unknown Region can't be "
                "looked up: give s3_prefix_list or security_groups, or give the stack an env with account and region"
            )
        return ec2.PrefixList.from_lookup(
            self, "S3PrefixList", prefix_list_name=f"com.amazonaws.{stack.region}.s3", owner_id="AWS"
        )
