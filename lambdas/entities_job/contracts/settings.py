"""What the construct tells the functions: a literal in the state machine's definition."""

from __future__ import annotations

from typing import TypedDict

from .request import JobRequest

CONTRACT_VERSION = 1
"""Version of the payloads between a state machine's definition and its functions.

A running execution keeps its definition while functions are deployed anew: raise it when a function stops to
understand what an earlier definition sends.
"""


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
    ResultsUri: str
    Limits: Ceilings
    MaximumSlotSeconds: float
    MaximumQueueSeconds: float
    CompletionEvents: bool
    Schedule: ScheduleSettings
