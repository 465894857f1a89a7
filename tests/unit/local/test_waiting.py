"""Waiting for a condition."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from local import waiting
from local.waiting import wait_until


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The moments at which a value was read, on a clock that only passes in pauses."""
    moments = [0.0]
    passing = SimpleNamespace(
        monotonic=lambda: moments[-1], sleep=lambda seconds: moments.append(moments[-1] + seconds)
    )
    monkeypatch.setattr(waiting, "time", passing)
    return moments


def test_the_value_that_meets_the_condition_is_returned(clock: list[float]) -> None:
    numbers = itertools.count()
    assert wait_until(lambda: next(numbers), lambda number: number == 3, awaited="three", pause=2) == 3
    assert clock == [0, 2, 4, 6]


def test_what_was_awaited_and_seen_last_is_said(clock: list[float]) -> None:
    numbers = itertools.count()
    with pytest.raises(TimeoutError, match=r"^waited 3 s for a hundred; the last value was 2$"):
        wait_until(lambda: next(numbers), lambda number: number == 100, awaited="a hundred", seconds=3, pause=2)
    assert clock[-1] == 4
