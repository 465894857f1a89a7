"""The invariants of a chaos run find what is wrong, each under its own figure."""

from __future__ import annotations

import functools
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import pytest

from bench.chaos import invariants
from bench.chaos.drive import Drive
from bench.chaos.invariants import FIGURES, Findings
from local.waiting import wait_until

RUN = "arn:aws:states:us-east-1:111122223333:execution:M:direct-1"
SOURCE = "s3://in/input/direct-1/d0.txt"
RECORD = {"JobId": "j", "Source": SOURCE, "SourceVersionId": None}


class World:
    """An account with one execution that published its one document, and the drive that looks into it."""

    def __init__(self) -> None:
        job = {"JobId": "j", "JobStatus": "COMPLETED", "JobName": "M.direct-1"}
        result = {"DocumentsUri": "s3://out/results/documents/", "SummaryUri": "s"}
        self.outcome: dict[str, Any] = {
            "Status": "COMPLETED",
            "ExecutionArn": RUN,
            "Job": {"JobId": "j"},
            "Counts": {"Documents": 1},
            "Result": result,
        }
        self.jobs = [job]
        self.objects = {
            "work/outcomes/1.json": json.dumps(self.outcome).encode(),
            "results/summaries/1.json": json.dumps(self.outcome).encode(),
            "results/documents/1.jsonl.gz": gzip.compress(json.dumps(RECORD).encode()),
        }
        self.versions: list[tuple[str, str]] = []
        self.messages: dict[str, list[dict[str, Any]]] = {"observed": [self.told(self.outcome)]}
        self.runs = {RUN: {"status": "SUCCEEDED", "output": json.dumps(self.outcome)}}
        self.outputs = {
            "Output": "out",
            "Input": "in",
            "Observed": "observed",
            "DeadEnglish": "dead-english",
            "DeadSpanish": "dead-spanish",
        }
        self.unreported, self.by_hand, self.documents = "unreported", set[str](), {"direct-1": {SOURCE}}
        self.taken_up: list[str] = []
        self.rehearsal = self.comprehend_of = self

    @staticmethod
    def told(outcome: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps({"detail": outcome})
        return {"MessageId": json.dumps(outcome), "ReceiptHandle": "r", "Body": body}

    # --- what Findings calls ---

    @property
    def comprehend(self) -> Any:
        jobs = self.jobs

        class Admin:
            def jobs(self) -> list[dict[str, Any]]:
                return jobs

        return Admin()

    def client(self, service: str) -> Any:
        return self

    def executions(self, machine: str, status: str = "RUNNING") -> Iterator[str]:
        yield from (arn for arn, run in self.runs.items() if machine == "Machine" and run["status"] == status)

    def take_up(self, job_id: str) -> str:
        self.taken_up.append(job_id)
        self.runs["again"] = {"status": "FAILED", "cause": "in vain"}
        return "again"

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:
        return self.runs[executionArn]

    def get_paginator(self, operation: str) -> Any:
        world = self

        class Pages:
            def paginate(self, *, Bucket: str, Prefix: str) -> list[dict[str, Any]]:
                if operation == "list_object_versions":
                    return [
                        {"Versions": [{"Key": k, "VersionId": v} for k, v in world.versions if k.startswith(Prefix)]}
                    ]
                return [{"Contents": [{"Key": key} for key in world.objects if key.startswith(Prefix)]}]

        return Pages()

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[Key])}

    def receive_message(self, *, QueueUrl: str, **_: Any) -> dict[str, Any]:
        return {"Messages": found} if (found := self.messages.get(QueueUrl, [])) else {}

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:
        self.messages[QueueUrl] = self.messages[QueueUrl][1:]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    at_once = functools.partial(wait_until, pause=0)
    monkeypatch.setattr(invariants, "wait_until", lambda *given, **more: at_once(*given, **{**more, "seconds": 0}))
    return World()


def figures(world: World) -> Counter[str]:
    found = Findings(cast(Drive, world))
    found.dead_letters()
    found.check()
    return +Counter({name: len(found.wrong[name]) for name in FIGURES})


