"""Result files of semi-structured documents: an object, or an array with an object for each page.

Most of such a file are Blocks, words and their places on the page, which are passed over and stay in the archive.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_LONGEST = 16 * 1024**2
"""Bytes of a document without its Blocks."""

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_BEGIN = re.compile(rb"[\s,\[]*+\{")
_END = re.compile(rb"[\s,]*+\}")
_KEY = re.compile(rb"[\s,]*+(%b)\s*+:\s*+" % _STRING, re.DOTALL)
_SCALAR = re.compile(rb'%b|[^",\[\]{}\s]++' % _STRING, re.DOTALL)
_PLAIN = rb'[^"\[\]{}]*+'
# Lists and objects, at most four deep as a Block's polygons are, are passed at once.
_DEEP = rb"[\[{]%b(?:%b%b)*+[\]}]" % (_PLAIN, _STRING, _PLAIN)
for _ in range(3):
    _DEEP = rb"[\[{]%b(?:(?:%b|%b)%b)*+[\]}]" % (_PLAIN, _STRING, _DEEP, _PLAIN)
_NEXT = re.compile(rb"%b|%b|[\[\]{}]" % (_DEEP, _STRING), re.DOTALL)


def join(content: bytes) -> Iterator[dict[str, Any]]:
    """One record a document, without its Blocks: lists of its pages are joined, the first page's error is its own.

    Raises:
        ValueError: the content is no such file.
    """
    documents: dict[str, dict[str, Any]] = {}
    at = 0
    while begin := _BEGIN.match(content, at):
        fields, at = _fields(content, begin.end())
        page = json.loads(fields)
        if not isinstance(page.get("File"), str):
            raise ValueError("is no object with a File")
        document = documents.setdefault(page["File"], {})
        for name, value in page.items():
            if isinstance(value, list) and isinstance(document.get(name), list):
                document[name] += value
            elif name == "DocumentMetadata" and name in document:
                numbers = document[name].get("PageNumber", []) + value.get("PageNumber", [])
                document[name] = {"Pages": len(numbers), "PageNumber": numbers}
            else:
                document.setdefault(name, value)
    if content[at:].strip(b"] \t\r\n") or not documents:
        raise ValueError(f"is no JSON object and no array of them, from byte {at} on")
    for document in documents.values():
        for error in document.get("Errors", [])[:1]:
            document.setdefault("ErrorCode", error.get("ErrorCode"))
            document.setdefault("ErrorMessage", error.get("ErrorMessage"))
        yield document


def _fields(content: bytes, at: int) -> tuple[bytes, int]:
    """The object that begins before ``at``, without its Blocks, and where it ends."""
    fields = []
    while key := _KEY.match(content, at):
        at = _value_end(content, key.end())
        if key[1] != b'"Blocks"':
            fields.append(content[key.start(1) : at])
    end = _END.match(content, at)
    if not end:
        raise ValueError(f"is no sound JSON object at byte {at}")
    if sum(map(len, fields)) > _LONGEST:
        raise ValueError(f"has more than {_LONGEST:,} bytes besides its Blocks")
    return b"{%b}" % b",".join(fields), end.end()


def _value_end(content: bytes, start: int) -> int:
    if content[start : start + 1] not in (b"[", b"{"):
        scalar = _SCALAR.match(content, start)
        if not scalar:
            raise ValueError(f"is no sound JSON object at byte {start}")
        return scalar.end()
    depth = 0
    for token in _NEXT.finditer(content, start):
        first, last = content[token.start()], content[token.end() - 1]
        if first in b"[{":
            depth += last not in b"]}"
        elif first in b"]}":
            depth -= 1
        if not depth:
            return token.end()
    raise ValueError(f"has a value without an end, from byte {start} on")
