"""The archive that a job leaves, output.tar.gz, as a stream of lines in constant memory.

Everything that came before some damage is delivered before :class:`ArchiveDamaged` is raised. Names in the archive are
data, never paths. What is longer than a record may be is cut off, so that no archive fills the memory.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from contextlib import suppress

MAXIMUM_RECORD_BYTES = 16 * 1024**2 - 64 * 1024
"""Largest object that DuckDB reads by default (``maximum_object_size``), less room for our own fields.

Athena reads rows of 32 MB.
"""

MAXIMUM_ARCHIVE_BYTES = 50 * 1000**3
"""Decompressed bytes that one invocation has time for; the service's limits keep any result at a quarter of it."""

_LONGEST_OUT_FILE = 64 * 1024**2
_BLOCK = 256 * 1024
_INFLATED = 4 * 1024**2
"""Bytes that are decompressed at once: the more, the less often the thread has to wait for the interpreter."""
_AHEAD = 4
_LONGEST_HEADERS = 16 * 1024
"""Bytes of all headers of one member: S3's own names have 1,024 bytes at most."""


class ArchiveDamaged(Exception):
    """The archive can't be read, or not to its end.

    Attributes:
        code: the error code of the outcome.
        rest: of a line that the damage cut off, what came before.
    """

    code = "ArchiveDamaged"
    rest = b""


class ResultTooLarge(ArchiveDamaged):
    """The archive holds more than one invocation can publish."""

    code = "ResultTooLarge"


TooLong = tuple[bytes, int]
"""The beginning of a line or file that is longer than a record may be, and its size."""


def inflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Decompress the members of a gzip file, which zeros may follow.

    The gzip module holds back what it decompressed in the same call before the damage; this delivers it.

    Raises:
        ArchiveDamaged: the bytes are none of gzip, damaged or cut.
        ResultTooLarge: there are more than :data:`MAXIMUM_ARCHIVE_BYTES` of them.
    """
    member: zlib._Decompress | None = None
    size, begun = 0, False
    for chunk in chunks:
        left = chunk
        while left:
            if not member:
                left = left.lstrip(b"\0") if begun else left
                member = zlib.decompressobj(wbits=31) if left else None
                begun = True
                continue
            before = member.copy()
            try:
                block = member.decompress(left, _INFLATED)
            except zlib.error as error:
                # Byte by byte, all is had that came before the damage.
                with suppress(zlib.error):
                    yield from filter(None, (before.decompress(bytes([byte])) for byte in left))
                raise ArchiveDamaged(f"the archive is not a valid gzip stream: {error}") from error
            left, member = (member.unused_data, None) if member.eof else (member.unconsumed_tail, member)
            size += len(block)
            if block:
                yield block
            if size > MAXIMUM_ARCHIVE_BYTES:
                raise ResultTooLarge(f"the archive holds more than {MAXIMUM_ARCHIVE_BYTES:,} bytes")
    if member or not begun:
        # What was decompressed beyond the limit of the last call.
        yield from filter(None, [member.flush() if member else b""])
        raise ArchiveDamaged("the archive is truncated: its gzip stream has no end")


def ahead(blocks: Iterator[bytes], reader: Executor) -> Iterator[bytes]:
    """Yield the same blocks, of which ``reader``, of one thread, makes some ahead; its owner sees to its end."""
    waiting = deque(reader.submit(next, blocks, b"") for _ in range(_AHEAD))
    while block := waiting.popleft().result():
        waiting.append(reader.submit(next, blocks, b""))
        yield block


class _Tape(io.RawIOBase):
    """Blocks as a file.

    Attributes:
        damage: what ended the blocks early, once all before it was read.
        headers: bytes that tarfile may still read for one member.
    """

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.damage: ArchiveDamaged | None = None
        self.headers = 0
        self._blocks = blocks
        self._held = memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes of headers, or the rest of them."""
        self.headers -= size
        if self.headers < 0:
            raise tarfile.ReadError(f"it holds headers of more than {_LONGEST_HEADERS:,} bytes")
        return self.content(size)

    def content(self, size: int) -> bytes:
        """Return so many bytes, or the rest of them."""
        parts = []
        while size and (self._held or self._next()):
            parts.append(self._held[:size])
            self._held = self._held[size:]
            size -= len(parts[-1])
        return b"".join(parts)

    def _next(self) -> bool:
        try:
            self._held = memoryview(next(self._blocks, b""))
        except ArchiveDamaged as damage:
            self.damage = damage
        return bool(self._held)

    def unread(self, data: bytes) -> None:
        """Give bytes back."""
        self._held = memoryview(data + self._held)

    def broken(self, why: str) -> ArchiveDamaged:
        """Return the damage, or for what is sound gzip an error of its own."""
        return self.damage or ArchiveDamaged(f"the archive is not a valid tar file: {why}")


