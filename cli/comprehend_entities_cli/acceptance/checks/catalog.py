"""The list of all checks: what each is called, what it proves, and which scenarios it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..trial import Trial

Evidence = Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes:
        name: its short name, unique, by which ``--check`` chooses it.
        title: what is true if it passes.
        proves: rows of docs/verified-on-aws.md, or open points of the service (``F1`` to ``F11``), that it is about.
        needs: scenarios that it reads.
        run: returns the evidence; raises CheckFailed or NotHere.
        last: whether it runs after all scenarios have ended.
    """

    name: str
    title: str
    proves: tuple[str, ...]
    needs: tuple[str, ...]
    run: Callable[[Trial], Evidence]
    last: bool = False

    @property
    def stage(self) -> int:
        """The stage in which it runs: with the scenarios, after them with all slots filled, or after all else."""
        return 2 if self.last else int("quota" in self.needs)


CHECKS: list[Check] = []
"""All checks in the order of their modules' import; the position, counted from 1, is a check's number."""

OPEN_POINTS = {
    "F1": "the eleventh active job: an error, or a job that waits",
    "F2": "stopping a job that is SUBMITTED",
    "F3": "the role whose permissions the service uses for the keys and for Amazon Textract",
    "F4": "a repeated ClientRequestToken",
    "F5": "an output prefix without a slash at its end",
    "F6": "the File field of documents below sub-prefixes",
    "F7": "the minimum charge: for a document, or for a job",
    "F8": "how long the service keeps a job's record",
    "F9": "an object that tests whether the output can be written",
    "F10": "input of less than 500 bytes, of no documents, of zero bytes",
    "F11": "the messages of failed jobs",
}
"""Points of the service that no document of AWS settles."""


def check(
    title: str, *proves: str, needs: tuple[str, ...] = (), last: bool = False
) -> Callable[[Callable[[Trial], Evidence]], Callable[[Trial], Evidence]]:
    """Return a decorator that makes a function a check, named by the function."""

    def decorate(function: Callable[[Trial], Evidence]) -> Callable[[Trial], Evidence]:
        CHECKS.append(Check(function.__name__, title, proves, needs, function, last))
        return function

    return decorate
