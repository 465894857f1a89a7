"""Monitoring of a workflow: one dashboard, alarms with an entry of the runbook each, and saved queries of its logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from ..uploads.trigger import UploadTrigger
from .alarms import RUNBOOK, let_alarms_publish, notify, workflow_alarms
from .dashboard import Dashboard
from .queries import LogQueries

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    from .._base import WorkflowBase


class WorkflowMonitoring(Construct):
    """A dashboard, alarms and saved log queries of one workflow; made by ``EntitiesDetectionWorkflow.monitor``.

    Attributes:
        dashboard: the dashboard; ``dashboard.add_widgets(...)`` adds your own widgets.
        alarms: all alarms of the workflow and its upload triggers, those that it has without monitoring, too.

    Examples:
        >>> monitoring = workflow.monitor()
        >>> for alarm in monitoring.alarms:
        ...     alarm.add_alarm_action(actions.SnsAction(topic))
    """

    def __init__(
        self,
        scope: WorkflowBase,
        construct_id: str,
        *,
        functions: list[lambda_.Function],
        poll_job: lambda_.Function,
        failing_polls: cloudwatch.Alarm,
        unreported: sqs.IQueue,
        slots: int,
        alarm_topic: sns.ITopic | None,
        runbook_url: str | None,
        daily_cost_usd: float | None,
    ) -> None:
        """Define it.

        Args:
            scope: the workflow.
            construct_id: the id, unique in ``scope``.
            functions: all functions of the workflow, whose logs are queried.
            poll_job: the function that polls.
            failing_polls: the alarm that the workflow has.
            unreported: the queue of ends that could not be reported.
            slots: how many jobs may be active.
            alarm_topic: is told when an alarm rings, and when it is over.
            runbook_url: where the runbook is.
            daily_cost_usd: the estimated cost of a day that rings an alarm.
        """
        super().__init__(scope, construct_id)
        self._topic, self._runbook_url = alarm_topic, runbook_url
        self.alarms: list[cloudwatch.Alarm] = []
        self._log_groups = [function.log_group.log_group_name for function in functions]
        for function in functions:
            function.add_environment("MONITORED", "1")
        if alarm_topic:
            let_alarms_publish(self, alarm_topic)
        own = workflow_alarms(self, scope, unreported, slots=slots, daily_cost_usd=daily_cost_usd)
        self._watch([failing_polls, *own])
        self._dashboard = Dashboard(self, "Dashboard", workflow=scope, slots=slots)
        self.dashboard = self._dashboard.resource
        self._dashboard.add_health(poll_job, self.alarms, self._log_groups)
        self._queries = LogQueries(self, "Queries", folder=scope.service, log_group_names=self._log_groups)

    def add_trigger(self, trigger: UploadTrigger, dispatcher: lambda_.Function) -> None:
        """Watch an upload trigger and its dispatcher, too; the workflow calls it for each.

        Args:
            trigger: the upload trigger.
            dispatcher: the function that makes its batches.
        """
        self._watch([trigger.oldest_upload_alarm, trigger.dead_letter_alarm])
        self._dashboard.add_trigger(trigger)
        name = dispatcher.log_group.log_group_name
        if name not in self._log_groups:
            self._log_groups.append(name)
            self._queries.cover(self._log_groups)

    def _watch(self, alarms: list[cloudwatch.Alarm]) -> None:
        self.alarms += alarms
        if self._topic:
            notify(alarms, self._topic)
        if self._runbook_url:
            for alarm in alarms:
                resource: Any = alarm.node.default_child
                resource.alarm_description = resource.alarm_description.replace(RUNBOOK, self._runbook_url)
