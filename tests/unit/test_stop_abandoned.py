"""StopAbandoned: jobs without a living execution are stopped and reported, all others are left alone."""

from __future__ import annotations

import io
import json
import urllib.request
from types import SimpleNamespace
from typing import Any

import pytest

from entities_job.handlers import stop_job
from entities_job.handlers import stop_orphans as stop_abandoned
from entities_job.job import active
from entities_job.publish import outcome
from tests.unit.lambda_context import CONTEXT

MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:Workflow"


class Services:
    """Comprehend, Step Functions and EventBridge in memory."""

    exceptions = SimpleNamespace(InvalidRequestException=KeyError)

    def __init__(self) -> None:
        self.running = ["alive"]
        self.given: dict[str, Any] = {}
        self.jobs = {
            "1": ("out/jobs/alive", "IN_PROGRESS"),
            "2": ("out/jobs/gone", "IN_PROGRESS"),
            "3": ("out/jobs/gone too", "SUBMITTED"),
            "4": ("somebody/elses/jobs", "IN_PROGRESS"),
        }
        self.stopped: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> Any:
        def jobs(Filter: dict[str, str]) -> list[dict[str, Any]]:
            found = [
                {
                    "JobId": number,
                    "JobStatus": status,
                    "OutputDataConfig": {"S3Uri": f"s3://{folder}/1-NER-{number}/output/output.tar.gz"},
                }
                for number, (folder, status) in self.jobs.items()
                if status == Filter["JobStatus"]
            ]
            return [{"EntitiesDetectionJobPropertiesList": found}]

        def executions(stateMachineArn: str, statusFilter: str) -> list[dict[str, Any]]:
            return [{"executions": [{"name": name, "executionArn": name} for name in self.running]}]

        return SimpleNamespace(paginate=jobs if operation == "list_entities_detection_jobs" else executions)

    def describe_execution(self, executionArn: str) -> dict[str, str]:
        return {"input": json.dumps(self.given)}

    def stop_entities_detection_job(self, *, JobId: str) -> dict[str, Any]:
        self.stopped.append(JobId)
        return {"JobStatus": "STOP_REQUESTED"}

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        self.events += [json.loads(entry["Detail"]) for entry in Entries]
        return {"FailedEntryCount": 0}


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Services:
    made = Services()
    for module in (active, outcome, stop_abandoned, stop_job):
        monkeypatch.setattr(module, "client", lambda name, **options: made)
    monkeypatch.setenv("EVENT_BUS_NAME", "default")
    monkeypatch.setenv("JOBS_URI", "s3://out/jobs/")

    def urlopen(request: urllib.request.Request, timeout: int) -> io.BytesIO:
        made.answers.append(json.loads(request.data or b""))  # type: ignore[arg-type]  # bytes, here
        return io.BytesIO()

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return made


def test_jobs_without_a_living_execution_are_stopped_and_reported(services: Services) -> None:
    assert stop_abandoned.handler({"StateMachineArn": MACHINE}, CONTEXT) == {"Stopped": 2}
    assert sorted(services.stopped) == ["2", "3"]
    named = {event["ExecutionArn"].rsplit(":", 1)[1]: event["Error"]["Code"] for event in services.events}
    assert named == {"gone": "JobAbandoned", "gone too": "JobAbandoned"}


def test_a_job_under_its_callers_own_token_belongs_to_the_execution(services: Services) -> None:
    services.given = {"ClientRequestToken": "gone"}
    assert stop_abandoned.handler({"StateMachineArn": MACHINE}, CONTEXT) == {"Stopped": 1}
    assert services.stopped == ["3"]


def change(kind: str) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": "https://localhost/answer",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "OnDelete",
    }


def test_with_the_stack_all_its_jobs_are_stopped_and_nobody_elses(services: Services) -> None:
    stop_abandoned.handler(change("Delete"), CONTEXT)
    assert sorted(services.stopped) == ["1", "2", "3"]
    assert services.answers[0]["Status"] == "SUCCESS"


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_making_and_changing_the_stack_stops_nothing(services: Services, kind: str) -> None:
    stop_abandoned.handler(change(kind), CONTEXT)
    assert services.stopped == []
    assert services.answers[0] == {
        "Status": "SUCCESS",
        "Reason": "0 jobs were asked to stop",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "OnDelete",
        "PhysicalResourceId": "OnDelete",
    }


def test_cloudformation_hears_of_a_stop_that_failed_and_does_not_wait_for_an_hour(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(job_id: str, **_: bool) -> str:
        raise RuntimeError("no right")

    monkeypatch.setattr(stop_abandoned, "stop", refuse)
    with pytest.raises(RuntimeError):
        stop_abandoned.handler(change("Delete"), CONTEXT)
    assert services.answers[0]["Status"] == "FAILED"
    assert "no right" in services.answers[0]["Reason"]
