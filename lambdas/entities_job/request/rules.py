"""The rules of a StartEntitiesDetectionJob request: those of its model, and over several fields.

The construct checks its properties with them at synth time (CDK tokens pass), InspectInput checks each request.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from ..operation import START
from .model import REQUEST, SOURCE, Violation, Walker, model, regions

T = TypeVar("T")

GUIDE = "Amazon Comprehend Developer Guide, "

MODELS = ("EntityRecognizerArn", "FlywheelArn")
"""Fields that name a custom model; a job uses at most one."""

CUSTOM_LANGUAGES = ("en", "es", "fr", "de", "it", "pt")
"""Languages of custom recognizers. Source: developer guide, supported-languages."""

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
"""Fields that could broaden permissions: an input may override them only if the construct allows it."""

_HEAD = "the request breaks these rules:"
_MESSAGE_BYTES = 20 * 1024

# Our own text first, then the service's: "Value 'xx' at 'tags.1.member.key' failed to satisfy constraint".
_FIELD = re.compile(rf"\A{_HEAD}\n- ([A-Z][\w.\[\]]*): | at '([A-Za-z][\w.]*)' failed to satisfy")


@dataclass
class Excerpt(Generic[T]):
    """The first of many things, bounded in number and in bytes of JSON, and how many are left out.

    Example:
        >>> names = Excerpt[str](size=10, most=2)
        >>> for name in ("a", "b", "c"):
        ...     names.add(name)
        >>> names.kept, names.left
        (['a', 'b'], 1)
    """

    size: int
    most: int = 100
    kept: list[T] = field(default_factory=list)
    left: int = 0

    def add(self, item: T) -> None:
        """Keep the item if there is room and none was left out before it."""
        if not self.left and len(self.kept) < self.most:
            # Escaped, so that no later encoding of the same text is longer.
            self.size -= len(json.dumps(item)) + len(", ")
            if self.size >= 0:
                self.kept.append(item)
                return
        self.left += 1


def explain(found: Iterable[Violation]) -> str:
    """Return all violations as one text, one a line, as far as the cause of a failed state has room for them."""
    lines = Excerpt[str](_MESSAGE_BYTES)
    for violation in found:
        lines.add(f"- {violation}")
    return "\n".join([_HEAD, *lines.kept, *([f"- and {lines.left:,} more"] if lines.left else [])])


def field_of(message: str) -> str | None:
    """Return the path of the first field in a rejection, ours or the service's, or None if it contains none.

    Example:
        >>> field_of("1 validation error detected: Value 'x' at 'tags.1.member.key' failed to satisfy constraint: ...")
        'Tags[0].Key'
    """
    found = _FIELD.search(message)
    if not found:
        return None
    # The service counts items of a list from 1 and writes each member with a small first letter.
    path = re.sub(r"\.(\d+)\.member", lambda item: f"[{int(item[1]) - 1}]", found[2] or "")
    return found[1] or ".".join(name[0].upper() + name[1:] for name in path.split("."))


def is_custom(request: Mapping[str, object]) -> bool:
    """Return whether a custom model reads the documents: the request names a recognizer or a flywheel."""
    return any(request.get(name) is not None for name in MODELS)


def violations(
    request: object,
    *,
    region: str | None = None,
    is_token: Callable[[object], bool] = lambda value: False,
    accepted: Mapping[str, Sequence[str]] | None = None,
) -> list[Violation]:
    """Return all rules of the API that a request breaks, in the order of the fields.

    Args:
        request: a StartEntitiesDetectionJob request in the API's own field names. A null is an absent field.
        region: the Region of the job, to be checked too if it is known.
        is_token: says which values are not known yet (CDK tokens); they pass.
        accepted: enum values that are newer than botocore's model and pass, too, by the path of their field.
    """
    found = list(Walker(is_token, accepted or {}).walk(REQUEST, request, ""))
    if isinstance(request, Mapping):
        found += _cross_field(_Known(request, is_token))
    return [*found, *_region(region, is_token)]


def remarks(request: Mapping[str, object]) -> Iterator[Violation]:
    """Yield fields of a request that have no effect: the job runs, but not as its author may expect."""
    language = request.get("LanguageCode")
    if is_custom(request) and language in _enum("LanguageCode") and language not in CUSTOM_LANGUAGES:
        rule = f"is ignored: a custom recognizer has its own language, one of {', '.join(CUSTOM_LANGUAGES)}"
        yield Violation("LanguageCode", language, rule, f"API Reference, {START}")


class _Known(NamedTuple):
    """A request of any shape, and which of its values are not known yet."""

    request: Mapping[str, object]
    is_token: Callable[[object], bool]

    def at(self, kind: type[T], path: str) -> T | None:
        """Return the value at a path, or None if it is missing, a token or of another type."""
        value: object = self.request
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        return value if isinstance(value, kind) and not self.is_token(value) else None


def _cross_field(known: _Known) -> Iterator[Violation]:
    """Rules over several fields, and rules that the model states in words only."""
    flywheel = known.at(str, "FlywheelArn")
    if flywheel and known.at(str, "EntityRecognizerArn"):
        rule = "must be omitted if EntityRecognizerArn is given: a job uses a recognizer or a flywheel"
        yield Violation("FlywheelArn", flywheel, rule, f"{GUIDE}flywheels-inference")
    if known.at(dict, "InputDataConfig.DocumentReaderConfig") is not None:
        yield from _document_reader(known)
    for path, wrong, rule in _KEYS:
        key = known.at(str, path)
        if key and re.match(wrong, key):
            yield Violation(path, key, rule, f"{SOURCE}KmsKeyId")
    yield from _tags(known.at(list, "Tags") or [])
    source, target = known.at(str, "InputDataConfig.S3Uri"), known.at(str, "OutputDataConfig.S3Uri")
    if source and target and _is_under(target, source):
        rule = (
            "must not be under the input, whose URI is a string prefix: a second job would read the first one's result"
        )
        yield Violation("OutputDataConfig.S3Uri", target, rule, f"{GUIDE}api-async-insights")


_NO_KEY_ARN = r"arn:(?!aws(-[^:]+)?:kms:[^:]+:[0-9]{12}:%s/.)"
_KEYS = (
    (
        "OutputDataConfig.KmsKeyId",
        _NO_KEY_ARN % "(key|alias)",
        "must be a key id, an alias, or the ARN of a key or an alias",
    ),
    (
        "VolumeKmsKeyId",
        f"alias/|{_NO_KEY_ARN % 'key'}",
        "must be a key id or key ARN: an alias is not accepted for the volume key",
    ),
)
"""Fields that name a key, what begins a value of none of their formats, and the formats."""


def _is_under(target: str, source: str) -> bool:
    """Return whether the results below ``target`` are documents of ``source``.

    The service reads every object whose key begins with the source's, so ``s3://b/in`` takes ``s3://b/in-results/``,
    too. It writes into folders of its own below the target, whether that ends in a slash or not.
    """
    whole = f"{source}/" if source.count("/") == len("//") else source
    return (target if target.endswith("/") else f"{target}/").startswith(whole)


def _document_reader(known: _Known) -> Iterator[Violation]:
    path, source = "InputDataConfig.DocumentReaderConfig", f"{GUIDE}idp-inputs-async"
    if not is_custom(known.request):
        reader = known.at(dict, path)
        yield Violation(path, reader, "needs a custom recognizer: EntityRecognizerArn or FlywheelArn", source)
    input_format = known.at(str, "InputDataConfig.InputFormat")
    if input_format != "ONE_DOC_PER_FILE":
        rule = "must be ONE_DOC_PER_FILE with a document reader"
        yield Violation("InputDataConfig.InputFormat", input_format, rule, source)
    action, features = known.at(str, f"{path}.DocumentReadAction"), known.at(list, f"{path}.FeatureTypes")
    if action in _enum("DocumentReadAction") and (action == "TEXTRACT_ANALYZE_DOCUMENT") != bool(features):
        rule = "must be given with TEXTRACT_ANALYZE_DOCUMENT, and only then"
        yield Violation(f"{path}.FeatureTypes", features, rule, f"{SOURCE}DocumentReaderConfig")


def _enum(shape_name: str) -> list[str]:
    values: list[str] = model()["shapes"][shape_name]["enum"]
    return values


def _tags(tags: Sequence[object]) -> Iterator[Violation]:
    keys = [tag["Key"] for tag in tags if isinstance(tag, Mapping) and isinstance(tag.get("Key"), str)]
    if len(tags) > MAXIMUM_TAGS:
        yield Violation("Tags", len(tags), f"at most {MAXIMUM_TAGS} tags", f"{GUIDE}tagging")
    for key, count in Counter(keys).items():
        if count > 1:
            yield Violation("Tags", key, "keys must be unique", f"{GUIDE}tagging")
        if key.lower().startswith("aws:"):
            yield Violation("Tags", key, "keys must not begin with aws:", f"{GUIDE}tagging")


def _region(region: str | None, is_token: Callable[[object], bool]) -> Iterator[Violation]:
    if region is not None and not is_token(region) and region not in regions():
        rule = f"Amazon Comprehend is not available here; it is available in {', '.join(sorted(regions()))}"
        yield Violation("Region", region, rule, "AWS General Reference, Amazon Comprehend endpoints")
