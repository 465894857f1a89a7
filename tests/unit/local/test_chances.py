"""Faults that are drawn by a seed: the same for the same call, whatever runs beside it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from local.chances import CALLS, EVENTS, INVOCATIONS, REFUSED_EVENT, Chances

ALWAYS = {"calls": {"s3": 1.0, "events": 1.0}, "invocations": 1.0, "events": 1.0}
HALF = {"calls": {"s3": 0.5}, "invocations": 0.5, "events": 0.5}


def lots(chances: Chances, subjects: list[str]) -> dict[str, list[str | None]]:
    drawn: dict[str, list[str | None]] = {subject: [] for subject in subjects}
    for subject in subjects * 3:
        fault = chances.of_invocation(subject)
        drawn[subject].append(fault.kind if fault else None)
    return drawn


def test_the_order_of_calls_changes_nothing() -> None:
    subjects = [f"PollJob direct-{number}" for number in range(40)]
    first, second = (lots(Chances({"seed": 3, **HALF}), order) for order in (subjects, subjects[::-1]))
    assert first == second
    assert lots(Chances({"seed": 4, **HALF}), subjects) != first


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("staging/Uploads-20261126T120000-0123456789abcdef/a", "staging/Uploads-20261127T110000-fedcba9876543210/a"),
        ("Stage 6f9619ff-8b86-d011-b42d-00c04fc964ff", "Stage 7f9619ff-8b86-d011-b42d-00c04fc964ff"),
    ],
)
def test_what_differs_from_run_to_run_changes_nothing(one: str, other: str) -> None:
    kinds = []
    for subject in (one, other):
        chances = Chances({"seed": 1, **HALF})
        kinds.append([fault and fault.kind for fault in (chances.of_invocation(subject) for _ in range(50))])
    assert kinds[0] == kinds[1]


def test_every_kind_is_drawn() -> None:
    chances = Chances({"seed": 1, **ALWAYS})
    calls = Counter(fault.kind for n in range(500) if (fault := chances.of_call("s3", "GET", f"k{n}")))
    puts = {fault.kind for n in range(500) if (fault := chances.of_call("events", "PutEvents", f"k{n}"))}
    invocations = {fault.kind for n in range(100) if (fault := chances.of_invocation(f"k{n}"))}
    events = {fault.kind for n in range(100) if (fault := chances.of_event("Rule", f"k{n}"))}
    assert (set(calls), puts) == (set(CALLS), {*CALLS, REFUSED_EVENT})
    assert (invocations, events) == (set(INVOCATIONS), set(EVENTS))


def test_nothing_fails_that_has_no_share() -> None:
    chances = Chances({"seed": 1})
    assert not any(chances.of_call("s3", "GET", f"k{n}") for n in range(50))
    assert not any(chances.of_invocation(f"k{n}") or chances.of_event("Rule", f"k{n}") for n in range(50))


def test_a_denial_lasts_for_some_calls_and_goes_away() -> None:
    chances = Chances({"seed": 1, "calls": {"s3": 0.2}})
    kinds = [fault.kind if (fault := chances.of_call("s3", "GET", f"k{n}")) else "" for n in range(600)]
    begin = kinds.index("AccessDenied")
    assert kinds[begin : begin + 3] == ["AccessDenied"] * 3
    assert "" in kinds[begin + 3 :]


def test_what_is_never_lost_may_be_late_or_come_twice() -> None:
    chances = Chances({"seed": 1, "events": 1.0, "never_lost": ["Observer"]})
    assert {fault.kind for n in range(200) if (fault := chances.of_event("ToObserver-1", f"k{n}"))} == {
        "Duplicated",
        "Late",
    }


def test_faults_are_listed_until_they_are_over(tmp_path: Path) -> None:
    chances = Chances({"seed": 1, "folder": str(tmp_path), **ALWAYS})
    fault = chances.of_invocation("StartJob monday")
    assert fault
    [listed] = [json.loads(line) for line in (tmp_path / "faults.jsonl").read_text().splitlines()]
    assert (listed["Kind"], listed["What"], listed["Number"]) == (fault.kind, "StartJob monday", 1)
    (tmp_path / "over").touch()
    assert chances.of_invocation("StartJob monday") is None
    assert chances.of_call("s3", "GET", "k") is None
