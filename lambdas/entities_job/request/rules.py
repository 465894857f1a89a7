"""The rules of a StartEntitiesDetectionJob request: a walker over botocore's service model, and cross-field rules.

The construct judges its properties with them at synth time (CDK tokens pass), StartJob's functions judge each request.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from botocore.loaders import Loader

GUIDE = "Amazon Comprehend Developer Guide, "
CUSTOM_LANGUAGES = ("en", "es", "fr", "de", "it", "pt")
MAXIMUM_TAGS = 50
PROTECTED = (
    "DataAccessRoleArn",
    "EntityRecognizerArn",
    "FlywheelArn",
    "OutputDataConfig",
    "Tags",
    "VolumeKmsKeyId",
    "VpcConfig",
)
"""Fields that would widen rights: an execution's input may override them only where the construct allows it."""


MODELS = ("EntityRecognizerArn", "FlywheelArn")
"""Fields that name a custom model; a job uses at most one."""


class Violation(NamedTuple):
    """One broken rule: the field's path, its value, what the rule asks for, and where the rule comes from."""

    field: str
    value: object
    rule: str
    source: str

    def __str__(self) -> str:
        shown = repr(self.value)
        shown = shown if len(shown) <= 200 else f"{shown[:200]}..."
        return f"{self.field}: {self.rule}; got {shown} ({self.source})"


def explain(found: list[Violation]) -> str:
    """All violations as one text, one a line."""
    return "\n".join(["the request breaks these rules:", *(f"- {violation}" for violation in found)])


@cache
def model() -> dict[str, Any]:
    """Botocore's newest Comprehend service model."""
    loaded: dict[str, Any] = Loader().load_service_model("comprehend", "service-2")
    return loaded


@cache
def regions() -> frozenset[str]:
    """Every Region with Comprehend that botocore's endpoint data knows, in all partitions."""
    data: dict[str, Any] = Loader().load_data("endpoints")
    return frozenset(
        region
        for partition in data["partitions"]
        for region in partition["services"].get("comprehend", {}).get("endpoints", {})
        if re.fullmatch(partition["regionRegex"], region)
    )


def violations(
    request: Mapping[str, Any],
    *,
    region: str | None = None,
    is_token: Callable[[Any], bool] = lambda value: False,
    accepted: frozenset[str] = frozenset(),
) -> list[Violation]:
    """All rules of the API that a request breaks, in the order of the fields.

    Args:
        request: a StartEntitiesDetectionJob request in the API's own field names.
        region: the Region of the job, to be judged too where it is known.
        is_token: says which values are not known yet (CDK tokens); they pass.
        accepted: enum values that are newer than botocore's model and pass, too.
    """

    def value_at(kind: type, *path: str) -> Any:
        value: Any = request
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value if isinstance(value, kind) and not is_token(value) else None

    found = list(_Judge(is_token, accepted).walk("StartEntitiesDetectionJobRequest", request, ""))
    if isinstance(request, Mapping):
        found += _cross_field(request, value_at)
    return [*found, *_region(region, is_token)]


_TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "structure": (lambda value: isinstance(value, Mapping), "an object"),
    "list": (lambda value: isinstance(value, (list, tuple)), "a list"),
    "string": (lambda value: isinstance(value, str), "a string"),
}


class _Judge:
    """The generic walker: required members, types, enums, patterns, lengths and list sizes of a shape."""

    def __init__(self, is_token: Callable[[Any], bool], accepted: frozenset[str]) -> None:
        self._is_token = is_token
        self._accepted = accepted

    def walk(self, shape_name: str, value: Any, path: str) -> Iterator[Violation]:
        shape = model()["shapes"][shape_name]
        source = f"API model of Comprehend 2017-11-27, {shape_name}"
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
            yield from _size(shape, value, "characters", path, source)
            if value not in shape.get("enum", [value]) and value not in self._accepted:
                yield Violation(path, value, f"must be one of {', '.join(shape['enum'])}", source)
            if "pattern" in shape and not _matches(shape["pattern"], value):
                yield Violation(path, value, f"must match {shape['pattern']}", source)

    def _structure(
        self, shape: dict[str, Any], value: Mapping[str, Any], path: str, source: str
    ) -> Iterator[Violation]:
        prefix = f"{path}." if path else ""
        for name in shape.get("required", []):
            if value.get(name) is None:
                yield Violation(f"{prefix}{name}", None, "is required", source)
        for name, item in value.items():
            if name not in shape["members"]:
                close = difflib.get_close_matches(str(name), shape["members"], n=1)
                hint = f"; did you mean {close[0]}?" if close else f"; the fields are {', '.join(shape['members'])}"
                yield Violation(f"{prefix}{name}", item, f"is no field of the API{hint}", source)
            elif item is not None:
                yield from self.walk(shape["members"][name]["shape"], item, f"{prefix}{name}")


