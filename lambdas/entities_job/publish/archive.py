"""The archive that a job leaves, output.tar.gz, as a stream of lines in constant memory.

Names in it are data, never paths. What is longer than a record may be is cut off, so that no archive fills the memory.
"""

from __future__ import annotations

import tarfile
import zlib
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from botocore.exceptions import ClientError, HTTPClientError, ResponseStreamingError

from ..aws import Location, client, logger
from ..publish.inflate import ArchiveDamaged, Inflation, Point

MAXIMUM_RECORD_BYTES = 32 * 1024**2
"""Athena reads no longer row ("Considerations and limitations for SQL queries in Amazon Athena")."""

_LONGEST_LINE = 1024**3
_BLOCK = 256 * 1024
"""What is searched for lines at once: meanwhile the threads that decompress and compress wait for the interpreter."""

_MORE = 2 * 1024**2
_CHUNK = 1024**2
_LONGEST_HEADER = 1024**2
_RECONNECTIONS = 5


class TooLong(NamedTuple):
    """The beginning of a line or document that is longer than a record may be."""

    head: bytes
    size: int


class Place(NamedTuple):
    """Where publishing goes on: a point before it, bytes to pass over, and what is left of the member there."""

    point: Point = Point()
    skip: int = 0
    name: str = ""
    left: int = 0

    def saved(self) -> dict[str, Any]:
        """The place as JSON."""
        window = b64encode(zlib.compress(self.point.window)).decode()
        return {**self._asdict(), "point": {**self.point._asdict(), "window": window}}

    @classmethod
    def restored(cls, saved: dict[str, Any]) -> Place:
        """The place that was saved."""
        point = saved["point"]
        return cls(**{**saved, "point": Point(**{**point, "window": zlib.decompress(b64decode(point["window"]))})})


class Member:
    """A file of the archive; ``left`` bytes of it are not read yet."""

    def __init__(self, name: str, left: int, stream: _Stream) -> None:
        self.name, self.left, self._stream = name, left, stream

    def lines(self) -> Iterator[bytes | TooLong]:
        """Whole lines in blocks, which depend on nothing but where the first of them begins."""
        while self.left:
            block = self._read(_BLOCK)
            end = block.rfind(b"\n") + 1
            while self.left and not end and len(block) <= MAXIMUM_RECORD_BYTES:
                block += self._read(_MORE)
                end = block.rfind(b"\n", -_MORE) + 1
            if self.left and not end:
                yield TooLong(block, len(block) + self._line_end())
                continue
            if self.left:
                self._unread(block[end:])
                block = block[:end]
            yield block

    def whole(self) -> bytes | TooLong:
        """All of it."""
        content = self._read(2 * MAXIMUM_RECORD_BYTES)
        return TooLong(content, len(content) + self.left) if self.left else content

    def close(self) -> None:
        """Pass over what is left, and over what fills it up to whole blocks."""
        while self.left:
            self._read(_BLOCK)
        self._stream.read(-self._stream.position % tarfile.BLOCKSIZE)

    def _line_end(self) -> int:
        passed = 0
        while self.left:
            line, end, rest = self._read(_BLOCK).partition(b"\n")
            passed += len(line)
            if passed > _LONGEST_LINE:
                raise ArchiveDamaged(f"the archive holds a line of more than {_LONGEST_LINE:,} bytes")
            if end:
                self._unread(rest)
                break
        return passed

    def _read(self, size: int) -> bytes:
        data = self._stream.read(min(size, self.left))
        if not data and self.left:
            raise ArchiveDamaged("the archive is truncated: its tar file ends in the middle of a member")
        self.left -= len(data)
        return data

    def _unread(self, data: bytes) -> None:
        self.left += len(data)
        self._stream.unread(data)


