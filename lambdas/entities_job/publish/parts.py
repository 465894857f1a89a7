"""The published parts: gzip JSON lines, each put whole, so that none is ever seen half-written or left behind.

What a part holds depends on the archive alone, and gzip members concatenate, so that blocks are compressed on other
cores and a part that is made once more has the same bytes.
"""

from __future__ import annotations

import io
import zlib
from collections import deque
from concurrent.futures import Executor, Future

from ..aws import Location

_PART_BYTES = 96 * 1024**2
"""JSON lines in a part before they are compressed, to about a quarter."""

_BLOCK = 4 * 1024**2
"""Bytes that are compressed at once: a larger block waits less often for the interpreter."""

_WAITING = 3
"""Blocks that wait to be compressed or put into their part, at most."""


class Parts:
    """Writes lines into parts ``<prefix><nnnnn>.jsonl.gz``; ``writers``, whose owner sees to their end, do the work.

    Attributes:
        count: parts that were begun to be put.
        size: compressed bytes of those parts.
    """

    def __init__(self, prefix: Location, writers: Executor) -> None:
        self.count = self.size = 0
        self._prefix, self._writers = prefix, writers
        self._lines: list[bytes] = []
        self._held = self._in_part = 0
        self._waiting: deque[tuple[Future[bytes], bool]] = deque()
        self._part = io.BytesIO()
        self._putting: Future[None] | None = None

    def add(self, line: bytes) -> None:
        """Add a line. Where a block or a part ends depends on the lines alone."""
        self._lines.append(line)
        self._held += len(line)
        if self._held >= _BLOCK:
            self._compress(ends_part=self._in_part + self._held >= _PART_BYTES)

    def finish(self) -> None:
        """Put what is left, and see that all parts have arrived."""
        if self._held or self._in_part:
            self._compress(ends_part=True)
        while self._waiting:
            self._take()
        if self._putting:
            self._putting.result()

    def _compress(self, *, ends_part: bool) -> None:
        self._waiting.append((self._writers.submit(_compressed, self._lines), ends_part))
        self._in_part = 0 if ends_part else self._in_part + self._held
        self._lines, self._held = [], 0
        while len(self._waiting) > _WAITING:
            self._take()

    def _take(self) -> None:
        """Put the oldest block into its part, and begin to put the part if it is whole."""
        compressed, ends_part = self._waiting.popleft()
        self._part.write(compressed.result())
        if not ends_part:
            return
        # One part at a time, so that no more than two are held.
        if self._putting:
            self._putting.result()
        target = Location(self._prefix.bucket, f"{self._prefix.key}{self.count:05}.jsonl.gz")
        self.count, self.size = self.count + 1, self.size + self._part.tell()
        self._part.seek(0)
        self._putting = self._writers.submit(target.write, self._part)
        self._part = io.BytesIO()


def _compressed(lines: list[bytes]) -> bytes:
    return zlib.compress(b"".join(lines), level=1, wbits=31)
