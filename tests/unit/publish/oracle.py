"""What publishing has to find, worked out the plain way: everything in memory, one rule after the other."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

OURS = ("jobid", "jobdate", "languagecode", "source", "sourceversionid", "sourcecandidates", "job_date")
SPELLINGS = ("File", "Line", "Entities", "ErrorCode", "ErrorMessage", "Errors")
ENTITY = ("BeginOffset", "EndOffset", "Score", "Text", "Type", "BlockReferences")


class Found(NamedTuple):
    """Lines of the service that are records, those that are none, and the types of all entities."""

    records: list[bytes]
    others: list[bytes]
    types: Counter[str]


class Pairs(list[tuple[str, Any]]):
    """An object with all its fields, those that repeat, too."""

    def get(self, name: str) -> Any:
        return next((value for key, value in self if key == name), None)


def tree(line: bytes) -> Any:
    """A line's JSON with objects as lists of pairs."""

    def refuse(text: str) -> None:
        raise ValueError(text)

    return json.loads(line.decode("utf-8", "strict"), object_pairs_hook=Pairs, parse_constant=refuse)


def is_sound(value: Any, path: str, spelled: dict[str, str], depth: int = 1) -> bool:
    """Whether any JSON reader takes a value: what it is made of, how deep, how its fields are spelled."""

    def all_sound(items: Iterable[tuple[Any, str]]) -> bool:
        return all(is_sound(item, place, spelled, depth + 1) for item, place in items)

    match value:
        case str():
            return all(not 0xD800 <= ord(character) < 0xE000 for character in value)
        case int():
            return -(2**63) <= value < 2**63
        case float():
            return abs(value) != float("inf")
        case Pairs():
            places = {f"{path}.{name}".lower(): f"{path}.{name}" for name, _ in value}
            sound = len(places) == len(value) and all(is_sound(name, "", {}) for name, _ in value)
            sound = sound and all(spelled.setdefault(lower, place) == place for lower, place in places.items())
            return depth <= 64 and sound and all_sound((item, f"{path}.{name}") for name, item in value)
        case list():
            return depth <= 64 and all_sound((item, path) for item in value)
    return True


def fits(value: Any, *kinds: type) -> bool:
    return value is None or type(value) in kinds


def is_offset(value: Any) -> bool:
    return value is None or (type(value) is int and -(2**31) <= value < 2**31)


def is_entity(entity: Any) -> bool:
    return (
        isinstance(entity, Pairs)
        and all(key in ENTITY for key, _ in entity if key.lower() in map(str.lower, ENTITY))
        and isinstance(entity.get("Type"), str)
        and len(entity.get("Type")) <= 128
        and fits(entity.get("Text"), str)
        and fits(entity.get("Score"), int, float)
        and is_offset(entity.get("BeginOffset"))
        and is_offset(entity.get("EndOffset"))
    )


def is_record(record: Any, spelled: dict[str, str]) -> bool:
    """Whether a parsed line is a record that can be published."""
    if not isinstance(record, Pairs) or not isinstance(record.get("File"), str):
        return False
    entities: Any
    entities, code = record.get("Entities"), record.get("ErrorCode")
    return (
        not any(key.lower() in OURS for key, _ in record)
        and all(key in SPELLINGS for key, _ in record if key.lower() in map(str.lower, SPELLINGS))
        and fits(record.get("Line"), int)
        and fits(code, str)
        and fits(record.get("ErrorMessage"), str)
        and (entities is not None or code is not None)
        and (entities is None or (type(entities) is list and all(map(is_entity, entities))))
        and is_sound(record, "", spelled)
    )


def find(lines: list[bytes]) -> Found:
    """Take lines apart into records and others."""
    found = Found([], [], Counter())
    spelled: dict[str, str] = {}
    for line in (line.strip(b" \t\r\n") for line in lines):
        try:
            parsed: Any = tree(line) if line else None
        except (ValueError, RecursionError):
            found.others.append(line)
            continue
        if is_record(parsed, spelled):
            found.records.append(line)
            found.types.update(entity.get("Type") for entity in parsed.get("Entities") or ())
        elif line:
            found.others.append(line)
    return found


def unpacked(archive: bytes) -> tuple[bytes, bool]:
    """The bytes that an archive's gzip members hold up to the first damage, and whether there is none."""
    data = bytearray()
    position = 0
    while position < len(archive):
        member = zlib.decompressobj(31)
        try:
            while not member.eof and position < len(archive):
                data += member.decompress(archive[position : position + 1])
                position += 1
        except zlib.error:
            return bytes(data), False
        if not member.eof:
            return bytes(data), False
        while archive[position : position + 1] == b"\0":
            position += 1
    return bytes(data), bool(archive)
