"""The rules against two oracles: boto3's own check of parameters, and the local emulator's of requests."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any, cast

from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from entities_job.contracts import Settings
from entities_job.errors import RequestRefused
from entities_job.operation import START
from entities_job.request.completion import complete
from entities_job.request.model import without_nulls
from entities_job.request.rules import explain, violations
from local.comprehend import schema
from local.comprehend.checks import check_start
from local.comprehend.errors import ServiceError
from local.comprehend.settings import Settings as EmulatorSettings
from tests import payloads
from tests.unit.request.whole import REQUEST, WHOLE

WRONG: list[object] = [
    *(None, 0, 1.5, True, False, "", "x", "\ud800", "en", "alias/k", "s3://in-bucket/in/x", "TABLES", 10 * ["a"]),
    *([], {}, [None], [[]], [{}], {"Key": "a"}, {"S3Uri": None}, {"Unknown": None}, {"Unknown": 1}, {"S3Uri": []}),
]
OURS_ALONE = ("must not be under the input", "it has a lone surrogate", "must be a key id")
"""Rules that neither boto3 nor the service's model has: such a request would waste a job, or not reach the service."""


def paths(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a request, a place for an unknown field in each object, and one behind each list."""
    if isinstance(value, dict):
        for name, item in [*value.items(), ("Unknown", None), ("FlywheelArn", None)]:
            yield (*path, name)
            yield from paths(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate([*value, None]):
            yield (*path, index)
            yield from paths(item, (*path, index))


PATHS = list(paths(WHOLE))


def changed(request: dict[str, Any], *changes: tuple[tuple[str | int, ...], object]) -> dict[str, Any]:
    made = copy.deepcopy(request)
    for (*parents, last), value in changes:
        target: Any = made
        try:
            for name in parents:
                target = target[name]
            if isinstance(target, list) and last == len(target):
                target.append(copy.deepcopy(value))
            else:
                target[last] = copy.deepcopy(value)
        except (KeyError, IndexError, TypeError):
            # An earlier change took the place away.
            pass
    return made


def oracles_take(request: dict[str, Any]) -> bool:
    """Whether boto3 sends a request, and the emulator starts its job."""
    shape = schema.service_model().operation_model(START).input_shape
    assert shape is not None
    if ParamValidator().validate(request, shape).has_errors():
        return False
    try:
        schema.check(START, request, "InvalidRequestException")
        check_start(request, EmulatorSettings())
    except ServiceError:
        return False
    return True


def agree(request: dict[str, Any]) -> bool:
    """Compare our verdict with the oracles'; returns it."""
    permissive = {
        **payloads.SETTINGS,
        "Request": {},
        "InputUris": [""],
        "StagingUri": "s3://staging/",
        "AllowedOverrides": list(request),
    }
    found = violations(request)
    try:
        completed: Any = complete(request, cast(Settings, permissive))
    except RequestRefused as refused:
        # At synth and at execution the same, and in the same words.
        assert str(refused) == explain(violations(without_nulls(request)))
        assert found
        alone = all(violation.rule.endswith(OURS_ALONE) or violation.rule.startswith(OURS_ALONE) for violation in found)
        assert alone or not oracles_take(schema.without_nulls(request))
        return False
    assert not found
    assert "null" not in json.dumps(completed)
    assert oracles_take(completed)
    return True


def test_nothing_that_passes_is_refused_later_whatever_stands_in_one_place() -> None:
    assert agree(WHOLE)
    assert agree(REQUEST)
    verdicts = [agree(changed(WHOLE, (path, value))) for path in PATHS for value in WRONG]
    assert 50 < sum(verdicts) < len(verdicts) / 2


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(WRONG)), min_size=2, max_size=6))
def test_nothing_that_passes_is_refused_later_whatever_stands_in_some_places(
    changes: list[tuple[tuple[str | int, ...], object]],
) -> None:
    agree(changed(WHOLE, *changes))
