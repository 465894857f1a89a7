"""Publishing that is killed and repeated: the same bytes, nothing left behind."""

from __future__ import annotations

import random
from typing import Any

import pytest

from entities_job.publish import archive, outcome, parts
from tests.unit.publish.publishing import PERSON, Bucket, Killed, entry, lines, publish


@pytest.fixture
def many_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is small here, so that there is much of it."""
    monkeypatch.setattr(parts, "_PART_BYTES", 40_000)
    monkeypatch.setattr(parts, "_BLOCK", 14_000)
    monkeypatch.setattr(archive, "_BLOCK", 10_000)
    monkeypatch.setattr(archive, "_INFLATED", 7_000)


def large(files: int = 400) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """A result with records of every kind, in two members and a file, and some that never came."""
    chance = random.Random(3)
    names = [f"{number:05}.txt" for number in range(files)]
    records: list[Any] = []
    for name in names[: files - files // 8]:
        entities = [{**PERSON, "Score": chance.random(), "Text": f"{chance.random()}"} for _ in range(9)]
        records.append(
            {"File": name, "Entities": entities} if chance.random() < 0.9 else {"File": name, "ErrorCode": "E"}
        )
        if chance.random() < 0.05:
            records.append([])
    half = len(records) // 2
    members = {"output": lines(*records[:half]), "more": lines(*records[half:])}
    members["a.pdf_NativePDF.out"] = lines({"File": "a.pdf", "Entities": [PERSON]})
    return members, [*map(entry, names), entry("a.pdf")]


@pytest.mark.usefixtures("many_parts")
def test_killed_at_every_call_and_repeated_it_publishes_the_same_bytes(bucket: Bucket) -> None:
    result, expected = large()
    once = publish(bucket, result, expected)
    whole, calls = bucket.published(), bucket.calls
    assert once["Result"]["Parts"] > 5
    for crash in range(1, calls):
        bucket.objects.clear()
        bucket.calls, bucket.calls_until_crash = 0, crash
        with pytest.raises(Killed):
            publish(bucket, result, expected)
        # A part that was put is one of the whole; the summary is the last.
        assert bucket.published().items() <= whole.items()
        assert bucket.published() == whole or not any("/summaries/" in key for key in bucket.published())
        bucket.calls_until_crash = -1
        assert publish(bucket, result, expected, again=True) == once
        assert bucket.published() == whole


@pytest.mark.usefixtures("many_parts")
def test_parts_do_not_depend_on_how_the_archive_arrives(bucket: Bucket) -> None:
    result, expected = large()
    publish(bucket, result, expected)
    whole = bucket.published()
    for size in (1000, 5000):
        # Of the first read, which is the inventory's, nothing breaks.
        bucket.faults = [(OSError("broken"), 10**9), *((OSError("broken"), size) for _ in range(40))]
        publish(bucket, result, expected)
        assert bucket.published() == whole
        bucket.faults.clear()


def test_an_event_that_is_refused_is_sent_again_after_the_same_summary(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, expected = large(50)
    with monkeypatch.context() as refusing:
        refusing.setattr(bucket, "put_events", lambda **_: {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "x"}]})
        with pytest.raises(outcome.EventNotAccepted):
            publish(bucket, result, expected)
    whole = bucket.published()
    publish(bucket, result, expected, again=True)
    assert bucket.published() == whole
    assert len(bucket.events) == 1
