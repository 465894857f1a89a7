"""The rules of construct and functions accept and reject the same requests as the emulator's own checks."""

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

_SHARES = 4
"""Each generated request is broken in every fourth way: to generate it takes longer than to check it."""


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


@settings(max_examples=200)
@given(request=valid_requests(), share=st.integers(0, _SHARES - 1))
def test_all_accept_a_valid_request_and_reject_each_broken_one(request: dict[str, Any], share: int) -> None:
    assert violations(request, region="eu-west-1") == []
    assert start_job_takes(request)
    assert emulator_takes(request)
    for name in sorted(BREAKS)[share::_SHARES]:
        field, change = BREAKS[name]
        broken = change(request)
        assert field in [violation.field for violation in violations(broken)], name
        assert not start_job_takes(broken), name
        assert name in OURS_ALONE or not emulator_takes(broken), name
