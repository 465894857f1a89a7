"""Records: the service's own lines behind the fields of their job and source, and what is counted on the way.

Every line is parsed. One of the ordinary form is published once its fields are checked; any other one is parsed again
by the rules of :mod:`fields`, and goes to ``unparsed/`` with the reason if it breaks one.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ..contracts import DocumentNote, Job
from .archive import MAXIMUM_RECORD_BYTES, ArchiveDamaged, Member, TooLong
from .fields import Checker, Json, parse, plain_types, refuse_constant
from .inventory import Inventory, Missing, Source
from .out_files import join

_LISTED = 1000
_LISTED_CHARACTERS = 1000
_KEPT_BYTES = 64 * 1024
_LONGEST_TYPE = 128
"""Characters of a type's name, of which the service allows 64: an event counts a hundred of them."""

_SPACE = b" \t\r\n"
"""What JSON takes for white space."""

_decode = json.JSONDecoder(parse_constant=refuse_constant).raw_decode


@dataclass
class Tally:
    """What was counted: documents, those with errors, missing ones, records that can't be read, entities by type."""

    documents: int = 0
    errors: int = 0
    missing: int = 0
    unparsed: int = 0
    types: Counter[str] = field(default_factory=Counter)
    failed: list[DocumentNote] = field(default_factory=list)
    lost: list[DocumentNote] = field(default_factory=list)


class Lines(NamedTuple):
    """Lines to publish, in pieces: records, and those that can't be read."""

    records: list[bytes]
    unparsed: list[bytes]


class Results:
    """Makes records of what the archive holds, and counts."""

    def __init__(self, job: Job, inventory: Inventory) -> None:
        self.tally = Tally()
        self._inventory = inventory
        self._check = Checker()
        self._types: set[str] = set()
        front = {"JobId": job["JobId"], "JobDate": job["SubmitTime"][:10], "LanguageCode": job["LanguageCode"]}
        self._front = _encode(front)[:-1].encode() + b","

    def of(self, member: Member) -> Iterator[Lines]:
        """Yield the lines of one file of the archive, in blocks.

        Raises:
            ArchiveDamaged: the file ends early, once all its whole records were yielded.
        """
        if member.name.endswith(".out"):
            yield self._out_file(member.whole())
            return
        try:
            # No loop: its variable would keep a block while the next one is read.
            yield from map(self._lines, member.lines())
        except ArchiveDamaged as damage:
            found = Lines([], [])
            # No part of an object is an object: what the damage left of a line is whole or nothing.
            if _is_object(damage.rest):
                self._line(damage.rest, found)
            yield found
            raise

    def missing(self) -> Iterator[Lines]:
        """Yield records for the documents that the archive has no result of."""
        return map(self._missing, self._inventory.missing())

    def _lines(self, block: bytes | TooLong) -> Lines:
        found = Lines([], [])
        if isinstance(block, TooLong):
            self._keep(block.head, block.size, _TOO_LONG, found)
        else:
            for line in io.BytesIO(block):
                self._line(line, found)
        return found

    def _line(self, line: bytes, found: Lines) -> None:
        line = line.strip(_SPACE)
        if not line:
            return
        try:
            text = line.decode()
            record, end = _decode(text)
            types = plain_types(record, text) if end == len(text) else None
            if types is None:
                record, types = self._check.record(text)
            self._add(line, record, types, found)
        except (ValueError, RecursionError) as error:
            self._keep(line, len(line), str(error), found)

    def _out_file(self, content: bytes | TooLong) -> Lines:
        found = Lines([], [])
        if isinstance(content, TooLong):
            self._keep(content.head, content.size, _TOO_LONG, found)
            return found
        try:
            documents = join(parse(content.decode(), without_blocks=True))
        except ValueError as error:
            self._keep(content, len(content), str(error), found)
            return found
        for document in documents:
            text = json.dumps(document, ensure_ascii=False)
            try:
                line = text.encode()
                self._add(line, *self._check.record(text), found)
            except ValueError as error:
                self._keep(text.encode(errors="backslashreplace"), len(text), str(error), found)
        return found

    def _add(self, line: bytes, record: Json, types: list[str], found: Lines) -> None:
        """Add a record that was checked, and that ``line`` holds.

        Raises:
            ValueError: it is longer than a record may be, or has a type whose name is.
        """
        if len(line) > MAXIMUM_RECORD_BYTES:
            raise ValueError(_TOO_LONG)
        if not self._types.issuperset(types):
            self._learn(types)
        source = self._inventory.claim(record["File"], record.get("Line"))
        if source is None:
            return
        found.records.extend((self._front, _source(source), line[1:], b"\n"))
        self.tally.types.update(types)
        if record.get("ErrorCode") is None:
            self.tally.documents += 1
            return
        self.tally.errors += 1
        if len(self.tally.failed) < _LISTED:
            self.tally.failed.append(_note(source, record))

    def _learn(self, types: list[str]) -> None:
        new = set(types) - self._types
        if any(len(name) > _LONGEST_TYPE for name in new):
            raise ValueError(f"has a Type of more than {_LONGEST_TYPE} characters")
        self._types |= new

    def _missing(self, missing: Missing) -> Lines:
        self.tally.missing += 1
        record: Json = {
            "File": missing.file,
            **({} if missing.line is None else {"Line": missing.line}),
            "ErrorCode": "NOT_RECEIVED",
            "ErrorMessage": "The archive has no readable result for this document.",
        }
        if len(self.tally.lost) < _LISTED:
            self.tally.lost.append(_note(missing.source, record))
        line = json.dumps(record, ensure_ascii=False).encode()[1:]
        return Lines([self._front, _source(missing.source), line, b"\n"], [])

    def _keep(self, content: bytes, size: int, reason: str, found: Lines) -> None:
        self.tally.unparsed += 1
        text = content[:_KEPT_BYTES].decode("utf-8", "backslashreplace")
        kept = {"Reason": reason[:_LISTED_CHARACTERS], "Bytes": size, "Content": text}
        found.unparsed.extend((self._front, json.dumps(kept, ensure_ascii=False).encode()[1:], b"\n"))


_TOO_LONG = f"is longer than {MAXIMUM_RECORD_BYTES:,} bytes"


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _source(source: Source) -> bytes:
    # Most of an encoder's time goes into finding out that a value is null.
    uri = _encode(source.uri) if source.uri else "null"
    version = _encode(source.version) if source.version else "null"
    candidates = f'"SourceCandidates":{source.candidates},' if source.candidates else ""
    return f'"Source":{uri},"SourceVersionId":{version},{candidates}'.encode()


def _note(source: Source, record: Json) -> DocumentNote:
    """Return what the summary says of a document without a result; a message may be of any length."""
    note: DocumentNote = {
        "Source": source.uri,
        "File": record["File"][:_LISTED_CHARACTERS],
        "ErrorCode": record["ErrorCode"][:_LISTED_CHARACTERS],
        "ErrorMessage": (record.get("ErrorMessage") or "")[:_LISTED_CHARACTERS],
    }
    if record.get("Line") is not None:
        note["Line"] = record["Line"]
    return note


def _is_object(content: bytes) -> bool:
    try:
        return isinstance(parse(content.decode()), dict)
    except (ValueError, RecursionError):
        return False
