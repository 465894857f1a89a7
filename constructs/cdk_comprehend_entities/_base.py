"""What can be done with any workflow, by its public parts alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Annotations, Names
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from entities_job.contracts import COMPLETED, EVENT_DETAIL_TYPE, EVENT_SOURCE, FAILED, Status

from ._checks import checked, filled
from ._functions import METRICS_NAMESPACE
from ._storage import Storage
from .machine.task import execution_task
from .network.job import JobNetwork
from .network.lock import lock_bucket
from .rights.access import same_account, together


class WorkflowBase(Construct):
    """Starting executions, rules for their events, their metrics, and the network.

    Attributes:
        event_bus: gets one event for each execution that ends.
        input_bucket: holds the documents.
        network: the jobs' subnets and security groups, or None.
        output_bucket: holds raw results (``jobs/``), published ones (``results/``), functions' files (``work/``).
        state_machine: the state machine to start an execution of.
    """

    event_bus: events.IEventBus
    input_bucket: s3.IBucket
    network: JobNetwork | None
    output_bucket: s3.IBucket
    state_machine: sfn.StateMachine
    _storage: Storage

    @property
    def service(self) -> str:
        """The name of this workflow in its logs, in the dimension ``service`` of its metrics, and in its tags."""
        return Names.unique_resource_name(self, max_length=64)

    @property
    def results_prefix(self) -> str:
        """What published results lie under, in the output bucket."""
        return self._storage.results.path

    def grant_upload(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` put documents under the input prefix."""
        return self._storage.documents.grant_write(grantee)

    def grant_read_results(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` list and read published results, but neither raw ones nor the functions' own files."""
        results = self._storage.results
        return together(results.grant_list(grantee), results.grant_read(grantee))

    def grant_start_execution(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee``, of this account, start executions, and so pay for jobs."""
        machine = self.state_machine
        own = same_account(grantee, machine.env.account)
        grant = machine.grant_start_execution(grantee) if own else iam.Grant.drop(grantee, "of another account")
        if not grant.success:
            text = (
                "grant_start_execution did nothing: it was given no role or user of this account, and a state machine "
                "has no policy of its own to name others; let them assume a role of this account"
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
        """
        return execution_task(scope, construct_id, machine=self.state_machine, request=request)

    @checked(filled("statuses"))
    def on_job_ended(
        self, rule_id: str, *, target: events.IRuleTarget | None = None, statuses: Sequence[Status] | None = None
    ) -> events.Rule:
        """Add a rule for the event of each execution that ends, whatever its end.

        Args:
            rule_id: the rule's id, unique in this workflow.
            target: what gets the event; more can be added to the rule.
            statuses: values of the event's ``detail.Status`` (default: all).
        """
        machines = {"StateMachineArn": [self.state_machine.state_machine_arn]}
        return events.Rule(
            self,
            rule_id,
            event_bus=self.event_bus,
            event_pattern=events.EventPattern(
                source=[EVENT_SOURCE],
                detail_type=[EVENT_DETAIL_TYPE],
                detail={**machines, **({"Status": list(statuses)} if statuses else {})},
            ),
            targets=[target] if target else None,
        )

    @checked()
    def on_job_completed(self, rule_id: str, *, target: events.IRuleTarget | None = None) -> events.Rule:
        """Add a rule for published results: COMPLETED, and COMPLETED_WITH_ERRORS of some documents."""
        return self.on_job_ended(rule_id, target=target, statuses=COMPLETED)

    @checked()
    def on_job_failed(self, rule_id: str, *, target: events.IRuleTarget | None = None) -> events.Rule:
        """Add a rule for executions that failed: FAILED, REFUSED, ABORTED and TIMED_OUT (with a partial result)."""
        return self.on_job_ended(rule_id, target=target, statuses=FAILED)

    def metric(self, metric_name: str, **options: Any) -> cloudwatch.Metric:
        """Return a metric of this workflow (docs/events.md); ``options`` are those of ``cloudwatch.Metric``."""
        metric = cloudwatch.Metric(
            namespace=METRICS_NAMESPACE, metric_name=metric_name, dimensions_map={"service": self.service}, **options
        )
        return metric.attach_to(self)

    def metric_documents(self, **options: Any) -> cloudwatch.Metric:
        """Return the number of documents with a result; by default their sum."""
        return self.metric("Documents", **{"statistic": "Sum", **options})

    def metric_failed(self, **options: Any) -> cloudwatch.Metric:
        """Return the number of executions that failed; by default their sum. The average is the share that failed."""
        return self.metric("ExecutionsFailed", **{"statistic": "Sum", **options})

    def metric_lag(self, **options: Any) -> cloudwatch.Metric:
        """Return the seconds from the end of a job to the poll that saw it; by default the longest."""
        return self.metric("LagSeconds", **{"statistic": "Maximum", **options})

    @property
    def connections(self) -> ec2.Connections:
        """The connections of the jobs' security groups.

        Raises:
            ValueError: jobs don't run in a VPC.
        """
        return self._jobs_network().connections

    @property
    def function_connections(self) -> ec2.Connections:
        """The connections of the functions' security group, for endpoints that the VPC has already.

        Raises:
            ValueError: the functions are not in a VPC.
        """
        return self._function_group().connections

    def add_s3_endpoint(self) -> ec2.GatewayVpcEndpoint:
        """Add an S3 gateway endpoint to the jobs' subnets, for a VPC that has none.

        Its policy lets all be read, as the service's models must be, and only the workflow's buckets be written.

        Raises:
            ValueError: jobs don't run in a VPC.
        """
        buckets = {bucket.node.path: bucket for bucket in (self.input_bucket, self.output_bucket)}
        return self._jobs_network().add_s3_endpoint(list(buckets.values()))

    def add_interface_endpoints(self) -> list[ec2.InterfaceVpcEndpoint]:
        """Add endpoints for all that the functions call besides S3 to the jobs' subnets; for a VPC that has none.

        Their policies let no other calls through, whichever principal in the VPC makes them. With
        ``add_s3_endpoint``, isolated subnets are enough.

        Raises:
            ValueError: the functions are not in a VPC.
        """
        callers = self._function_group()
        return self._jobs_network().add_interface_endpoints(callers)

    @checked()
    def lock_buckets(self, s3_endpoint: ec2.IVpcEndpoint, *, except_roles: Sequence[iam.IRole] = ()) -> None:
        """Deny every reading and writing of objects that does not come through an S3 endpoint.

        Uploaders and readers outside of the VPC are denied, too, in the console as well. Principals that may change a
        bucket's policy still may, so that the lock can be taken away.

        Args:
            s3_endpoint: the endpoint of the jobs' subnets.
            except_roles: roles that may still come from elsewhere (default: only Step Functions, which lists uploads).

        Raises:
            ValueError: the functions are not in a VPC.
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
