"""Publishing what is large, in little memory."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.unit.publish.publishing import PERSON, Bucket, entry, lines, packed, publish


def test_many_lines_of_few_files(bucket: Bucket) -> None:
    files, each = 4, 5_000
    line = b'{"File": "%d.txt", "Line": %d, "Entities": []}\n'
    result = b"".join(line % (file, number) for file in range(files) for number in range(each))
    found = publish(bucket, {"output": result}, [entry(f"{file}.txt", Lines=each) for file in range(files)])
    assert (found["Status"], found["Counts"]["Documents"]) == ("COMPLETED", files * each)
    assert sum(b'"Source":"s3://in/input/' in line for line in bucket.lines()) == files * each


@contextmanager
def at_most(megabytes: int) -> Iterator[None]:
    """What runs inside needs no more memory than so much."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["output", "a.pdf_NativePDF.out"])
def test_a_member_of_100_gigabytes_of_zeros_fills_no_memory(bucket: Bucket, name: str) -> None:
    header = tarfile.TarInfo(name)
    header.size = 100 * 1000**3
    result = gzip.compress(header.tobuf()) + gzip.compress(bytes(16 * 1024**2), 1) * 12
    with at_most(170):
        found = publish(bucket, result, [entry("a.txt")])
    assert found["Error"]["Code"] == "ArchiveDamaged"


@pytest.mark.parametrize("field", ["Text", "Other"])
def test_lines_as_long_as_a_record_may_be_fill_no_memory(bucket: Bucket, field: str) -> None:
    entity = {**PERSON, field: "x" * 15 * 1024**2}
    result = packed({"output": b"".join(lines({"File": "a.txt", "Line": n, "Entities": [entity]}) for n in range(4))})
    with at_most(170):
        found = publish(bucket, result, [entry("a.txt", Lines=4)])
    assert found["Counts"]["Documents"] == 4


def test_a_member_of_many_does_not_stay(bucket: Bucket) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as tar:
        for number in range(3000):
            tar.addfile(tarfile.TarInfo(f"{number:0100}"))
    with at_most(8):
        publish(bucket, held.getvalue(), [])
