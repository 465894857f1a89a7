"""Decompressing from the middle: every point found leads to the same text."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator

import pytest

from entities_job.publish import inflate
from entities_job.publish.inflate import ArchiveDamaged, Inflation, Point


def chunks(packed: bytes, size: int, start: int = 0) -> Iterator[bytes]:
    for at in range(start, len(packed), size):
        yield packed[at : at + size]


@pytest.fixture
def text(monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(inflate, "_POINT_EVERY", 20_000)
    chance = random.Random(1)
    return b"".join(b'{"Score": %f, "Text": "%d"}\n' % (chance.random(), n) for n in range(60_000))


@pytest.mark.parametrize("level", [1, 6, 9])
@pytest.mark.parametrize("size", [9_000, 30_000])
def test_every_point_leads_to_the_same_text(text: bytes, level: int, size: int) -> None:
    half = len(text) // 2
    # Two members, as gzip allows, and the zeros that some tools fill up with.
    packed = gzip.compress(text[:half], level) + gzip.compress(text[half:], level) + bytes(700)
    inflation = Inflation(Point(), lambda: True)
    assert b"".join(inflation.blocks(chunks(packed, size))) == text
    assert len(inflation.points) > 5
    assert len({point.bit % 8 for point in inflation.points}) > 2
    for point in inflation.points:
        again = b"".join(Inflation(point, lambda: False).blocks(chunks(packed, 50_000, point.bit // 8)))
        assert again == text[point.offset :]


def test_no_points_are_sought_unless_wanted(text: bytes) -> None:
    inflation = Inflation(Point(), lambda: False)
    assert b"".join(inflation.blocks(chunks(gzip.compress(text), 9_000))) == text
    assert inflation.points == [Point()]


def test_truncated_and_damaged_streams_are_told_from_sound_ones(text: bytes) -> None:
    packed = gzip.compress(text)
    inflation = Inflation(Point(), lambda: True)
    list(inflation.blocks(chunks(packed, 9_000)))
    for start in (Point(), inflation.points[-1]):
        for end in (-1, -9, -5_000):
            with pytest.raises(ArchiveDamaged, match="truncated"):
                list(Inflation(start, lambda: False).blocks(chunks(packed[:end], 9_000, start.bit // 8)))
    with pytest.raises(ArchiveDamaged, match="no sound gzip stream"):
        list(Inflation(Point(), lambda: False).blocks(chunks(packed[:-8] + bytes(8), 9_000)))
