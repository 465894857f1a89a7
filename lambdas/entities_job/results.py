"""Records: the service's own lines with the fields of their job and source in front, and what is counted on the way.

Most lines are never parsed. A line that a pattern knows from end to end, but for its entities, and whose quotes and
braces number what so many entities have, is taken as it is: inside a JSON string quotes are always escaped, so that no
text can pass for a field. Any other line is parsed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .archive import Member, TooLong
from .documents import join
from .inventory import Inventory
from .offsets import Offsets

_NAMED = 1000
_UNPARSED_BYTES = 64 * 1024

_LINE = re.compile(
    rb'\{(?:(?:"Entities": ?\[[^\]]*+\]|"File": ?"([^"\\\x00-\x1f]*+)"|"Line": ?(\d{1,9}+))(?:, ?(?=")|(?=\}\Z)))+\}'
)
# A first character that is rare makes the search fast.
_TYPES = re.compile(rb'T(?<="T)ype": ?"([^"\\]*+)"')
_QUOTES = 14
"""Of the five fields of an entity, around their names and two of their values."""


@dataclass
class Tally:
    """What was counted: documents, those with errors, entities by type, records that can't be read."""

    documents: int = 0
    errors: int = 0
    missing: int = 0
    unparsed: int = 0
    types: Counter[str] = field(default_factory=Counter)
    failed: list[dict[str, Any]] = field(default_factory=list)
    lost: list[dict[str, Any]] = field(default_factory=list)

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
            for block in member.lines():
                yield self._too_long(block) if isinstance(block, TooLong) else self._lines(block)

    def _lines(self, block: bytes) -> tuple[list[bytes], list[bytes]]:
        records: list[bytes] = []
        unparsed: list[bytes] = []
        front, claim = self._front, self._inventory.claim
        known, types, others = _sorted(block)
        for match in known:
            name, number = match.groups()
            fields = claim(name, int(number) if number else None)
            if fields is None:
                types.subtract(_TYPES.findall(match[0]))
            else:
                records += (front, fields, match[0][1:], b"\n")
        if records and self._offsets.due(self.tally.documents, len(records) // 4):
            self._offsets.check(records[2])
        self.tally.documents += len(records) // 4
        self.tally.types.update({name.decode(): count for name, count in (+types).items()})
        for line in others:
            self._parsed(line.strip(), records, unparsed)
        return records, unparsed

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
        text = b'{"File":%b,%b' % (file, place) + json.dumps(error).encode()[1:]
        if len(self.tally.lost) < _NAMED:
            self.tally.lost.append(_named(json.loads(text), fields))
        return [self._front, fields, text[1:], b"\n"]

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
        unparsed += (self._front, kept[1:], b"\n")


def _sorted(block: bytes) -> tuple[list[re.Match[bytes]], Counter[bytes], list[bytes]]:
    """The lines of a block that need not be parsed, their entities by type, and all other lines."""
    lines = [line for line in block.split(b"\n") if line]
    known = [_LINE.fullmatch(line) for line in lines] if _is_utf8(block) else [None] * len(lines)
    types = _TYPES.findall(block)
    if not all(known) or block.count(b'"') != _QUOTES * len(types) + sum(map(_outer_quotes, known)):
        known = [match if match and _is_sound(match) else None for match in known]
        types = [name for match in known if match for name in _TYPES.findall(match[0])]
    others = [line for line, match in zip(lines, known, strict=True) if not match]
    return [match for match in known if match], Counter(types), others


def _outer_quotes(match: re.Match[bytes] | None) -> int:
    """How many quotes a line has around the names and values of its own fields."""
    if not match or match[1] is None:
        return -1
    return 6 if match[2] is None else 8


def _is_sound(match: re.Match[bytes]) -> bool:
    return match[0].count(b'"') == _QUOTES * len(_TYPES.findall(match[0])) + _outer_quotes(match)


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
