"""AWS in memory, as far as the functions use it: the one fake of all unit tests.

boto3's own clients call it in place of the network, so that their checks of parameters, paginators and exceptions are
the real ones. Any call can be told to fail, or to kill the function.

Example:
    >>> def test_something(aws: Aws) -> None:
    ...     aws.put("s3://in/input/a.txt", b"text")
    ...     aws.fail("GetObject", "SlowDown", times=2)
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.response import StreamingBody
from botocore.validate import ParamValidator

from entities_job.contracts import Outcome
from entities_job.publish import ending
from tests.events import check

REGION, ACCOUNT = "us-east-1", "111122223333"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:Workflow"
EXECUTION = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:Workflow"
VISIBILITY_SECONDS = 600


class Crash(BaseException):
    """The function is killed; no handler of exceptions may swallow it."""


@dataclass
class Version:
    """One version of an object."""

    body: bytes
    storage_class: str = "STANDARD"
    id: str = "null"
    modified: datetime | None = None

    @property
    def etag(self) -> str:
        """The entity tag: the same for the same content."""
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


@dataclass
class Fault:
    """What one operation answers instead, for some calls."""

    answer: str | BaseException
    times: int


@dataclass
class Message:
    """A message of a queue; times are epoch seconds."""

    body: str
    sent: float
    visible: float
    receives: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)


class Aws:
    """One account and Region.

    Attributes:
        clock: epoch seconds.
        crash_at: the number of the call that kills the function, or None.
        calls: how often each operation was called.
        objects: versions of each object, by URI, the newest last.
        keys: the KMS key that the writer of an object named, by URI.
        events: details of all events that the bus took.
        messages: the messages of each queue, by receipt handle.
        counted: what a queue counts of its messages, if it is not what waits there.
        wakes: when the messages come that the dispatcher sent to itself.
        executions: Step Functions' executions by ARN, in the API's own fields.
        jobs: Comprehend's jobs by id, in the API's own fields.
        waiting: task tokens that an execution waits with.
        woken: those that were used.
        reads: range and ETag that each reading of an object asked for.
        page: how many versions of objects a listing shows at a time.
        locked: objects that S3 does not copy, with its error codes.
        broken: how the connections of the next readings end, each after so many bytes.
    """

    def __init__(self) -> None:
        self.clock = 1_795_000_000.0
        self.crash_at: int | None = None
        self.calls: Counter[str] = Counter()
        self.objects: dict[str, list[Version]] = {}
        self.versioned: set[str] = set()
        self.keys: dict[str, str] = {}
        self.events: list[Outcome] = []
        self.messages: defaultdict[str, dict[str, Message]] = defaultdict(dict)
        self.counted: dict[str, int] = {}
        self.wakes: list[float] = []
        self.executions: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.waiting: set[str] = set()
        self.woken: list[str] = []
        self.reads: list[tuple[str, str]] = []
        self.broken: list[tuple[Exception, int]] = []
        self._faults: defaultdict[str, list[Fault]] = defaultdict(list)
        self.page = 1000
        self.locked: dict[str, str] = {}
        self._lock = Lock()
        self._sent = 0
        self._then: tuple[int, Callable[[], object]] | None = None

    # --- what tests do and see ---

    @property
    def now(self) -> datetime:
        """The clock as a time."""
        return datetime.fromtimestamp(self.clock, UTC)

    def fail(self, operation: str, answer: str | BaseException, *, times: int = 1) -> None:
        """Answer the next calls of an operation with an error code, or raise an exception in its place."""
        self._faults[operation].append(Fault(answer, times))

    def at_call(self, number: int, then: Callable[[], object]) -> None:
        """Let something happen just before so many more calls."""
        self._then = self.calls.total() + number, then

    def put(self, uri: str, body: bytes, *, storage_class: str = "STANDARD") -> Version:
        """Put an object; in a versioned bucket it gets a version of its own."""
        versions = self.objects.setdefault(uri, [])
        if uri.split("/")[2] in self.versioned:
            versions.append(Version(body, storage_class, f"v{len(versions) + 1}", self.now))
        else:
            versions[:] = [Version(body, storage_class, modified=self.now)]
        return versions[-1]

    def get(self, uri: str) -> bytes:
        """The newest version of an object."""
        return self.objects[uri][-1].body

    def uris(self, prefix: str = "") -> list[str]:
        """All objects, sorted."""
        return sorted(uri for uri in self.objects if uri.startswith(prefix))

    def send(self, queue: str, body: str, **attributes: Any) -> None:
        """Put a message into a queue."""
        self._sent += 1
        handle = f"{queue}-{self._sent}"
        self.messages[queue][handle] = Message(body, self.clock, self.clock, attributes=attributes)

    def run(self, name: str, *, given: object = None, status: str = "RUNNING") -> str:
        """Let an execution exist; returns its ARN."""
        arn = f"{EXECUTION}:{name}"
        self.executions[arn] = {
            "executionArn": arn,
            "stateMachineArn": MACHINE,
            "name": name,
            "status": status,
            "startDate": self.now,
            "input": json.dumps({} if given is None else given),
        }
        return arn

    def job(self, job_id: str, folder: str = "s3://out/jobs/run-1/", status: str = "IN_PROGRESS", **more: Any) -> None:
        """Let a job exist that writes below ``folder``."""
        self.jobs[job_id] = {
            "JobId": job_id,
            "JobArn": f"arn:aws:comprehend:{REGION}:{ACCOUNT}:entities-detection-job/{job_id}",
            "JobStatus": status,
            "SubmitTime": self.now,
            "OutputDataConfig": {"S3Uri": f"{folder}{ACCOUNT}-NER-{job_id}/output/output.tar.gz"},
            **more,
        }

    # --- the seam ---

    def answer(self, client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        """Answer one call of a client."""
        shape = client.meta.service_model.operation_model(operation).input_shape
        # boto3 makes a text of it before it checks.
        checked = {**parameters, "CopySource": "bucket/key"} if operation == "CopyObject" else parameters
        if shape is not None and (report := ParamValidator().validate(checked, shape)).has_errors():
            raise AssertionError(f"boto3 would refuse {operation}: {report.generate_report()}")
        if self._then and self.calls.total() + 1 >= self._then[0]:
            then, self._then = self._then[1], None
            then()
        with self._lock:
            self.calls[operation] += 1
            if self.calls.total() == self.crash_at:
                raise Crash
            for fault in self._faults[operation]:
                if fault.times:
                    fault.times -= 1
                    if isinstance(fault.answer, BaseException):
                        raise fault.answer
                    raise self._error(client, operation, fault.answer)
            try:
                return getattr(self, f"_{operation}")(parameters)
            except _Refused as refused:
                raise self._error(client, operation, refused.code) from None

    def refused(self, code: str) -> Exception:
        """The refusal that an operation of a subclass raises."""
        return _Refused(code)

    def _error(self, client: BaseClient, operation: str, code: str) -> Exception:
        answer = {"Error": {"Code": code, "Message": f"{code} of {operation}"}}
        error: Exception = client.exceptions.from_code(code)(answer, operation)  # type: ignore[operator]  # a class
        return error

    # --- Amazon S3 ---

    def _found(self, given: dict[str, Any], *, missing: str = "NoSuchKey") -> Version:
        versions = self.objects.get(f"s3://{given['Bucket']}/{given['Key']}", [])
        if "VersionId" in given:
            versions = [version for version in versions if version.id == given["VersionId"]]
            missing = "NoSuchVersion"
        if not versions:
            raise _Refused(missing)
        return versions[-1]

    def _GetObject(self, given: dict[str, Any]) -> dict[str, Any]:
        found = self._found(given)
        self.reads.append((given.get("Range", "bytes=0-"), given.get("IfMatch", "")))
        if "IfMatch" in given and given["IfMatch"] != found.etag:
            raise _Refused("PreconditionFailed")
        body = found.body
        if "Range" in given:
            first, _, last = given["Range"].removeprefix("bytes=").partition("-")
            if int(first) >= len(body):
                raise _Refused("InvalidRange")
            body = body[int(first) : int(last) + 1 if last else None]
        held = _Broken(body, *self.broken.pop(0)) if self.broken else io.BytesIO(body)
        return {"Body": StreamingBody(held, len(body)), "ETag": found.etag, "ContentLength": len(body)}

    def _HeadObject(self, given: dict[str, Any]) -> dict[str, Any]:
        found = self._found(given, missing="404")
        return {
            "ETag": found.etag,
            "ContentLength": len(found.body),
            "LastModified": found.modified or self.now,
        }

    def _PutObject(self, given: dict[str, Any]) -> dict[str, Any]:
        uri, body = f"s3://{given['Bucket']}/{given['Key']}", given["Body"]
        standing = self.objects.get(uri)
        if given.get("IfNoneMatch") == "*" and standing:
            raise _Refused("PreconditionFailed")
        if "IfMatch" in given and (not standing or standing[-1].etag != given["IfMatch"]):
            raise _Refused("PreconditionFailed" if standing else "NoSuchKey")
        self._encrypt(given)
        return {"ETag": self.put(uri, body if isinstance(body, bytes) else body.read()).etag}

    def _CopyObject(self, given: dict[str, Any]) -> dict[str, Any]:
        source = given["CopySource"]
        found = self._found(source)
        if "CopySourceIfMatch" in given and given["CopySourceIfMatch"] not in (found.etag, found.etag.strip('"')):
            raise _Refused("PreconditionFailed")
        if code := self.locked.get(f"s3://{source['Bucket']}/{source['Key']}"):
            raise _Refused(code)
        if found.storage_class in ("GLACIER", "DEEP_ARCHIVE"):
            raise _Refused("InvalidObjectState")
        self._encrypt(given)
        return {"CopyObjectResult": {"ETag": self.put(f"s3://{given['Bucket']}/{given['Key']}", found.body).etag}}

    def _encrypt(self, given: dict[str, Any]) -> None:
        if given.get("ServerSideEncryption") == "aws:kms":
            self.keys[f"s3://{given['Bucket']}/{given['Key']}"] = given["SSEKMSKeyId"]

    def _DeleteObject(self, given: dict[str, Any]) -> dict[str, Any]:
        self.objects.pop(f"s3://{given['Bucket']}/{given['Key']}", None)
        return {}

    def _ListObjectsV2(self, given: dict[str, Any]) -> dict[str, Any]:
        root = f"s3://{given['Bucket']}/"
        after = given.get("ContinuationToken", given.get("StartAfter", ""))
        uris = [uri for uri in self.uris(f"{root}{given.get('Prefix', '')}") if uri.removeprefix(root) > after]
        page = uris[: given.get("MaxKeys", 1000)]
        contents = [
            {
                "Key": uri.removeprefix(root),
                "Size": len(self.objects[uri][-1].body),
                "ETag": self.objects[uri][-1].etag,
                "StorageClass": self.objects[uri][-1].storage_class,
                "LastModified": self.now,
            }
            for uri in page
        ]
        more = {"NextContinuationToken": page[-1].removeprefix(root)} if len(uris) > len(page) else {}
        return {"Contents": contents, "IsTruncated": bool(more), **more} if contents else {"IsTruncated": False}

    def _ListObjectVersions(self, given: dict[str, Any]) -> dict[str, Any]:
        root = f"s3://{given['Bucket']}/"
        found = [
            {
                "Key": uri.removeprefix(root),
                "VersionId": version.id,
                "ETag": version.etag,
                "Size": len(version.body),
                "LastModified": version.modified or self.now,
                "IsLatest": version is self.objects[uri][-1],
            }
            for uri in self.uris(f"{root}{given['Prefix']}")
            for version in reversed(self.objects[uri])
        ]
        after = (given.get("KeyMarker", ""), given.get("VersionIdMarker", ""))
        places = [(each["Key"], each["VersionId"]) for each in found]
        start = places.index(after) + 1 if after in places else 0
        page = found[start : start + self.page]
        more = start + self.page < len(found)
        last = {"NextKeyMarker": page[-1]["Key"], "NextVersionIdMarker": page[-1]["VersionId"]} if more else {}
        return {"Versions": page, "IsTruncated": more, **last}

    # --- Amazon SQS ---

    def _visible(self, queue: str) -> Iterator[tuple[str, Message]]:
        return ((handle, each) for handle, each in list(self.messages[queue].items()) if each.visible <= self.clock)

    def _GetQueueAttributes(self, given: dict[str, Any]) -> dict[str, Any]:
        queue = given["QueueUrl"]
        dead = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}-dead"
        found = {
            "ApproximateNumberOfMessages": str(self.counted.get(queue, len(list(self._visible(queue))))),
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1000}),
        }
        return {"Attributes": {name: found[name] for name in given["AttributeNames"]}}

    def _ReceiveMessage(self, given: dict[str, Any]) -> dict[str, Any]:
        found = []
        for handle, message in list(self._visible(given["QueueUrl"]))[: given["MaxNumberOfMessages"]]:
            message.visible, message.receives = self.clock + VISIBILITY_SECONDS, message.receives + 1
            sent = {"SentTimestamp": str(int(message.sent * 1000))}
            found.append({"Body": message.body, "ReceiptHandle": handle, "Attributes": sent, "MessageId": handle})
        return {"Messages": found} if found else {}

    def _DeleteMessageBatch(self, given: dict[str, Any]) -> dict[str, Any]:
        for entry in given["Entries"]:
            self.messages[given["QueueUrl"]].pop(entry["ReceiptHandle"], None)
        return {}

    def _ChangeMessageVisibilityBatch(self, given: dict[str, Any]) -> dict[str, Any]:
        for entry in given["Entries"]:
            message = self.messages[given["QueueUrl"]][entry["ReceiptHandle"]]
            message.visible = self.clock + entry["VisibilityTimeout"]
        return {}

    def _SendMessage(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["QueueUrl"] == "wake":
            self.wakes.append(self.clock + given.get("DelaySeconds", 0))
        self.send(given["QueueUrl"], given["MessageBody"], **given.get("MessageAttributes", {}))
        return {"MessageId": "1"}

    def _SendMessageBatch(self, given: dict[str, Any]) -> dict[str, Any]:
        for entry in given["Entries"]:
            self.send(given["QueueUrl"], entry["MessageBody"])
        return {"Successful": [], "Failed": []}

    # --- Amazon EventBridge ---

    def _PutEvents(self, given: dict[str, Any]) -> dict[str, Any]:
        for entry in given["Entries"]:
            detail = json.loads(entry["Detail"])
            check(detail)
            self.events.append(detail)
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in given["Entries"]]}

    # --- AWS Step Functions ---

    def _StartExecution(self, given: dict[str, Any]) -> dict[str, Any]:
        arn = f"{EXECUTION}:{given['name']}"
        if arn in self.executions:
            raise _Refused("ExecutionAlreadyExists")
        self.run(given["name"], given=json.loads(given["input"]))
        return {"executionArn": arn, "startDate": self.now}

    def _ListExecutions(self, given: dict[str, Any]) -> dict[str, Any]:
        wanted = given.get("statusFilter")
        return {"executions": [each for each in self.executions.values() if wanted in (None, each["status"])]}

    def _DescribeExecution(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["executionArn"] not in self.executions:
            raise _Refused("ExecutionDoesNotExist")
        return self.executions[given["executionArn"]]

    def _GetExecutionHistory(self, given: dict[str, Any]) -> dict[str, Any]:
        last = self.executions[given["executionArn"]].get("state")
        entered = ["BatchOfUploads", last] if last else []
        found = reversed(entered) if given.get("reverseOrder") else entered
        return {"events": [{"stateEnteredEventDetails": {"name": name}} for name in found]}

    def _SendTaskSuccess(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["taskToken"] not in self.waiting:
            raise _Refused("TaskDoesNotExist")
        self.waiting.remove(given["taskToken"])
        self.woken.append(given["taskToken"])
        return {}

    # --- Amazon Comprehend ---

    def _StartEntitiesDetectionJob(self, given: dict[str, Any]) -> dict[str, Any]:
        number = hashlib.sha256(given["ClientRequestToken"].encode()).hexdigest()[:32]
        if number not in self.jobs:
            more = {name: given[name] for name in ("JobName", "LanguageCode", "InputDataConfig") if name in given}
            self.job(number, given["OutputDataConfig"]["S3Uri"], status="SUBMITTED", **more)
        return {name: self.jobs[number][name] for name in ("JobId", "JobArn", "JobStatus")}

    def _DescribeEntitiesDetectionJob(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["JobId"] not in self.jobs:
            raise _Refused("JobNotFoundException")
        headers = {"date": self.now.strftime("%a, %d %b %Y %H:%M:%S GMT")}
        return {
            "EntitiesDetectionJobProperties": self.jobs[given["JobId"]],
            "ResponseMetadata": {"HTTPHeaders": headers},
        }

    def _StopEntitiesDetectionJob(self, given: dict[str, Any]) -> dict[str, Any]:
        job = self.jobs[given["JobId"]]
        if job["JobStatus"] in ("COMPLETED", "FAILED"):
            raise _Refused("InvalidRequestException")
        if job["JobStatus"] != "STOPPED":
            job["JobStatus"] = "STOP_REQUESTED"
        return {"JobId": job["JobId"], "JobStatus": job["JobStatus"]}

    def _ListEntitiesDetectionJobs(self, given: dict[str, Any]) -> dict[str, Any]:
        wanted = given.get("Filter", {})
        found = [
            job
            for job in self.jobs.values()
            if job["JobStatus"] == wanted.get("JobStatus", job["JobStatus"])
            and job.get("JobName") == wanted.get("JobName", job.get("JobName"))
            and job["SubmitTime"] >= wanted.get("SubmitTimeAfter", job["SubmitTime"])
        ]
        return {"EntitiesDetectionJobPropertiesList": found}


class _Broken(io.BytesIO):
    """An object's body, whose connection breaks."""

    def __init__(self, body: bytes, fault: Exception, after: int) -> None:
        super().__init__(body[:after])
        self._fault = fault

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if not data:
            raise self._fault
        return data


class _Refused(Exception):
    """A service's own refusal."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def installed(patch: pytest.MonkeyPatch, made: Aws | None = None) -> Aws:
    """An empty account, or a given one, that all boto3 clients of this process call, as long as ``patch`` holds."""
    made = made or Aws()
    for name, value in {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "EVENT_BUS_NAME": "default",
        "JOBS_URI": "s3://out/jobs/",
        "WORK_URI": "s3://out/work/",
        "SLOTS": "10",
    }.items():
        patch.setenv(name, value)

    def call(client: BaseClient, operation: str, given: dict[str, Any]) -> Any:
        return made.answer(client, operation, given)

    patch.setattr(BaseClient, "_make_api_call", call)
    # Its pauses are for a service that answers otherwise later.
    patch.setattr(ending, "time", SimpleNamespace(time=time.time, sleep=lambda seconds: None))
    return made


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    """AWS in memory."""
    return installed(monkeypatch)
