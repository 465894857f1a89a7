"""Which source object a record comes from, and which documents never came: an index of the inventory on disk."""

from __future__ import annotations

import sqlite3
import tempfile
from array import array
from collections.abc import Iterator
from typing import Any, NamedTuple

from . import inventory
from .locations import Location


class Source(NamedTuple):
    """What the inventory knows of the name that a record bears; ``candidates`` objects of the prefix bear it."""

    number: int
    uri: str
    version: str | None
    expected: int
    padding: bool
    candidates: int


class Sources:
    """The inventory by file name, in memory that does not grow with it (but for two bytes a file)."""

    def __init__(self, location: Location) -> None:
        # Private to this invocation: the file has no name any more once it is open.
        self._disk = tempfile.NamedTemporaryFile(suffix=".sqlite")  # noqa: SIM115  (lives as long as the index)
        self._index = sqlite3.connect(self._disk.name)
        self._index.execute("PRAGMA journal_mode = OFF")
        self._index.execute("PRAGMA synchronous = OFF")
        self._index.execute(
            "CREATE TABLE files (file TEXT PRIMARY KEY, number INTEGER, uri TEXT, version TEXT, expected INTEGER,"
            " padding INTEGER, candidates INTEGER) WITHOUT ROWID"
        )
        self._index.executemany(
            "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT (file) DO UPDATE SET"
            " candidates = candidates + 1, expected = expected + excluded.expected",
            _rows(location),
        )
        self._received = array("L", bytes(array("L").itemsize * (1 + self._count())))

    def _count(self) -> int:
        count: int = self._index.execute("SELECT coalesce(max(number), 0) FROM files").fetchone()[0]
        return count

    def find(self, file: str) -> Source | None:
        """What is known of a name; of one that carries a path, its last part counts."""
        query = "SELECT number, uri, version, expected, padding, candidates FROM files WHERE file = ?"
        row = self._index.execute(query, (file,)).fetchone()
        if row is None and "/" in file:
            row = self._index.execute(query, (file.rpartition("/")[2],)).fetchone()
        return Source(*row) if row else None

    def receive(self, source: Source) -> None:
        """Count one record of a source."""
        self._received[source.number] += 1

    def missing(self) -> Iterator[tuple[str, Source, int]]:
        """Name, source and number of the documents that never came."""
        for file, *row in self._index.execute(
            "SELECT file, number, uri, version, expected, padding, candidates FROM files"
            " WHERE NOT padding ORDER BY number"
        ):
            source = Source(*row)
            if (lacking := source.expected - self._received[source.number]) > 0:
                yield file, source, lacking


def _rows(location: Location) -> Iterator[tuple[Any, ...]]:
    for number, entry in enumerate(inventory.read(location), start=1):
        expected, padding = entry.get("Lines", 1), bool(entry.get("Padding"))
        yield entry["File"], number, entry["Source"], entry.get("VersionId"), expected, padding
