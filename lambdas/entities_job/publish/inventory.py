"""The inventory of a job's input: one JSON line a file, compressed. Fields: docs/architecture.md, section 2.

A million files take some 30 MB of memory: their lines lie in a temporary file, found by the hash of a file's name.
"""

from __future__ import annotations

import gzip
import io
import json
import mmap
import re
import tempfile
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

from ..aws import Location, client

_FIELDS = ("File", "Source", "VersionId", "Size", "Lines", "Padding")
_BLOCK = 1024**2
_HASH = (1 << 64) - (1 << 24)
"""The bits of a name's hash that are kept in the index; the others are its row's number."""
_WINDOW = 2048

_SOURCE = b'"Source":%b,"SourceVersionId":%b,'
_TEXT = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_FILE = re.compile(rb'^\{"File": "(%b)"' % _TEXT, re.MULTILINE)
_LINES = re.compile(rb'(?:, "Lines": (\d+))?(?:, "Padding": true)?\}\n')
_ROW = re.compile(
    rb'\{"File": "(%b)", "Source": ("%b")(?:, "VersionId": ("%b"))?, "Size": \d+(?:, "Lines": (\d+))?'
    rb'(, "Padding": true)?\}\n' % (_TEXT, _TEXT, _TEXT)
)


def write(target: Location, entries: Iterable[Mapping[str, Any]]) -> None:
    """Write the entries as they come; a million of them take some 20 MB of memory."""
    held = io.BytesIO()
    with gzip.GzipFile(fileobj=held, mode="wb", compresslevel=6, mtime=0) as packed:
        for entry in entries:
            line = {name: entry[name] for name in _FIELDS if name in entry}
            packed.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    client("s3").put_object(Bucket=target.bucket, Key=target.key, Body=held.getvalue())


def read(source: Location) -> Iterator[dict[str, Any]]:
    """The entries, streamed."""
    for block in _blocks(source):
        yield from map(json.loads, block.splitlines())


def _blocks(source: Location) -> Iterator[bytes]:
    body = client("s3").get_object(Bucket=source.bucket, Key=source.key)["Body"]
    with gzip.GzipFile(fileobj=body) as unpacked:
        while block := unpacked.read(_BLOCK):
            yield block + unpacked.readline()


class Row(NamedTuple):
    """A file of the inventory.

    Attributes:
        number: its place among the files.
        file: its name, JSON-encoded without its quotes.
        source: its object's URI, as a JSON string.
        version: the object's version as a JSON string, or ``null``.
        first: number of its first document among all expected ones.
        documents: how many there are in it: its lines, or one.
        by_line: whether a document is a line.
        padding: whether it only fills the job up.
    """

    number: int
    file: bytes
    source: bytes
    version: bytes
    first: int
    documents: int
    by_line: bool
    padding: bool

    @property
    def fields(self) -> bytes:
        """What a record of one of its documents gains."""
        return _SOURCE % (self.source, self.version)


