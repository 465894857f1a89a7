"""The documents that the checks have analysed: small, so that they cost little, and with every kind of name."""

from __future__ import annotations

from collections.abc import Mapping

from entities_job.request.limits import Tally

_SENTENCE = "Ada Lovelace wrote to Charles Babbage from London in 1843. "
TEXT = _SENTENCE * 5
"""Just below 300 characters, the least that a document is charged for."""

PAIR = {"one.txt": TEXT, "two.txt": TEXT}
"""The shortest input of a job: together more than the 500 bytes that the service asks for."""

LONGER = {f"{number}.txt": TEXT for number in range(12)}
"""An input of a job that is stopped while it runs."""

NAMES = {
    "ada.txt": TEXT,
    "two words.txt": TEXT,
    "plus+sign.txt": TEXT,
    "percent %20 & 'quotes'.txt": TEXT,
    "Zürich café.txt": TEXT,
    "deep/folder/three.txt": TEXT,
    # Characters beyond the Basic Multilingual Plane and of several bytes, before every entity.
    "code points.txt": "\N{MUSICAL SYMBOL G CLEF}\N{PARTY POPPER} é " + _SENTENCE * 4,
}
"""Names with spaces, plus, percent, quotes, accents and folders; the last one tells what offsets count."""

LINES = (
    f"{_SENTENCE}{_SENTENCE}\n\N{GRINNING FACE} {_SENTENCE}\r\n{_SENTENCE}\u2028{_SENTENCE}\n" + f"{_SENTENCE}\n" * 6
)
"""Lines that end in LF and CRLF; one that holds U+2028, which ends no line."""

SAME_NAMES = {"x/same.txt": TEXT, "y/same.txt": TEXT}
"""Two documents of the same base name."""

SHORT = {"short.txt": _SENTENCE}
"""Less than the 500 bytes that the service asks for."""

ZERO_BYTES = {**PAIR, "empty.txt": ""}
"""A document of zero bytes beside others."""


def lines_of(text: str) -> list[str]:
    """Return the lines of a document as the service reads them: they end in LF, CR or CRLF only.

    Example:
        >>> lines_of("a\\r\\nb\\n")
        ['a', 'b']
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def units(documents: Mapping[str, str]) -> int:
    """Return the units that analysing documents is charged for."""
    tally = Tally(custom=False, by_line=False)
    for name, text in documents.items():
        tally.add({"File": name, "Source": name, "Size": len(text.encode()), "Lines": 0}, 0)
    return tally.units
