"""Alarms of a workflow: when they ring, and the entry of the runbook that says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsii
from aws_cdk import Annotations, ArnFormat, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from ..rights.access import service, statement
from ..rights.acknowledged import acknowledge

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    from .._base import WorkflowBase

RUNBOOK = "docs/runbook.md"
"""The page with an entry for each alarm, under its construct's id."""

_QUARTER, _HOUR, _DAY = Duration.minutes(15), Duration.hours(1), Duration.days(1)
_DOCUMENT_ERRORS_PERCENT = 5
_LATE_SECONDS = 15 * 60
_FULL_PERIODS = 4


def described(text: str, alarm_id: str, runbook_url: str = RUNBOOK) -> str:
    """Return the description of an alarm: what it means, and where to read what to do."""
    return f"{text}. Runbook: {runbook_url}#{alarm_id.lower()}"


def alarm(
    scope: Construct,
    alarm_id: str,
    metric: cloudwatch.IMetric,
    text: str,
    *,
    threshold: float,
    above: bool = False,
    periods: int = 1,
) -> cloudwatch.Alarm:
    """Return an alarm that rings when a metric reaches a threshold; without data it is quiet.

    Args:
        scope: the parent.
        alarm_id: the id, unique in ``scope``, and the entry of the runbook.
        metric: what it watches.
        text: what it means.
        threshold: the value.
        above: it rings only for more than the threshold.
        periods: for how many periods of the metric that must be so.
    """
    than = cloudwatch.ComparisonOperator
    made = cloudwatch.Alarm(
        scope,
        alarm_id,
        metric=metric,
        threshold=threshold,
        evaluation_periods=periods,
        comparison_operator=than.GREATER_THAN_THRESHOLD if above else than.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        alarm_description=described(text, alarm_id),
    )
    acknowledge(made, "alarm-action")
    return made


def workflow_alarms(
    scope: Construct, workflow: WorkflowBase, unreported: sqs.IQueue, *, slots: int, daily_cost_usd: float | None
) -> list[cloudwatch.Alarm]:
    """Return the new alarms of a workflow; thresholds: docs/runbook.md."""
    errors: Any = {"documents": workflow.metric_documents(period=_HOUR)}
    for name in ("DocumentErrors", "MissingDocuments"):
        errors[name[0].lower() + name[1:]] = workflow.metric(name, statistic="Sum", period=_HOUR)
    lost = "documentErrors + missingDocuments"
    share = cloudwatch.MathExpression(
        expression=f"100 * ({lost}) / (documents + {lost})",
        using_metrics=errors,
        period=_HOUR,
        label="Documents without a result, in percent",
    )
    active = workflow.metric("ActiveJobs", statistic="Maximum", period=_QUARTER)
    orphans = workflow.metric("OrphanedJobs", statistic="Sum", period=_QUARTER)
    waiting = unreported.metric_approximate_number_of_messages_visible(statistic="Maximum", period=_QUARTER)
    late = workflow.metric_lag(period=_QUARTER)
    failed = workflow.metric_failed(period=_QUARTER)
    percent = _DOCUMENT_ERRORS_PERCENT
    made = [
        alarm(scope, "FailedExecutions", failed, "An execution failed", threshold=1),
        alarm(scope, "DocumentErrors", share, f"Over {percent} % of documents failed", threshold=percent, above=True),
        alarm(scope, "LateResults", late, "A job's end was noticed late", threshold=_LATE_SECONDS),
        alarm(scope, "OrphanedJobs", orphans, "A job ran without a running execution", threshold=1),
        alarm(scope, "UnreportedEnds", waiting, "The end of an execution could not be reported", threshold=1),
        alarm(scope, "SlotsTaken", active, "All slots were taken for an hour", threshold=slots, periods=_FULL_PERIODS),
    ]
    if daily_cost_usd is not None:
        cost, text = workflow.metric("EstimatedCostUsd", statistic="Sum", period=_DAY), "The estimated cost of a day"
        made.append(alarm(scope, "DailyCost", cost, f"{text} is over {daily_cost_usd:g} USD", threshold=daily_cost_usd))
    return made


def notify(alarms: list[cloudwatch.Alarm], topic: sns.ITopic) -> None:
    """Have alarms publish to a topic when they ring, and when that is over."""
    action = _Publish(topic)
    for each in alarms:
        each.add_alarm_action(action)
        each.add_ok_action(action)


def let_alarms_publish(scope: Construct, topic: sns.ITopic) -> None:
    """Let the account's alarms publish to a topic, or warn that CDK can't.

    As soon as a topic has a policy of its own, as for events, the default one does not let CloudWatch publish.
    """
    colon = ArnFormat.COLON_RESOURCE_NAME
    every = Stack.of(scope).format_arn(service="cloudwatch", resource="alarm", resource_name="*", arn_format=colon)
    alarms = service(scope, "cloudwatch.amazonaws.com", every)
    source = "Amazon SNS Developer Guide, sns-access-policy-use-cases"
    publish = statement("sns:Publish", on=[topic.topic_arn], to=alarms, source=source)
    if not topic.add_to_resource_policy(publish).statement_added:
        text = f"{topic.node.path} is imported: its policy must let cloudwatch.amazonaws.com publish (sns:Publish)"
        Annotations.of(scope).add_warning_v2("cdk-comprehend-entities:alarm-topic", text)


@jsii.implements(cloudwatch.IAlarmAction)
class _Publish:
    """A topic as an alarm's action; CDK's own stands in a module of its own, which takes long to load."""

    def __init__(self, topic: sns.ITopic) -> None:
        self._topic = topic

    def bind(self, scope: Construct, alarm: cloudwatch.IAlarm) -> cloudwatch.AlarmActionConfig:
        """Return the action as CloudWatch takes it."""
        return cloudwatch.AlarmActionConfig(alarm_action_arn=self._topic.topic_arn)
