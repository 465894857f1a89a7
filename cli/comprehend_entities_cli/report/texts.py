"""The texts of the report's documents, read from their bucket several at once, in the order of the documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import islice
from types import TracebackType
from typing import Self

from ..aws import error_code
from ..command import Use
from ..published import Place, read
from .data import Entry

_THREADS = 16
_AHEAD = 64
_LONGEST = 2_000_000
_REASONS = {
    "AccessDenied": "Its text is not shown: you have no permission to read it.",
    "NoSuchKey": "Its text is not shown: it was deleted.",
    "NoSuchVersion": "Its text is not shown: it was deleted.",
    "InvalidObjectState": "Its text is not shown: it is archived.",
}


class Texts:
    """Reads texts; a context, which owns its threads."""

    def __init__(self, use: Use, *, shown: bool) -> None:
        self._use, self._shown = use, shown
        self._pool = ThreadPoolExecutor(_THREADS)
        # A file of many lines is read once for those that come together.
        self._lines = lru_cache(8)(self._lines_of)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def with_texts(self, documents: Iterator[Entry]) -> Iterator[tuple[Entry, str | None]]:
        """Yield each document with its text, its offsets as JavaScript counts; without one, it says why."""
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

        columns = (TextColumn("Reading documents"), BarColumn(24), MofNCompleteColumn())
        with self._use.screen.progress(*columns) as progress:
            row = progress.add_task("", total=None)
            while portion := list(islice(documents, _AHEAD)):
                yield from self._pool.map(self._of, portion)
                progress.advance(row, len(portion))

    def _of(self, entry: Entry) -> tuple[Entry, str | None]:
        if not self._shown or not entry.source or entry.error_code:
            return entry, None
        if any(begin < 0 for begin, *_ in entry.entities):
            return entry.without_text("Its text is not shown: it is a PDF, Word or image document."), None
        try:
            text = self._text(entry)
        except Exception as error:
            reason = _REASONS.get(error_code(error))
            if reason is None:
                raise
            return entry.without_text(reason), None
        if text is None or "\0" in text:
            return entry.without_text("Its text is not shown: it is not plain text, or has changed."), None
        if len(text) > _LONGEST:
            return entry.without_text(f"Its text is not shown: it has {len(text):,} characters."), None
        return _in_utf16(entry, text), text

    def _text(self, entry: Entry) -> str | None:
        if entry.line is None:
            return self._whole(entry.source, entry.version_id)
        lines = self._lines(entry.source, entry.version_id)
        return lines[entry.line] if entry.line < len(lines) else None

    def _whole(self, source: str, version_id: str) -> str:
        return read(self._use.aws, Place.of(source), version_id).decode("utf-8", "replace")

    def _lines_of(self, source: str, version_id: str) -> list[str]:
        return re.split(r"\r\n|\r|\n", self._whole(source, version_id))


def _in_utf16(entry: Entry, text: str) -> Entry:
    """Return a document whose offsets count as JavaScript does: two for a character beyond U+FFFF."""
    if text.isascii() or max(text) <= "\uffff":
        return entry
    before, offsets = 0, [0]
    for character in text:
        before += 2 if character > "\uffff" else 1
        offsets.append(before)
    last = len(text)
    moved = [
        (offsets[min(begin, last)], offsets[min(end, last)], score, what, kind)
        for begin, end, score, what, kind in entry.entities
    ]
    entry.entities[:] = moved
    return entry
