"""Words of the trial: what a check or a scenario may find, and what the caller allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..executions import Run

BUSY = ("TooManyRequestsException", "ThrottlingException")
"""Codes of the service for too many jobs at once, or too many calls a second."""


class NotHere(Exception):
    """A check that can't run on this AWS, in this account or without an option; the message says why."""


class CheckFailed(Exception):
    """A check's finding: AWS, or the deployment, is other than the workflow needs it to be."""


class Stopped(BaseException):
    """The trial ends before its time."""


def expect(condition: object, message: str) -> None:
    """Fail the check unless the condition holds.

    Raises:
        CheckFailed: with the message.
    """
    if not condition:
        raise CheckFailed(message)


@dataclass(frozen=True)
class Observed:
    """The observed result of a scenario: its execution, its job, and further facts.

    Attributes:
        run: the execution when it had ended, if there was one.
        job_id: the job, or empty if there was none.
        facts: further findings, by name.
    """

    run: Run | None = None
    job_id: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> dict[str, Any]:
        """The outcome of the execution."""
        return dict(self.run.outcome) if self.run and self.run.outcome else {}


@dataclass(frozen=True)
class Options:
    """Options of the caller.

    Attributes:
        recognizer: ARN of a custom recognizer, or None.
        fill_quota: whether all slots of active jobs may be filled for some minutes.
        pause: seconds between two looks at something.
        patience: seconds after which something has taken too long.
        propagation: seconds after the deployment before which no job is started by hand: the service finds new roles
            after up to two minutes (Terraform's provider of AWS, internal/service/comprehend/consts.go).
        at_once: how many scenarios run at once.
        settling: seconds after the deployment at which S3 sends its events (Amazon S3 User Guide,
            enable-event-notifications-eventbridge: around five minutes).
    """

    recognizer: str | None = None
    fill_quota: bool = False
    pause: float = 5.0
    patience: float = 3600.0
    propagation: float = 120.0
    at_once: int = 24
    settling: float = 330.0

    @classmethod
    def local(cls, recognizer: str | None, *, fill_quota: bool) -> Options:
        """Return the options for a local AWS, whose clock runs faster and whose events come at once."""
        return cls(recognizer, fill_quota, pause=0.5, patience=900.0, propagation=0.0, at_once=6, settling=0.0)
