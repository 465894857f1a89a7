"""Payloads of the state machine's tasks."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict, final

from .request import Job, JobRequest
from .settings import Settings


class Execution(TypedDict):
    """The execution that calls."""

    Id: str
    Name: str
    StateMachineArn: str
    StartTime: str
    RedriveCount: int


class InventoryReference(TypedDict):
    """The location of the inventory of a job's input, and its sums."""

    Uri: str
    Documents: int
    Files: int
    Bytes: int


class Estimate(TypedDict):
    """The highest price of analysing the input."""

    Units: int
    CostUsd: float


class InputWarning(TypedDict):
    """A finding about the input before the start, about one ``File`` or all of it."""

    File: NotRequired[str]
    Warning: str


STARTED_BY = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
"""Field of an input that links an execution to the one that started it (Step Functions Developer Guide,
concepts-nested-workflows)."""


class InspectInputInput(TypedDict):
    """Payload of InspectInput; ``Input`` is the execution's own input, of any shape."""

    Input: object
    Settings: Settings
    Execution: Execution


class InspectInputOutput(TypedDict):
    """Answer of InspectInput.

    ``Job`` is a job that is resumed, so that none is started; ``Manifest`` lists documents that are copied first.
    """

    Request: JobRequest
    Manifest: NotRequired[str]
    Job: NotRequired[Job]
    Inventory: InventoryReference
    Estimate: Estimate
    Warnings: list[InputWarning]


START_JOB = "StartJob"
"""Name of the state whose function starts the job."""

START_JOB_SECONDS = 60
"""Time-out of that function. It goes on when its execution is aborted, and may start a job until then."""


class StartJobInput(TypedDict):
    """Payload of StartJob; ``Attempt`` counts from 1, ``SlotSeconds`` is the time waited for a free slot."""

    Request: JobRequest
    Settings: Settings
    Execution: Execution
    Attempt: int
    SlotSeconds: float


class StartJobOutput(TypedDict):
    """Answer of StartJob."""

    Job: Job
    WaitSeconds: int


StopCode = Literal["JobTimedOut", "JobNotBegun", "UnknownJobStatus", "JobStopped"]
"""Why a job is stopping: by its own execution, or (``JobStopped``) from outside."""


class CaughtError(TypedDict):
    """An error as a state catches it."""

    Error: str
    Cause: NotRequired[str]


class PollJobInput(TypedDict):
    """Payload of PollJob.

    ``Looks`` counts polls since the output was seen, or is 0. At an age of ``Limit`` seconds the job is stopped or, if
    ``StopCode`` says that it was, no longer waited for.
    """

    JobId: str
    Execution: NotRequired[Execution]
    Settings: Settings
    Polls: int
    Attempt: int
    Looks: int
    Limit: float
    StopCode: StopCode | None
    Warnings: list[InputWarning]


Step = Literal["WAIT", "AWAIT", "STOP", "RESTART", "PUBLISH", "FAIL"]
"""The step after a poll; ``AWAIT`` waits for the output's event."""


class PollJobOutput(TypedDict):
    """Answer of PollJob, by the service's own clock; ``Error`` says why the step is ``FAIL``."""

    Step: Step
    Job: Job
    WaitSeconds: int
    Looks: int
    ElapsedSeconds: float
    LagSeconds: float | None
    Polls: int
    Limit: float
    StopCode: StopCode | None
    Warnings: list[InputWarning]
    Error: CaughtError | None


class StopJobInput(TypedDict):
    """Payload of StopJob."""

    JobId: str
    Execution: NotRequired[Execution]


class StopJobOutput(TypedDict):
    """Answer of StopJob: the status as the service answered it, or ``ENDED``."""

    JobStatus: str


@final
class AwaitOutputInput(TypedDict):
    """Payload of AwaitOutput, called with a task token; ``Execution`` is the name of the one that waits."""

    Token: str
    Execution: str
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


@final
class PublishFailureInput(TypedDict):
    """Payload of PublishFailure."""

    Error: CaughtError
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
    """Answer of StopOrphans: jobs that were stopped, and executions whose end was reported."""

    Stopped: int
    Reported: int
