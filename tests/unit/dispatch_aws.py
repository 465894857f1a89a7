"""A few calls of S3, SQS, Step Functions and Comprehend in memory, which can be told to fail at any one call."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from entities_job.handlers import dispatch_uploads as dispatch
from entities_job.handlers import stage
from entities_job.uploads import queue as dispatch_queue

MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:Workflow"
VISIBILITY_SECONDS = 600


class Crash(Exception):
    """The function is killed."""


def refuse(code: str) -> None:
    raise ClientError({"Error": {"Code": code, "Message": code}}, "Call")


class Aws:
    """One account; ``clock`` is in epoch seconds. The call with the number ``crash_at`` kills the function."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = 1_795_000_000.0
        self.counts: Counter[str] = Counter()
        self.one_at_a_time = Lock()
        self.crash_at: int | None = None
        self.objects: dict[str, dict[str, bytes]] = {}
        self.messages: dict[str, dict[str, dict[str, Any]]] = {}
        self.wakes: list[float] = []
        self.executions: dict[str, dict[str, Any]] = {}
        self.jobs: list[dict[str, Any]] = []
        clients: dict[str, Any] = {name: Client(self, name) for name in ("s3", "sqs", "stepfunctions", "comprehend")}
        for module in (dispatch, dispatch_queue, stage):
            monkeypatch.setattr(module, "client", clients.__getitem__)
        monkeypatch.setattr(dispatch.time, "time", lambda: self.clock)

    @property
    def calls(self) -> int:
        """How many calls were made."""
        return self.counts.total()

    def call(self, operation: str) -> None:
        self.counts[operation] += 1
        if self.calls == self.crash_at:
            raise Crash

    def upload(self, key: str, body: bytes = b"x" * 1000, *, queue: str = "q", times: int = 1) -> None:
        """Put an object's next version, and announce it ``times`` times."""
        versions = self.objects.setdefault(key, {})
        version = f"v{len(versions) + 1}"
        versions[version] = body
        detail = {
            "bucket": {"name": "in"},
            "object": {"key": key, "size": len(body), "etag": "e", "version-id": version, "sequencer": "1"},
        }
        for _ in range(times):
            self.send(queue, json.dumps(detail))

    def send(self, queue: str, body: str) -> None:
        waiting = self.messages.setdefault(queue, {})
        handle = f"{queue}-{self.clock}-{len(waiting)}-{self.calls}"
        waiting[handle] = {"body": body, "sent": self.clock, "visible": self.clock, "receives": 0}

    def text(self, key: str) -> str:
        """The newest version of an object."""
        return list(self.objects[key].values())[-1].decode()

    def documents(self) -> list[str]:
        """Keys of all staged copies."""
        return sorted(key for key in self.objects if "/documents/" in key)


class Client:
    """One service's client: the calls that the functions make."""

    def __init__(self, aws: Aws, service: str) -> None:
        self._aws = aws
        self.exceptions = boto3.client(service, region_name="us-east-1").exceptions  # type: ignore[call-overload]  # any

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        if name.startswith("_") or name in ("exceptions", "get_paginator"):
            return found

        def call(**request: Any) -> Any:
            with self._aws.one_at_a_time:
                self._aws.call(name)
                return found(**request)

        return call

    def put_object(self, Bucket: str, Key: str, Body: bytes | str, IfNoneMatch: str = "") -> None:
        if IfNoneMatch and Key in self._aws.objects:
            refuse("PreconditionFailed")
        self._aws.objects[Key] = {"null": Body.encode() if isinstance(Body, str) else Body}

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        if Key not in self._aws.objects:
            raise self.exceptions.NoSuchKey({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(list(self._aws.objects[Key].values())[-1])}

    def copy_object(self, Bucket: str, Key: str, CopySource: dict[str, str], TaggingDirective: str) -> None:
        versions = self._aws.objects.get(CopySource["Key"], {})
        if CopySource["VersionId"] not in versions:
            refuse("NoSuchVersion")
        self._aws.objects[Key] = {"null": versions[CopySource["VersionId"]]}

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:
        return {"Attributes": {AttributeNames[0]: str(len(list(self._visible(QueueUrl))))}}

    def receive_message(self, QueueUrl: str, MaxNumberOfMessages: int, **_: Any) -> dict[str, Any]:
        found = []
        for handle, message in list(self._visible(QueueUrl))[:MaxNumberOfMessages]:
            message.update(visible=self._aws.clock + VISIBILITY_SECONDS, receives=message["receives"] + 1)
            sent = {"SentTimestamp": str(int(message["sent"] * 1000))}
            found.append({"Body": message["body"], "ReceiptHandle": handle, "Attributes": sent, "MessageId": handle})
        return {"Messages": found} if found else {}

    def _visible(self, queue: str) -> Iterator[tuple[str, dict[str, Any]]]:
        waiting = self._aws.messages.get(queue, {})
        return ((handle, each) for handle, each in waiting.items() if each["visible"] <= self._aws.clock)

    def delete_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        for entry in Entries:
            self._aws.messages[QueueUrl].pop(entry["ReceiptHandle"])
        return {}

    def change_message_visibility_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        for entry in Entries:
            message = self._aws.messages[QueueUrl][entry["ReceiptHandle"]]
            message["visible"] = self._aws.clock + entry["VisibilityTimeout"]
        return {}

    def send_message(self, QueueUrl: str, MessageBody: str, DelaySeconds: int) -> None:
        self._aws.wakes.append(self._aws.clock + DelaySeconds)

    def start_execution(self, stateMachineArn: str, name: str, input: str) -> None:
        if name in self._aws.executions:
            code = "ExecutionAlreadyExists"
            raise self.exceptions.ExecutionAlreadyExists({"Error": {"Code": code}}, "StartExecution")
        started = datetime.fromtimestamp(self._aws.clock, UTC)
        self._aws.executions[name] = {"input": json.loads(input), "started": started, "running": True}

    def get_paginator(self, operation: str) -> Any:
        return Pages(self, getattr(self, f"_{operation}"))

    def _list_executions(self, stateMachineArn: str, statusFilter: str) -> dict[str, Any]:
        arn = MACHINE.replace(":stateMachine:", ":execution:")
        found = [
            {"executionArn": f"{arn}:{name}", "startDate": each["started"]}
            for name, each in self._aws.executions.items()
            if each["running"]
        ]
        return {"executions": found}

    def _list_entities_detection_jobs(self, Filter: dict[str, Any], PaginationConfig: Any) -> dict[str, Any]:
        found = [
            job
            for job in self._aws.jobs
            if job["JobStatus"] == Filter.get("JobStatus", job["JobStatus"])
            and job["SubmitTime"] >= Filter.get("SubmitTimeAfter", job["SubmitTime"])
        ]
        return {"EntitiesDetectionJobPropertiesList": found}


class Pages:
    """A paginator of one page."""

    def __init__(self, client: Client, call: Callable[..., dict[str, Any]]) -> None:
        self._client, self._call = client, call

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        self._client._aws.call(self._call.__name__.removeprefix("_"))
        yield self._call(**request)
