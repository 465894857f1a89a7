"""Poll schedules of a running job as values: pure arithmetic on seconds since the job was submitted."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

from ..contracts import ScheduleSettings

MAXIMUM_ATTEMPTS = 3
"""Starts of one execution's job: the first, and restarts while a new role may not have propagated."""

STOPPING_SECONDS = 3600
"""Time limit for a job to end after it was asked to stop."""

SLOT_PAUSE_SECONDS = 60
SLOT_PAUSE_SHARE = 0.25
SLOT_PAUSES = 32
"""A pause before the next look for a free slot is this share of what was waited: at least the seconds above, at most
this part of the limit, and half of that more or less by chance, so that those who wait look at different times."""


def seconds_after_output(looks: int) -> int:
    """Seconds until the next poll of a job with complete output, after so many polls since then.

    Its status follows within moments: 5 s four times, then twice as long each time.
    """
    return 5 << max(0, looks - 4)


@dataclass(frozen=True)
class PollSchedule:
    """Polls at fixed ages of the job first, then on a grid of steps that grows with the job's age.

    Attributes:
        first_looks: ages in seconds of the first polls, rising.
        step_seconds: distance of the grid's points after the last of the first polls.
        growth: share of the job's age that one wait may be; 0 keeps to every point of the grid (default: 0).

    Examples:
        >>> PollSchedule((20, 370), 120.5, 0.05).next_look(0)
        20
    """

    first_looks: tuple[float, ...]
    step_seconds: float
    growth: float = 0.0

    def __post_init__(self) -> None:
        looks = self.first_looks if isinstance(self.first_looks, tuple | list) else (None,)
        numbers = all(type(each) in (int, float) and math.isfinite(each) for each in (*looks, *astuple(self)[1:]))
        if not numbers or self.step_seconds < 1 or self.growth < 0 or min(self.first_looks, default=1) < 1:
            raise ValueError(
                f"a poll schedule consists of numbers, waits at least 1 second and never decreases; got {self}"
            )
        if list(self.first_looks) != sorted(set(self.first_looks)):
            raise ValueError(f"first_looks of a poll schedule must rise; got {self.first_looks}")

    @classmethod
    def service_grid(cls) -> PollSchedule:
        """Return the default without completion events: 20 s, 370 s, then every 120.5 s or 5 % of the job's age.

        Recorded jobs ended 12 to 15 s after submission (bad role) or on a grid of about 120.5 s from 366 s
        (awscli's recorded examples for ``describe-entities-detection-job`` and its siblings).

        Examples:
            >>> PollSchedule.service_grid().next_look(400)
            490.5
        """
        return cls((20, 370), 120.5, 0.05)

    @classmethod
    def safety(cls) -> PollSchedule:
        """Return the default with completion events: 20 s, then every 600 s or 10 % of the job's age.

        These polls catch jobs that fail at once, jobs that end without output, and events that get lost.

        Examples:
            >>> PollSchedule.safety().next_look(100)
            620
        """
        return cls((20,), 600, 0.1)

    @classmethod
    def fixed(cls, seconds: float) -> PollSchedule:
        """Return a schedule with a fixed wait.

        Args:
            seconds: the time between two polls, at least 1.

        Examples:
            >>> PollSchedule.fixed(60).next_look(90)
            120.0
        """
        return cls((), seconds)

    @classmethod
    def proportional(cls, share: float, *, minimum_seconds: float = 20) -> PollSchedule:
        """Return a schedule whose waits grow with the job's age.

        Args:
            share: the share of the job's age that one wait is.
            minimum_seconds: every wait is a multiple of it (default: 20).

        Examples:
            >>> PollSchedule.proportional(0.1).next_look(3600)
            3960.0
        """
        return cls((), minimum_seconds, share)

    def next_look(self, elapsed: float) -> float:
        """Return the age in seconds at which to poll next.

        Args:
            elapsed: the job's age in seconds.

        Examples:
            >>> PollSchedule.fixed(30).next_look(29)
            30.0
        """
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
        """Return the whole seconds to wait until the next poll, at least 1.

        Args:
            elapsed: the job's age in seconds.

        Examples:
            >>> PollSchedule.fixed(30).wait_seconds(20)
            10
        """
        return max(1, math.ceil(self.next_look(elapsed) - elapsed))

    def settings(self) -> ScheduleSettings:
        """Return the schedule as JSON; ``from_settings`` is its inverse.

        Examples:
            >>> PollSchedule.fixed(30).settings()
            {'FirstLooks': [], 'StepSeconds': 30, 'Growth': 0.0}
        """
        return {"FirstLooks": list(self.first_looks), "StepSeconds": self.step_seconds, "Growth": self.growth}

    @classmethod
    def from_settings(cls, settings: ScheduleSettings) -> PollSchedule:
        """Return the schedule that ``settings`` gave.

        Args:
            settings: the schedule as JSON.

        Examples:
            >>> PollSchedule.from_settings(PollSchedule.fixed(30).settings()) == PollSchedule.fixed(30)
            True
        """
        return cls(tuple(settings["FirstLooks"]), settings["StepSeconds"], settings["Growth"])
