"""Executions as their callers see them: listed, described, and followed to their outcome."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from entities_job.contracts import SCHEMA_VERSION, Job, Outcome, Status

from .aws import Aws, CommandError, error_code
from .deployment import Deployment, objects

EXIT_CODES: dict[Status, int] = {
    "COMPLETED": 0,
    "COMPLETED_WITH_ERRORS": 3,
    "STOPPED": 4,
    "REFUSED": 5,
    "FAILED": 6,
    "TIMED_OUT": 7,
    "ABORTED": 8,
}
"""Exit codes of commands that follow an execution; 1 and 2 are errors of the command itself."""

_STATES = {
    "BatchOfUploads": "starting",
    "StageBatch": "copying the uploads",
    "InspectInput": "checking the documents",
    "StartJob": "starting the job",
    "WaitForSlot": "waiting for a free slot",
    "WaitBeforeRestart": "restarting the job",
    "StopJob": "stopping the job",
    "PublishResult": "publishing the result",
    "PublishFailure": "reporting the failure",
}
_RECENT_EVENTS = 40
_EAGER_SECONDS, _EAGER_PAUSE, _PAUSE = 30, 0.5, 3.0


@dataclass(frozen=True)
class Run:
    """An execution at this moment.

    Attributes:
        arn: the execution.
        name: its name.
        status: Step Functions' own.
        state: what it does, in words.
        begun: when it was started.
        ended: when it ended, if it has.
        job: what is known of its job; empty before there is one.
        outcome: how it ended, if it has.
    """

    arn: str
    name: str
    status: str
    state: str
    begun: datetime
    ended: datetime | None
    job: Job
    outcome: Outcome | None

    def as_json(self) -> dict[str, Any]:
        """Return it as commands print it."""
        ended = self.ended.isoformat() if self.ended else None
        common = {"ExecutionArn": self.arn, "Name": self.name, "StartTime": self.begun.isoformat(), "EndTime": ended}
        return {**common, "State": self.state, "Job": self.job, "Outcome": self.outcome}


def runs(aws: Aws, deployment: Deployment, *, status: str | None = None, most: int = 20) -> list[dict[str, Any]]:
    """Return the newest executions as Step Functions lists them."""
    wanted = {"statusFilter": status} if status else {}
    pages = aws.client("stepfunctions").get_paginator("list_executions")
    found: list[dict[str, Any]] = []
    for page in pages.paginate(stateMachineArn=deployment.arn, PaginationConfig={"MaxItems": most}, **wanted):
        found += page["executions"]
    return found


def find(aws: Aws, deployment: Deployment, wanted: str | None) -> str:
    """Return the ARN of an execution given by ARN, name or the beginning of its name; without one, of the newest.

    Raises:
        CommandError: there is none, or the beginning fits several.
    """
    if wanted and wanted.startswith("arn:"):
        return wanted
    if wanted and (arn := named(aws, deployment, wanted)):
        return arn
    newest = runs(aws, deployment, most=1 if not wanted else 1000)
    found = [each["executionArn"] for each in newest if not wanted or each["name"].startswith(wanted)]
    if not found:
        what = f"no execution whose name begins with {wanted!r}" if wanted else "no execution yet"
        raise CommandError(f"{deployment.name} has {what}.", "`comprehend-entities list` shows them.")
    if len(found) > 1:
        raise CommandError(f"{len(found)} executions begin with {wanted!r}.", "Give more of the name.")
    return str(found[0])


def named(aws: Aws, deployment: Deployment, name: str) -> str | None:
    """Return the ARN of the execution of this very name, or None if there is none."""
    arn = f"{deployment.arn.replace(':stateMachine:', ':execution:')}:{name}"
    try:
        return str(aws.client("stepfunctions").describe_execution(executionArn=arn)["executionArn"])
    except Exception as error:
        if error_code(error) not in ("ExecutionDoesNotExist", "InvalidArn"):
            raise
    return None


def look(aws: Aws, arn: str) -> Run:
    """Return an execution at this moment.

    Raises:
        CommandError: there is none of this ARN.
    """
    try:
        found = aws.client("stepfunctions").describe_execution(executionArn=arn)
    except Exception as error:
        if error_code(error) != "ExecutionDoesNotExist":
            raise
        raise CommandError(f"There is no execution {arn}.", "`comprehend-entities list` shows them.") from error
    events = _events(aws, arn)
    payloads = list(_payloads(events))
    running = found["status"] == "RUNNING"
    outcome = None if running else _outcome(found, payloads)
    job: Job = outcome["Job"] if outcome else _job(payloads)
    state = _state(events, job) if outcome is None else outcome["Status"]
    name, begun, ended = found["name"], found["startDate"], found.get("stopDate")
    return Run(arn, name, found["status"], state, begun, None if running else ended, job, outcome)


def follow(aws: Aws, arns: Sequence[str], told: Callable[[dict[str, Run]], None]) -> dict[str, Run]:
    """Poll executions until all have ended; ``told`` gets each answer."""
    seen: dict[str, Run] = {}
    begun = time.monotonic()
    while True:
        for arn in arns:
            if arn not in seen or seen[arn].outcome is None:
                seen[arn] = look(aws, arn)
        told(seen)
        if all(run.outcome for run in seen.values()):
            return seen
        time.sleep(_EAGER_PAUSE if time.monotonic() - begun < _EAGER_SECONDS else _PAUSE)


def start(aws: Aws, deployment: Deployment, given: dict[str, Any], name: str) -> str:
    """Start an execution; return its ARN."""
    started = aws.client("stepfunctions").start_execution(
        stateMachineArn=deployment.arn, name=name, input=json.dumps(given)
    )
    return str(started["executionArn"])


def _events(aws: Aws, arn: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws.client("stepfunctions").get_execution_history(
        executionArn=arn, reverseOrder=True, maxResults=_RECENT_EVENTS, includeExecutionData=True
    )["events"]
    return found


def _payloads(events: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield all objects in what states took and gave, the newest event's first."""
    for event in events:
        for name, details in event.items():
            if name.endswith("EventDetails"):
                for field in ("output", "input"):
                    yield from objects(details.get(field))


