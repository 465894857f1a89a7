"""The emulator's own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock


class Clock:
    """Virtual seconds since the epoch: they start at real time and pass faster or slower than real ones.

    Args:
        scale: real seconds that one virtual second takes.
        monotonic: source of real seconds.
    """

    def __init__(self, scale: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = Lock()
        self._scale = scale
        self._virtual = time.time()
        self._real = monotonic()

    def now(self) -> float:
        """Virtual time, in seconds since the epoch."""
        with self._lock:
            return self._virtual + (self._monotonic() - self._real) / self._scale

    def real_seconds(self, virtual_seconds: float) -> float:
        """Real seconds that so many virtual seconds take."""
        return virtual_seconds * self._scale

    def change_scale(self, scale: float) -> None:
        """Let time pass at another pace from now on."""
        now = self.now()
        with self._lock:
            self._virtual, self._real, self._scale = now, self._monotonic(), scale

    def advance(self, seconds: float) -> None:
        """Jump forward by virtual seconds."""
        with self._lock:
            self._virtual += seconds
