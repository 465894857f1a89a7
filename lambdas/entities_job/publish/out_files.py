"""Result files of semi-structured documents: a JSON object, or an array with an object for each page.

Most of such a file are Blocks, words and their places on the page, which stay in the archive.
"""

from __future__ import annotations

from .fields import Json


def join(parsed: object) -> list[Json]:
    """Return one record a document: lists of its pages are joined, the first error of a page is its own.

    Example:
        >>> join([{"File": "a.pdf", "Entities": [], "Blocks": [1]}, {"File": "a.pdf", "Entities": None}])
        [{'File': 'a.pdf', 'Entities': []}]

    Raises:
        ValueError: it is no object and no array of objects with a File.
    """
    pages = parsed if isinstance(parsed, list) else [parsed]
    documents: dict[str, list[Json]] = {}
    for page in pages:
        if not isinstance(page, dict) or not isinstance(page.get("File"), str):
            raise ValueError("is not an object with a File")
        documents.setdefault(page["File"], []).append(page)
    if not documents:
        raise ValueError("is an empty array")
    return [_document(of_one) for of_one in documents.values()]


def _document(pages: list[Json]) -> Json:
    document: Json = {}
    for page in pages:
        for name, value in page.items():
            if isinstance(value, list) and isinstance(document.get(name), list):
                document[name] += value
            elif document.get(name) is None and name != "Blocks":
                document[name] = value
    _number(document, [page.get("DocumentMetadata") for page in pages])
    errors = document.get("Errors")
    for error in errors[:1] if isinstance(errors, list) else []:
        for name in ("ErrorCode", "ErrorMessage"):
            if isinstance(error, dict) and document.get(name) is None:
                document[name] = error.get(name)
    return document


def _number(document: Json, metadata: list[object]) -> None:
    """Join the pages' metadata, whose PageNumber is a number or a list of numbers."""
    if found := [each for each in metadata if isinstance(each, dict)]:
        numbers: list[object] = []
        for number in (each.get("PageNumber") for each in found):
            numbers += number if isinstance(number, list) else [] if number is None else [number]
        counts = [count for each in found if isinstance(count := each.get("Pages"), int)]
        document["DocumentMetadata"] = {"Pages": max([*counts, len(numbers)]), "PageNumber": numbers}
