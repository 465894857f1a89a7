"""The outcome of an execution: what it returns, what its summary holds, and the detail of its event."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from . import EVENT_DETAIL_TYPE, EVENT_SOURCE, FAILED
from .errors import JobError
from .service import client

SCHEMA_VERSION = "1.0"

LISTED_TYPES = 100
"""The most types of entities that an event counts one by one, the most frequent; the summary counts all."""

_METRICS = {
    "Documents": MetricUnit.Count,
    "DocumentErrors": MetricUnit.Count,
    "MissingDocuments": MetricUnit.Count,
    "Entities": MetricUnit.Count,
    "Polls": MetricUnit.Count,
    "LagSeconds": MetricUnit.Seconds,
    "EstimatedCostUsd": MetricUnit.NoUnit,
}


class EventNotAccepted(JobError):
    """EventBridge did not take the event; the state machine tries again."""


def emit(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Put the outcome on the event bus, and its figures into metrics; returns it as the event has it.

    EventBridge delivers at least once: consumers deduplicate by ExecutionArn.

    Raises:
        EventNotAccepted: the bus did not take it.
    """
    detail = _bounded(outcome)
    job_arn = outcome.get("Job", {}).get("JobArn")
    answer = client("events").put_events(
        Entries=[
            {
                "Source": EVENT_SOURCE,
                "DetailType": EVENT_DETAIL_TYPE,
                "Resources": [outcome["ExecutionArn"], *([job_arn] if job_arn else [])],
                "Detail": json.dumps(detail),
                "EventBusName": os.environ["EVENT_BUS_NAME"],
            }
        ]
    )
    if answer["FailedEntryCount"]:
        raise EventNotAccepted(f"the event bus refused the event: {answer['Entries'][0]}")
    _measure(outcome)
    return detail


def _bounded(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """The outcome without what an event has no room for: a custom model may know any number of types."""
    counts = outcome.get("Counts", {})
    types = Counter(counts.get("EntitiesByType", {}))
    if len(types) <= LISTED_TYPES:
        return dict(outcome)
    return {**outcome, "Counts": {**counts, "EntitiesByType": dict(types.most_common(LISTED_TYPES))}}


def _measure(outcome: Mapping[str, Any]) -> None:
    metrics = EphemeralMetrics()
    # Zeros, too: the average is the share of executions that failed.
    metrics.add_metric("ExecutionsFailed", MetricUnit.Count, outcome["Status"] in FAILED)
    figures = {**outcome.get("Counts", {}), **outcome}
    for name, unit in _METRICS.items():
        if figures.get(name) is not None:
            metrics.add_metric(name, unit, figures[name])
    metrics.flush_metrics()
