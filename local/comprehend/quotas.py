"""Request rates."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from threading import Lock

from .clock import Clock
from .errors import usual
from .settings import Settings


class Rates:
    """Counts the calls of each operation in an account and a Region."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._calls: dict[tuple[str, ...], deque[float]] = defaultdict(deque)

    def count(self, operation: str, account: str, region: str, settings: Settings) -> None:
        """Count one call.

        Raises:
            ServiceError: the operation was called too often within a second.
        """
        rate = {
            "StartEntitiesDetectionJob": settings.starts_per_second,
            "StopEntitiesDetectionJob": settings.stops_per_second,
            "DescribeEntitiesDetectionJob": settings.describes_per_second,
            "ListEntitiesDetectionJobs": settings.lists_per_second,
        }.get(operation)
        if rate is None:
            return
        now = self._clock.now() if settings.rate_clock == "virtual" else time.monotonic()
        allowed = max(1, int(rate))
        with self._lock:
            calls = self._calls[operation, account, region, settings.rate_clock]
            while calls and calls[0] <= now - allowed / rate:
                calls.popleft()
            if len(calls) >= allowed:
                raise usual(settings.rate_error)
            calls.append(now)

    def clear(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._calls.clear()
