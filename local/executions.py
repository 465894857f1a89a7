"""Executions of a workflow as somebody outside sees them: found, followed, and their published records read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from local.rehearsal import Rehearsal
from local.report import History

_DONE = ("SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT")


class ExecutionView:
    """One execution, followed until its end; one that an upload starts is found when it appears.

    Attributes:
        title: what it is called where it is shown.
        state: what it does now, in words.
        job_seconds: how long its job has run, by the service's clock.
        ended: whether it has ended.
    """

    _taken: ClassVar[set[str]] = set()

    def __init__(self, rehearsal: Rehearsal, title: str, arn: str | None, *, state_machine: str = "") -> None:
        self.title, self.state, self.job_seconds, self.ended = (
            title,
            "waiting for the uploads to be batched",
            0.0,
            False,
        )
        self._rehearsal, self._arn, self._state_machine = rehearsal, arn, state_machine
        self._functions = rehearsal.client("stepfunctions")
        if arn:
            self._taken.add(arn)

    def look(self) -> None:
        """See what has happened meanwhile."""
        if self._arn is None:
            self._find()
        if self._arn is None or self.ended:
            return
        self.ended = self._functions.describe_execution(executionArn=self._arn)["status"] in _DONE
        job = self._job()
        if job:
            end = job["History"][-1][1] if self.ended else self._rehearsal.comprehend.health()["VirtualTime"]
            self.job_seconds = end - job["History"][0][1]
        self.state = "done" if self.ended else (job["JobStatus"] if job else self._last_state())

    def _find(self) -> None:
        running = self._functions.list_executions(stateMachineArn=self._state_machine)["executions"]
        for execution in running:
            # Executions that uploads start are named by trigger, time and content of their batch.
            if execution["executionArn"] not in self._taken and execution["name"].count("-") == 2:
                self._arn = execution["executionArn"]
                self._taken.add(self._arn)
                return

    def _job(self) -> dict[str, Any] | None:
        name = ".".join(str(self._arn).split(":")[-2:])
        jobs = [job for job in self._rehearsal.comprehend.jobs() if str(job.get("JobName", "")).startswith(name)]
        return jobs[-1] if jobs else None

    def _events(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self._functions.get_execution_history(executionArn=self._arn, maxResults=1000)[
            "events"
        ]
        return events

    def _last_state(self) -> str:
        names = [e["stateEnteredEventDetails"]["name"] for e in self._events() if "stateEnteredEventDetails" in e]
        return names[-1] if names else "starting"

    def outcome(self) -> dict[str, Any]:
        """What the execution came to: its output, or what can be told of a failure."""
        execution = self._functions.describe_execution(executionArn=self._arn)
        if execution["status"] == "SUCCEEDED":
            output: dict[str, Any] = json.loads(execution["output"])
            return output
        error = {"Code": execution.get("error", execution["status"]), "Message": execution.get("cause", "")}
        status = {"RequestRefused": "REFUSED", "JobTimedOut": "TIMED_OUT"}.get(error["Code"], "FAILED")
        return {"Status": status, "ExecutionArn": self._arn, "Job": self._job() or {}, "Error": error}

    def history(self, outcome: Mapping[str, Any]) -> History:
        """The job's states and the polls, in seconds since its submission."""
        job = self._job()
        if not job:
            return History([], [])
        begin = job["History"][0][1]
        changes = [(status, moment - begin) for status, moment in job["History"]]
        started = self._moments("StartJob")[-1:]
        looks = [moment - started[0] for moment in self._moments("PollJob") if started and moment > started[0]]
        # Step Functions' history is on the real clock; its last look was that long after the end, on the service's.
        last = changes[-1][1] + (outcome.get("LagSeconds") or 0)
        polls = [look * last / looks[-1] for look in looks]
        return History(changes, polls)

    def _moments(self, state: str) -> list[float]:
        return [
            event["timestamp"].timestamp()
            for event in self._events()
            if event.get("stateEnteredEventDetails", {}).get("name") == state
        ]


def records_of(s3: Any, outcome: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The published records of an outcome."""
    if "Result" not in outcome:
        return
    bucket, _, prefix = outcome["Result"]["DocumentsUri"].removeprefix("s3://").partition("/")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            yield from (json.loads(line) for line in gzip.decompress(body).splitlines())
