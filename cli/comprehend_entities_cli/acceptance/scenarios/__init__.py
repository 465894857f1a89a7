"""Scenarios of the checks: executions, jobs started by hand, and uploads; all run in the background, at once."""

from __future__ import annotations

from collections.abc import Callable

from ..terms import Observed
from ..trial import Trial
from . import by_hand, executions, slots, uploads

SCENARIOS: dict[str, Callable[[Trial], Observed]] = {
    each.__name__: each
    for each in (
        executions.names,
        executions.refused,
        uploads.backfill,
        executions.aborted,
        executions.stopped,
        by_hand.token,
        by_hand.denied_read,
        by_hand.denied_write,
        uploads.upload,
        by_hand.orphan,
        executions.lines,
        executions.narrow,
        by_hand.stop_submitted,
        by_hand.same_names,
        by_hand.zero_bytes,
        executions.too_short,
        by_hand.short,
        by_hand.empty_prefix,
        executions.custom,
    )
}
"""All that run at once, those first that others wait for."""

AFTER = {"orphan": ("refused",), "upload": ("backfill",)}
"""Scenarios that wait for others."""

ALONE = slots.quota
"""Runs after all others, for it leaves them no slot."""
