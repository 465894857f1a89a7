"""When waiting uploads become a job, whose turn it is, and when the dispatcher looks again."""

from __future__ import annotations

from collections import Counter

import pytest

from entities_job.uploads.rules import Note, Usage, Waiting, choose, sleep


def waiting(trigger: str = "A", *, documents: int = 5, since: float = 0.0) -> Waiting:
    return Waiting(trigger, documents, since, full_batch=1000)


def usage(active: int = 0, **batches: int) -> Usage:
    return Usage(active, Counter(batches))


@pytest.mark.parametrize(("active", "pause"), [(0, 18), (2, 36), (4, 72), (9, 407.3)])
def test_the_pause_doubles_with_every_second_active_job(active: int, pause: float) -> None:
    assert choose([waiting()], usage(active), 10, pause - 1) is None
    assert choose([waiting()], usage(active), 10, pause + 1) == waiting()


def test_a_full_batch_does_not_wait() -> None:
    full = waiting(documents=1000, since=100.0)
    assert choose([full], usage(9), 10, 100.0) == full


@pytest.mark.parametrize(("active", "slots"), [(10, 10), (11, 10), (4, 4)])
def test_without_a_free_slot_nothing_starts(active: int, slots: int) -> None:
    assert choose([waiting(documents=1000)], usage(active), slots, 1e6) is None


def test_a_flood_leaves_the_next_slot_to_a_trickle() -> None:
    flood, trickle = waiting("Flood", documents=10**6, since=-1e6), waiting("Trickle", documents=1)
    assert choose([flood, trickle], usage(9, Flood=9), 10, 500.0) == trickle


def test_what_is_not_due_leaves_its_slot_to_others() -> None:
    flood, young = waiting("Flood", documents=10**6), waiting("Young", since=495.0)
    assert choose([flood, young], usage(9, Flood=9), 10, 500.0) == flood


def test_among_equals_the_longest_waiting_goes_first() -> None:
    older, newer = waiting("B", since=0.0), waiting("A", since=1.0)
    assert choose([newer, older], usage(), 10, 500.0) == older


def test_looks_when_the_first_upload_is_due_but_never_later_than_a_job_may_have_ended() -> None:
    assert sleep([waiting(since=95.0), waiting(since=90.0)], usage(), 10, 100.0) == 8.0
    assert sleep([waiting(since=99.0)], usage(8), 10, 100.0) == 20.0
    assert sleep([waiting(documents=1000)], usage(10), 10, 100.0) == 20.0
    assert sleep([waiting(since=0.0)], usage(), 10, 100.0) == 1.0


def test_a_note_is_believed_as_far_as_it_can_be_true() -> None:
    """Five minutes for a start, and two weeks for the outcome of an execution."""
    now, fortnight = 100.0, 14 * 86400.0
    kept = Note(
        since={"A": 50.0, "B": 150.0},
        starting={"over": now, "nearly": now + 1, "just begun": now + 300, "impossible": now + 301},
        awaited={"too old": now - fortnight, "old": now - fortnight + 1},
    ).at(now)
    assert kept.since == {"A": 50.0, "B": now}
    assert set(kept.starting) == {"nearly", "just begun"}
    assert set(kept.awaited) == {"old"}
