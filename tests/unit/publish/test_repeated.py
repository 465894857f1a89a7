"""Publishing that is interrupted, killed and repeated: the same bytes, nothing left behind, nothing read twice."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest

from entities_job.handlers import publish_result
from entities_job.publish import archive, inflate, parts
from tests.unit.publishing import PERSON, Bucket, entry, lines, memory, publish

ARCHIVE = "jobs/a-NER-job1/output/output.tar.gz"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Everything is small here, so that there is much of it."""
    monkeypatch.setattr(parts, "_PART_BYTES", 300_000)
    monkeypatch.setattr(parts, "_BLOCK", 70_000)
    monkeypatch.setattr(archive, "_BLOCK", 50_000)
    monkeypatch.setattr(archive, "_CHUNK", 16_384)
    monkeypatch.setattr(inflate, "_POINT_EVERY", 8_192)
    return memory(monkeypatch)


def large(files: int = 4000) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
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


def test_killed_twenty_times_it_publishes_the_same_bytes(bucket: Bucket) -> None:
    result, expected = large()
    once = publish(bucket, result, expected)
    whole, calls = bucket.published(), bucket.calls
    assert once["Result"]["Parts"] > 10
    for crash in random.Random(2).sample(range(2, calls), 20):
        bucket.objects.clear()
        bucket.calls, bucket.calls_until_crash = 0, crash
        with pytest.raises(InterruptedError):
            publish(bucket, result, expected)
        # A part that was put is one of the whole.
        assert bucket.published().items() <= whole.items()
        bucket.calls_until_crash = -1
        assert publish(bucket, result, expected) == once
        assert bucket.published() == whole


def test_out_of_time_at_any_part_it_goes_on_and_publishes_the_same_bytes(bucket: Bucket) -> None:
    result, expected = large()
    once = publish(bucket, result, expected)
    whole, events = bucket.published(), len(bucket.events)
    for seed in range(5):
        bucket.objects.clear()
        chance = random.Random(seed)
        again = publish(bucket, result, expected, remaining=partial(chance.choice, (900_000, 1_000)))
        assert again == once
        assert bucket.published() == whole
        assert any(key.startswith("work/run/checkpoint-") for key in bucket.objects)
    assert len(bucket.events) == events + 5


def test_what_was_published_is_not_read_again(bucket: Bucket) -> None:
    result, expected = large()
    publish(bucket, result, expected)
    whole, read = bucket.published(), bucket.read[ARCHIVE]
    assert read == len(bucket.objects[ARCHIVE])
    bucket.read.clear()
    # Each invocation has time for one part only.
    publish(bucket, result, expected, remaining=lambda: 1_000)
    assert bucket.published() == whole
    # What is read ahead of the last part is read again, and up to the next place where decoding can begin.
    invocations = sum(key.startswith("work/run/checkpoint-") for key in bucket.objects)
    assert invocations > 10
    assert bucket.read[ARCHIVE] < read + invocations * 200_000


def test_killed_between_checkpoints_it_publishes_the_same_bytes(bucket: Bucket) -> None:
    result, expected = large()
    once = publish(bucket, result, expected)
    whole = bucket.published()
    bucket.objects.clear()
    chance = random.Random(4)
    handler = publish_result.handler

    def dying(event: dict[str, Any], context: Any) -> dict[str, Any]:
        for _ in range(3):
            bucket.calls, bucket.calls_until_crash = 0, chance.randrange(12)
            try:
                return handler(event, context)
            except InterruptedError:
                continue
            finally:
                bucket.calls_until_crash = -1
        return handler(event, context)

    publish_result.handler = dying
    try:
        assert publish(bucket, result, expected, remaining=lambda: 1_000) == once
    finally:
        publish_result.handler = handler
    assert bucket.published() == whole


def test_an_event_that_is_refused_is_sent_again_after_the_same_summary(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, expected = large(50)
    with monkeypatch.context() as refusing:
        refusing.setattr(bucket, "put_events", lambda **_: {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "x"}]})
        with pytest.raises(publish_result.outcome.EventNotAccepted):
            publish(bucket, result, expected)
    whole = bucket.published()
    publish(bucket, result, expected)
    assert bucket.published() == whole
    assert len(bucket.events) == 1
