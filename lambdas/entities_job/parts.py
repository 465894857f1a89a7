"""Published files: gzip JSON lines in parts of a fixed size, compressed beside the reading.

The same records always make the same parts, byte for byte, and each part is put whole: a run that is interrupted and
repeated leaves the same set, without orphans.
"""

from __future__ import annotations

import gzip
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from .locations import Location
from .service import client

PART_BYTES = 16 * 1024 * 1024
"""Uncompressed size at which a part is closed."""

# zlib lets other threads run while it compresses; two at work and one being filled bound the memory.
_THREADS = 2


class Parts:
    """Writes records into ``<prefix><nnnnn>.jsonl.gz``.

    Attributes:
        closed: how many parts are closed.
        size: compressed bytes of those that this run put.
    """

    def __init__(self, prefix: Location, *, done: int = 0) -> None:
        """Begin with part 0; the first ``done`` parts were put before and are only passed over."""
        self._prefix, self._done = prefix, done
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._pool = ThreadPoolExecutor(_THREADS)
        self._running: deque[Future[int]] = deque()
        self.closed = self.size = 0

    def add(self, *pieces: bytes) -> bool:
        """Add one record, given in pieces without line end; returns whether it closed a part."""
        self._held += pieces
        self._held.append(b"\n")
        self._held_bytes += sum(map(len, pieces)) + 1
        if self._held_bytes < PART_BYTES:
            return False
        self._close()
        return True

    def finish(self) -> None:
        """Close the last part and wait until all are put. Without any record there is one empty part."""
        if self._held or not self.closed:
            self._close()
        self.wait()

    def wait(self) -> None:
        """Wait until every closed part is put."""
        while self._running:
            self.size += self._running.popleft().result()
        self._pool.shutdown()

    def _close(self) -> None:
        if self.closed >= self._done:
            while len(self._running) >= _THREADS:
                self.size += self._running.popleft().result()
            self._running.append(self._pool.submit(self._put, self.closed, self._held))
        self.closed += 1
        self._held, self._held_bytes = [], 0

    def _put(self, number: int, pieces: list[bytes]) -> int:
        packed = gzip.compress(b"".join(pieces), compresslevel=1, mtime=0)
        key = f"{self._prefix.key}{number:05}.jsonl.gz"
        client("s3").put_object(Bucket=self._prefix.bucket, Key=key, Body=packed)
        return len(packed)
