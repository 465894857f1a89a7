"""The outcome of an execution: made here whatever its end, put on the event bus, and counted in metrics."""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import datetime
from typing import cast

from .. import aws
from ..contracts import (
    EVENT_DETAIL_TYPE,
    EVENT_SOURCE,
    FAILED,
    SCHEMA_VERSION,
    Counts,
    Execution,
    Job,
    Outcome,
    OutcomeError,
    PublishResultInput,
    Result,
    Status,
)
from ..errors import EventNotAccepted, hint
from ..measure import measure

NOTHING: dict[str, Status] = {"NothingToAnalyse": "COMPLETED_WITH_ERRORS", "NothingNew": "COMPLETED"}
"""Why a batch of uploads needs no job, and the status of its outcome: all were rejected, or analysed before."""

LISTED_TYPES = 100
"""The most types of entities that an event counts one by one, the most frequent; the summary counts all."""

_LONGEST_CODE = 256
_LONGEST_MESSAGE = 5_000
"""Characters; Step Functions takes an error of 256 and a cause of 32,768, in JSON that may be six times as long."""

_MEASURED = ("Documents", "DocumentErrors", "MissingDocuments", "Entities", "Polls", "LagSeconds", "EstimatedCostUsd")
"""Fields of an outcome and of its counts that are metrics, too."""

_MEASURED_TYPES = 15
"""The most types of entities that one outcome has metrics of, the most frequent: CloudWatch bills each."""


def outcome(execution: Execution, status: Status, job: Job, error: OutcomeError | None = None) -> Outcome:
    """Return the outcome of an execution: the one builder of all.

    Args:
        execution: which execution ended.
        status: how it ended.
        job: what is known of its job; empty if none was started.
        error: why it is not COMPLETED.
    """
    made: Outcome = {
        "SchemaVersion": SCHEMA_VERSION,
        "Status": status,
        "ExecutionArn": execution["Id"],
        "StateMachineArn": execution["StateMachineArn"],
        "Job": job,
    }
    if error:
        made["Error"] = error
    return made


def problem(code: str, message: str, *, field: str | None = None) -> OutcomeError:
    """Return why an outcome is not COMPLETED, with what to check."""
    made: OutcomeError = {"Code": code[:_LONGEST_CODE], "Message": message[:_LONGEST_MESSAGE]}
    if field:
        made["Field"] = field
    if found := hint(code, message):
        made["Hint"] = found
    return made


def nothing(execution: Execution, code: str, message: str) -> Outcome:
    """Return the outcome of a batch of uploads that needs no job; ``code`` is one of :data:`NOTHING`."""
    status = NOTHING[code]
    error = problem(code, message) if status != "COMPLETED" else None
    counts: Counts = {
        "ExpectedDocuments": 0,
        "Documents": 0,
        "DocumentErrors": 0,
        "MissingDocuments": 0,
        "UnexpectedDocuments": 0,
        "UnparsedRecords": 0,
        "Entities": 0,
        "EntitiesByType": {},
    }
    return {**outcome(execution, status, {"JobStatus": "NOT_STARTED"}, error), "Counts": counts}


def of_result(event: PublishResultInput, counts: Counts, result: Result, damage: OutcomeError | None) -> Outcome:
    """Return the outcome of an execution whose job left a result.

    Args:
        event: the payload of PublishResult.
        counts: what was published, and what not.
        result: its location.
        damage: code and message of why the archive was not read to its end, if it was not.
    """
    status, error = _judged(event, counts, damage)
    return {
        **outcome(event["Execution"], status, event["Job"], error),
        "Counts": counts,
        "Result": result,
        "Polls": event["Polls"],
        "LagSeconds": event["LagSeconds"],
        "Units": event["Estimate"]["Units"],
        "EstimatedCostUsd": event["Estimate"]["CostUsd"],
        "Warnings": event["Warnings"],
    }


