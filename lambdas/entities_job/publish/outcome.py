"""The outcome of an execution: what it returns, what its summary holds, and the detail of its event."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from ..aws import client
from ..contracts import EVENT_DETAIL_TYPE, EVENT_SOURCE, FAILED
from ..errors import JobError
from ..hints import hint

SCHEMA_VERSION = "1.0"

_INCOMPLETE = ("DocumentErrors", "MissingDocuments", "UnexpectedDocuments", "UnparsedRecords")

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


def of_result(
    event: Mapping[str, Any], counts: Mapping[str, Any], result: Mapping[str, Any], damage: Mapping[str, Any] | None
) -> Any:
    """The outcome of an execution whose job left a result.

    Args:
        event: the payload of PublishResult.
        counts: what was published, and what not.
        result: where it lies.
        damage: code and message of why the archive was not read to its end, if it was not.
    """
    job = event["Job"]
    incomplete = {name: counts[name] for name in _INCOMPLETE if counts[name]}
    outcome = {
        "SchemaVersion": SCHEMA_VERSION,
        "Status": "COMPLETED",
        "ExecutionArn": event["Execution"]["Id"],
        "StateMachineArn": event["Execution"]["StateMachineArn"],
        "Job": job,
        "Counts": counts,
        "Result": result,
        "Polls": event["Polls"],
        "LagSeconds": event["LagSeconds"],
        "Units": event["Estimate"]["Units"],
        "EstimatedCostUsd": event["Estimate"]["CostUsd"],
    }
    stopped = job["JobStatus"] == "STOPPED"
    status = ("TIMED_OUT" if event["StopCode"] else "STOPPED") if stopped else "COMPLETED_WITH_ERRORS"
    if damage:
        code, message = damage["Code"], damage["Message"]
    elif stopped:
        code = event["StopCode"] or "JobStopped"
        message = f"the job {job['JobId']} was stopped after {counts['Documents']} documents"
    elif incomplete:
        code = "ResultIncomplete"
        message = ", ".join(f"{name}: {count:,}" for name, count in incomplete.items())
    else:
        return outcome
    found = hint(code)
    return {
        **outcome,
        "Status": status,
        "Error": {"Code": code, "Message": message, **({"Hint": found} if found else {})},
    }


def emit(outcome: Mapping[str, Any]) -> Any:
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
