"""The payloads of this project, one type each: what the construct tells the functions, what they tell each other, and
what is published.

Keys are PascalCase, as the API's are; times are ISO 8601 in UTC; sizes are bytes; offsets are Unicode code points.
Glue columns, the schema of the event and the tables of docs/architecture.md are made from these types.
"""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict, final

CONTRACT_VERSION = 1
"""Version of the payloads between a state machine's definition and its functions.

A running execution keeps its definition while functions are deployed anew: raise it when a function stops to
understand what an earlier definition sends.
"""

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


# --- A request, as the API has it ---


class Tag(TypedDict):
    """A tag of a job."""

    Key: str
    Value: NotRequired[str]


class VpcConfig(TypedDict):
    """Where the service runs a job's containers."""

    SecurityGroupIds: list[str]
    Subnets: list[str]


class DocumentReaderConfig(TypedDict):
    """How text is taken from PDF, Word and image documents."""

    DocumentReadAction: str
    DocumentReadMode: NotRequired[str]
    FeatureTypes: NotRequired[list[str]]


class InputDataConfig(TypedDict):
    """Where documents lie, and what one is. A construct's defaults have no ``S3Uri``."""

    S3Uri: NotRequired[str]
    InputFormat: NotRequired[str]
    DocumentReaderConfig: NotRequired[DocumentReaderConfig]


class OutputDataConfig(TypedDict):
    """Where the service writes."""

    S3Uri: str
    KmsKeyId: NotRequired[str]


class JobRequest(TypedDict):
    """A StartEntitiesDetectionJob request."""

    LanguageCode: str
    DataAccessRoleArn: str
    InputDataConfig: InputDataConfig
    OutputDataConfig: OutputDataConfig
    ClientRequestToken: NotRequired[str]
    JobName: NotRequired[str]
    EntityRecognizerArn: NotRequired[str]
    FlywheelArn: NotRequired[str]
    VolumeKmsKeyId: NotRequired[str]
    VpcConfig: NotRequired[VpcConfig]
    Tags: NotRequired[list[Tag]]


class TriggerRequest(TypedDict, total=False):
    """What an upload trigger's batches ask for, where it differs from the workflow's defaults."""

    LanguageCode: str
    EntityRecognizerArn: str
    FlywheelArn: str


class Job(TypedDict, total=False):
    """A job as the service describes it (EntitiesDetectionJobProperties), its times as text."""

    JobId: str
    JobArn: str
    JobName: str
    JobStatus: str
    Message: str
    SubmitTime: str
    EndTime: str
    EntityRecognizerArn: str
    FlywheelArn: str
    InputDataConfig: InputDataConfig
    OutputDataConfig: OutputDataConfig
    LanguageCode: str
    DataAccessRoleArn: str
    VolumeKmsKeyId: str
    VpcConfig: VpcConfig


# --- Settings: a literal in the state machine's definition ---


class Ceilings(TypedDict, total=False):
    """What a workflow allows one execution at most; a missing one is not limited."""

    Documents: int
    Bytes: int
    CostUsd: float


class ScheduleSettings(TypedDict):
    """A poll schedule (:class:`entities_job.job.schedule.PollSchedule`)."""

    FirstLooks: list[float]
    StepSeconds: float
    Growth: float


class Settings(TypedDict):
    """What the construct tells its functions.

    ``AcceptedValues`` are enum values that may be newer than botocore's model, by the path of their field, such as
    ``InputDataConfig.InputFormat``.
    """

    ContractVersion: int
    Request: JobRequest
    AcceptedValues: dict[str, list[str]]
    AllowedOverrides: list[str]
    InputUris: list[str]
    StagingUri: str
    WorkUri: str
    ResultsUri: str
    Limits: Ceilings
    MaximumSeconds: float
    SecondsPerGigabyte: float
    MaximumQueueSeconds: float
    CompletionEvents: bool
    Schedule: ScheduleSettings


# --- Payloads of the state machine's tasks ---


class Execution(TypedDict):
    """Which execution calls."""

    Id: str
    Name: str
    StateMachineArn: str


class InventoryReference(TypedDict):
    """Where the inventory of a job's input lies, and its sums."""

    Uri: str
    Documents: int
    Files: int
    Bytes: int


class Estimate(TypedDict):
    """What analysing the input costs at most."""

    Units: int
    CostUsd: float


class InputWarning(TypedDict):
    """What was seen of the input before the start, of one ``File`` or of all."""

    File: NotRequired[str]
    Warning: str


class InspectInputInput(TypedDict):
    """Payload of InspectInput; ``Input`` is the execution's own input, of any shape."""

    Input: object
    Settings: Settings
    Execution: Execution


class InspectInputOutput(TypedDict):
    """Answer of InspectInput."""

    Request: JobRequest
    Inventory: InventoryReference
    Estimate: Estimate
    Warnings: list[InputWarning]


class StartJobInput(TypedDict):
    """Payload of StartJob; ``Attempt`` counts from 1."""

    Request: JobRequest
    Settings: Settings
    Execution: Execution
    Attempt: int


class StartJobOutput(TypedDict):
    """Answer of StartJob."""

    Job: Job
    WaitSeconds: int