def _outcome(found: dict[str, Any], payloads: Sequence[dict[str, Any]]) -> Outcome:
    """Return the outcome: what the execution returned or last passed on, or what Step Functions itself reports."""
    given = [*objects(found.get("output") if found["status"] == "SUCCEEDED" else None), *payloads]
    for value in given:
        if "SchemaVersion" in value and "Status" in value:
            outcome: Outcome = value  # type: ignore[assignment]  # its own functions made it
            return outcome
    from entities_job.errors import hint

    # The codes that the event of such an end has.
    codes = {"ABORTED": "ExecutionAborted", "TIMED_OUT": "JobTimedOut"}
    code = found.get("error") or codes.get(found["status"], "ExecutionFailed")
    status: Status = "FAILED"
    if found["status"] in ("ABORTED", "TIMED_OUT"):
        status = found["status"]
    error: dict[str, str] = {"Code": code, "Message": found.get("cause") or f"the execution ended as {found['status']}"}
    if advice := hint(code, error["Message"]):
        error["Hint"] = advice
    made: Any = {
        "SchemaVersion": SCHEMA_VERSION,
        "Status": status,
        "ExecutionArn": found["executionArn"],
        "StateMachineArn": found["stateMachineArn"],
        "Job": _job(payloads),
        "Error": error,
    }
    checked: Outcome = made
    return checked


def _job(payloads: Sequence[dict[str, Any]]) -> Job:
    for value in payloads:
        if "JobId" in value and "JobStatus" in value:
            job: Job = value  # type: ignore[assignment]  # the same
            return job
    return {}


def _state(events: Sequence[dict[str, Any]], job: Job) -> str:
    names = (event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event)
    newest = next(names, "")
    known = _STATES.get(newest)
    if known or not job:
        return known or "starting"
    return f"job {job['JobStatus']}"
