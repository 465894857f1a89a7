"""The dispatcher's configuration, its messages and its note."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict, final

from .request import TriggerRequest
from .settings import Ceilings


class BatchSettings(TypedDict):
    """Settings of one upload trigger's batches; ``Limits`` are those of one batch."""

    Request: TriggerRequest
    Suffixes: list[str]
    Custom: bool
    ByLine: bool
    Limits: Ceilings


class TriggerSettings(BatchSettings):
    """One upload trigger: its batches, and prefix and queue's name of its uploads."""

    Prefix: str
    Queue: str


class DispatcherSettings(TypedDict):
    """Settings that the construct gives DispatchUploads."""

    StateMachineArn: str
    StagingUri: str
    ClaimsUri: str
    WakeQueueUrl: str
    MaximumActiveJobs: int
    Triggers: dict[str, TriggerSettings]


class Wake(TypedDict):
    """A message that wakes DispatchUploads: ``Trigger`` of an upload, ``Sweep`` of its schedule; or an outcome."""

    Trigger: NotRequired[str]
    Sweep: NotRequired[bool]


class BackfillRequest(TypedDict):
    """Objects to queue under a trigger's prefix, or a ``Prefix`` below it.

    ``Since`` is a date or time of ISO 8601; with ``Versions`` those that were overwritten count, too. The rest is how
    far it got.
    """

    Trigger: str
    Prefix: NotRequired[str]
    Since: NotRequired[str]
    Versions: NotRequired[bool]
    KeyMarker: NotRequired[str]
    VersionIdMarker: NotRequired[str]
    Listed: NotRequired[int]
    Queued: NotRequired[int]


@final
class BackfillEvent(TypedDict):
    """Event of DispatchUploads, for uploads without an S3 event; also a message to itself that goes on."""

    Backfill: BackfillRequest


class FailedBatchMessage(TypedDict):
    """A message in a trigger's queue, or its dead-letter queue: the batch of that name is to be analysed again."""

    Batch: str


class Claim(TypedDict):
    """The execution of a batch that analyses an upload; with ``ErrorCode`` it was rejected; another may try again."""

    Execution: str
    ErrorCode: NotRequired[str]


class BatchRecord(TypedDict):
    """The state of a batch.

    ``Number`` counts its executions, ``Jobs`` those in vain and ``Resumed`` those that resumed its job, both since
    people started it; ``JobId`` is of a paid job whose results are not published, ``Reason`` why it waits for people.
    """

    State: Literal["running", "published", "failed"]
    Number: int
    Jobs: int
    Resumed: int
    JobId: NotRequired[str]
    LastJobId: NotRequired[str]
    Reason: NotRequired[str]


class QueueRecordAttributes(TypedDict):
    """Attributes of a message that SQS hands to a function; times are epoch milliseconds, as text."""

    SentTimestamp: str


class QueueRecord(TypedDict):
    """A message that SQS hands to a function."""

    messageId: str
    body: str
    attributes: QueueRecordAttributes


@final
class QueueRecords(TypedDict):
    """The event that SQS sends to a function."""

    Records: list[QueueRecord]


class DispatcherNote(TypedDict):
    """The dispatcher's note for its next run, in epoch seconds (:class:`entities_job.uploads.rules.Note`)."""

    Since: dict[str, float]
    LookAt: float
    Starting: dict[str, float]
    Awaited: dict[str, float]
