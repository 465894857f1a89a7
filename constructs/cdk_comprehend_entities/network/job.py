"""Subnets and security groups in which the service runs a job's containers, and strict hardening the functions.

Source: Amazon Comprehend Developer Guide, usingVPC.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk.aws_s3 import IBucket
from constructs import Construct, DependencyGroup

from entities_job.contracts import VpcConfig

from ..rights.acknowledged import acknowledge
from .endpoints import interface_endpoints, let_answers_through, s3_endpoint


class JobNetwork(Construct):
    """The subnets and security groups of jobs.

    Attributes:
        vpc: the VPC.
        subnets: the given ones, or the isolated ones of the VPC.
        security_groups: the given ones, or one that admits only itself and S3.
        connections: the connections of the security groups.
        function_group: the security group of functions, which reaches S3 only; None if they are not in the VPC.
        endpoints: the endpoints that functions need, whenever they are added.

    Examples:
        >>> ids = [subnet.subnet_id for subnet in strict.network.subnets]
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        subnets: ec2.SubnetSelection | None,
        groups: Sequence[ec2.ISecurityGroup] | None,
        s3: ec2.IPrefixList | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.vpc = vpc
        self._s3_prefix_list = s3
        self.subnets = chosen_subnets(vpc, subnets)
        self.security_groups = list(groups or [self._security_group()])
        self.connections = ec2.Connections(security_groups=self.security_groups)
        self.function_group: ec2.SecurityGroup | None = None
        self.endpoints = DependencyGroup()

    @property
    def request(self) -> VpcConfig:
        """The ``VpcConfig`` of job requests."""
        return {
            "SecurityGroupIds": [group.security_group_id for group in self.security_groups],
            "Subnets": [subnet.subnet_id for subnet in self.subnets],
        }

    def admit_functions(self) -> ec2.SecurityGroup:
        """Return a new security group for functions in the jobs' subnets; the workflow calls this."""
        self.function_group = self._group("FunctionsSecurityGroup", "Functions around entity-detection jobs")
        return self.function_group

    def add_s3_endpoint(self, buckets: Sequence[IBucket]) -> ec2.GatewayVpcEndpoint:
        """Add an S3 gateway endpoint to the subnets; use the workflow's method of this name.

        Args:
            buckets: the buckets that may be written.
        """
        endpoint = s3_endpoint(self, self.vpc, self.subnets, buckets)
        if self.function_group:
            let_answers_through(endpoint)
            self.endpoints.add(endpoint)
        return endpoint

    def add_interface_endpoints(self, callers: ec2.ISecurityGroup) -> list[ec2.InterfaceVpcEndpoint]:
        """Add endpoints to the subnets for calls besides S3; use the workflow's method of this name.

        Args:
            callers: the security group of the functions that call.
        """
        added = interface_endpoints(self, self.vpc, self.subnets, callers)
        self.endpoints.add(*added)
        return added

    def _security_group(self) -> ec2.SecurityGroup:
        """Return a group for the containers of jobs, which talk to each other and to S3."""
        group = self._group("SecurityGroup", "Containers of entity-detection jobs")
        group.connections.allow_internally(ec2.Port.all_traffic(), "containers of one job")
        acknowledge(group, "jobs-group")
        return group

    def _group(self, construct_id: str, description: str) -> ec2.SecurityGroup:
        """Return a new security group that admits no traffic and reaches S3 only."""
        group = ec2.SecurityGroup(self, construct_id, vpc=self.vpc, description=description, allow_all_outbound=False)
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


def chosen_subnets(vpc: ec2.IVpc, subnets: ec2.SubnetSelection | None) -> list[ec2.ISubnet]:
    """Return the subnets that jobs run in: those that are selected, or the isolated ones.

    Raises:
        RuntimeError: the VPC has none of them.
    """
    chosen = subnets or ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    return vpc.select_subnets(
        availability_zones=chosen.availability_zones,
        one_per_az=chosen.one_per_az,
        subnet_filters=chosen.subnet_filters,
        subnet_group_name=chosen.subnet_group_name,
        subnets=chosen.subnets,
        subnet_type=chosen.subnet_type,
    ).subnets
