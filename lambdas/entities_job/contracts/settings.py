"""Settings that the construct gives the functions: a literal in the state machine's definition."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from .request import JobRequest

CONTRACT_VERSION = 1
"""Version of the payloads between a state machine's definition and its functions.

A running execution keeps its definition while functions are deployed anew: raise it when a function stops to
understand what an earlier definition sends.
"""


class Ceilings(TypedDict, total=False):
    """Limits of one execution; a missing one is not limited."""

    Documents: int
    Bytes: int
    CostUsd: float


class ScheduleSettings(TypedDict):
    """A poll schedule (:class:`entities_job.job.schedule.PollSchedule`)."""

    FirstLooks: list[float]
    StepSeconds: float
    Growth: float


class Settings(TypedDict):
    """Settings that the construct gives its functions.

    ``AcceptedValues`` are enum values that may be newer than botocore's model, by the path of their field, such as
    ``InputDataConfig.InputFormat``. With ``UniqueNames`` documents of direct executions are copied under unique names.
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
    UniqueNames: NotRequired[bool]
    Schedule: ScheduleSettings