class Member:
    """A file of the archive; ``left`` bytes of it are not read yet."""

    def __init__(self, name: str, size: int, tape: _Tape) -> None:
        self.name, self.left, self._tape = name, size, tape
        self._padding = -size % tarfile.BLOCKSIZE
        self._damage: ArchiveDamaged | None = None

    def lines(self) -> Iterator[bytes | TooLong]:
        """Yield whole lines in blocks, which depend on the archive alone.

        Raises:
            ArchiveDamaged: the file ends early; its ``rest`` is what came of the last line.
        """
        held = b""
        while self.left:
            data = self._read(max(_BLOCK, len(held) // 2))
            end = data.rfind(b"\n") + 1
            if end:
                yield held + data[:end]
                held = b""
            held += data[end:]
            if len(held) > MAXIMUM_RECORD_BYTES:
                yield held, len(held) + self._pass_line()
                held = b""
        self._raise(held)
        if held:
            yield held

    def _pass_line(self) -> int:
        """Pass over what is left of a line; return how much that was."""
        size, end = 0, b""
        while self.left and not end:
            passed, end, rest = self._read(_BLOCK).partition(b"\n")
            size += len(passed)
            self._tape.unread(rest)
            self.left += len(rest)
        return size

    def whole(self) -> bytes | TooLong:
        """Return all of it.

        Raises:
            ArchiveDamaged: the file ends early.
        """
        content = self._read(_LONGEST_OUT_FILE)
        self._raise()
        return (content, len(content) + self.left) if self.left else content

    def close(self) -> None:
        """Pass over what is left, and over what fills it up to whole blocks."""
        self.left += self._padding
        while self.left:
            self._read(_BLOCK)
        self._raise()

    def _read(self, size: int) -> bytes:
        """Return so many bytes, or what is left of them before damage."""
        wanted = min(size, self.left)
        data = self._tape.content(wanted)
        self.left -= wanted
        if len(data) < wanted:
            self._damage = self._tape.broken("it is truncated in the middle of a file")
            self.left = 0
        return data

    def _raise(self, rest: bytes = b"") -> None:
        if self._damage:
            self._damage.rest = rest
            raise self._damage


def members(blocks: Iterator[bytes]) -> Iterator[Member]:
    """Yield the files of a tar file, in order; each must be read before the next.

    Raises:
        ArchiveDamaged: the archive can't be read, has no end, or holds something behind it.
    """
    tape = _Tape(blocks)
    while info := _header(tape):
        # As tarfile has it: directories and links have no content, whatever size they claim.
        content = info.isreg() or info.type not in tarfile.SUPPORTED_TYPES
        member = Member(info.name, info.size if content else 0, tape)
        if info.isreg():
            yield member
        member.close()
    while behind := tape.content(_BLOCK):
        if behind.strip(b"\0"):
            raise tape.broken("something follows its end")
    if tape.damage:
        raise tape.damage


def _header(tape: _Tape) -> tarfile.TarInfo | None:
    info: tarfile.TarInfo | None
    try:
        # One header at a time, by blocks of its own: tarfile would read ahead, and lose what came before damage.
        tape.headers = _LONGEST_HEADERS
        with tarfile.open(None, "r|", tape, tarfile.BLOCKSIZE, tarinfo=_Header) as tar:
            info = tar.next()
        if info and (info.size < 0 or info.issparse()):
            raise tarfile.ReadError("it holds a file of negative size, or a sparse one")
    except (tarfile.TarError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        raise tape.broken(str(error)) from error
    return info


class _Header(tarfile.TarInfo):
    """A header that is checked: tarfile takes a broken one for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        try:
            info = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if any(buf):
                raise tarfile.ReadError(str(error)) from error
            raise
        if info.size < 0:
            raise tarfile.ReadError("it holds a negative size")
        return info
