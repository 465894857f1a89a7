"""``doctor``, ``backfill``, ``redrive`` and ``purge``: care for a deployment."""

from __future__ import annotations

from ..command import Use


def doctor(use: Use) -> int:
    """Check a deployment and its account, and say what to do about what is wrong."""
    return 0


def backfill(use: Use) -> int:
    """Analyse objects that were there before their upload trigger."""
    return 0


def redrive(use: Use) -> int:
    """Try uploads again that are in a dead-letter queue, or whose batch failed."""
    return 0


def purge(use: Use) -> int:
    """Empty and remove what a deleted deployment has left."""
    return 0
