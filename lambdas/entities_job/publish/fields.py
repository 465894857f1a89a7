"""Rules of a record: the types of :class:`Record`, and the limits of DuckDB and Athena's JSON SerDe.

A reader that can't read one record reads none of its file: what is no such record must not be published.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache
from typing import Any, NotRequired, cast, get_args, get_origin, get_type_hints, is_typeddict

from ..contracts import Record

_LARGEST = 2**63
_LARGEST_32 = 2**31

_SURROGATE = re.compile("[\ud800-\udfff]")

_DEEPEST = 64
"""Levels of objects and lists; DuckDB reads 128."""

_LONGEST_NAME = 256
_MOST_NAMES = 10_000
"""Names of fields in one result; the service's have some dozens."""

_FIELDS = list(Record.__annotations__)
_OURS = {name.lower() for name in _FIELDS[: _FIELDS.index("File")]} | {"job_date"}
"""Fields that publishing puts in front, and the partition: the service's own must not pass for them."""

_CALLED = {dict: "object", list: "list", str: "text", float: "number", int: "integer"}

Json = dict[str, Any]


class Checker:
    """Checks the records of one result, and the spelling of their fields across them."""

    def __init__(self) -> None:
        self._spelled: dict[str, str] = {}

    def record(self, text: str) -> tuple[Json, list[str]]:
        """Parse a record and check all of it; return it, and the types of its entities.

        Raises:
            ValueError: it is none that can be published; the message goes on from "the record".
        """
        record = parse(text)
        if not isinstance(record, dict) or not isinstance(record.get("File"), str):
            raise ValueError("is not an object with a File")
        if ours := [name for name in record if name.lower() in _OURS]:
            raise ValueError(f"has a field {ours[0]!a}, which publishing adds")
        _check("the record", record, Record)
        if "\\ud" in text.lower() and _SURROGATE.search(json.dumps(record, ensure_ascii=False)):
            raise ValueError("holds half of a surrogate pair")
        if record.get("Entities") is None and record.get("ErrorCode") is None:
            raise ValueError("has neither Entities nor an ErrorCode")
        types: list[Any] = [(entity or {}).get("Type") for entity in record.get("Entities") or []]
        if None in types:
            raise ValueError("has an entity without a Type")
        self._check_any(record, "", 1)
        return record, types

    def _check_any(self, value: object, path: str, depth: int) -> None:
        """Check what holds for all values: depth, range, and that no two fields of one place differ in case only."""
        if depth > _DEEPEST:
            raise ValueError(f"is deeper than {_DEEPEST} levels")
        if isinstance(value, dict):
            for name, item in value.items():
                place = f"{path}.{name}"
                if len(name) > _LONGEST_NAME or len(self._spelled) > _MOST_NAMES:
                    raise ValueError("has a field with a long name, or one more than can be told apart")
                if self._spelled.setdefault(place.lower(), place) != place:
                    raise ValueError(f"has a field {place!a}, which others spell {self._spelled[place.lower()]!a}")
                self._check_any(item, place, depth + 1)
        elif isinstance(value, list):
            for item in value:
                self._check_any(item, path, depth + 1)
        elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            raise ValueError("holds an integer beyond 64 bits")
        elif isinstance(value, float) and not math.isfinite(value):
            raise ValueError("holds a number beyond double precision")


def plain_types(record: Any, text: str) -> list[str] | None:
    """Return the types of a parsed record's entities if it is of the ordinary form; any other needs a :class:`Checker`.

    Ordinary is File, Line, and Entities of exactly five fields with values in their ranges, each field once (the text
    has no quotation mark but theirs), and no surrogate. Most records are, so that this decides how long publishing
    takes: what it does not do is part of it.
    """
    types = []
    try:
        name, entities, line = record["File"], record["Entities"], record.get("Line")
        by_line = line is not None
        if len(record) != 2 + by_line or type(name) is not str or type(entities) is not list:
            return None
        if by_line and (type(line) is not int or not 0 <= line < _LARGEST):
            return None
        for entity in entities:
            begin, end, score, kind = entity["BeginOffset"], entity["EndOffset"], entity["Score"], entity["Type"]
            numbers = type(begin) is int and type(end) is int and type(score) is float
            texts = type(kind) is str and type(entity["Text"]) is str
            if not (numbers and texts and len(entity) == 5 and 0 <= begin <= end < _LARGEST_32 and 0.0 <= score <= 1.0):
                return None
            types.append(kind)
    except (AttributeError, KeyError, TypeError):
        return None
    others = text.count('"') - (8 if by_line else 6) - 14 * len(types)
    if "\\" in text:
        others -= text.replace("\\\\", "").count('\\"')
        if "\\ud" in text or "\\uD" in text:
            return None
    return None if others else types


def parse(text: str, *, without_blocks: bool = False) -> Any:
    """Parse JSON as strictly as its readers do; of a ``.out`` file, without its Blocks.

    Raises:
        ValueError: it is no JSON, or holds what DuckDB or Athena can't read.
    """
    hook = _unless_block if without_blocks else _object
    try:
        return json.loads(text, object_pairs_hook=hook, parse_constant=refuse_constant)
    except RecursionError as error:
        raise ValueError("is nested too deep") from error


def refuse_constant(name: str) -> None:
    """Reject NaN and Infinity, which Python's parser accepts as JSON."""
    raise ValueError(f"holds {name}, which is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> Json:
    if len({name.lower() for name, _ in pairs}) < len(pairs):
        names = ", ".join(f"{name[:100]!a}" for name, _ in pairs[:20])
        raise ValueError(f"has an object with a field that repeats, or differs in case only: {names}")
    return dict(pairs)


def _unless_block(pairs: list[tuple[str, Any]]) -> Json | None:
    return None if any(name == "BlockType" for name, _ in pairs) else _object(pairs)


def _check(name: str, value: object, kind: Any) -> None:
    """Check a value against a type of a record's field; null is as good as none."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is NotRequired:
        _check(name, value, arguments[0])
    elif value is not None:
        expected = dict if is_typeddict(kind) else list if origin is list else arguments[0] if arguments else kind
        fits = type(value) is expected or (expected is float and type(value) is int)
        if not fits or ("int32" in arguments and not -_LARGEST_32 <= cast(int, value) < _LARGEST_32):
            raise ValueError(
                f"has {name} that is no {_CALLED[expected]}{' of 32 bits' if 'int32' in arguments else ''}"
            )
        for item in value if isinstance(value, list) else ():
            _check(f"an item of {name}", item, arguments[0])
        for key, item in value.items() if isinstance(value, dict) else ():
            spelled, of = _known(kind).get(key.lower(), (key, None))
            if key != spelled:
                raise ValueError(f"has a field {key!a} that differs from {spelled} in case only")
            if of:
                _check(spelled, item, of)


@cache
def _known(kind: Any) -> dict[str, tuple[str, Any]]:
    """Return name and type of the fields of a TypedDict, by their names in lower case."""
    return {name.lower(): (name, of) for name, of in get_type_hints(kind, include_extras=True).items()}
