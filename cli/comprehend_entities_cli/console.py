"""Output of commands: answers on standard output, for people or as JSON; progress and errors beside it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_UNITS = ((1024**3, "GB"), (1024**2, "MB"), (1024, "KB"))


class Screen:
    """A command's output. Everything but its answer goes to standard error, so that the answer can be piped."""

    def __init__(self, *, as_json: bool = False) -> None:
        from rich.console import Console

        self.as_json = as_json
        self._out = Console(highlight=False, soft_wrap=True)
        self.err: Console = Console(stderr=True, highlight=False)

    @property
    def interactive(self) -> bool:
        """True if the user can be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def answer(self, value: Any) -> None:
        """Print a value as JSON, if JSON is wanted."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, default=str, indent=2) + "\n")
            sys.stdout.flush()

    def say(self, text: str = "", *, style: str = "") -> None:
        """Print a line for people."""
        if not self.as_json:
            _print(self._out, text, style)

    def note(self, text: str, *, style: str = "") -> None:
        """Print a line that is no answer, whatever the answer's format is."""
        _print(self.err, text, style)

    def error(self, message: str, advice: str = "") -> None:
        """Print an error."""
        self.note(message if message.endswith(".") or "\n" in message else f"{message}.", style="red")
        if advice:
            self.note(advice)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
        """Print a table for people. A column whose name begins with ``>`` holds numbers."""
        if self.as_json:
            return
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, pad_edge=False, title=title or None, title_justify="left")
        for name in columns:
            number = name.startswith(">")
            table.add_column(name.lstrip(">"), justify="right" if number else "left", overflow="fold", no_wrap=number)
        for row in rows:
            table.add_row(*(Text(printable(shown(value)), overflow="fold") for value in row))
        self._out.print(table, soft_wrap=False)

    def progress(self, *columns: Any) -> Progress:
        """Return a progress display, which vanishes when it ends; without a terminal, or for JSON, it is silent."""
        from rich.progress import Progress

        return Progress(*columns, console=self.err, transient=True, disable=not self.err.is_terminal)

    def silence(self) -> None:
        """Stop writing: who read the answer has gone."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print(console: Console, text: str, style: str) -> None:
    # What is to be copied, or read by a program, is not wrapped.
    whole = not console.is_terminal or any(part in text for part in ("://", "comprehend-entities "))
    if whole:
        console.print(printable(text), style=style or None, markup=False, soft_wrap=True)
        return
    from rich.padding import Padding
    from rich.text import Text

    # A line that is folded goes on below its own beginning.
    own = text.lstrip(" ")
    indented = Padding(Text(printable(own)), (0, 0, 0, len(text) - len(own)), expand=False)
    console.print(indented, style=style or None, soft_wrap=False)


def printable(text: str) -> str:
    """Return a text without control characters and half surrogate pairs: names come from anybody."""
    plain = "".join(c if c == "\n" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return plain.encode("utf-8", "replace").decode()


def shown(value: object) -> str:
    """Return a value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    return str(value)


def size(count: int) -> str:
    """Return a number of bytes as people read it.

    Example:
        >>> size(1536)
        '1.5 KB'
    """
    for unit, name in _UNITS:
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return f"{count:,} bytes"


def usd(amount: float) -> str:
    """Return a price: cents where they matter, smaller parts where there are no cents.

    Example:
        >>> usd(12.345), usd(0.0027)
        ('12.35 USD', '0.0027 USD')
    """
    return f"{amount:,.2f} USD" if amount >= 1 else f"{amount:.4f} USD"


def count(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun.

    Example:
        >>> count(1, "document"), count(1200, "entity", "entities")
        ('1 document', '1,200 entities')
    """
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"


def duration(seconds: float) -> str:
    """Return a time span.

    Example:
        >>> duration(3.2), duration(366), duration(7300)
        ('3 s', '6:06 min', '2:01:40 h')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02} h"
    return f"{minutes}:{rest:02} min" if minutes else f"{rest} s"