def _size(shape: dict[str, Any], value: Any, unit: str, path: str, source: str) -> Iterator[Violation]:
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


def is_custom(request: Mapping[str, object]) -> bool:
    """Return whether a custom model reads the documents: the request names a recognizer or a flywheel."""
    return any(request.get(field) for field in MODELS)


def _cross_field(request: Mapping[str, Any], known: Callable[..., Any]) -> Iterator[Violation]:
    """Rules over several fields; ``known`` finds a path's value, or None where it is missing, a token or malformed."""
    recognizer, flywheel = known(str, "EntityRecognizerArn"), known(str, "FlywheelArn")
    custom = is_custom(request)
    if recognizer and flywheel:
        rule = "must be left out where EntityRecognizerArn is given: a job uses a recognizer or a flywheel"
        yield Violation("FlywheelArn", flywheel, rule, f"{GUIDE}flywheels-inference")
    language = known(str, "LanguageCode")
    if custom and language in _enum("LanguageCode") and language not in CUSTOM_LANGUAGES:
        rule = f"must be one of {', '.join(CUSTOM_LANGUAGES)} with a custom recognizer"
        yield Violation("LanguageCode", language, rule, f"{GUIDE}supported-languages")
    if known(Mapping, "InputDataConfig", "DocumentReaderConfig") is not None:
        yield from _document_reader(known, custom)
    volume_key = known(str, "VolumeKmsKeyId")
    if volume_key and re.search(r"(^|:)alias/", volume_key):
        rule = "must be a key id or key ARN: an alias is not accepted for the volume key"
        yield Violation("VolumeKmsKeyId", volume_key, rule, "API model of Comprehend 2017-11-27, KmsKeyId")
    yield from _tags(known(list, "Tags") or [])
    source, target = known(str, "InputDataConfig", "S3Uri"), known(str, "OutputDataConfig", "S3Uri")
    if source and target and f"{target.rstrip('/')}/".startswith(f"{source.rstrip('/')}/"):
        rule = f"must not lie under the input, {source}: a second job would read the first one's result as a document"
        yield Violation("OutputDataConfig.S3Uri", target, rule, f"{GUIDE}api-async-insights")


def _document_reader(known: Callable[..., Any], custom: bool) -> Iterator[Violation]:
    field, source = "InputDataConfig.DocumentReaderConfig", f"{GUIDE}idp-inputs-async"
    if not custom:
        reader = known(Mapping, "InputDataConfig", "DocumentReaderConfig")
        yield Violation(field, reader, "needs a custom recognizer: EntityRecognizerArn or FlywheelArn", source)
    input_format = known(str, "InputDataConfig", "InputFormat")
    if input_format != "ONE_DOC_PER_FILE":
        rule = "must be ONE_DOC_PER_FILE with a document reader"
        yield Violation("InputDataConfig.InputFormat", input_format, rule, source)
    action = known(str, "InputDataConfig", "DocumentReaderConfig", "DocumentReadAction")
    features = known(list, "InputDataConfig", "DocumentReaderConfig", "FeatureTypes")
    if action in _enum("DocumentReadAction") and (action == "TEXTRACT_ANALYZE_DOCUMENT") != bool(features):
        rule = "must be given with TEXTRACT_ANALYZE_DOCUMENT, and only then"
        yield Violation(
            f"{field}.FeatureTypes", features, rule, "API model of Comprehend 2017-11-27, DocumentReaderConfig"
        )


def _enum(shape_name: str) -> list[str]:
    values: list[str] = model()["shapes"][shape_name]["enum"]
    return values


def _tags(tags: list[Any]) -> Iterator[Violation]:
    keys = [tag["Key"] for tag in tags if isinstance(tag, Mapping) and isinstance(tag.get("Key"), str)]
    if len(tags) > MAXIMUM_TAGS:
        yield Violation("Tags", len(tags), f"at most {MAXIMUM_TAGS} tags", f"{GUIDE}tagging")
    for key, count in Counter(keys).items():
        if count > 1:
            yield Violation("Tags", key, "keys must be unique", f"{GUIDE}tagging")
        if key.lower().startswith("aws:"):
            yield Violation("Tags", key, "keys must not begin with aws:", f"{GUIDE}tagging")


def _region(region: str | None, is_token: Callable[[Any], bool]) -> Iterator[Violation]:
    if region is not None and not is_token(region) and region not in regions():
        rule = f"Amazon Comprehend is not offered here; it is in {', '.join(sorted(regions()))}"
        yield Violation("Region", region, rule, "AWS General Reference, Amazon Comprehend endpoints")
