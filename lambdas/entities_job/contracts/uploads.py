"""The dispatcher's configuration, its messages and its note."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from .request import TriggerRequest
from .settings import Ceilings


class BatchSettings(TypedDict):
    """What the batches of one upload trigger ask for and may hold; ``Limits`` are those of one batch."""

    Request: TriggerRequest
    Suffixes: list[str]
    Custom: bool
    ByLine: bool
    Limits: Ceilings


class TriggerSettings(BatchSettings):
    """One upload trigger: its batches, and the queue in which its uploads wait."""

    QueueUrl: str


class DispatcherSettings(TypedDict):
    """What the construct tells DispatchUploads."""

    StateMachineArn: str
    StagingUri: str
    ClaimsUri: str
    WakeQueueUrl: str
    MaximumActiveJobs: int
    Triggers: dict[str, TriggerSettings]


class Wake(TypedDict):
    """A message that wakes DispatchUploads: ``Trigger`` where an upload sent it."""

    Trigger: NotRequired[str]


class QueueRecordAttributes(TypedDict):
    """Attributes of a message that SQS hands to a function; times are epoch milliseconds, as text."""

    SentTimestamp: str


class QueueRecord(TypedDict):
    """A message that SQS hands to a function."""

    messageId: str
    body: str
    attributes: QueueRecordAttributes


class QueueRecords(TypedDict):
    """What SQS hands to a function."""

    Records: list[QueueRecord]


class DispatcherNote(TypedDict):
    """What the dispatcher leaves to its next run, in epoch seconds (:class:`entities_job.uploads.rules.Note`)."""

    Since: dict[str, float]
    LookAt: float
    Starting: dict[str, float]
