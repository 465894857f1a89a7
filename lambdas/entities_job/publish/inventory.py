"""The inventory of a job's input: gzip JSON lines of :class:`InventoryEntry`, and the table of its files.

The table is an SQLite file in the temporary folder, so that a million files take little memory.
"""

from __future__ import annotations

import gzip
import io
import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from ..aws import Location
from ..contracts import InventoryEntry

if TYPE_CHECKING:
    import sqlite3

_HELD = 1024
_FURTHEST = 512

_TABLE = """
CREATE TABLE files (
    row INTEGER PRIMARY KEY, file TEXT, source TEXT, version TEXT, first INTEGER, documents INTEGER, by_line INTEGER,
    padding INTEGER
)
"""


def write(target: Location, entries: Iterable[InventoryEntry]) -> None:
    """Write the entries as they come; a million of them take some 20 MB of memory."""
    held = io.BytesIO()
    with gzip.GzipFile(fileobj=held, mode="wb", compresslevel=6, mtime=0) as packed:
        for entry in entries:
            line = {name: value for name, value in entry.items() if name in InventoryEntry.__annotations__}
            packed.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    target.write(held.getvalue())


class Row(NamedTuple):
    """A file of the inventory.

    Attributes:
        row: its place in the inventory.
        file: its name, as the service reports it.
        source: its object's URI.
        version: the object's version, if known.
        first: the number of its first document among all expected ones.
        documents: how many there are in it: its lines, or one.
        by_line: whether a document is a line.
        padding: whether it only fills the job up.
    """

    row: int
    file: str
    source: str
    version: str | None
    first: int
    documents: int
    by_line: int
    padding: int

    def number(self, line: int | None) -> int | None:
        """Return the number of the document with that line, or None if the file has no such line."""
        place = (line or 0) if self.by_line else 0
        return self.first + place if 0 <= place < self.documents else None


class Source(NamedTuple):
    """The known source of a document.

    Attributes:
        uri: of its object, or None if several objects, or none, bear the name.
        version: of the object, if known.
        candidates: how many objects bear the name, if several do.
    """

    uri: str | None
    version: str | None = None
    candidates: int = 0


@contextmanager
def opened(location: Location) -> Iterator[Inventory]:
    """Read the inventory that :func:`write` wrote into a table, which goes at the end of the ``with`` statement."""
    # Here: InspectInput only writes inventories, and would load it at each start.
    import sqlite3

    with (
        tempfile.TemporaryDirectory() as folder,
        closing(sqlite3.connect(f"{folder}/inventory", isolation_level=None)) as files,
    ):
        yield Inventory(files, location.read())


class Inventory:
    """Every expected document, and which of them were received.

    Attributes:
        expected: how many documents there are, without padding.
        unexpected: documents received that are in no file of the inventory, or came twice.
    """

    def __init__(self, files: sqlite3.Connection, content: bytes) -> None:
        self.expected = self.unexpected = 0
        self._files = files
        self._received = bytearray()
        # What a crash leaves is thrown away, so that a journal is of no use.
        files.execute("PRAGMA journal_mode = OFF")
        files.execute("BEGIN")
        files.execute(_TABLE)
        files.executemany("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self._rows(content))
        files.execute("CREATE INDEX by_name ON files (file)")
        # No COMMIT: outside of a transaction, each look-up would lock the file, which takes four times as long.
        repeated = files.execute("SELECT 1 FROM files GROUP BY file HAVING count(*) > 1 LIMIT 1").fetchone()
        self._furthest = 0 if repeated else _FURTHEST
        self._held: dict[str, tuple[list[Row], Source]] = {}
        self._next = self._ahead = 0

    def _rows(self, content: bytes) -> Iterator[Row]:
        # json.loads would look for the encoding of each line.
        first, decode = 0, json.JSONDecoder().raw_decode
        for row, line in enumerate(gzip.GzipFile(fileobj=io.BytesIO(content))):
            entry: InventoryEntry = decode(line.decode())[0]
            documents, padding = entry.get("Lines", 1), entry.get("Padding", False)
            version = entry.get("VersionId")
            yield Row(row, entry["File"], entry["Source"], version, first, documents, "Lines" in entry, padding)
            self.expected += 0 if padding else documents
            first += documents
        self._received = bytearray(first)

    def claim(self, name: str, line: int | None) -> Source | None:
        """Take a document for received.

        Args:
            name: the file's name as the service reports it, which may hold a part of its path.
            line: number of its line, if a document is a line.

        Returns:
            What is known of its source, or None for padding.
        """
        rows, source = self._named(name)
        for row in rows:
            number = row.number(line)
            if number is not None and not self._received[number]:
                self._received[number] = 1
                return None if row.padding else source
        self.unexpected += 1
        return source

    def missing(self) -> Iterator[tuple[str, int | None, Source]]:
        """Yield file, line and source of the documents that were not received, in the order of the inventory."""
        for row in map(Row._make, self._files.execute("SELECT * FROM files WHERE NOT padding ORDER BY row")):
            end = row.first + row.documents
            number = self._received.find(0, row.first, end)
            while number >= 0:
                line = number - row.first if row.by_line else None
                rows, source = self._named(row.file)
                others = (other.number(line) for other in rows)
                # If one of the same name was received, this may be it.
                repeats = any(other is not None and self._received[other] for other in others)
                yield row.file, line, source if repeats else Source(row.source, row.version)
                number = self._received.find(0, number + 1, end)

    def _named(self, name: str) -> tuple[list[Row], Source]:
        """Return the files of that name, and the source of a document that bears it."""
        if name in self._held:
            return self._held[name]
        base = name.rpartition("/")[2]
        named = self._files.execute("SELECT * FROM files WHERE file = ? ORDER BY row", (base,))
        rows = [Row(*row) for row in named if base == name or row[2].endswith(f"/{name}")]
        found = rows, Source(rows[0].source, rows[0].version) if len(rows) == 1 else Source(None, candidates=len(rows))
        if rows:
            self._look_ahead(rows[0].row)
            self._held[name] = found
        return found

    def _look_ahead(self, row: int) -> None:
        """Hold the files that follow one: the more, the longer results come in the order of the inventory."""
        if len(self._held) > _HELD:
            self._held.clear()
        self._ahead = min(2 * self._ahead + 1, self._furthest) if row == self._next else 0
        self._next = row + self._ahead + 1
        following = self._files.execute("SELECT * FROM files WHERE row > ? LIMIT ?", (row, self._ahead))
        self._held.update((each[1], ([Row(*each)], Source(*each[2:4]))) for each in following)
