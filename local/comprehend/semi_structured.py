"""PDF, Word, image and Textract files of custom jobs: their text by page, and the result file of each document.

Text is taken in the simplest way. An image's text is its user metadata ``text`` (percent-encoded UTF-8, one line a
line), which stands for what Textract would read.
"""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from .entities import Found

MEGABYTE = 1024**2
LIMITS = {
    ".pdf": 50 * MEGABYTE,
    ".docx": 5 * MEGABYTE,
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".tif", ".tiff"), 10 * MEGABYTE),
    ".json": 50 * MEGABYTE,
}
"""Greatest size of a file by its extension; other files are plain text."""

MAXIMUM_PAGES = 100
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


@dataclass(frozen=True)
class Paper:
    """A document of pages.

    Attributes:
        file: name of its object in the result.
        kind: DocumentType as result files spell it.
        pages: text of each page; lines end in a line feed.
        error: code and message of a document that could not be read.
    """

    file: str
    kind: str
    pages: tuple[str, ...] = ()
    error: tuple[str, str] | None = None


def is_semi_structured(key: str) -> bool:
    """Return True if an object is more than plain text, by its extension."""
    return _extension(key) in LIMITS


def needs_textract(papers: Sequence[Paper], read_config: dict[str, Any]) -> bool:
    """Return True if Textract reads one of the documents."""
    forced = read_config.get("DocumentReadMode") == "FORCE_DOCUMENT_READ_ACTION"
    return any(paper.kind in ("Image", "ScannedPDF") or (forced and paper.kind == "NativePDF") for paper in papers)


def read_paper(file: str, content: bytes, metadata: dict[str, str]) -> Paper:
    """Read one document of a semi-structured set."""
    extension = _extension(file)
    limit = LIMITS.get(extension, MEGABYTE)
    kind, read = _READERS.get(extension, ("PlainText", _plain_pages))
    if len(content) > limit:
        message = f"Document size exceeds maximum size limit {limit} bytes."
        return Paper(file, kind, error=("DOCUMENT_SIZE_EXCEEDED", message))
    try:
        pages = tuple(read(content, metadata))
    except UnicodeDecodeError:
        return Paper(file, kind, error=("UNSUPPORTED_ENCODING", "Document is not in UTF-8 format."))
    except (ValueError, KeyError, TypeError, zipfile.BadZipFile, ElementTree.ParseError, PyPdfError) as error:
        return Paper(file, kind, error=("UNSUPPORTED_DOC_TYPE", f"The document cannot be read: {error}"))
    if len(pages) > MAXIMUM_PAGES:
        message = f"Document exceeds the maximum of {MAXIMUM_PAGES} pages."
        return Paper(file, kind, error=("PAGE_LIMIT_EXCEEDED", message))
    if kind == "NativePDF" and not any(page.strip() for page in pages):
        kind = "ScannedPDF"
    return Paper(file, kind, pages)


def result_name(paper: Paper) -> str:
    """Name of a document's file in the archive."""
    return f"{paper.file}_{paper.kind}.out"


def result_file(
    paper: Paper, entities: Sequence[Sequence[Found]], errors: Sequence[dict[str, Any]], *, array: bool
) -> object:
    """Content of a document's file in the archive: an object, or for ``array`` one object a page.

    Args:
        paper: the document.
        entities: those of each page.
        errors: its page-level ``Errors``.
        array: whether a scanned document of many pages becomes an array.
    """
    if paper.error:
        return {"File": paper.file, "ErrorCode": paper.error[0], "ErrorMessage": paper.error[1]}
    bad = {error.get("Page") for error in errors}
    pages: list[_Page] = [
        (number, [], []) if number in bad else _page(number, page, found)
        for number, (page, found) in enumerate(zip(paper.pages, entities, strict=True), start=1)
    ]
    if array and paper.kind in ("Image", "ScannedPDF") and len(paper.pages) > 1:
        return [_result(paper, [page], [error for error in errors if error.get("Page") == page[0]]) for page in pages]
    return _result(paper, pages, errors)


_Page = tuple[int, list[dict[str, Any]], list[dict[str, Any]]]


