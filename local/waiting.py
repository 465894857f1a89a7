"""Waiting for a condition."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    read: Callable[[], T],
    met: Callable[[T], object] = bool,
    *,
    awaited: str,
    seconds: float = 60,
    pause: float = 0.05,
) -> T:
    """Read a value again and again until it meets a condition, and return it.

    Args:
        read: gives the value of this moment.
        met: the condition (default: the value is true).
        awaited: names what is waited for, in the error's message.
        seconds: how long at most; the value is read once more after that.
        pause: seconds between two reads.

    Raises:
        TimeoutError: the condition was not met in time; the message ends with the last value.

    Example:
        >>> wait_until(lambda: [1, 2, 3], lambda found: len(found) == 3, awaited="three numbers")
        [1, 2, 3]
    """
    deadline = time.monotonic() + seconds
    while True:
        late = time.monotonic() >= deadline
        value = read()
        if met(value):
            return value
        if late:
            raise TimeoutError(f"waited {seconds:g} s for {awaited}; the last value was {value!r}")
        time.sleep(pause)
