"""A bucket and an event bus in memory, and PublishResult run on them as the state machine runs it."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from entities_job.aws import Location
from entities_job.handlers import publish_result
from entities_job.publish import archive, inventory, offsets, outcome, parts
from tests.events import check

JOB = {
    "JobId": "job1",
    "JobArn": "arn:aws:comprehend:us-east-1:111122223333:entities-detection-job/job1",
    "JobStatus": "COMPLETED",
    "SubmitTime": "2026-11-23T12:00:00+00:00",
    "LanguageCode": "en",
    "InputDataConfig": {"S3Uri": "s3://in/input/", "InputFormat": "ONE_DOC_PER_FILE"},
    "OutputDataConfig": {"S3Uri": "s3://out/jobs/a-NER-job1/output/output.tar.gz"},
}
PERSON = {"BeginOffset": 0, "EndOffset": 3, "Score": 0.9, "Text": "Ada", "Type": "PERSON"}


class NoSuchKey(ClientError):
    """As boto3 raises it."""


class Body(io.BytesIO):
    """An object's body, which tells the bucket how much of it was read."""

    def __init__(self, bucket: Bucket, key: str, start: int) -> None:
        super().__init__(bucket.objects[key][start:])
        self._bucket, self._key = bucket, key

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self._bucket.read[self._key] += len(data)
        return data


class Bucket:
    """S3 and EventBridge in memory, as far as publishing uses them; dies at the nth call."""

    exceptions = SimpleNamespace(NoSuchKey=NoSuchKey)

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.events: list[dict[str, Any]] = []
        self.read: Counter[str] = Counter()
        self.calls_until_crash = -1
        self.calls = 0

    def get_object(self, *, Bucket: str, Key: str, Range: str = "bytes=0-", **conditions: str) -> dict[str, Any]:
        self._count()
        if Key not in self.objects:
            raise NoSuchKey({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        body = Body(self, Key, int(Range[6:-1]))
        return {"Body": body, "ETag": "e", "ContentLength": len(body.getvalue())}

    def put_object(self, *, Bucket: str, Key: str, Body: Any) -> None:
        self._count()
        self.objects[Key] = Body if isinstance(Body, bytes) else Body.read()

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        self._count()
        for entry in Entries:
            check(json.loads(entry["Detail"]))
        self.events += Entries
        return {"FailedEntryCount": 0}

    def published(self) -> dict[str, bytes]:
        """What result readers see."""
        return {key: body for key, body in self.objects.items() if key.startswith("results/")}

    def records(self, kind: str = "documents") -> list[dict[str, Any]]:
        """The records of all parts."""
        keys = sorted(key for key in self.objects if key.startswith(f"results/{kind}/"))
        return [json.loads(line) for key in keys for line in gzip.decompress(self.objects[key]).splitlines()]

    def summary(self) -> dict[str, Any]:
        """The job's summary."""
        found: dict[str, Any] = json.loads(self.objects["results/summaries/job_date=2026-11-23/job1.json"])
        return found

    def _count(self) -> None:
        if self.calls == self.calls_until_crash:
            raise InterruptedError("the function was killed")
        self.calls += 1


def memory(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket that the functions take for AWS."""
    made = Bucket()
    for module in (archive, inventory, offsets, outcome, parts, publish_result):
        monkeypatch.setattr(module, "client", lambda name: made)
    monkeypatch.setenv("EVENT_BUS_NAME", "default")
    return made


def packed(members: dict[str, bytes]) -> bytes:
    """An archive of such files."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as tar:
        for name, body in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
    return held.getvalue()


def lines(*records: Any) -> bytes:
    """JSON lines."""
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)


def publish(
    bucket: Bucket,
    result: bytes | dict[str, bytes] | None,
    expected: list[dict[str, Any]],
    *,
    remaining: Callable[[], int] = lambda: 900_000,
    **event: Any,
) -> dict[str, Any]:
    """Publish until done, as the state machine does; returns the outcome."""
    body = packed(result) if isinstance(result, dict) else result
    if body is not None:
        bucket.objects["jobs/a-NER-job1/output/output.tar.gz"] = body
    inventory.write(Location("out", "work/run/inventory.jsonl.gz"), expected)
    context: Any = SimpleNamespace(
        get_remaining_time_in_millis=remaining,
        function_name="f",
        memory_limit_in_mb=1,
        invoked_function_arn="a",
        aws_request_id="r",
    )
    answer: dict[str, Any] = {"Checkpoint": None}
    for _ in range(300):
        given = {
            "Job": JOB,
            "Inventory": {
                "Uri": "s3://out/work/run/inventory.jsonl.gz",
                "Documents": sum(entry.get("Lines", 1) for entry in expected if not entry.get("Padding")),
            },
            "Estimate": {"Units": 3, "CostUsd": 0.0003},
            "Warnings": [],
            "Settings": {"ResultsUri": "s3://out/results/", "WorkUri": "s3://out/work/"},
            "Execution": {"Name": "run", "Id": "arn:e", "StateMachineArn": "arn:m"},
            "Polls": 3,
            "LagSeconds": 4.0,
            "StopCode": None,
            "Checkpoint": answer.get("Checkpoint"),
            **event,
        }
        answer = publish_result.handler(given, context)
        if answer["Done"]:
            found: dict[str, Any] = answer["Outcome"]
            return found
    raise AssertionError("never done")


def entry(name: str, **more: Any) -> dict[str, Any]:
    """A line of the inventory."""
    return {"File": name, "Source": f"s3://in/input/{name}", "VersionId": "v1", "Size": 9, **more}
