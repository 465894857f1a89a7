"""Records: the service's own lines with the fields of their job and source in front, and what is counted on the way.

Most lines are never parsed. A line that a pattern knows from end to end, but for the inside of its entities, and that
has as many quotes as so many entities, is taken as it is: inside a JSON string quotes are always escaped, so that no
text can pass for a field.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..publish.archive import Member, TooLong
from ..publish.inventory import Inventory
from ..publish.offsets import Offsets
from ..publish.out_files import join

COUNTED_BY_TYPE = 1_000_000
"""Larger results are not counted by type, which would slow their publishing down: SQL counts them."""

_NAMED = 1000
_UNPARSED_BYTES = 64 * 1024

# The empty group tells whether there are Entities.
_LINE = re.compile(
    rb'^\{((?:(?:"Entities"(): ?\[(?:\{"[^\]]*+(?<=\}))?\]|"File": ?"([^"\\\x00-\x1f]++)"|"Line": ?(\d{1,9}+))'
    rb'(?:, ?(?=")|(?=\}\n)))++\}\n)(?(2)|(?!))(?(3)|(?!))',
    re.MULTILINE,
)
_TYPE = re.compile(rb'"Type": ?"([^"]*+)')
_QUOTES = 14
"""Of the five fields of an entity, around their names and two of their values."""


@dataclass
class Tally:
    """What was counted: documents, those with errors, entities, the first by type, records that can't be read."""

    documents: int = 0
    errors: int = 0
    missing: int = 0
    unparsed: int = 0
    entities: int = 0
    types: Counter[str] = field(default_factory=Counter)
    failed: list[dict[str, Any]] = field(default_factory=list)
    lost: list[dict[str, Any]] = field(default_factory=list)

    @property
    def by_type(self) -> bool:
        """Whether all entities so far were counted by type."""
        return self.entities <= COUNTED_BY_TYPE

    @classmethod
    def restored(cls, saved: Mapping[str, Any]) -> Tally:
        """The tally that was saved."""
        return cls(**{**saved, "types": Counter(saved["types"])})