class Inventory:
    """Every expected document, and which of them were received.

    Attributes:
        received: one byte for each document, in the order of the inventory.
        unexpected: documents received that nobody expected, or twice.
    """

    def __init__(self, source: Location) -> None:
        self._starts, self._firsts, self._hashes = array("Q", [0]), array("Q", [0]), array("q")
        with tempfile.TemporaryFile() as held:
            for block in _blocks(source):
                held.write(block)
                lines = block.splitlines(keepends=True)
                self._hashes.extend(map(hash, _FILE.findall(block)))
                by_line = b', "Lines": ' in block
                counts = [int(count or 1) for count in _LINES.findall(block)] if by_line else [1] * len(lines)
                self._starts.extend(accumulate(map(len, lines), initial=self._starts.pop()))
                self._firsts.extend(accumulate(counts, initial=self._firsts.pop()))
            held.flush()
            self._lines = mmap.mmap(held.fileno(), 0, prot=mmap.PROT_READ) if self._starts[-1] else mmap.mmap(-1, 1)
        self.received = bytearray(self._firsts[-1])
        self.unexpected = 0
        self._last: tuple[bytes, list[Row], bytes] = (b"", [], b"")
        # Most results come in the order of the inventory: rows that follow are looked up all at once, as long as each
        # name is one file's.
        self._window: dict[bytes, tuple[int, bytes]] = {}
        self._next = 0 if len(set(self._hashes)) == len(self._hashes) else len(self._hashes)

    @cached_property
    def _index(self) -> array[int]:
        """Numbers of rows behind the higher bits of their hashes, sorted."""
        return array("Q", sorted(value & _HASH | number for number, value in enumerate(self._hashes)))

    def claim(self, name: bytes, line: int | None) -> bytes | None:
        """Take a document for received.

        Args:
            name: the file's name as the service reports it, JSON-encoded without its quotes.
            line: number of its line, if a document is a line.

        Returns:
            The fields that its record gains, or None for padding. Where several files bear the name and it holds no
            path that tells them apart, ``Source`` is null and ``SourceCandidates`` their number.
        """
        if line is None:
            while not self._window and self._next < len(self._hashes):
                self._look_ahead()
            if known := self._window.pop(name, None):
                self.received[known[0]] = 1
                return known[1]
        rows, fields = self._named(name)
        for row in rows:
            if row.number >= self._next:
                # What was passed over is missing, or comes later and by its name.
                self._next = row.number + 1
                self._window.clear()
            number = _number(row, line)
            if number is not None and not self.received[number]:
                self.received[number] = 1
                return None if row.padding else fields
        self.unexpected += 1
        return fields

    def _look_ahead(self) -> None:
        """Read the rows that are next, but for those that need a closer look."""
        start = self._next
        self._next = end = min(start + _WINDOW, len(self._hashes))
        rows = enumerate(_ROW.findall(self._lines[self._starts[start] : self._starts[end]]), start)
        self._window = {
            file: (number, _SOURCE % (source, version or b"null"))
            for number, (file, source, version, lines, padding) in rows
            if not (lines or padding or self.received[number])
        }
        # What was read of the file would count as the function's own memory.
        self._lines.madvise(mmap.MADV_DONTNEED)

    def missing(self, start: int) -> Iterator[tuple[int, bytes, bytes, int | None]]:
        """Expected documents not received, from number ``start`` on: number, fields, file, line."""
        number = start
        while (number := self.received.find(0, number)) >= 0:
            row = self._row(bisect_right(self._firsts, number) - 1)
            line = number - row.first if row.by_line else None
            if not row.padding:
                rows, fields = self._named(row.file)
                others = (_number(other, line) for other in rows)
                known = not any(other is not None and self.received[other] for other in others)
                yield number, row.fields if known else fields, row.file, line
            number += 1

    def _named(self, name: bytes) -> tuple[list[Row], bytes]:
        """The files of that name, and what a record gains that bears it."""
        if name != self._last[0]:
            rows = self._find(name)
            self._last = name, rows, _fields(rows)
        return self._last[1:]

    def _find(self, name: bytes) -> list[Row]:
        base = name.rpartition(b"/")[2]
        value, rows = hash(base) & _HASH, []
        at = bisect_left(self._index, value)
        while at < len(self._index) and self._index[at] & _HASH == value:
            row = self._row(self._index[at] & ~_HASH)
            if row.file == base:
                rows.append(row)
            at += 1
        return [row for row in rows if row.source.endswith(b"/" + name + b'"')] if base != name else rows

    def _row(self, index: int) -> Row:
        start, first = self._starts[index], self._firsts[index]
        match = _ROW.match(self._lines[start : self._starts[index + 1]])
        if not match:
            raise ValueError(f"line {index + 1} of the inventory is none that InspectInput wrote")
        file, source, version, lines, padding = match.groups()
        documents = self._firsts[index + 1] - first
        return Row(index, file, source, version or b"null", first, documents, lines is not None, bool(padding))


def _number(row: Row, line: int | None) -> int | None:
    place = (line or 0) if row.by_line else 0
    return row.first + place if 0 <= place < row.documents else None


def _fields(rows: list[Row]) -> bytes:
    if len(rows) == 1:
        return rows[0].fields
    return b'"Source":null,"SourceVersionId":null,' + (b'"SourceCandidates":%d,' % len(rows) if rows else b"")
