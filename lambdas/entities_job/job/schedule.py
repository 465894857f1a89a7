"""When to look at a running job: poll schedules as values, pure arithmetic on seconds since the job was submitted."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

from ..contracts import ScheduleSettings

MAXIMUM_ATTEMPTS = 3
"""Starts of one execution's job: the first, and restarts while a new role may not have propagated."""

STOPPING_SECONDS = 3600
"""How long a job that was asked to stop is waited for."""

SLOT_PAUSE_SECONDS = 60
SLOT_PAUSE_SHARE = 0.25
SLOT_PAUSES = 32
"""A pause before the next look for a free slot is this share of what was waited: at least the seconds above, at most
this part of the limit, and half of that more or less by chance, so that those who wait look at different times."""


def seconds_after_output(looks: int) -> int:
    """Seconds until the next look at a job whose output is there already, after so many looks since.

    Its status follows within moments: 5 s four times, then twice as long each time.
    """
    return 5 << max(0, looks - 4)


@dataclass(frozen=True)
class PollSchedule:
    """Looks at fixed ages of the job first, then on a grid of steps that grows with the job's age.

    Attributes:
        first_looks: ages in seconds of the first looks, rising.
        step_seconds: distance of the grid's points after the last of the first looks.
        growth: share of the job's age that one wait may be; 0 keeps to every point of the grid.
    """

    first_looks: tuple[float, ...]
    step_seconds: float
    growth: float = 0.0

    def __post_init__(self) -> None:
        looks = self.first_looks if isinstance(self.first_looks, tuple | list) else (None,)
        numbers = all(type(each) in (int, float) and math.isfinite(each) for each in (*looks, *astuple(self)[1:]))
        if not numbers or self.step_seconds < 1 or self.growth < 0 or min(self.first_looks, default=1) < 1:
            raise ValueError(f"a poll schedule is of numbers, waits at least 1 second and never shrinks; got {self}")
        if list(self.first_looks) != sorted(set(self.first_looks)):
            raise ValueError(f"the first looks of a poll schedule rise; got {self.first_looks}")

    @classmethod
    def service_grid(cls) -> PollSchedule:
        """The default: 20 s (quick failures), 370 s, then every 120.5 s, in steps of at most 5 % of a long job's age.

        Recorded jobs ended 12 to 15 s after submission (bad role) or on a grid of about 120.5 s from 366 s
        (awscli's recorded examples for ``describe-entities-detection-job`` and its siblings).
        """
        return cls((20, 370), 120.5, 0.05)

    @classmethod
    def safety(cls) -> PollSchedule:
        """Where the event of its output tells a job's end: 20 s (quick failures), then every 600 s or 10 % of its age.

        These looks catch jobs that end without output, and events that get lost.
        """
        return cls((20,), 600, 0.1)

    @classmethod
    def fixed(cls, seconds: float) -> PollSchedule:
        """A look every ``seconds``."""
        return cls((), seconds)

    @classmethod
    def proportional(cls, share: float, *, minimum_seconds: float = 20) -> PollSchedule:
        """Waits that are a ``share`` of the job's age, in multiples of ``minimum_seconds``."""
        return cls((), minimum_seconds, share)

    def next_look(self, elapsed: float) -> float:
        """The age in seconds at which to look next, for a job of age ``elapsed``."""
        for look in self.first_looks:
            if elapsed < look:
                return look
        start = self.first_looks[-1] if self.first_looks else 0.0
        passed = math.floor((elapsed - start) / self.step_seconds)
        stride = max(1, math.floor(self.growth * elapsed / self.step_seconds))
        following = start + (passed + stride) * self.step_seconds
        # A step that floats can't hold exactly may lead back to where it began.
        return following if following > elapsed else following + self.step_seconds

    def wait_seconds(self, elapsed: float) -> int:
        """Whole seconds to wait until the next look, at least 1."""
        return max(1, math.ceil(self.next_look(elapsed) - elapsed))

    def settings(self) -> ScheduleSettings:
        """The schedule as JSON; :meth:`from_settings` is its inverse."""
        return {"FirstLooks": list(self.first_looks), "StepSeconds": self.step_seconds, "Growth": self.growth}

    @classmethod
    def from_settings(cls, settings: ScheduleSettings) -> PollSchedule:
        """The schedule that :meth:`settings` gave."""
        return cls(tuple(settings["FirstLooks"]), settings["StepSeconds"], settings["Growth"])
