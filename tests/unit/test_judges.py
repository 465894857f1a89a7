"""One verdict: the rules of construct and functions judge requests as the emulator's own checks do."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from entities_job.errors import RequestRefused
from entities_job.request.completion import complete
from entities_job.request.rules import violations
from local.comprehend.checks import check_start
from local.comprehend.errors import ServiceError
from local.comprehend.schema import check, without_nulls
from local.comprehend.settings import Settings
from tests.strategies import BREAKS, valid_requests

OURS_ALONE = {"output under input"}
"""Rules beyond the API's own: the service would take such a request and waste the job."""

_many = settings(max_examples=700)


def emulator_takes(request: dict[str, Any]) -> bool:
    """Whether the emulator's checks let a request pass."""
    body = without_nulls(request)
    try:
        check("StartEntitiesDetectionJob", body, "InvalidRequestException")
        check_start(body, Settings())
    except ServiceError:
        return False
    return True


def start_job_takes(request: dict[str, Any]) -> bool:
    """Whether InspectInput lets a request pass, whatever the construct would allow."""
    own: Any = {
        "Request": {},
        "InputUris": ["s3://"],
        "StagingUri": "s3://in/staging/",
        "AllowedOverrides": list(request),
        "AcceptedValues": {},
    }
    try:
        complete(request, own)
    except RequestRefused:
        return False
    return True


@_many
@given(request=valid_requests())
def test_valid_requests_pass_everywhere(request: dict[str, Any]) -> None:
    assert violations(request) == []
    assert start_job_takes(request)
    assert emulator_takes(request)


@_many
@given(request=valid_requests(), name=st.sampled_from(sorted(set(BREAKS) - OURS_ALONE)))
def test_invalid_requests_are_refused_everywhere(request: dict[str, Any], name: str) -> None:
    broken = BREAKS[name][1](request)
    assert violations(broken)
    assert not start_job_takes(broken)
    assert not emulator_takes(broken)


@_many
@given(request=valid_requests(), name=st.sampled_from(sorted(OURS_ALONE)))
def test_what_only_we_refuse_is_refused_before_the_start(request: dict[str, Any], name: str) -> None:
    broken = BREAKS[name][1](request)
    assert violations(broken)
    assert not start_job_takes(broken)
