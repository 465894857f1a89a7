"""Records: the service's own lines with the fields of their job and source in front, and what is counted on the way.

Most lines are never parsed. Where a pattern knows every line of a block from end to end, but for the inside of its
entities, and the block has as many quotes as so many lines and entities, it is taken as it is: inside a
JSON string quotes are always escaped, so that no text can pass for a field. Otherwise its lines are judged one by one,
and what the pattern does not know is parsed.
"""

from __future__ import annotations

import io
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
            # No loop: its variable would keep a block while the next one is read.
            yield from map(self._lines, member.lines())

    def _lines(self, block: bytes | TooLong) -> tuple[list[bytes], list[bytes]]:
        if isinstance(block, TooLong):
            return self._too_long(block)
        records: list[bytes] = []
        unparsed: list[bytes] = []
        front, claim = self._front, self._inventory.claim
        known, types, others = _sorted(block if block.endswith(b"\n") else block + b"\n")
        for line, _, name, number in known:
            fields = claim(name, int(number) if number else None)
            if fields is None:
                types.subtract(_TYPE.findall(line))
            else:
                records += (front, fields, line)
        self._offsets.add(records[2::3], self.tally.documents)
        self.tally.documents += len(records) // 3
        self.tally.types.update({json.loads(b'"%b"' % name): count for name, count in (+types).items()})
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
        records += (self._front, fields, line[1:] + b"\n")
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


def _sorted(block: bytes) -> tuple[list[tuple[bytes, ...]], Counter[bytes], list[bytes]]:
    """The lines of a block that need not be parsed, their entities by type, and all other lines."""
    known, types = _known(block)
    if len(known) == block.count(b"\n"):
        return known, Counter(types), []
    known, types, others = [], [], []
    for line in io.BytesIO(block):
        match, found = _known(line)
        known += match
        types += found
        others += [] if match else [line]
    return known, Counter(types), others


def _known(lines: bytes) -> tuple[list[tuple[bytes, ...]], list[bytes]]:
    """What the pattern finds in lines and the types of all entities, or nothing if those are not sound."""
    known, types = _LINE.findall(lines), _TYPE.findall(lines)
    numbered = sum(1 for match in known if match[3]) if b'"Line"' in lines else 0
    quotes = 6 * len(known) + 2 * numbered + _QUOTES * len(types)
    if lines.count(b'"') == quotes and _is_utf8(lines):
        return known, types
    return [], []


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
