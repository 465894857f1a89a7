"""The dashboard of a workflow: what runs, what waits, what came out, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from .._functions import METRICS_NAMESPACE

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

    from .._base import WorkflowBase
    from ..uploads.trigger import UploadTrigger

_WIDTH, _HEIGHT = 8, 6
_HOUR, _QUARTER = Duration.hours(1), Duration.minutes(15)


class Dashboard(Construct):
    """One dashboard; each upload trigger adds a row."""

    def __init__(self, scope: Construct, construct_id: str, *, workflow: WorkflowBase, slots: int) -> None:
        super().__init__(scope, construct_id)
        self.resource = cloudwatch.Dashboard(self, "Resource", default_interval=Duration.days(7))
        self._workflow = workflow
        self._overview()
        self._jobs(slots)
        self._documents()

    def _overview(self) -> None:
        workflow, day = self._workflow, {"period": Duration.days(1)}
        figures = {
            "Documents": workflow.metric_documents(**day),
            "Entities": workflow.metric("Entities", statistic="Sum", **day),
            "Executions failed": workflow.metric_failed(**day),
            "Estimated cost (USD)": workflow.metric("EstimatedCostUsd", statistic="Sum", **day),
        }
        self.resource.add_widgets(
            *(
                cloudwatch.SingleValueWidget(title=f"{title}, last day", metrics=[metric], width=6, height=3)
                for title, metric in figures.items()
            )
        )

    def _jobs(self, slots: int) -> None:
        workflow = self._workflow
        outcomes = self._by("Executions", "Status")
        duration = workflow.metric("JobSeconds", statistic="Average", period=_HOUR)
        longest = workflow.metric("JobSeconds", statistic="Maximum", period=_HOUR)
        active = workflow.metric("ActiveJobs", statistic="Maximum", period=_QUARTER)
        self.resource.add_widgets(
            _graph("Executions by outcome", [outcomes], stacked=True),
            _graph("Job duration (seconds)", [duration, longest]),
            _graph("Lag: a job's end until it is noticed (seconds)", [workflow.metric_lag(period=_HOUR)]),
        )
        limit = cloudwatch.HorizontalAnnotation(value=slots, label="maximum_active_jobs")
        self.resource.add_widgets(
            _graph("Slots used: active jobs of the account", [active], annotations=[limit]),
            _graph("Orphaned jobs", [workflow.metric("OrphanedJobs", statistic="Sum", period=_HOUR)]),
            _graph("Failed batches of uploads", [workflow.metric("FailedBatches", statistic="Sum", period=_HOUR)]),
        )

    def _documents(self) -> None:
        workflow = self._workflow
        lost = [workflow.metric(name, statistic="Sum", period=_HOUR) for name in ("DocumentErrors", "MissingDocuments")]
        cost = workflow.metric("EstimatedCostUsd", statistic="Sum", period=Duration.days(1))
        self.resource.add_widgets(
            _graph("Documents", [workflow.metric_documents(period=_HOUR), *lost]),
            _graph("Entities by type", [self._by("EntitiesOfType", "EntityType")], stacked=True),
            _graph("Estimated cost (USD a day)", [cost]),
        )

    def add_health(
        self, poll_job: lambda_.Function, alarms: Sequence[cloudwatch.IAlarm], log_groups: list[str]
    ) -> None:
        """Add failing polls, the state of alarms, and the newest errors of the logs."""
        polls = [
            poll_job.metric_invocations(period=_QUARTER),
            poll_job.metric_errors(period=_QUARTER),
            poll_job.metric_throttles(period=_QUARTER),
        ]
        self.resource.add_widgets(
            _graph("Polls, and those that failed", polls),
            cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=_WIDTH, height=_HEIGHT),
            cloudwatch.LogQueryWidget(
                title="Newest errors",
                log_group_names=log_groups,
                query_lines=["fields @timestamp, execution, job_id, message", 'filter level = "ERROR"', "limit 20"],
                width=_WIDTH,
                height=_HEIGHT,
            ),
        )

    def add_trigger(self, trigger: UploadTrigger) -> None:
        """Add a row for an upload trigger."""
        name, age = trigger.node.id, trigger.metric_oldest_upload_age(period=_QUARTER)
        self.resource.add_widgets(
            _graph(f"{name}: age of the oldest upload (seconds)", [age]),
            _graph(f"{name}: uploads that wait", [trigger.metric_waiting_uploads(period=_QUARTER)]),
            _graph(f"{name}: dead letters", [trigger.metric_dead_letters(period=_QUARTER)]),
        )

    def _by(self, metric_name: str, dimension: str) -> cloudwatch.MathExpression:
        """Return a metric by each value of a dimension: those are not known before they come."""
        schema = f"{METRICS_NAMESPACE},{dimension},service"
        search = f'{{{schema}}} MetricName="{metric_name}" service="{self._workflow.service}"'
        expression = f"SEARCH('{search}', 'Sum', {_HOUR.to_seconds()})"
        return cloudwatch.MathExpression(expression=expression, using_metrics={}, label="", period=_HOUR)


def _graph(
    title: str,
    metrics: Sequence[cloudwatch.IMetric],
    *,
    stacked: bool = False,
    annotations: list[cloudwatch.HorizontalAnnotation] | None = None,
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title,
        left=list(metrics),
        left_annotations=annotations,
        left_y_axis=cloudwatch.YAxisProps(min=0),
        stacked=stacked,
        width=_WIDTH,
        height=_HEIGHT,
    )
