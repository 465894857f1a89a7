"""Published data: records, summaries, outcomes and their events."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from .request import Job
from .tasks import InputWarning

SCHEMA_VERSION = "1.0"
"""Version of :class:`Outcome`, for those who read events and summaries."""

EVENT_SOURCE = "cdk-comprehend-entities"
EVENT_DETAIL_TYPE = "Entities Detection Job Ended"

Status = Literal["COMPLETED", "COMPLETED_WITH_ERRORS", "STOPPED", "TIMED_OUT", "FAILED", "ABORTED", "REFUSED"]

COMPLETED: tuple[Status, ...] = ("COMPLETED", "COMPLETED_WITH_ERRORS")
"""Statuses of outcomes whose result is published whole."""

FAILED: tuple[Status, ...] = ("ABORTED", "FAILED", "REFUSED", "TIMED_OUT")
"""Statuses of outcomes whose execution did not succeed."""

Int32 = Annotated[int, "int32"]
"""A number that 32 bits hold; a plain ``int`` may need 64."""


class ChildBlock(TypedDict):
    """A word of a block that belongs to an entity."""

    ChildBlockId: str
    BeginOffset: Int32
    EndOffset: Int32


class BlockReference(TypedDict):
    """The place of an entity on a page of a PDF, Word or image document."""

    BlockId: str
    BeginOffset: Int32
    EndOffset: Int32
    ChildBlocks: NotRequired[list[ChildBlock]]


class Entity(TypedDict):
    """An entity: with offsets in a text, with block references in a PDF, Word or image document."""

    BeginOffset: NotRequired[Int32]
    EndOffset: NotRequired[Int32]
    Score: float
    Text: str
    Type: str
    BlockReferences: NotRequired[list[BlockReference]]


class PageError(TypedDict):
    """The error of a page of a document."""

    Page: Int32
    ErrorCode: str
    ErrorMessage: str


class Record(TypedDict):
    """A published document, under ``results/documents/``: the service's own line behind the fields up to ``File``."""

    JobId: str
    JobDate: str
    LanguageCode: str
    Source: str | None
    SourceVersionId: str | None
    SourceCandidates: NotRequired[Int32]
    File: str
    Line: NotRequired[int]
    Entities: NotRequired[list[Entity]]
    ErrorCode: NotRequired[str]
    ErrorMessage: NotRequired[str]
    Errors: NotRequired[list[PageError]]


class UnparsedRecord(TypedDict):
    """A line that is not a valid record, under ``results/unparsed/``: the reason, its size, its first 64 KiB."""

    JobId: str
    JobDate: str
    LanguageCode: str
    Reason: str
    Bytes: int
    Content: str


class RefusedUpload(TypedDict):
    """An upload that can't be analysed, under ``results/refused/``."""

    Batch: str
    Source: str
    SourceVersionId: NotRequired[str]
    Size: int
    ErrorCode: str
    ErrorMessage: str


class Counts(TypedDict):
    """Numbers of expected documents by their outcome.

    ``ExpectedDocuments + UnexpectedDocuments = Documents + DocumentErrors + MissingDocuments``.
    """

    ExpectedDocuments: int
    Documents: int
    DocumentErrors: int
    MissingDocuments: int
    UnexpectedDocuments: int
    UnparsedRecords: int
    Entities: int
    EntitiesByType: dict[str, int]


class Result(TypedDict):
    """The location of the published result."""

    DocumentsUri: str
    SummaryUri: str
    Parts: int
    Bytes: int


class OutcomeError(TypedDict):
    """The reason why an outcome is not COMPLETED, and what to check."""

    Code: str
    Message: str
    Field: NotRequired[str]
    Hint: NotRequired[str]


class Outcome(TypedDict):
    """The end of an execution: its output, and the ``detail`` of its event."""

    SchemaVersion: str
    Status: Status
    ExecutionArn: str
    StateMachineArn: str
    Job: Job
    Counts: NotRequired[Counts]
    Result: NotRequired[Result]
    Polls: NotRequired[Int32]
    LagSeconds: NotRequired[float | None]
    Units: NotRequired[int]
    EstimatedCostUsd: NotRequired[float]
    Warnings: NotRequired[list[InputWarning]]
    Error: NotRequired[OutcomeError]


class OutcomeOutput(TypedDict):
    """Answer of PublishResult and of PublishFailure."""

    Outcome: Outcome


class DocumentNote(TypedDict):
    """A document that failed or is missing, as a summary lists it."""

    Source: NotRequired[str | None]
    File: str
    Line: NotRequired[int]
    ErrorCode: str
    ErrorMessage: NotRequired[str]


class Summary(Outcome):
    """The summary of a job, under ``results/summaries/``: its outcome and lists of at most 1,000 names each."""

    Failed: list[DocumentNote]
    Missing: list[DocumentNote]
