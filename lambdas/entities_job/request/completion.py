"""From an execution's input to a complete StartEntitiesDetectionJob request: defaults, overrides and rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import cast

from ..contracts import STARTED_BY, JobRequest, Settings
from ..errors import RequestRefused
from ..operation import START
from .model import Violation, without_nulls
from .rules import MODELS, PROTECTED, explain, violations

_CONSTRUCT = "the workflow's own settings"


def without_link(given: object) -> object:
    """Return an execution's input without the link to its parent, which is no field of a request."""
    return {name: value for name, value in given.items() if name != STARTED_BY} if isinstance(given, dict) else given


def complete(given: object, settings: Settings) -> JobRequest:
    """Return the request that an execution's input asks for, completed from the construct's defaults and checked.

    Args:
        given: the execution's input: a request in the API's own field names, only ``InputDataConfig.S3Uri`` required.
            A null is an absent field, at any depth.
        settings: the construct's.

    Raises:
        RequestRefused: with every broken rule in its message.
    """
    asked = without_nulls(given)
    if not isinstance(asked, dict):
        raise RequestRefused(explain([Violation("request", given, "must be an object", START)]))
    request = _merged(asked, settings["Request"])
    found = [
        *_overrides(asked, request, settings),
        *_location(request, settings["InputUris"], settings["StagingUri"]),
        *violations(request, accepted=settings["AcceptedValues"]),
    ]
    if found:
        raise RequestRefused(explain(found))
    return cast(JobRequest, request)


def _merged(asked: Mapping[str, object], defaults: Mapping[str, object]) -> dict[str, object]:
    request = {**defaults, **asked}
    for name in ("InputDataConfig", "OutputDataConfig"):
        default, own = defaults.get(name), asked.get(name)
        if isinstance(default, dict) and isinstance(own, dict):
            request[name] = {**default, **own}
    # A job uses a recognizer or a flywheel: the caller's choice replaces the construct's, of either kind.
    for chosen, other in (MODELS, MODELS[::-1]):
        if chosen in asked and other not in asked:
            request.pop(other, None)
    return request


def _overrides(asked: Mapping[str, object], request: Mapping[str, object], settings: Settings) -> Iterator[Violation]:
    defaults: Mapping[str, object] = settings["Request"]
    for name in PROTECTED:
        if name in asked and request[name] != defaults.get(name) and name not in settings["AllowedOverrides"]:
            rule = f"can't be overridden: the construct's allow_overrides does not contain {name}"
            yield Violation(name, asked[name], rule, _CONSTRUCT)


def _location(request: Mapping[str, object], input_uris: list[str], staging_uri: str) -> Iterator[Violation]:
    data = request.get("InputDataConfig")
    uri = data.get("S3Uri") if isinstance(data, Mapping) else None
    if not isinstance(uri, str):
        return
    if not uri.startswith(tuple(input_uris)):
        rule = f"must be under {' or '.join(input_uris)}"
        yield Violation("InputDataConfig.S3Uri", uri, rule, _CONSTRUCT)
    elif uri.startswith(staging_uri) and not re.fullmatch("[^/]+/documents/", uri.removeprefix(staging_uri)):
        rule = f"must be a complete batch of uploads, {staging_uri}<batch>/documents/, since the rest is internal"
        yield Violation("InputDataConfig.S3Uri", uri, rule, _CONSTRUCT)
