"""From an execution's input to a complete StartEntitiesDetectionJob request: defaults, overrides and rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import RequestRefused
from ..request.rules import PROTECTED, Violation, explain, violations

_CONSTRUCT = "the workflow's own settings"


def complete(given: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The request that an execution's input asks for, completed from the construct's defaults and judged.

    Args:
        given: the execution's input: a request in the API's own field names, only ``InputDataConfig.S3Uri`` required.
        settings: the construct's ``Settings`` (docs/architecture.md, section 2).

    Raises:
        RequestRefused: with every broken rule in its message.
    """
    if not isinstance(given, Mapping):
        raise RequestRefused(explain([Violation("request", given, "must be an object", "StartEntitiesDetectionJob")]))
    request = _merged(given, settings["Request"])
    found = [
        *_overrides(given, settings["Request"], settings["AllowedOverrides"]),
        *_location(request, settings["InputUris"], settings["StagingUri"]),
        *violations(request, accepted=frozenset(settings["AcceptedValues"])),
    ]
    if found:
        raise RequestRefused(explain(found))
    return request


def _merged(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    request = {**defaults, **{name: value for name, value in given.items() if value is not None}}
    for name in ("InputDataConfig", "OutputDataConfig"):
        if isinstance(given.get(name), Mapping):
            request[name] = {**defaults.get(name, {}), **given[name]}
    # A job uses a recognizer or a flywheel: the caller's choice replaces the construct's, of either kind.
    for chosen, other in (("FlywheelArn", "EntityRecognizerArn"), ("EntityRecognizerArn", "FlywheelArn")):
        if given.get(chosen) and not given.get(other):
            request.pop(other, None)
    return request


def _overrides(given: Mapping[str, Any], defaults: Mapping[str, Any], allowed: list[str]) -> Iterator[Violation]:
    for name in PROTECTED:
        if given.get(name) is not None and given[name] != defaults.get(name) and name not in allowed:
            rule = f"can't be overridden: the construct's allow_overrides does not name {name}"
            yield Violation(name, given[name], rule, _CONSTRUCT)


def _location(request: Mapping[str, Any], input_uris: list[str], staging_uri: str) -> Iterator[Violation]:
    data = request.get("InputDataConfig")
    uri = data.get("S3Uri") if isinstance(data, Mapping) else None
    if not isinstance(uri, str):
        return
    if not uri.startswith(tuple(input_uris)):
        rule = f"must lie under {' or '.join(input_uris)}"
        yield Violation("InputDataConfig.S3Uri", uri, rule, _CONSTRUCT)
    elif uri.startswith(staging_uri) and not re.fullmatch("[^/]+/documents/", uri.removeprefix(staging_uri)):
        rule = f"must be a whole batch of uploads, {staging_uri}<batch>/documents/, since the rest is internal"
        yield Violation("InputDataConfig.S3Uri", uri, rule, _CONSTRUCT)
