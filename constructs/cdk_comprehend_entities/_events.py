"""Rules for the events of a workflow's executions, and its metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import Names
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from entities_job.contracts import COMPLETED, EVENT_DETAIL_TYPE, EVENT_SOURCE, FAILED, Status

from ._functions import METRICS_NAMESPACE
from .arguments.checks import checked, filled


class ObservableWorkflow(Construct):
    """Rules for events, and metrics; the workflow documents its parts."""

    event_bus: events.IEventBus
    state_machine: sfn.StateMachine

    @property
    def service(self) -> str:
        """The name of this workflow in its logs, in the dimension ``service`` of its metrics, and in its tags."""
        return Names.unique_resource_name(self, max_length=64)

    @checked(filled("statuses"))
    def on_job_ended(
        self, rule_id: str, *, target: events.IRuleTarget | None = None, statuses: Sequence[Status] | None = None
    ) -> events.Rule:
        """Add a rule for the event of each execution that ends, whatever its status.

        Args:
            rule_id: the rule's id, unique in this workflow.
            target: gets the event; more targets can be added to the rule (default: no target yet).
            statuses: values of the event's ``detail.Status`` (default: all).

        Examples:
            >>> rule = workflow.on_job_ended("Stopped", target=targets.SnsTopic(topic), statuses=["STOPPED"])
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
        """Add a rule for executions that published a result: COMPLETED and COMPLETED_WITH_ERRORS.

        Args:
            rule_id: the rule's id, unique in this workflow.
            target: gets the event; more targets can be added to the rule (default: no target yet).

        Examples:
            >>> rule = workflow.on_job_completed("Completed", target=targets.SnsTopic(topic))
        """
        return self.on_job_ended(rule_id, target=target, statuses=COMPLETED)

    @checked()
    def on_job_failed(self, rule_id: str, *, target: events.IRuleTarget | None = None) -> events.Rule:
        """Add a rule for executions that failed: FAILED, REFUSED, ABORTED and TIMED_OUT (with a partial result).

        Args:
            rule_id: the rule's id, unique in this workflow.
            target: gets the event; more targets can be added to the rule (default: no target yet).

        Examples:
            >>> rule = workflow.on_job_failed("Failed", target=targets.SnsTopic(topic))
        """
        return self.on_job_ended(rule_id, target=target, statuses=FAILED)

    def metric(self, metric_name: str, **options: Any) -> cloudwatch.Metric:
        """Return a metric of this workflow.

        Args:
            metric_name: one of those in docs/events.md.
            **options: those of ``cloudwatch.Metric``.

        Examples:
            >>> entities = workflow.metric("Entities", statistic="Sum", period=Duration.hours(1))
        """
        metric = cloudwatch.Metric(
            namespace=METRICS_NAMESPACE, metric_name=metric_name, dimensions_map={"service": self.service}, **options
        )
        return metric.attach_to(self)

    def metric_documents(self, **options: Any) -> cloudwatch.Metric:
        """Return the number of documents with a result.

        Args:
            **options: those of ``cloudwatch.Metric`` (default: the sum).

        Examples:
            >>> documents = workflow.metric_documents(period=Duration.days(1))
        """
        return self.metric("Documents", **{"statistic": "Sum", **options})

    def metric_failed(self, **options: Any) -> cloudwatch.Metric:
        """Return the number of executions that failed; the average is the share that failed.

        Args:
            **options: those of ``cloudwatch.Metric`` (default: the sum).

        Examples:
            >>> failed = workflow.metric_failed()
            >>> alarm = failed.create_alarm(stack, "Failed", threshold=1, evaluation_periods=1)
        """
        return self.metric("ExecutionsFailed", **{"statistic": "Sum", **options})

    def metric_lag(self, **options: Any) -> cloudwatch.Metric:
        """Return the seconds from the end of a job to the poll that saw it.

        Args:
            **options: those of ``cloudwatch.Metric`` (default: the longest).

        Examples:
            >>> lag = workflow.metric_lag(statistic="p95")
        """
        return self.metric("LagSeconds", **{"statistic": "Maximum", **options})
