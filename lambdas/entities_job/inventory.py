"""The inventory of a job's input: one JSON line a file, compressed. Fields: docs/architecture.md, section 2.

A million files take some 20 MB of memory: their lines lie in a temporary file, found by the hash of a file's name.
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
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from .locations import Location
from .service import client

_FIELDS = ("File", "Source", "VersionId", "Size", "Lines", "Padding")
_BLOCK = 1024**2
_INDEX_BITS = 24
_HASH = (1 << 64) - (1 << _INDEX_BITS)
_WINDOW = 2048

_SOURCE = b'"Source":%b,"SourceVersionId":%b,'
_TEXT = rb'"(?:[^"\\]|\\.)*+"'
_FILE = re.compile(rb'^\{"File": "((?:[^"\\]|\\.)*+)"', re.MULTILINE)
_LINES = re.compile(rb'(?:, "Lines": (\d+))?(?:, "Padding": true)?\}\n')
_ROW = re.compile(
    rb'\{"File": ("(?:[^"\\]|\\.)*+"), "Source": (%b)(?:, "VersionId": (%b))?, "Size": (\d+)(?:, "Lines": (\d+))?'
    rb'(, "Padding": true)?\}\n' % (_TEXT, _TEXT)
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
        file: its name, as a JSON string.
        source: its object's URI, as a JSON string.
        version: the object's version as a JSON string, or ``null``.
        size: bytes.
        first: number of its first document among all expected ones.
        documents: how many there are in it: its lines, or one.
        by_line: whether a document is a line.
        padding: whether it only fills the job up.
    """

    file: bytes
    source: bytes
    version: bytes
    size: int
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
        self._starts, self._firsts, hashes = array("Q", [0]), array("Q", [0]), array("Q")
        with tempfile.TemporaryFile() as held:
            for block in _blocks(source):
                held.write(block)
                lines = block.splitlines(keepends=True)
                hashes.extend(map(_hash, _FILE.findall(block)))
                by_line = b', "Lines": ' in block
                counts = [int(count or 1) for count in _LINES.findall(block)] if by_line else [1] * len(lines)
                self._starts.extend(accumulate(map(len, lines), initial=self._starts.pop()))
                self._firsts.extend(accumulate(counts, initial=self._firsts.pop()))
            held.flush()
            self._lines = mmap.mmap(held.fileno(), 0, prot=mmap.PROT_READ) if self._starts[-1] else mmap.mmap(-1, 1)
        self._hashes = array("Q", sorted(value | number for number, value in enumerate(hashes)))
        self._twins = {a & _HASH for a, b in pairwise(self._hashes) if a & _HASH == b & _HASH}
        self.received = bytearray(self._firsts[-1])
        self.unexpected = 0
        self._last: tuple[bytes, list[Row], bytes] = (b"", [], b"")
        # Most results come in the order of the inventory: rows that follow are looked up all at once.
        self._window: dict[bytes, tuple[int, bytes]] = {}
        self._next = 0

    def claim(self, name: bytes, line: int | None) -> bytes | None:
        """Take a document for received.

        Args:
            name: the file's name as the service reports it, JSON-encoded without its quotes.
            line: number of its line, if a document is a line.

        Returns:
            The fields that its record gains, or None for padding. Where several files bear the name and it holds no
            path that tells them apart, ``Source`` is null and ``SourceCandidates`` their number.
        """
        known = self._window.pop(name, None) if line is None else None
        if known:
            self.received[known[0]] = 1
            return known[1]
        rows, fields = self._named(name)
        if len(rows) == 1 and not rows[0].by_line:
            self._look_ahead(rows[0].first)
        for row in rows:
            number = _number(row, line)
            if number is not None and not self.received[number]:
                self.received[number] = 1
                return None if row.padding else fields
        self.unexpected += 1
        return fields

    def _look_ahead(self, number: int) -> None:
        """Read the rows that follow row ``number``, if that continues the last ones."""
        if number == self._next:
            start, end = number + 1, min(number + _WINDOW, len(self._starts) - 1)
            rows = enumerate(_ROW.findall(self._lines[self._starts[start] : self._starts[end]]), start)
            twins, received = self._twins, self.received
            self._window = {
                file[1:-1]: (n, _SOURCE % (source, version or b"null"))
                for n, (file, source, version, _, _, padding) in rows
                if not (padding or received[n] or (twins and _hash(file[1:-1]) in twins))
            }
            # What was read of the file would count as the function's own memory.
            self._lines.madvise(mmap.MADV_DONTNEED)
            number = end - 1
        self._next = number + 1

    def source(self, name: bytes) -> Row | None:
        """The one file of that name."""
        rows, _ = self._named(name)
        return rows[0] if len(rows) == 1 else None

    def missing(self, start: int) -> Iterator[tuple[int, bytes, bytes, int | None]]:
        """Expected documents not received, from number ``start`` on: number, fields, file, line."""
        number = start
        while (number := self.received.find(0, number)) >= 0:
            row = self._row(bisect_right(self._firsts, number) - 1)
            line = number - row.first if row.by_line else None
            if not row.padding:
                rows, fields = self._named(row.file[1:-1])
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
        value, rows = _hash(base), []
        at = bisect_left(self._hashes, value)
        while at < len(self._hashes) and self._hashes[at] >> _INDEX_BITS == value >> _INDEX_BITS:
            row = self._row(self._hashes[at] & (1 << _INDEX_BITS) - 1)
            if row.file[1:-1] == base:
                rows.append(row)
            at += 1
        return [row for row in rows if row.source.endswith(b"/" + name + b'"')] if base != name else rows

    def _row(self, index: int) -> Row:
        start, first = self._starts[index], self._firsts[index]
        match = _ROW.match(self._lines[start : self._starts[index + 1]])
        if not match:
            raise ValueError(f"line {index + 1} of the inventory is none that InspectInput wrote")
        file, source, version, size, lines, padding = match.groups()
        documents = self._firsts[index + 1] - first
        return Row(file, source, version or b"null", int(size), first, documents, lines is not None, bool(padding))


def _hash(name: bytes) -> int:
    """A hash whose low bits are free for an index."""
    return hash(name) & _HASH


def _number(row: Row, line: int | None) -> int | None:
    place = (line or 0) if row.by_line else 0
    return row.first + place if 0 <= place < row.documents else None


def _fields(rows: list[Row]) -> bytes:
    if len(rows) == 1:
        return rows[0].fields
    return b'"Source":null,"SourceVersionId":null,' + (b'"SourceCandidates":%d,' % len(rows) if rows else b"")