class Archive:
    """The archive at ``source``, read from ``start`` on; ``hurried`` tells that its end may have to wait."""

    def __init__(self, source: Location, start: Place, hurried: Callable[[], bool]) -> None:
        self._start = start
        self._inflation = Inflation(start.point, hurried)
        blocks = self._inflation.blocks(_chunks(source, start.point.bit // 8))
        self._stream = _Stream(_ahead(blocks), start.point.offset)

    def members(self) -> Iterator[Member]:
        """The files, in order; each must be read before the next.

        Raises:
            ArchiveDamaged: it can't be read, or not to its end.
        """
        self._stream.read(self._start.skip)
        member: Member | None = Member(self._start.name, self._start.left, self._stream)
        while member:
            if member.name:
                yield member
            member.close()
            member = self._next()
        # What follows is padding, and the check of the whole stream.
        self._stream.read(_LONGEST_HEADER)

    def place(self, member: Member) -> Place:
        """Where to go on behind the last block of a member."""
        position = self._stream.position
        point = max(point for point in self._inflation.points if point.offset <= position)
        return Place(point, position - point.offset, member.name, member.left)

    def _next(self) -> Member | None:
        stream: Any = self._stream
        try:
            with tarfile.open(None, "r|", stream, tarfile.BLOCKSIZE, tarinfo=_Header) as tar:
                info = tar.next()
        except tarfile.ReadError as error:
            if str(error) != "empty file":
                raise ArchiveDamaged(f"the archive is no sound tar file: {error}") from error
            info = None
        if info and info.issparse():
            raise ArchiveDamaged("the archive holds a sparse file")
        return Member(info.name if info.isreg() else "", info.size, self._stream) if info else None


class _Header(tarfile.TarInfo):
    """A header that is judged: tarfile takes a broken one for the end, and believes in names of any length."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        if not any(buf):
            return super().frombuf(buf, encoding, errors)
        try:
            info = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            raise ArchiveDamaged(f"the archive is no sound tar file: {error}") from error
        if not info.isreg() and info.size > _LONGEST_HEADER:
            raise ArchiveDamaged(f"the archive holds a header of {info.size:,} bytes")
        return info


class _Stream:
    """Blocks as a file; ``position`` is that of the next byte."""

    def __init__(self, blocks: Iterator[bytes], position: int) -> None:
        self.position = position
        self._blocks = blocks
        self._held: deque[memoryview] = deque()

    def read(self, size: int) -> bytes:
        """So many bytes, or what is left of them."""
        parts = []
        while size:
            if not self._held:
                self._held.append(memoryview(next(self._blocks, b"")))
            block = self._held.popleft()
            if not block:
                break
            if len(block) > size:
                self._held.appendleft(block[size:])
            parts.append(block[:size])
            size -= len(parts[-1])
            self.position += len(parts[-1])
        return b"".join(parts)

    def unread(self, data: bytes) -> None:
        """Give bytes back."""
        if data:
            self._held.appendleft(memoryview(data))
            self.position -= len(data)


def _ahead(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same blocks, read and decompressed in a thread of their own; zlib and sockets leave the interpreter free."""
    with ThreadPoolExecutor(1) as reader:
        waiting = deque(reader.submit(next, blocks, b"") for _ in range(4))
        while block := waiting.popleft().result():
            waiting.append(reader.submit(next, blocks, b""))
            yield block


def _chunks(source: Location, position: int) -> Iterator[bytes]:
    """The object's bytes from a position on; a broken connection is made again where it broke."""
    broken = 0
    unchanged: dict[str, str] = {}
    while True:
        part = {"Range": f"bytes={position}-"} if position else {}
        try:
            answer = client("s3").get_object(Bucket=source.bucket, Key=source.key, **part, **unchanged)
            unchanged = {"IfMatch": answer["ETag"]}
            while chunk := answer["Body"].read(_CHUNK):
                position += len(chunk)
                broken = 0
                yield chunk
            return
        except ClientError as error:
            if error.response["Error"]["Code"] == "InvalidRange":
                return
            raise
        except (HTTPClientError, ResponseStreamingError, OSError) as error:
            broken += 1
            if broken > _RECONNECTIONS:
                raise
            logger.warning("connection to the archive is made again", extra={"position": position, "why": str(error)})
