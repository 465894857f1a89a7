"""The network of a workflow: what its jobs, and with strict hardening its functions, reach in a VPC and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Node

from ._hardening import StrictHardening
from ._network import JobNetwork, lock_bucket
from ._settings import is_custom
from ._storage import Storage


class PrivateNetwork:
    """Methods of a workflow."""

    node: Node
    network: JobNetwork | None
    input_bucket: s3.IBucket
    output_bucket: s3.IBucket
    state_machine: sfn.StateMachine
    _hardening: StrictHardening | None
    _settings: Mapping[str, Any]
    _storage: Storage

    @property
    def connections(self) -> ec2.Connections:
        """The connections of the jobs' security groups.

        Raises:
            ValueError: jobs don't run in a VPC.
        """
        return self._job_network().connections

    def add_s3_endpoint(self) -> ec2.GatewayVpcEndpoint:
        """Add an S3 gateway endpoint to the jobs' subnets, whose policy names the buckets; for a VPC that has none.

        Raises:
            ValueError: jobs don't run in a VPC.
        """
        buckets = {prefix.bucket.node.path: prefix for prefix in (self._storage.documents, self._storage.jobs)}
        custom = is_custom(self._settings["Request"])
        endpoint = self._job_network().add_s3_endpoint(buckets.values(), custom=custom)
        if self._hardening:
            self._hardening.adopt_s3_endpoint(endpoint)
        return endpoint

    @property
    def function_connections(self) -> ec2.Connections:
        """The connections of the functions' security group, for endpoints that the VPC has already.

        Raises:
            ValueError: the functions are not in a VPC.
        """
        return self._strict().connections

    def add_interface_endpoints(self) -> list[ec2.InterfaceVpcEndpoint]:
        """Add endpoints for all that the functions call besides S3 to the jobs' subnets; for a VPC that has none.

        Their policies let no other calls through, whoever in the VPC makes them. With ``add_s3_endpoint``, isolated
        subnets are enough.

        Raises:
            ValueError: the functions are not in a VPC.
        """
        return self._strict().add_interface_endpoints()

    def lock_buckets(self, s3_endpoint: ec2.IVpcEndpoint, *, except_roles: Sequence[iam.IRole] = ()) -> None:
        """Refuse every reading and writing of objects that does not come through an S3 endpoint.

        Uploaders and readers outside of the VPC are refused, too, in the console as well. Who may change a bucket's
        policy still may, so that nobody is locked out for good.

        Args:
            s3_endpoint: the endpoint of the jobs' subnets.
            except_roles: who may still come from elsewhere (default: only Step Functions, which lists uploads).

        Raises:
            ValueError: the functions are not in a VPC.
        """
        self._strict()
        role: Any = self.state_machine.role
        for bucket in (self.input_bucket, self.output_bucket):
            lock_bucket(bucket, s3_endpoint, [role, *except_roles])

    def _strict(self) -> StrictHardening:
        if self._hardening is None:
            raise ValueError(
                f'the functions of {self.node.path} are not in a VPC; give the workflow hardening="strict"'
            )
        return self._hardening

    def _job_network(self) -> JobNetwork:
        if self.network is None:
            raise ValueError(f"the jobs of {self.node.path} run in the service's own network; give the workflow a vpc")
        return self.network
