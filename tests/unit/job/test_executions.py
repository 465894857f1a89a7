"""Executions as the sweep finds them: in a listing that grows for 90 days, of which it reads what it must."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from entities_job.job import executions
from tests.aws import MACHINE, Aws

SINCE = datetime(2026, 11, 26, tzinfo=UTC)


def test_ends_of_long_executions_are_found_behind_pages_of_later_starts(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latest start comes first, whenever it ended. What began over two weeks ago has left a marker."""
    ages = [timedelta(days=1), timedelta(days=13), timedelta(days=15), timedelta(days=40)]
    asked: list[str] = []

    def page(given: dict[str, Any]) -> dict[str, Any]:
        number = int(given.get("nextToken", 0))
        asked.append(f"{given['statusFilter']} {number}")
        begun = SINCE - ages[number]
        # Only the second one has ended lately.
        stopped = SINCE if number == 1 else begun
        found = {"executionArn": f"{given['statusFilter']}-{number}", "startDate": begun, "stopDate": stopped}
        return {"executions": [found], **({"nextToken": str(number + 1)} if number < 3 else {})}

    monkeypatch.setattr(aws, "_ListExecutions", page)
    assert list(executions.unsuccessful(MACHINE, SINCE)) == ["FAILED-1", "TIMED_OUT-1", "ABORTED-1"]
    assert asked == [f"{status} {number}" for status in ("FAILED", "TIMED_OUT", "ABORTED") for number in range(3)]
