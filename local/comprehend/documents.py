"""Plain-text input: objects become documents, one a file or one a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .settings import Settings

TOO_LARGE = "DOCUMENT_SIZE_EXCEEDED"
BAD_ENCODING = "UNSUPPORTED_ENCODING"


@dataclass(frozen=True)
class Document:
    """One document: its text, or the code and message of its error.

    Attributes:
        file: name of its object in the result.
        line: number of its line from 0, with ONE_DOC_PER_LINE.
    """

    file: str
    line: int | None
    text: str = ""
    error: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        """Its file, with the line if it is one."""
        return self.file if self.line is None else f"{self.file}#{self.line}"


def read_file(file: str, content: bytes, settings: Settings) -> Iterator[Document]:
    """The document of an object with ONE_DOC_PER_FILE; none if it is to be skipped."""
    if content or settings.zero_byte_documents == "empty":
        yield _read(
            file, None, content, settings, "Document is not in UTF-8 format and all subsequent line are ignored."
        )
    elif settings.zero_byte_documents == "error":
        yield Document(file, None, error=("DOCUMENT_EMPTY", "Document is empty."))


def read_lines(file: str, content: bytes, settings: Settings) -> Iterator[Document]:
    """The documents of an object with ONE_DOC_PER_LINE. A line that is not UTF-8 is the last one."""
    lines = re.split(rb"\r\n|\r|\n", content)
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines):
        if not line and settings.empty_lines == "skipped":
            continue
        text = "Document is not in UTF-8 format and all subsequent lines are ignored."
        document = _read(file, number, line, settings, text)
        yield document
        if document.error and document.error[0] == BAD_ENCODING:
            return


def _read(file: str, line: int | None, content: bytes, settings: Settings, bad_encoding: str) -> Document:
    limit = settings.maximum_document_bytes
    if len(content) > limit:
        return Document(file, line, error=(TOO_LARGE, f"Document size exceeds maximum size limit {limit} bytes."))
    try:
        return Document(file, line, content.decode("utf-8"))
    except UnicodeDecodeError:
        return Document(file, line, error=(BAD_ENCODING, bad_encoding))
