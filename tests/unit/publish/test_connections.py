"""Reads over connections that break, and what else is no fault of the archive; no thread is left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import NoReturn

import pytest
from botocore.exceptions import ClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError

from entities_job import aws
from entities_job.handlers import publish_result
from tests.unit.publish.publishing import ARCHIVE, PERSON, Bucket, entry, lines, numbered, packed, publish

A = lines({"File": "a.txt", "Entities": [PERSON]})
EXPECTED = [entry("a.txt"), entry("b.txt")]

FAULTS = [
    IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ResponseStreamingError(error="broken"),
    ReadTimeoutError(endpoint_url="https://s3"),
    ConnectionResetError("broken"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_connection_that_ends_early_is_made_again_where_it_broke(bucket: Bucket, fault: Exception) -> None:
    result = packed({"output": numbered(300)})
    half, last = len(result) // 2, len(result) - len(result) // 2
    # Twice at once, in the middle, and behind the last byte.
    bucket.account.broken = [(fault, 20), (fault, 0), (fault, half), (fault, last - 20), (fault, last - 20)]
    bucket.objects[ARCHIVE] = result
    for _ in range(3):
        list(aws.Location("out", ARCHIVE).chunks())
    bucket.account.broken = [(fault, half), (fault, 0), (fault, 1), (fault, last - 1)]
    del bucket.account.reads[:]
    assert b"".join(aws.Location("out", ARCHIVE).chunks()) == result
    ranges = [0, half, half, half + 1, len(result)]
    etag = bucket.account.reads[1][1]
    assert etag
    assert bucket.account.reads == [(f"bytes={begin}-", etag if begin else "") for begin in ranges]


def test_a_broken_connection_changes_nothing(bucket: Bucket) -> None:
    result, expected = {"output": numbered(300)}, [entry("n.txt", Lines=300)]
    once = publish(bucket, result, expected)
    whole = bucket.published()
    for fault in FAULTS:
        bucket.account.broken = [(fault, 30), (fault, 2000), (fault, 0), (fault, 3000)]
        assert publish(bucket, result, expected) == once
        assert bucket.published() == whole


def test_a_connection_that_breaks_again_and_again_is_an_error(bucket: Bucket) -> None:
    bucket.objects[ARCHIVE] = packed({"output": A})
    bucket.account.broken = [(FAULTS[0], 10)] + [(FAULTS[0], 0)] * 20
    with pytest.raises(IncompleteReadError):
        list(aws.Location("out", ARCHIVE).chunks())
    assert len(bucket.account.reads) == 1 + 1 + aws._RECONNECTIONS - 1


def test_a_connection_may_break_as_often_as_it_will_while_bytes_come(bucket: Bucket) -> None:
    bucket.objects[ARCHIVE] = result = packed({"output": numbered(9)})
    bucket.account.broken = [(FAULTS[0], 10)] * (2 * aws._RECONNECTIONS)
    assert b"".join(aws.Location("out", ARCHIVE).chunks()) == result


def test_an_archive_that_is_replaced_meanwhile_is_an_error(bucket: Bucket) -> None:
    bucket.objects[ARCHIVE] = packed({"output": A})
    chunks = aws.Location("out", ARCHIVE).chunks()
    bucket.account.broken = [(FAULTS[0], 10)]
    next(chunks)
    bucket.objects[ARCHIVE] += b"\0"
    with pytest.raises(ClientError, match="PreconditionFailed"):
        next(chunks)


def test_an_archive_that_may_not_be_read_is_no_damage(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(location: aws.Location) -> NoReturn:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, location.uri)

    read = aws.Location.chunks
    monkeypatch.setattr(aws.Location, "chunks", lambda self: denied(self) if self.key == ARCHIVE else read(self))
    with pytest.raises(Exception, match="AccessDenied") as raised:
        publish(bucket, {"output": A}, EXPECTED)
    assert type(raised.value).__name__ == "AccessDenied"
    assert not bucket.published()


def test_no_thread_is_left(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended() -> Iterator[str]:
        return (thread.name for thread in threading.enumerate() if "ThreadPool" in thread.name)

    publish(bucket, {"output": A}, EXPECTED)
    assert not list(ended())
    monkeypatch.setattr(publish_result, "members", lambda blocks: iter([None]))
    with pytest.raises(AttributeError):
        publish(bucket, {"output": A}, EXPECTED)
    assert not list(ended())
