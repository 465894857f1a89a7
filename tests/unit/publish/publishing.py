"""S3 and an event bus in memory, and PublishResult run on them as the state machine runs it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Iterable
from typing import IO, Any

import pytest
from botocore.exceptions import ClientError

from entities_job import aws
from entities_job.aws import Location
from entities_job.handlers import publish_result
from entities_job.publish import inventory
from tests.events import check
from tests.unit.lambda_context import CONTEXT

ARCHIVE = "jobs/a-NER-job1/output/output.tar.gz"
INVENTORY = "work/run/inventory.jsonl.gz"
JOB = {
    "JobId": "job1",
    "JobArn": "arn:aws:comprehend:us-east-1:111122223333:entities-detection-job/job1",
    "JobStatus": "COMPLETED",
    "SubmitTime": "2026-11-23T12:00:00+00:00",
    "LanguageCode": "en",
    "InputDataConfig": {"S3Uri": "s3://in/input/", "InputFormat": "ONE_DOC_PER_FILE"},
    "OutputDataConfig": {"S3Uri": f"s3://out/{ARCHIVE}"},
}
STOPPED = {**JOB, "JobStatus": "STOPPED"}
PERSON = {"BeginOffset": 0, "EndOffset": 3, "Score": 0.9, "Text": "Ada", "Type": "PERSON"}


class Killed(BaseException):
    """The function ended in the middle: no handler of an exception runs for that."""


class Body(io.BytesIO):
    """An object's body, whose connection may break."""

    def __init__(self, content: bytes, fault: Exception | None, after: int) -> None:
        super().__init__(content[:after] if fault else content)
        self._fault = fault

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if not data and self._fault:
            raise self._fault
        return data


class Bucket:
    """S3 and EventBridge in memory, as far as publishing uses them.

    Attributes:
        objects: all objects of all buckets, by key.
        events: entries that the event bus took.
        reads: the range and ETag asked for, of each read.
        faults: how the next connections end, each after so many bytes.
        calls_until_crash: which call kills the function, counted from 0.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.events: list[dict[str, Any]] = []
        self.reads: list[tuple[str, str]] = []
        self.faults: list[tuple[Exception, int]] = []
        self.calls_until_crash = -1
        self.calls = 0

    def get_object(self, *, Bucket: str, Key: str, Range: str = "bytes=0-", IfMatch: str = "") -> dict[str, Any]:
        self._count()
        if Key not in self.objects:
            raise error("NoSuchKey")
        content, start = self.objects[Key], int(Range[6:-1])
        etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        self.reads.append((Range, IfMatch))
        if IfMatch not in ("", etag):
            raise error("PreconditionFailed")
        if start and start >= len(content):
            raise error("InvalidRange")
        fault, after = self.faults.pop(0) if self.faults else (None, 0)
        return {"Body": Body(content[start:], fault, after), "ETag": etag}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes | IO[bytes]) -> dict[str, Any]:
        self._count()
        self.objects[Key] = Body if isinstance(Body, bytes) else Body.read()
        return {}

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        self._count()
        for each in Entries:
            check(json.loads(each["Detail"]))
        self.events += Entries
        return {"FailedEntryCount": 0}

    def published(self) -> dict[str, bytes]:
        """What result readers see."""
        return {key: body for key, body in self.objects.items() if key.startswith("results/")}

    def lines(self, kind: str = "documents") -> list[bytes]:
        """The lines of all parts."""
        keys = sorted(key for key in self.objects if key.startswith(f"results/{kind}/"))
        return [line for key in keys for line in gzip.decompress(self.objects[key]).splitlines(keepends=True)]

    def records(self, kind: str = "documents") -> list[dict[str, Any]]:
        """The records of all parts."""
        return list(map(json.loads, self.lines(kind)))

    def received(self) -> list[dict[str, Any]]:
        """The records of documents that the archive has."""
        return [record for record in self.records() if record.get("ErrorCode") != "NOT_RECEIVED"]

    def summary(self) -> dict[str, Any]:
        """The job's summary."""
        found: dict[str, Any] = json.loads(self.objects["results/summaries/job_date=2026-11-23/job1.json"])
        return found

    def _count(self) -> None:
        if self.calls == self.calls_until_crash:
            raise Killed
        self.calls += 1


def error(code: str) -> ClientError:
    """The service's own error."""
    return ClientError({"Error": {"Code": code}}, "GetObject")


def memory(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket that the functions take for AWS."""
    made = Bucket()
    for client in ("s3", "events"):
        monkeypatch.setattr(aws, client, lambda: made)
    monkeypatch.setenv("EVENT_BUS_NAME", "default")
    return made


def tarred(members: dict[str, bytes]) -> bytes:
    """A tar file of such files."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        for name, body in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return held.getvalue()


def packed(members: dict[str, bytes]) -> bytes:
    """An archive of such files."""
    return gzip.compress(tarred(members), 1, mtime=0)


def lines(*records: object) -> bytes:
    """JSON lines."""
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)


def publish(
    bucket: Bucket,
    result: bytes | dict[str, bytes] | None,
    expected: Iterable[Any],
    *,
    again: bool = False,
    **event: Any,
) -> dict[str, Any]:
    """Publish as the state machine does, ``again`` beside what is there; returns the outcome, if its counts add up."""
    if not again:
        bucket.objects.clear()
    body = packed(result) if isinstance(result, dict) else result
    if body is not None:
        bucket.objects[ARCHIVE] = body
    expected = list(expected)
    inventory.write(Location("out", INVENTORY), expected)
    given: Any = {
        "Job": JOB,
        "Inventory": {"Uri": f"s3://out/{INVENTORY}", "Documents": 0, "Files": 0, "Bytes": 0},
        "Estimate": {"Units": 3, "CostUsd": 0.0003},
        "Warnings": [],
        "Settings": {"ResultsUri": "s3://out/results/", "WorkUri": "s3://out/work/"},
        "Execution": {"Name": "run", "Id": "arn:e", "StateMachineArn": "arn:m"},
        "Polls": 3,
        "LagSeconds": 4.0,
        "StopCode": None,
        **event,
    }
    found: Any = publish_result.handler(given, CONTEXT)["Outcome"]
    counts = found["Counts"]
    assert counts["ExpectedDocuments"] == sum(each.get("Lines", 1) for each in expected if not each.get("Padding"))
    assert counts["ExpectedDocuments"] + counts["UnexpectedDocuments"] == (
        counts["Documents"] + counts["DocumentErrors"] + counts["MissingDocuments"]
    )
    assert len(bucket.records("unparsed")) == counts["UnparsedRecords"]
    assert len(bucket.records()) == counts["Documents"] + counts["DocumentErrors"] + counts["MissingDocuments"]
    assert sum(bucket.summary()["Counts"]["EntitiesByType"].values()) == counts["Entities"]
    return dict(found)


def entry(name: str, **more: Any) -> dict[str, Any]:
    """A line of the inventory."""
    return {"File": name, "Source": f"s3://in/input/{name}", "VersionId": "v1", "Size": 9, **more}


def numbered(count: int, seed: int = 1) -> bytes:
    """Lines that compress badly."""
    noise = random.Random(seed)
    entities = ([{**PERSON, "Text": f"{noise.random()}"}] for _ in range(count))
    return lines(*({"File": "n.txt", "Line": number, "Entities": each} for number, each in enumerate(entities)))
