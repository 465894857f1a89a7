"""A gzip stream that can be left in the middle and taken up there again, by the standard library alone.

Between two deflate blocks all that a decoder knows is the last 32 KiB of text, so a new one can begin there; zlib tells
nobody where that is, but at a block's header the output of a decoder that is fed byte by byte pauses, and of the few
bits around the pause only the true beginning decodes to the same text.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ..errors import JobError

_WINDOW = 32 * 1024
_BLOCK = 4 * 1024 * 1024
"""What is decompressed at once, at most: a larger block waits less often for the interpreter."""

_POINT_EVERY = 4 * 1024 * 1024
_PAUSE = 12
"""Bytes without output that only a block's header takes: a symbol has at most 6."""
_PROOF = 4096
_TRAILER = 8


class ArchiveDamaged(JobError):
    """The service's archive can't be read, or not to its end."""


class Point(NamedTuple):
    """A place between two deflate blocks.

    Attributes:
        bit: its position in the compressed stream, in bits.
        offset: bytes of text before it.
        window: the last 32 KiB of them.
    """

    bit: int = 0
    offset: int = 0
    window: bytes = b""


class Inflation:
    """Decompresses a gzip stream, of one member or more, from a point on; ``points`` collects further ones."""

    def __init__(self, start: Point, points_wanted: Callable[[], bool]) -> None:
        self.points = [start]
        self._wanted = points_wanted
        self._window = start.window

    def blocks(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The text in blocks; ``chunks`` begin with the byte that holds the start's bit.

        Raises:
            ArchiveDamaged: it is no gzip stream, or ends early.
        """
        try:
            yield from self._blocks(chunks)
        except zlib.error as error:
            raise ArchiveDamaged(f"the archive is no sound gzip stream: {error}") from error

    def _blocks(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        bit, offset, window = self.points[0]
        end, trailer = bit // 8, _TRAILER if bit else 0
        decoder = zlib.decompressobj(-15, zdict=window) if bit else zlib.decompressobj(31)
        for chunk in chunks:
            rest = _begun_at(chunk, bit % 8) if bit and end == bit // 8 else chunk
            end += len(chunk)
            while rest:
                if decoder.eof:
                    trailer, rest = max(trailer - len(rest), 0), rest[trailer:].lstrip(b"\0")
                    decoder = zlib.decompressobj(31) if rest else decoder
                    continue
                at = end - len(rest)
                if self._wanted() and at * 8 - self.points[-1].bit > _POINT_EVERY * 8:
                    data, rest = self._step(decoder, rest, at, offset)
                else:
                    data = decoder.decompress(rest, _BLOCK)
                    rest = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
                offset += len(data)
                self._window = data[-_WINDOW:] if len(data) >= _WINDOW else (self._window + data)[-_WINDOW:]
                if data:
                    yield data
        if data := decoder.flush():
            yield data
        if trailer or not decoder.eof:
            raise ArchiveDamaged(f"the archive is truncated: it ends after {end:,} bytes in the middle of its data")

    def _step(self, decoder: zlib._Decompress, rest: bytes, at: int, offset: int) -> tuple[bytes, bytes]:
        """Decode byte by byte until a point is found or ``rest``, which begins at byte ``at``, is used up."""
        text, before = bytearray(self._window), len(self._window)
        last = used = len(rest)
        for used in range(len(rest)):
            data = decoder.decompress(rest[used : used + 1])
            if data and used - last > _PAUSE:
                window, ahead = bytes(text[-_WINDOW:]), rest[used + 1 : used + 1 + _PROOF]
                proof = data + decoder.copy().decompress(ahead)
                for bit in range(8 * last + 1, 8 * last + 24):
                    if _decodes(rest[bit // 8 : used + 1] + ahead, bit % 8, window, proof):
                        self.points.append(Point(8 * at + bit, offset + len(text) - before, window))
                        return bytes(text[before:]) + data, rest[used + 1 :]
            if data:
                text += data
                last = used
            if decoder.eof:
                break
        return bytes(text[before:]), rest[used + 1 :]


def _decodes(chunk: bytes, bit: int, window: bytes, proof: bytes) -> bool:
    try:
        return zlib.decompressobj(-15, zdict=window).decompress(_begun_at(chunk, bit)) == proof
    except zlib.error:
        return False


def _begun_at(chunk: bytes, bit: int) -> bytes:
    """The chunk with empty deflate blocks in place of what stands before ``bit`` of its first byte.

    An empty block of fixed codes has 10 bits, one of dynamic codes 93: together they fill up to any bit of a byte.
    """
    empty, length = (_DYNAMIC, 93) if bit % 2 else (0, 0)
    while length % 8 != bit:
        empty, length = empty | (0b10 << length), length + 10
    first = empty | chunk[0] >> bit << (bit + 8 * (length // 8))
    return first.to_bytes(length // 8 + 1, "little") + chunk[1:]


def _bits(*fields: tuple[int, int]) -> int:
    value = length = 0
    for field, size in fields:
        value, length = value | (field << length), length + size
    return value


# Header, 257 literal and 1 distance codes, 18 lengths of length codes (2 for "18", 1 for "0", 2 for "1"), then 138 and
# 118 zeros, a 1 for the end of the block, a 0 for the distances, and the end of the block (RFC 1951, 3.2.7).
_LENGTHS = [(2 if symbol in (18, 1) else int(symbol == 0), 3) for symbol in (16, 17, 18, 0, *[-1] * 13, 1)]
_ZEROS = ((0b11, 2), (127, 7), (0b11, 2), (107, 7))
_DYNAMIC = _bits((0b100, 3), (0, 5), (0, 5), (14, 4), *_LENGTHS, *_ZEROS, (0b01, 2), (0, 1), (0, 1))