class Results:
    """Makes records of what the archive holds, and counts."""

    def __init__(self, job: Mapping[str, Any], inventory: Inventory, tally: Tally, offsets: Offsets) -> None:
        self.tally = tally
        self._inventory, self._offsets = inventory, offsets
        front = {"JobId": job["JobId"], "JobDate": job["SubmitTime"][:10], "LanguageCode": job["LanguageCode"]}
        self._front = json.dumps(front, separators=(",", ":")).encode()[:-1] + b","

    def of(self, member: Member) -> Iterator[tuple[list[bytes], list[bytes]]]:
        """The records of one file of the archive, and those that can't be read, in blocks of pieces."""
        if member.name.endswith(".out"):
            whole = member.whole()
            yield self._too_long(whole) if isinstance(whole, TooLong) else self._document(whole)
        else:
            # No loop: its variable would keep a block while the next one is read.
            yield from map(self._lines, member.lines())

    def _lines(self, block: bytes | TooLong) -> tuple[list[bytes], list[bytes]]:
        if isinstance(block, TooLong):
            return self._too_long(block)
        records: list[bytes] = []
        unparsed: list[bytes] = []
        before = self.tally.documents
        others = self._untaken(block if block.endswith(b"\n") else block + b"\n", records)
        self._offsets.add(records[1::3], records[2::3], before)
        for line in others:
            self._parsed(line.strip(), records, unparsed)
        return records, unparsed

    def _untaken(self, block: bytes, records: list[bytes]) -> list[bytes]:
        """Take the lines that need not be parsed; returns the others."""
        types: list[bytes] = []
        known = _LINE.findall(block)
        if sum(len(match[0]) + 1 for match in known) == len(block) and _is_utf8(block):
            others = [b"{" + match[0] for match in known if not self._taken(records, types, *match)]
        else:
            lines = ((line, _LINE.fullmatch(line)) for line in io.BytesIO(block))
            others = [
                line
                for line, match in lines
                if not (match and _is_utf8(line) and self._taken(records, types, *match.groups()))
            ]
        self.tally.types.update({json.loads(b'"%b"' % name): count for name, count in Counter(types).items()})
        return others

    def _taken(
        self, records: list[bytes], types: list[bytes], line: bytes, _: bytes, name: bytes, number: bytes
    ) -> bool:
        """Take a line that the pattern knows, unless it must be parsed."""
        entities = line.count(b"{")
        # Where no quote is escaped, quotes and braces are enough to count by.
        typed = self.tally.by_type or b"\\" in line
        found = _TYPE.findall(line) if typed else []
        if line.count(b'"') != _QUOTES * entities + (8 if number else 6) or (typed and len(found) != entities):
            return False
        fields = self._inventory.claim(name, int(number) if number else None)
        if fields is not None:
            records += (self._front, fields, line)
            types += found
            self.tally.documents += 1
            self.tally.entities += entities
        return True

    def _document(self, content: bytes) -> tuple[list[bytes], list[bytes]]:
        records: list[bytes] = []
        unparsed: list[bytes] = []
        try:
            for record in join(content):
                self._add(json.dumps(record, ensure_ascii=False).encode(), record, records)
        except (ValueError, RecursionError) as error:
            self._keep(content, len(content), str(error), unparsed)
        return records, unparsed

    def _too_long(self, cut: TooLong) -> tuple[list[bytes], list[bytes]]:
        unparsed: list[bytes] = []
        self._keep(cut.head, cut.size, "is longer than a record may be", unparsed)
        return [], unparsed

    def not_received(self, fields: bytes, file: bytes, line: int | None) -> list[bytes]:
        """The record of a document that the service never answered."""
        place = b"" if line is None else b'"Line":%d,' % line
        error = {"ErrorCode": "NOT_RECEIVED", "ErrorMessage": "The service gave no result for this document."}
        self.tally.missing += 1
        text = b'{"File":"%b",%b' % (file, place) + json.dumps(error).encode()[1:]
        if len(self.tally.lost) < _NAMED:
            self.tally.lost.append(_named(json.loads(text), fields))
        return [self._front, fields, text[1:] + b"\n"]

    def _parsed(self, line: bytes, records: list[bytes], unparsed: list[bytes]) -> None:
        if not line:
            return
        try:
            self._add(line, json.loads(line, parse_constant=_refuse), records)
        except (ValueError, RecursionError) as error:
            self._keep(line, len(line), str(error), unparsed)

    def _add(self, line: bytes, record: Any, records: list[bytes]) -> None:
        """Add a record that was parsed, and that ``line`` holds.

        Raises:
            ValueError: it is no record.
        """
        types = _types(record)
        fields = self._inventory.claim(_encoded(record["File"]), record.get("Line"))
        if fields is None:
            return
        records += (self._front, fields, line[1:], b"\n")
        self.tally.entities += len(types)
        self.tally.types.update(types)
        if "ErrorCode" not in record:
            self.tally.documents += 1
            return
        self.tally.errors += 1
        if len(self.tally.failed) < _NAMED:
            self.tally.failed.append(_named(record, fields))

    def _keep(self, content: bytes, size: int, reason: str, unparsed: list[bytes]) -> None:
        self.tally.unparsed += 1
        text = content[:_UNPARSED_BYTES].decode("utf-8", "backslashreplace")
        kept = json.dumps({"Reason": reason, "Bytes": size, "Content": text}, ensure_ascii=False).encode()
        unparsed += (self._front, kept[1:] + b"\n")


def _types(record: Any) -> list[str]:
    """The types of a record's entities.

    Raises:
        ValueError: it is no record.
    """
    if not isinstance(record, dict) or not isinstance(record.get("File"), str):
        raise ValueError("is no object with a File")
    if not isinstance(record.get("Line", 0), int):
        raise ValueError("has a Line that is no number")
    entities = record.get("Entities", [] if "ErrorCode" in record else None)
    if not isinstance(entities, list):
        raise ValueError("has neither Entities nor an ErrorCode")
    types = [entity.get("Type") if isinstance(entity, dict) else None for entity in entities]
    if not all(isinstance(name, str) for name in types):
        raise ValueError("has an entity without a Type")
    return [str(name) for name in types]


def _encoded(name: str) -> bytes:
    return json.dumps(name, ensure_ascii=False).encode()[1:-1]


def _named(record: Mapping[str, Any], fields: bytes) -> dict[str, Any]:
    """What the summary says of a document that failed."""
    source = json.loads(b"{%b}" % fields[:-1])
    return {n: v for n, v in (source | record).items() if n in ("Source", "File", "Line", "ErrorCode", "ErrorMessage")}


def _is_utf8(block: bytes) -> bool:
    try:
        return block.isascii() or bool(block.decode())
    except UnicodeDecodeError:
        return False


def _refuse(name: str) -> None:
    raise ValueError(f"holds {name}, which is no JSON")
