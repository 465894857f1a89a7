"""The service's limits on a job's input, checked against the objects under its prefix, and the price of analysing it.

Sources: Amazon Comprehend Developer Guide, guidelines-and-limits and idp-inputs-async; Amazon Comprehend pricing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ..contracts import Ceilings, InputWarning, InventoryEntry
from .model import Violation
from .rules import GUIDE, Excerpt

MB = 1024 * 1024
MINIMUM_BYTES = 500
"""Total size below which the built-in model rejects a job; staging pads smaller batches up to it."""
MAXIMUM_BYTES = 5 * 1024 * MB
MAXIMUM_DOCUMENTS = 1_000_000
MAXIMUM_TEXT_BYTES = MB
MAXIMUM_SEMI_STRUCTURED_FILES = 500
SEMI_STRUCTURED_BYTES = {
    ".pdf": 50 * MB,
    ".docx": 5 * MB,
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".tif", ".tiff"), 10 * MB),
}

USD_PER_UNIT = {"built-in": 0.0001, "custom": 0.0005}
"""First-tier prices of one unit; what a job really costs is never more, Textract's pages excepted."""

_SOURCE = f"{GUIDE}guidelines-and-limits"

WARNINGS_BYTES = 32 * 1024
"""Most bytes of JSON that all warnings take together: they travel through the state machine's payloads of 256 KiB."""


def excerpt_of_warnings() -> Excerpt[InputWarning]:
    """Return room for the warnings of one input; one line is kept back to say how many there is no room for."""
    return Excerpt(WARNINGS_BYTES - 100, most=99)


def units(characters: int) -> int:
    """Return the charged units of one document: one for 100 characters, and at least three."""
    return max(3, math.ceil(characters / 100))


def is_semi_structured(file: str, *, custom: bool) -> bool:
    """Return whether a job with these settings reads a file as PDF, Word or an image."""
    return custom and PurePosixPath(file).suffix.lower() in SEMI_STRUCTURED_BYTES


def unfit(file: str, size: int, *, custom: bool, by_line: bool) -> str | None:
    """Return why the service answers a file of this name and size with an error, or None if it takes it."""
    if size == 0:
        return "is empty"
    semi_structured = is_semi_structured(file, custom=custom)
    maximum = SEMI_STRUCTURED_BYTES[PurePosixPath(file).suffix.lower()] if semi_structured else MAXIMUM_TEXT_BYTES
    if size > maximum and not by_line:
        return f"has {size:,} bytes; the service accepts at most {maximum:,} in such a document"
    return None


@dataclass
class Tally:
    """The input under the prefix, counted while it is listed; ``documents`` counts files or lines."""

    custom: bool
    by_line: bool
    files: int = 0
    documents: int = 0
    size: int = 0
    units: int = 0
    semi_structured: int = 0
    warnings: Excerpt[InputWarning] = field(default_factory=excerpt_of_warnings)

    def add(self, entry: InventoryEntry, line_units: int = 0) -> bool:
        """Count one file of the inventory; ``line_units`` are the units of its lines, if a document is a line.

        Returns:
            Whether it is more than padding and the service takes a file of its name and size.
        """
        self.files += 1
        self.size += entry["Size"]
        if entry.get("Padding"):
            return False
        self.documents += entry["Lines"] if self.by_line else 1
        # A byte is at most one character, so that the estimate is never too low.
        self.units += line_units if self.by_line else units(entry["Size"])
        self.semi_structured += is_semi_structured(entry["File"], custom=self.custom)
        reason = unfit(entry["File"], entry["Size"], custom=self.custom, by_line=self.by_line)
        if reason:
            self.warnings.add({"File": entry["File"], "Warning": reason})
        return reason is None

    @property
    def cost(self) -> float:
        """The estimated price of the analysis in US dollars, at most."""
        return round(self.units * USD_PER_UNIT["custom" if self.custom else "built-in"], 6)

    def violations(self, uri: str, ceilings: Ceilings) -> Iterator[Violation]:
        """Yield the limits of the service, and the construct's own ceilings, that the input breaks."""
        documents = "lines" if self.by_line else "files"
        if self.files == 0:
            yield Violation("InputDataConfig.S3Uri", uri, "must contain at least one document; there is none", _SOURCE)
            return
        if not self.custom and self.size < MINIMUM_BYTES:
            rule = f"must contain at least {MINIMUM_BYTES} bytes in all, contains {self.size}"
            yield Violation("InputDataConfig.S3Uri", uri, rule, _SOURCE)
        if self.size > MAXIMUM_BYTES:
            rule = f"must contain at most {MAXIMUM_BYTES:,} bytes in all, contains {self.size:,}"
            yield Violation("InputDataConfig.S3Uri", uri, rule, _SOURCE)
        if self.documents > MAXIMUM_DOCUMENTS:
            rule = f"must contain at most {MAXIMUM_DOCUMENTS:,} {documents}, contains {self.documents:,}"
            yield Violation("InputDataConfig.S3Uri", uri, rule, _SOURCE)
        if self.semi_structured and self.by_line:
            rule = "must be ONE_DOC_PER_FILE if PDF, Word or image files are under the prefix"
            yield Violation("InputDataConfig.InputFormat", "ONE_DOC_PER_LINE", rule, f"{GUIDE}idp-inputs-async")
        if self.semi_structured and self.files > MAXIMUM_SEMI_STRUCTURED_FILES:
            most = MAXIMUM_SEMI_STRUCTURED_FILES
            rule = f"must contain at most {most} files with PDF, Word or images among them, contains {self.files:,}"
            yield Violation("InputDataConfig.S3Uri", uri, rule, f"{GUIDE}idp-inputs-async")
        for name, value, ceiling in (
            ("Documents", self.documents, ceilings.get("Documents")),
            ("Bytes", self.size, ceilings.get("Bytes")),
            ("CostUsd", self.cost, ceilings.get("CostUsd")),
        ):
            if ceiling is not None and value > ceiling:
                rule = f"exceeds the workflow's limit of {ceiling:,} {name} with {value:,}"
                yield Violation("InputDataConfig.S3Uri", uri, rule, "the workflow's own settings")