def _result(paper: Paper, pages: Sequence[_Page], errors: Sequence[dict[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "Blocks": [block for _, blocks, _ in pages for block in blocks],
        "DocumentMetadata": {
            "PageNumber": [number for number, _, _ in pages],
            "Pages": len(pages),
        },
        "DocumentType": paper.kind,
        "Entities": [entity for _, _, entities in pages for entity in entities],
        "File": paper.file,
        "Version": "2021-04-30",
    }
    return {**result, "Errors": list(errors)} if errors else result


def _page(number: int, text: str, found: Sequence[Found]) -> _Page:
    """Blocks of a page's lines and words, and its entities with references to them instead of offsets."""
    blocks: list[dict[str, Any]] = []
    entities = [{"BlockReferences": [], **_without_offsets(entity)} for entity in found]
    begin = 0
    lines = text.split("\n")
    for row, line in enumerate(lines):
        words = list(_words(line))
        children = [_block("WORD", number, word, row, len(lines)) for _, word in words]
        line_block = _block("LINE", number, line, row, len(lines))
        line_block["Relationships"] = [{"ids": [child["Id"] for child in children], "type": "child"}]
        if words:
            blocks += [line_block, *children]
        for entity, target in zip(found, entities, strict=True):
            low, high = max(entity.begin - begin, 0), min(entity.end - begin, len(line))
            if low >= high:
                continue
            touched = [
                {
                    "ChildBlockId": child["Id"],
                    "BeginOffset": max(low - start, 0),
                    "EndOffset": min(high - start, len(word)),
                }
                for child, (start, word) in zip(children, words, strict=True)
                if start < high and low < start + len(word)
            ]
            target["BlockReferences"].append(
                {"BlockId": line_block["Id"], "BeginOffset": low, "EndOffset": high, "ChildBlocks": touched}
            )
        begin += len(line) + 1
    return number, blocks, entities


def _without_offsets(entity: Found) -> dict[str, Any]:
    whole = entity.as_entity()
    return {name: whole[name] for name in ("Score", "Text", "Type")}


def _words(line: str) -> Iterator[tuple[int, str]]:
    position = 0
    for word in line.split():
        position = line.index(word, position)
        yield position, word
        position += len(word)


def _block(kind: str, page: int, text: str, row: int, rows: int) -> dict[str, Any]:
    box = {"Height": 1 / rows, "Left": 0.0, "Top": row / rows, "Width": 1.0}
    return {"BlockType": kind, "Geometry": {"BoundingBox": box}, "Id": str(uuid.uuid4()), "Page": page, "Text": text}


def _extension(key: str) -> str:
    return PurePosixPath(key).suffix.lower()


def _plain_pages(content: bytes, metadata: dict[str, str]) -> list[str]:
    return [content.decode("utf-8")]


def _pdf_pages(content: bytes, metadata: dict[str, str]) -> list[str]:
    return [page.extract_text().rstrip() for page in PdfReader(io.BytesIO(content)).pages]


def _word_pages(content: bytes, metadata: dict[str, str]) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        body = ElementTree.fromstring(package.read("word/document.xml"))
    paragraphs = body.iter(f"{_WORD}p")
    return ["\n".join("".join(text.text or "" for text in part.iter(f"{_WORD}t")) for part in paragraphs)]


def _image_pages(content: bytes, metadata: dict[str, str]) -> list[str]:
    return [unquote(metadata.get("text", ""))]


def _textract_pages(content: bytes, metadata: dict[str, str]) -> list[str]:
    pages: dict[int, list[str]] = {}
    for block in json.loads(content)["Blocks"]:
        if block["BlockType"] == "LINE":
            pages.setdefault(block.get("Page", 1), []).append(block["Text"])
    return ["\n".join(pages.get(number, [])) for number in range(1, max(pages, default=1) + 1)]


_Reader = Callable[[bytes, dict[str, str]], list[str]]
_READERS: dict[str, tuple[str, _Reader]] = {
    ".pdf": ("NativePDF", _pdf_pages),
    ".docx": ("MSWord", _word_pages),
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".tif", ".tiff"), ("Image", _image_pages)),
    ".json": ("TextractAnalyzeDocument", _textract_pages),
}
