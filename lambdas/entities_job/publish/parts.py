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

from ..aws import Location, client

_PART_BYTES = 96 * 1024**2
"""JSON lines in a part before they are compressed, to about a quarter."""

_BLOCK = 4 * 1024**2
"""What is compressed at once: a larger block waits less often for the interpreter."""

_WAITING_BYTES = 24 * 1024**2


class _Kind:
    """The lines of one kind that the next part will hold, and the place of its parts."""

    def __init__(self, prefix: Location) -> None:
        self.prefix = prefix
        self.pieces: list[bytes] = []
        self.size = 0
        self.blocks: deque[Future[bytes]] = deque()


class Parts(AbstractContextManager["Parts"]):
    """Writes records into parts ``<prefix><nnnnn>.jsonl.gz``, those that can't be read beside them.

    Attributes:
        number: of the next part.
    """

    def __init__(self, documents: Location, unparsed: Location, *, number: int = 0, count: int = 0, size: int = 0):
        self.number, self._count, self._size = number, count, size
        self._kinds = _Kind(documents), _Kind(unparsed)
        self._compressors, self._uploader = ThreadPoolExecutor(2), ThreadPoolExecutor(1)
        self._compressing: deque[tuple[int, Future[bytes]]] = deque()
        self._waiting = 0
        self._uploading: deque[tuple[_Kind, Future[int]]] = deque()
        self._held = 0

    def __exit__(self, *error: object) -> None:
        for pool in (self._compressors, self._uploader):
            pool.shutdown(cancel_futures=True)

    @property
    def full(self) -> bool:
        """Whether the part should be put before more is added."""
        return self._held >= _PART_BYTES

    def add(self, documents: Sequence[bytes], unparsed: Sequence[bytes] = ()) -> None:
        """Add lines, given in pieces."""
        for kind, pieces in zip(self._kinds, (documents, unparsed), strict=True):
            kind.pieces += pieces
            size = sum(map(len, pieces))
            kind.size, self._held = kind.size + size, self._held + size
            if kind.size >= _BLOCK:
                self._compress(kind)

    def _compress(self, kind: _Kind) -> None:
        kind.blocks.append(self._compressors.submit(_compressed, kind.pieces))
        self._compressing.append((kind.size, kind.blocks[-1]))
        self._waiting += kind.size
        kind.pieces, kind.size = [], 0
        while self._waiting > _WAITING_BYTES:
            size, block = self._compressing.popleft()
            block.result()
            self._waiting -= size

    def put(self) -> None:
        """Put what was added as one part, while the next one is begun."""
        self._settle()
        for kind in self._kinds:
            if kind.pieces:
                self._compress(kind)
            if kind.blocks:
                target = Location(kind.prefix.bucket, f"{kind.prefix.key}{self.number:05}.jsonl.gz")
                self._uploading.append((kind, self._uploader.submit(_put, target, kind.blocks)))
                kind.blocks = deque()
        self._held = 0
        self.number += 1

    def finish(self) -> dict[str, int]:
        """Put the last part and see that all have arrived.

        Returns:
            What ``Parts`` takes to go on: the next number, and count and compressed bytes of the parts with records.
        """
        if self._held:
            self.put()
        self._settle()
        return {"number": self.number, "count": self._count, "size": self._size}

    def _settle(self) -> None:
        while self._uploading:
            kind, size = self._uploading.popleft()
            if kind is self._kinds[0]:
                self._count, self._size = self._count + 1, self._size + size.result()
            size.result()


def _compressed(pieces: Sequence[bytes]) -> bytes:
    return zlib.compress(b"".join(pieces), level=1, wbits=31)


def _put(target: Location, blocks: deque[Future[bytes]]) -> int:
    body = io.BytesIO()
    while blocks:
        body.write(blocks.popleft().result())
    size = body.tell()
    body.seek(0)
    client("s3").put_object(Bucket=target.bucket, Key=target.key, Body=body)
    return size
