"""Rules for the events of a workflow: one for each execution that ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn

from entities_job.contracts import EVENT_DETAIL_TYPE, EVENT_SOURCE, FAILED

_COMPLETED = ["COMPLETED", "COMPLETED_WITH_ERRORS"]


class JobEvents:
    """Methods of a workflow."""

    event_bus: events.IEventBus
    state_machine: sfn.StateMachine

    def on_job_ended(
        self, rule_id: str, *, target: events.IRuleTarget | None = None, statuses: Sequence[str] | None = None
    ) -> events.Rule:
        """A rule for the event of each execution that ends, whatever its end.

        Args:
            rule_id: the rule's id, unique in this workflow.
            target: what gets the event; more can be added to the rule.
            statuses: values of the event's ``detail.Status`` (default: all).
        """
        detail: dict[str, Any] = {"StateMachineArn": [self.state_machine.state_machine_arn]}
        return events.Rule(
            self,  # type: ignore[arg-type]  # the class that mixes this in is a construct
            rule_id,
            event_bus=self.event_bus,
            event_pattern=events.EventPattern(
                source=[EVENT_SOURCE],
                detail_type=[EVENT_DETAIL_TYPE],
                detail={**detail, **({"Status": list(statuses)} if statuses else {})},
            ),
            targets=[target] if target else None,
        )

    def on_job_completed(self, rule_id: str, *, target: events.IRuleTarget | None = None) -> events.Rule:
        """A rule for executions whose result is published: COMPLETED, and COMPLETED_WITH_ERRORS of some documents."""
        return self.on_job_ended(rule_id, target=target, statuses=_COMPLETED)

    def on_job_failed(self, rule_id: str, *, target: events.IRuleTarget | None = None) -> events.Rule:
        """A rule for executions that failed: FAILED, REFUSED, ABORTED and TIMED_OUT (with a partial result)."""
        return self.on_job_ended(rule_id, target=target, statuses=FAILED)
