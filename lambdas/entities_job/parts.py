"""The published parts: gzip JSON lines, each put whole, so that none is ever seen half-written or left behind.

What a part holds depends on the archive alone, and gzip members concatenate, so that blocks are compressed on other
cores and a part that is made once more has the same bytes.
"""

from __future__ import annotations

import io
import zlib
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager

from .locations import Location
from .service import client

_PART_BYTES = 96 * 1024**2
"""JSON lines in a part before they are compressed, to about a quarter."""

_LEVEL = 1
_WAITING = 4


class Parts(AbstractContextManager["Parts"]):
    """Writes records into parts ``<prefix><nnnnn>.jsonl.gz``, those that can't be read beside them.

    Attributes:
        number: of the next part.
        count: parts with records.
        size: bytes of them, compressed.
    """

    def __init__(self, documents: Location, unparsed: Location, *, number: int = 0, count: int = 0, size: int = 0):
        self.number, self.count, self.size = number, count, size
        self._documents, self._unparsed = _Part(documents), _Part(unparsed)
        self._compressors, self._uploader = ThreadPoolExecutor(2), ThreadPoolExecutor(1)
        self._compressing: deque[tuple[_Part, Future[bytes]]] = deque()
        self._uploading: list[Future[None]] = []
        self._held = 0

    def __exit__(self, *error: object) -> None:
        for pool in (self._compressors, self._uploader):
            pool.shutdown(cancel_futures=True)

    def counts(self) -> dict[str, int]:
        """What ``Parts`` takes to go on behind the last part."""
        return {"number": self.number, "count": self.count, "size": self.size}

    @property
    def full(self) -> bool:
        """Whether the part should be put before more is added."""
        return self._held >= _PART_BYTES

    def add(self, documents: Sequence[bytes], unparsed: Sequence[bytes] = ()) -> None:
        """Add lines, given in pieces."""
        for part, pieces in ((self._documents, documents), (self._unparsed, unparsed)):
            if pieces:
                self._held += sum(map(len, pieces))
                self._compressing.append((part, self._compressors.submit(_compressed, pieces)))
        self._collect(_WAITING)

    def put(self) -> None:
        """Put what was added as one part, while the next one is begun."""
        self._collect(0)
        self._settle()
        for part in (self._documents, self._unparsed):
            if size := part.held.tell():
                if part is self._documents:
                    self.count, self.size = self.count + 1, self.size + size
                self._uploading.append(self._uploader.submit(_put, part.taken(self.number), part.held))
                part.held = io.BytesIO()
        self.number, self._held = self.number + 1, 0

    def finish(self) -> None:
        """Put the last part and see that all have arrived."""
        if self._held:
            self.put()
        self._settle()

    def _collect(self, most: int) -> None:
        while len(self._compressing) > most:
            part, compressed = self._compressing.popleft()
            part.held.write(compressed.result())

    def _settle(self) -> None:
        while self._uploading:
            self._uploading.pop().result()


class _Part:
    def __init__(self, prefix: Location) -> None:
        self._prefix = prefix
        self.held = io.BytesIO()

    def taken(self, number: int) -> Location:
        return Location(self._prefix.bucket, f"{self._prefix.key}{number:05}.jsonl.gz")


def _compressed(pieces: Sequence[bytes]) -> bytes:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
    return compressor.compress(b"".join(pieces)) + compressor.flush()


def _put(target: Location, body: io.BytesIO) -> None:
    body.seek(0)
    client("s3").put_object(Bucket=target.bucket, Key=target.key, Body=body)