def test_nothing_is_wrong_where_nothing_is(world: World) -> None:
    assert figures(world).total() == 0


def test_an_end_that_was_never_told_is_lost(world: World) -> None:
    world.messages["observed"] = []
    assert figures(world) == {"lost": 1}


def test_an_execution_that_runs_on_is_lost(world: World) -> None:
    world.runs["arn:running"] = {"status": "RUNNING"}
    assert figures(world) == {"lost": 1}


def test_a_document_without_a_record_is_lost(world: World) -> None:
    world.documents["direct-1"].add("s3://in/input/direct-1/d1.txt")
    assert figures(world) == {"lost": 1}


def test_an_upload_that_is_nowhere_is_lost(world: World) -> None:
    world.versions.append(("english/1/1.txt", "v1"))
    assert figures(world) == {"lost": 1}


def test_a_document_that_comes_twice(world: World) -> None:
    world.objects["results/documents/2.jsonl.gz"] = gzip.compress(json.dumps(RECORD).encode())
    assert figures(world) == {"published_twice": 1}


@pytest.mark.parametrize(("status", "twice"), [("COMPLETED", 1), ("STOPPED", 0)])
def test_an_upload_that_two_jobs_publish(world: World, status: str, twice: int) -> None:
    world.versions.append(("english/1/1.txt", "v1"))
    world.jobs.append({"JobId": "k", "JobStatus": status, "JobName": "M.other"})
    for job in ("j", "k"):
        record = {"JobId": job, "Source": "s3://in/english/1/1.txt", "SourceVersionId": "v1"}
        world.objects[f"results/documents/{job}-2.jsonl.gz"] = gzip.compress(json.dumps(record).encode())
    world.objects["results/summaries/k.json"] = json.dumps({**world.outcome, "Job": {"JobId": "k"}}).encode()
    assert figures(world)["published_twice"] == twice


def test_two_outcomes_of_one_execution(world: World) -> None:
    world.messages["observed"].append(world.told({**world.outcome, "Status": "FAILED"}))
    assert figures(world) == {"outcomes_contradicting": 1}


def test_an_outcome_that_its_summary_contradicts(world: World) -> None:
    world.objects["results/summaries/1.json"] = json.dumps({**world.outcome, "Counts": {"Documents": 2}}).encode()
    assert figures(world) == {"outcomes_contradicting": 1}


def test_a_job_that_nobody_names_runs(world: World) -> None:
    world.jobs.append({"JobId": "k", "JobStatus": "IN_PROGRESS", "JobName": "M.other"})
    assert figures(world) == {"jobs_left_running": 1}


def test_a_completed_job_that_nobody_names(world: World) -> None:
    """What make chaos was written for: see docs/reliability.md."""
    world.jobs.append({"JobId": "k", "JobStatus": "COMPLETED", "JobName": "M.other"})
    assert figures(world) == {"paid_results_lost": 1}
    assert world.taken_up == []


def test_a_completed_job_that_is_named_is_taken_up(world: World) -> None:
    world.jobs.append({"JobId": "k", "JobStatus": "COMPLETED", "JobName": "M.other"})
    aborted = {"Status": "ABORTED", "ExecutionArn": "arn:M:other", "Job": {"JobId": "k"}}
    world.objects["work/outcomes/2.json"] = json.dumps(aborted).encode()
    assert figures(world) == {"paid_results_lost": 1}
    assert world.taken_up == ["k"]


def test_jobs_of_people_are_theirs(world: World) -> None:
    world.jobs.append({"JobId": "k", "JobStatus": "COMPLETED", "JobName": "by-hand"})
    world.by_hand.add("k")
    assert figures(world).total() == 0


@pytest.mark.parametrize("queue", ["dead-english", "dead-spanish", "unreported"])
def test_a_dead_letter_without_a_reason(world: World, queue: str) -> None:
    world.messages[queue] = [{"MessageId": "1", "Body": json.dumps({"object": {}}), "ReceiptHandle": "r"}]
    assert figures(world)["dead_letters_unexplained"] >= 1
