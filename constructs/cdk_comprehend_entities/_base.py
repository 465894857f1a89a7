"""Methods of a workflow that need its parts, but not how they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Annotations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from ._events import ObservableWorkflow
from ._storage import Storage
from .arguments.checks import checked, filled
from .machine.task import execution_task
from .network.job import JobNetwork
from .network.lock import lock_bucket
from .rights.access import same_account, together


class WorkflowBase(ObservableWorkflow):
    """Permissions, the workflow as a task, and the network; the workflow documents its parts."""

    input_bucket: s3.IBucket
    network: JobNetwork | None
    output_bucket: s3.IBucket
    _storage: Storage

    @property
    def results_prefix(self) -> str:
        """The prefix of published results in the output bucket."""
        return self._storage.results.path

    def grant_upload(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal put documents under the input prefix.

        Args:
            grantee: the principal; one of another account needs the bucket's and the key's policies, too.

        Examples:
            >>> grant = workflow.grant_upload(role)
        """
        return self._storage.documents.grant_write(grantee)

    def grant_read_results(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal list and read published results, but neither raw results nor the functions' own files.

        Args:
            grantee: the principal.

        Examples:
            >>> grant = workflow.grant_read_results(role)
        """
        results = self._storage.results
        return together(results.grant_list(grantee), results.grant_read(grantee))

    def grant_start_execution(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal of this account start executions, and so cause the cost of jobs.

        Args:
            grantee: the principal; a state machine has no policy of its own that could name another account.

        Examples:
            >>> grant = workflow.grant_start_execution(role)
        """
        machine = self.state_machine
        own = same_account(grantee, machine.env.account)
        grant = machine.grant_start_execution(grantee) if own else iam.Grant.drop(grantee, "of another account")
        if not grant.success:
            text = (
                "grant_start_execution did nothing: the grantee is not a role or user of this account, and a state "
                "machine has no resource policy; let the grantee assume a role of this account"
            )
            Annotations.of(self).add_warning_v2("cdk-comprehend-entities:start-execution", text)
        return grant

    @checked(filled("request"))
    def as_task(
        self, scope: Construct, construct_id: str, *, request: Mapping[str, object] | None = None
    ) -> sfn.Parallel:
        """Return this workflow as one state of another state machine, whose query language is JSONPath or JSONata.

        The state waits for the execution's end and returns its output; it fails with the job's own error, which Catch
        and Retry can name; and if the other machine's execution is aborted, the job is stopped.

        Args:
            scope: the parent.
            construct_id: the state's name.
            request: a job request in the API's own field names, in which texts like ``{% $states.input.uri %}`` are
                JSONata (default: the state's whole input).

        Examples:
            >>> request = {"InputDataConfig": {"S3Uri": "{% $states.input.uri %}"}}
            >>> find = workflow.as_task(stack, "FindEntities", request=request)
            >>> body = sfn.DefinitionBody.from_chainable(find)
            >>> machine = sfn.StateMachine(stack, "Machine", definition_body=body)
        """
        return execution_task(scope, construct_id, machine=self.state_machine, request=request)

    @property
    def connections(self) -> ec2.Connections:
        """The connections of the jobs' security groups.

        Raises:
            ValueError: jobs don't run in a VPC.
        """
        return self._jobs_network().connections

    @property
    def function_connections(self) -> ec2.Connections:
        """The connections of the functions' security group, for endpoints that already exist in the VPC.

        Raises:
            ValueError: the functions are not in a VPC.
        """
        return self._function_group().connections

    def add_s3_endpoint(self) -> ec2.GatewayVpcEndpoint:
        """Add an S3 gateway endpoint to the jobs' subnets, for a VPC that has none.

        Its policy allows reading everything, because the service's models must be read, and writing the workflow's
        buckets only.

        Raises:
            ValueError: jobs don't run in a VPC.

        Examples:
            >>> endpoint = strict.add_s3_endpoint()
        """
        buckets = {bucket.node.path: bucket for bucket in (self.input_bucket, self.output_bucket)}
        return self._jobs_network().add_s3_endpoint(list(buckets.values()))

    def add_interface_endpoints(self) -> list[ec2.InterfaceVpcEndpoint]:
        """Add endpoints for everything that the functions call besides S3 to the jobs' subnets; for a VPC without any.

        Their policies allow no other calls, whichever principal in the VPC makes them. With ``add_s3_endpoint``,
        isolated subnets are enough.

        Raises:
            ValueError: the functions are not in a VPC.

        Examples:
            >>> endpoints = strict.add_interface_endpoints()
        """
        callers = self._function_group()
        return self._jobs_network().add_interface_endpoints(callers)

    @checked()
    def lock_buckets(self, s3_endpoint: ec2.IVpcEndpoint, *, except_roles: Sequence[iam.IRole] = ()) -> None:
        """Deny all reading and writing of objects that does not come through an S3 endpoint.

        This also denies uploaders and readers outside of the VPC, and the console. Principals that may change a
        bucket's policy still may, so that the lock can be removed.

        Args:
            s3_endpoint: the endpoint of the jobs' subnets.
            except_roles: roles that may still come from elsewhere (default: only that of the state machine, which
                lists uploads).

        Raises:
            ValueError: the functions are not in a VPC.

        Examples:
            >>> strict.lock_buckets(strict.network.vpc.add_gateway_endpoint("S3", service=s3_service))
        """
        self._function_group()
        for bucket in (self.input_bucket, self.output_bucket):
            lock_bucket(bucket, s3_endpoint, [self.state_machine.role, *except_roles])

    def _jobs_network(self) -> JobNetwork:
        if self.network is None:
            raise ValueError(f"the jobs of {self.node.path} run in the service's own network; give the workflow a vpc")
        return self.network

    def _function_group(self) -> ec2.SecurityGroup:
        if self.network is None or self.network.function_group is None:
            raise ValueError(
                f'the functions of {self.node.path} are not in a VPC; give the workflow hardening="strict"'
            )
        return self.network.function_group