def of_published(event: PublishResultInput, summary: Outcome) -> Outcome:
    """Return the outcome of an execution whose job is published already: by its own first try, or by another."""
    kept = {name: value for name, value in summary.items() if name in Outcome.__annotations__}
    own = {"ExecutionArn": event["Execution"]["Id"], "StateMachineArn": event["Execution"]["StateMachineArn"]}
    return cast(Outcome, {**kept, **own, "Polls": event["Polls"], "LagSeconds": event["LagSeconds"]})


_STOPPED: dict[str, Status] = {"JobStopped": "STOPPED", "UnknownJobStatus": "FAILED"}


def _judged(
    event: PublishResultInput, counts: Counts, damage: OutcomeError | None
) -> tuple[Status, OutcomeError | None]:
    stopped = event["Job"]["JobStatus"] == "STOPPED"
    status: Status = "COMPLETED_WITH_ERRORS"
    if stopped:
        status = _STOPPED.get(event["StopCode"] or "JobStopped", "TIMED_OUT")
    if damage:
        return status, problem(damage["Code"], damage["Message"])
    if stopped:
        message = f"the job {event['Job']['JobId']} was stopped after {counts['Documents']:,} documents"
        return status, problem(event["StopCode"] or "JobStopped", message)
    incomplete = {
        "DocumentErrors": counts["DocumentErrors"],
        "MissingDocuments": counts["MissingDocuments"],
        "UnexpectedDocuments": counts["UnexpectedDocuments"],
        "UnparsedRecords": counts["UnparsedRecords"],
    }
    found = ", ".join(f"{name}: {count:,}" for name, count in incomplete.items() if count)
    return (status, problem("ResultIncomplete", found)) if found else ("COMPLETED", None)


def emit(made: Outcome) -> None:
    """Put an outcome on the event bus, and its figures into metrics.

    EventBridge delivers at least once: consumers deduplicate by ExecutionArn.

    Raises:
        EventNotAccepted: the bus did not take it.
    """
    job_arn = made["Job"].get("JobArn")
    answer = aws.events().put_events(
        Entries=[
            {
                "Source": EVENT_SOURCE,
                "DetailType": EVENT_DETAIL_TYPE,
                "Resources": [made["ExecutionArn"], *([job_arn] if job_arn else [])],
                "Detail": json.dumps(made),
                "EventBusName": os.environ["EVENT_BUS_NAME"],
            }
        ]
    )
    if answer["FailedEntryCount"]:
        raise EventNotAccepted(f"the event bus did not accept the event: {answer['Entries'][0]}")
    aws.logger.info(
        "execution ended",
        extra={
            "execution": made["ExecutionArn"].rpartition(":")[2],
            "job_id": made["Job"].get("JobId"),
            "status": made["Status"],
            "error": made["Error"]["Code"] if "Error" in made else None,
        },
    )
    _measure(made)


def bounded(made: Outcome) -> Outcome:
    """Return the outcome without what an event has no room for: a custom model may know any number of types."""
    counts = made.get("Counts")
    if counts is None or len(counts["EntitiesByType"]) <= LISTED_TYPES:
        return made
    listed = dict(Counter(counts["EntitiesByType"]).most_common(LISTED_TYPES))
    return {**made, "Counts": {**counts, "EntitiesByType": listed}}


def _measure(made: Outcome) -> None:
    fields: dict[str, object] = {**made.get("Counts", {}), **made}
    known = {name: fields.get(name) for name in _MEASURED}
    figures = {name: value for name, value in known.items() if isinstance(value, int | float)}
    # Zeros, too: the average is the share of executions that failed.
    measure({"ExecutionsFailed": made["Status"] in FAILED, **figures, **_duration(made["Job"])})
    if os.environ.get("MONITORED"):
        measure({"Executions": 1}, Status=made["Status"])
        types = Counter(made["Counts"]["EntitiesByType"] if "Counts" in made else {})
        for kind, count in types.most_common(_MEASURED_TYPES):
            measure({"EntitiesOfType": count}, EntityType=kind)


def _duration(job: Job) -> dict[str, float]:
    if "SubmitTime" not in job or "EndTime" not in job:
        return {}
    begun, ended = (datetime.fromisoformat(job[name]) for name in ("SubmitTime", "EndTime"))
    return {"JobSeconds": (ended - begun).total_seconds()}
