"""Botocore's model of the API: what it says of each field of a request, checked without sending one."""

from __future__ import annotations

import gzip
import json
import re
import reprlib
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

from ..operation import START

REQUEST = f"{START}Request"
"""Name of the request's shape."""

SOURCE = "API model of Comprehend 2017-11-27, "

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 200


class Violation(NamedTuple):
    """One broken rule: the field's path, its value, what the rule asks for, and where the rule comes from."""

    field: str
    value: object
    rule: str
    source: str

    def __str__(self) -> str:
        return f"{self.field}: {self.rule}; got {_REPR.repr(self.value)[:200]} ({self.source})"


@cache
def model() -> dict[str, Any]:
    """Return botocore's newest Comprehend service model."""
    [*_, newest] = sorted(path.name for path in _data("comprehend").iterdir())
    return _loaded("comprehend", newest, "service-2")


@cache
def regions() -> frozenset[str]:
    """Return every Region with Comprehend that botocore's endpoint data knows, in all partitions."""
    data = _loaded("endpoints")
    return frozenset(
        region
        for partition in data["partitions"]
        for region in partition["services"].get("comprehend", {}).get("endpoints", {})
        if re.fullmatch(partition["regionRegex"], region)
    )


def _data(*names: str) -> Traversable:
    return files("botocore").joinpath("data", *names)


def _loaded(*names: str) -> dict[str, Any]:
    """Return one of botocore's data files, packed or not.

    Its own loader does the same, and imports all that it takes to call AWS first: 0.1 s of each synthesis.
    """
    *folders, name = names
    packed, plain = (_data(*folders, f"{name}.json{suffix}") for suffix in (".gz", ""))
    content = gzip.decompress(packed.read_bytes()) if packed.is_file() else plain.read_bytes()
    loaded: dict[str, Any] = json.loads(content)
    return loaded


def without_nulls(value: object, shape_name: str = REQUEST) -> object:
    """Return a request without its null members at any depth: AWS JSON services take them for absent, boto3 does not.

    It goes as deep as the model does; the value of an unknown field stays, to be rejected.
    """
    shape = model()["shapes"][shape_name]
    if isinstance(value, dict) and shape["type"] == "structure":
        members = shape["members"]
        return {
            name: without_nulls(item, members[name]["shape"]) if name in members else item
            for name, item in value.items()
            if item is not None
        }
    if isinstance(value, list) and shape["type"] == "list":
        return [without_nulls(item, shape["member"]["shape"]) for item in value]
    return value


_TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "structure": (lambda value: isinstance(value, Mapping), "an object"),
    "list": (lambda value: isinstance(value, (list, tuple)), "a list"),
    "string": (lambda value: isinstance(value, str), "a string"),
}


class Walker:
    """The generic walker: required members, types, enums, patterns, lengths and list sizes of a shape."""

    def __init__(self, is_token: Callable[[object], bool], accepted: Mapping[str, Sequence[str]]) -> None:
        self._is_token = is_token
        self._accepted = accepted

    def walk(self, shape_name: str, value: Any, path: str) -> Iterator[Violation]:
        shape = model()["shapes"][shape_name]
        source = f"{SOURCE}{shape_name}"
        if self._is_token(value):
            return
        expected, words = _TYPES[shape["type"]]
        if not expected(value):
            yield Violation(path or "request", value, f"must be {words}", source)
        elif shape["type"] == "structure":
            yield from self._structure(shape, value, path, source)
        elif shape["type"] == "list":
            yield from _size(shape, value, "items", path, source)
            for index, item in enumerate(value):
                yield from self.walk(shape["member"]["shape"], item, f"{path}[{index}]")
        else:
            yield from self._string(shape, value, path, source)

    def _structure(
        self, shape: Mapping[str, Any], value: Mapping[str, object], path: str, source: str
    ) -> Iterator[Violation]:
        prefix = f"{path}." if path else ""
        for name in shape.get("required", []):
            if value.get(name) is None:
                yield Violation(f"{prefix}{name}", None, "is required", source)
        for name, item in value.items():
            if item is None:
                continue
            if name in shape["members"]:
                yield from self.walk(shape["members"][name]["shape"], item, f"{prefix}{name}")
                continue
            # Only where a request is refused anyway: each start of a function would wait for it.
            import difflib

            close = difflib.get_close_matches(str(name), shape["members"], n=1)
            hint = f"did you mean {close[0]}?" if close else f"the fields are {', '.join(shape['members'])}"
            shown = name if name.isidentifier() else repr(name)
            yield Violation(f"{prefix}{shown[:100]}", item, f"is not a field of the API; {hint}", source)

    def _string(self, shape: Mapping[str, Any], value: str, path: str, source: str) -> Iterator[Violation]:
        yield from _size(shape, value, "characters", path, source)
        newer = self._accepted.get(re.sub(r"\[\d+\]", "", path), ())
        if value not in shape.get("enum", [value]) and value not in newer:
            yield Violation(path, value, f"must be one of {', '.join(shape['enum'])}", source)
        if "pattern" in shape and not _matches(shape["pattern"], value):
            yield Violation(path, value, f"must match {shape['pattern']}", source)
        if re.search("[\ud800-\udfff]", value):
            yield Violation(path, value, "must be text that UTF-8 can encode: it has a lone surrogate", source)


def _size(shape: Mapping[str, Any], value: Sequence[object], unit: str, path: str, source: str) -> Iterator[Violation]:
    if len(value) < shape.get("min", 0):
        yield Violation(path, value, f"must have at least {shape['min']} {unit}, has {len(value)}", source)
    if len(value) > shape.get("max", len(value)):
        yield Violation(path, value, f"must have at most {shape['max']} {unit}, has {len(value)}", source)


def _matches(pattern: str, value: str) -> bool:
    r"""Full match of an API pattern.

    Python lacks ``\p{...}``: it becomes the set of the value's own characters of that class.
    """

    def characters(found: re.Match[str]) -> str:
        name, in_class = found[1], pattern.rfind("[", 0, found.start()) > pattern.rfind("]", 0, found.start())
        chosen = "".join(
            re.escape(c)
            for c in sorted(set(value))
            if (c.isascii() if name == "ASCII" else unicodedata.category(c)[0] == name)
        )
        return chosen if in_class else (f"[{chosen}]" if chosen else "(?!)")

    return re.fullmatch(re.sub(r"\\p\{(\w+)\}", characters, pattern), value) is not None
