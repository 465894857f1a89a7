"""S3 and an event bus in memory, and PublishResult run on them as the state machine runs it."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any

import pytest

from entities_job.aws import Location
from entities_job.contracts import Outcome
from entities_job.handlers import publish_result
from entities_job.job import marker
from entities_job.publish import inventory
from tests.aws import Aws, installed
from tests.payloads import RUN, SETTINGS
from tests.unit.lambda_context import CONTEXT

ARCHIVE = "jobs/a-NER-job1/output/output.tar.gz"
INVENTORY = "work/run/inventory.jsonl.gz"
ROOT = "s3://out/"
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


class Objects(MutableMapping[str, bytes]):
    """The objects of one bucket, by key."""

    def __init__(self, account: Aws) -> None:
        self._account = account

    def __getitem__(self, key: str) -> bytes:
        return self._account.get(f"{ROOT}{key}")

    def __setitem__(self, key: str, body: bytes) -> None:
        self._account.put(f"{ROOT}{key}", body)

    def __delitem__(self, key: str) -> None:
        del self._account.objects[f"{ROOT}{key}"]

    def __iter__(self) -> Iterator[str]:
        return (uri.removeprefix(ROOT) for uri in self._account.uris(ROOT))

    def __len__(self) -> int:
        return len(self._account.uris(ROOT))


class Bucket:
    """What publishing reads and writes of an account in memory.

    Attributes:
        account: the account.
        objects: the objects of the one bucket that publishing uses, by key.
    """

    def __init__(self, account: Aws) -> None:
        self.account, self.objects = account, Objects(account)

    @property
    def events(self) -> list[Outcome]:
        """The outcomes that the event bus took."""
        return self.account.events

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


def memory(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket that the functions take for AWS."""
    return Bucket(installed(monkeypatch))


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
    marker.leave(RUN["Id"], set())
    given: Any = {
        "Job": JOB,
        "Inventory": {"Uri": f"s3://out/{INVENTORY}", "Documents": 0, "Files": 0, "Bytes": 0},
        "Estimate": {"Units": 3, "CostUsd": 0.0003},
        "Warnings": [],
        "Settings": SETTINGS,
        "Execution": RUN,
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
