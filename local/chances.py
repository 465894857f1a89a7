"""Faults of calls, invocations and events, selected by a seed: the same for the same call of another run.

A lot depends on the seed, on what is called for whom, and on how often that was called before. What runs at once
therefore draws the same lots in any order.
"""

from __future__ import annotations

import json
import random
import re
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.failures import KINDS

CALLS = {
    "Throttled": 3,
    "ServerError": 3,
    "Unavailable": 3,
    "TimedOut": 3,
    "Reset": 3,
    "CutAnswer": 2,
    "Slow": 2,
    "AccessDenied": 1,
    "Killed": 2,
}
"""Faults of a function's call of a service, each with its weight. ``Killed``: the function's process ends there."""

REFUSED_EVENT = "RefusedEvent"
"""A fault of PutEvents alone: the call succeeds, and its entry is refused."""

INVOCATIONS = ("Throttled", "Unavailable", "Crash", "OutOfMemory", "TimedOut", "Inactive")
"""Faults of an invocation, by their names in :data:`local.failures.KINDS`."""

EVENTS = {"Duplicated": 2, "Late": 2, "Lost": 1}
"""Faults of an event on its way to a rule's target, each with its weight. Late ones are overtaken."""

_DENIED_CALLS = 3
"""So many calls of an operation in a row are denied, as until a role's new policy has propagated."""

# Ids and times that differ from run to run.
_VOLATILE = re.compile(r"\d{8}T\d{6}|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}|\d{8,}")


class Fault:
    """A fault that was drawn.

    Attributes:
        kind: its name.
        after: whether the call takes effect before it fails.
        seconds: for what comes late.
    """

    def __init__(self, kind: str, lot: random.Random) -> None:
        self.kind = kind
        self.after = lot.random() < 0.5
        self.seconds = lot.uniform(0.05, 2.0)


class Chances:
    """Draws faults, and keeps a record of them.

    Args:
        settings: ``seed``; ``calls``, the share of calls that fail, by MiniStack's name of the service;
            ``invocations`` and ``events``, their shares; ``folder``, where the faults are listed in ``faults.jsonl``
            and where a file ``over`` ends all faults; ``never_lost``, texts in names of rules whose events may be late
            or come twice, but are never lost. All but the seed may be left out.

    Example:
        >>> chances = Chances({"seed": 7, "invocations": 1.0})
        >>> chances.of_invocation("StartJob monday").kind in INVOCATIONS
        True
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._seed = settings.get("seed", 0)
        self._lock = threading.Lock()
        self._drawn: Counter[str] = Counter()
        self._denied: Counter[str] = Counter()
        self._folder = Path(settings["folder"]) if "folder" in settings else None

    def of_call(self, service: str, operation: str, subject: str) -> Fault | None:
        """Return the fault of a function's call, or None."""
        kinds = CALLS | ({REFUSED_EVENT: 4} if operation == "PutEvents" else {})
        whole = f"{service} {operation}"
        if self._over():
            return None
        with self._lock:
            denied = self._denied[whole] > 0
            self._denied[whole] -= denied
        rate = self._settings.get("calls", {}).get(service, 0.0)
        fault = self._draw(f"{whole} {subject}", 1.0 if denied else rate, {"AccessDenied": 1} if denied else kinds)
        if fault and fault.kind == "AccessDenied" and not denied:
            with self._lock:
                self._denied[whole] = _DENIED_CALLS - 1
        return fault

    def of_invocation(self, subject: str) -> Fault | None:
        """Return the fault of an invocation of a function, or None."""
        fault = self._draw(subject, self._settings.get("invocations", 0.0), dict.fromkeys(INVOCATIONS, 1))
        if fault:
            fault.after = KINDS[fault.kind].after
        return fault

    def of_event(self, rule: str, subject: str) -> Fault | None:
        """Return what happens to an event on its way to a rule's target, or None."""
        kept = any(text in rule for text in self._settings.get("never_lost", ()))
        kinds = {kind: weight for kind, weight in EVENTS.items() if not (kept and kind == "Lost")}
        return self._draw(f"{rule} {subject}", self._settings.get("events", 0.0), kinds)

    def _draw(self, what: str, rate: float, kinds: Mapping[str, int]) -> Fault | None:
        if not rate or self._over():
            return None
        key = _VOLATILE.sub("*", what)
        with self._lock:
            self._drawn[key] += 1
            number = self._drawn[key]
        lot = random.Random(f"{self._seed}|{key}|{number}")
        if lot.random() >= rate:
            return None
        fault = Fault(lot.choices(list(kinds), list(kinds.values()))[0], lot)
        self._record({"Kind": fault.kind, "After": fault.after, "What": what, "Number": number})
        return fault

    def _over(self) -> bool:
        return self._folder is not None and (self._folder / "over").exists()

    def _record(self, fault: Mapping[str, object]) -> None:
        if self._folder:
            with self._lock, (self._folder / "faults.jsonl").open("a") as file:
                file.write(json.dumps(fault) + "\n")
