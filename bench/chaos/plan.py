"""What a run does, drawn by its seed: executions of all kinds, uploads, and what is done to them from outside."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, NamedTuple

KINDS = {"direct": 52, "lines": 12, "refused": 4, "parent": 12, "by-hand": 8, "uploads": 12}
"""Kinds of steps, each with its share in percent."""

DISTURBANCES = {
    "abort": 8,
    "stop": 8,
    "fails": 6,
    "no_rights": 3,
    "stuck": 2,
    "missing": 4,
    "garbled": 3,
    "twice": 3,
}
"""What is done to an execution or its job from outside, each with its chance in percent.

``abort``: the execution is stopped; ``stop``: its job is; ``fails``, ``no_rights``, ``stuck``: the job fails by a fault
of the service, at once, or never ends; ``missing``, ``garbled``: its result lacks or breaks a record; ``twice``: two
executions take up one job."""

JOB_FAULTS: Mapping[str, dict[str, Any]] = {
    "fails": {"message": "INTERNAL_SERVER_ERROR: injected"},
    "no_rights": {"message": "NO_READ_ACCESS_TO_INPUT: injected"},
    "stuck": {"stuck_in": "IN_PROGRESS"},
    "missing": {"missing_documents": ["d0.txt"]},
    "garbled": {"garbled_records": 1},
}

ENGINE = ("restart", "quota")
"""What is done to the service itself, every now and then: it restarts, or others take most of its quota."""


class Step(NamedTuple):
    """One step.

    Attributes:
        number: counts from 0; it names what the step makes.
        kind: one of :data:`KINDS` or :data:`ENGINE`.
        disturbance: one of :data:`DISTURBANCES`, or empty.
        documents: how many documents.
        pause: seconds until the disturbance, or of the engine.
    """

    number: int
    kind: str
    disturbance: str
    documents: int
    pause: float

    @property
    def name(self) -> str:
        """The name of the execution that it starts."""
        return f"{self.kind}-{self.number}"


def plan(seed: int, steps: int, *, batch: int) -> list[Step]:
    """Return the steps of a run, in the order in which they are taken.

    Example:
        >>> plan(1, 50, batch=12) == plan(1, 50, batch=12)
        True
    """
    lot = random.Random(seed)
    # Shares are kept exactly, so that no seed does without a kind.
    kinds = [kind for kind, share in KINDS.items() for _ in range(max(1, round(steps * share / 100)))]
    lot.shuffle(kinds)
    made = []
    for number, kind in enumerate(kinds):
        disturbance = lot.choices([*DISTURBANCES, ""], [*DISTURBANCES.values(), 100 - sum(DISTURBANCES.values())])[0]
        documents = batch if kind == "uploads" else lot.randint(1, 5)
        made.append(Step(number, kind, disturbance, documents, lot.uniform(0, 1.5)))
        if number % 25 == 24:
            made.append(Step(number, ENGINE[number // 25 % 2], "", 0, lot.uniform(0.2, 1.2)))
    return made