class PollJobInput(TypedDict):
    """Payload of PollJob; ``Looks`` counts polls since the output was seen, or is 0."""

    JobId: str
    Settings: Settings
    Polls: int
    Attempt: int
    Looks: int
    InputBytes: int


StopCode = Literal["JobTimedOut", "JobNotBegun"]
"""Why a job was stopped by its own execution."""


class PollJobOutput(TypedDict):
    """Answer of PollJob, by the service's own clock; ``Await``: wait for the output's event."""

    JobStatus: str
    Job: Job
    WaitSeconds: int
    Await: bool
    Looks: int
    ElapsedSeconds: float
    LagSeconds: float | None
    Polls: int
    Overdue: StopCode | None
    Restartable: bool


class StopJobInput(TypedDict):
    """Payload of StopJob."""

    JobId: str


class StopJobOutput(TypedDict):
    """Answer of StopJob: the status as the service answered it, or ``ENDED``."""

    JobStatus: str


@final
class AwaitOutputInput(TypedDict):
    """Payload of AwaitOutput, called with a task token."""

    Token: str
    JobId: str
    OutputUri: str


class AwaitOutputOutput(TypedDict):
    """Answer of AwaitOutput: whether an execution was woken."""

    Woken: bool


class PublishResultInput(TypedDict):
    """Payload of PublishResult."""

    Job: Job
    Inventory: InventoryReference
    Estimate: Estimate
    Warnings: list[InputWarning]
    Settings: Settings
    Execution: Execution
    Polls: int
    LagSeconds: float | None
    StopCode: StopCode | None


class CaughtError(TypedDict):
    """An error that a state caught."""

    Error: str
    Cause: NotRequired[str]


@final
class PublishFailureInput(TypedDict):
    """Payload of PublishFailure; ``Job`` is empty if none was started."""

    Error: CaughtError | None
    Job: Job
    Execution: Execution


class StageInput(TypedDict):
    """Payload of Stage: one file of a batch's manifest, and where refused uploads are reported."""

    Shard: str
    ResultsUri: str


class StageOutput(TypedDict):
    """Answer of Stage."""

    Staged: int
    Refused: int
    Duplicates: int


@final
class StopOrphansInput(TypedDict):
    """Payload of StopOrphans on its schedule."""

    StateMachineArn: str


class StopOrphansOutput(TypedDict):
    """Answer of StopOrphans."""

    Stopped: int


# --- Events of other services, as far as they are read ---


class CreatedObject(TypedDict):
    """The object of an S3 event."""

    key: str


class ObjectCreatedDetail(TypedDict):
    """The detail of an S3 event."""

    object: CreatedObject


@final
class ObjectCreated(TypedDict):
    """S3's event "Object Created" (Amazon S3 User Guide, ev-events)."""

    detail: ObjectCreatedDetail


class ExecutionEnded(TypedDict):
    """The detail of Step Functions' event "Step Functions Execution Status Change"."""

    executionArn: str
    stateMachineArn: str
    status: str
    input: NotRequired[str | None]
    error: NotRequired[str | None]
    cause: NotRequired[str | None]


@final
class ExecutionStatusChange(TypedDict):
    """Step Functions' event "Step Functions Execution Status Change"."""

    detail: ExecutionEnded


@final
class CustomResourceEvent(TypedDict):
    """What CloudFormation sends to a custom resource (CloudFormation User Guide, crpg-ref-requests)."""

    RequestType: str
    ResponseURL: str
    StackId: str
    RequestId: str
    LogicalResourceId: str
    PhysicalResourceId: NotRequired[str]


# --- Uploads ---


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
    """What the dispatcher leaves to its next run: since when uploads wait, by trigger, and when to look again."""

    Since: dict[str, float]
    LookAt: float


# --- Files between the functions ---


class InventoryEntry(TypedDict):
    """One line of the inventory: a file of the input, and the number of its lines if a document is a line."""

    File: str
    Source: str
    VersionId: NotRequired[str]
    Size: int
    Lines: NotRequired[int]
    Padding: NotRequired[bool]


class ManifestLine(InventoryEntry):
    """One line of a batch's manifest: an upload, the name of its copy, and why it is refused, if it is."""

    Identity: str
    ETag: NotRequired[str]
    ErrorCode: NotRequired[str]
    ErrorMessage: NotRequired[str]


# --- What is published ---


class ChildBlock(TypedDict):
    """A word of a block that belongs to an entity."""

    ChildBlockId: str
    BeginOffset: Int32
    EndOffset: Int32


class BlockReference(TypedDict):
    """Where on a page an entity of a PDF, Word or image document stands."""

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
    """Why a page of a document could not be read."""

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
    """What is no record, under ``results/unparsed/``: the reason, its size, and its first 64 KiB."""

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
    """What became of the expected documents.

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
    """Where the published result lies."""

    DocumentsUri: str
    SummaryUri: str
    Parts: int
    Bytes: int


class OutcomeError(TypedDict):
    """Why an outcome is not COMPLETED, and what to check."""

    Code: str
    Message: str
    Field: NotRequired[str]
    Hint: NotRequired[str]


class Outcome(TypedDict):
    """How an execution ended: its output, and the ``detail`` of its event."""

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
    Warnings: list[InputWarning]
