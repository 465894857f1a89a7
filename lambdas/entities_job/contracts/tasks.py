"""Payloads of the state machine's tasks."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict, final

from .request import Job, JobRequest
from .settings import Settings


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
    """Payload of Stage: a file of a batch's manifest, the execution that claims its uploads, and where it writes."""

    Shard: str
    Execution: str
    ClaimsUri: str
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
