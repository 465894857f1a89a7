"""Errors under the services' own codes, as Step Functions' Retry and Catch name them."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from entities_job.errors import ServiceError, hint, named


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("ThrottlingException", "ThrottlingException"),
        # A class's name has letters and digits only; SQS and EC2 answer codes with dots.
        ("AWS.SimpleQueueService.NonExistentQueue", "AWSSimpleQueueServiceNonExistentQueue"),
        ("InvalidVpcID.NotFound", "InvalidVpcIDNotFound"),
        ("404", "404"),
        ("...", "ServiceError"),
    ],
)
def test_an_error_has_the_class_of_its_code(code: str, name: str) -> None:
    error = named(ClientError({"Error": {"Code": code, "Message": "why"}}, "Operation"))
    assert (type(error).__name__, isinstance(error, ServiceError)) == (name, True)
    assert "why" in str(error)


def test_an_answer_without_a_code_is_a_service_error() -> None:
    assert type(named(ClientError({}, "Operation"))).__name__ == "ServiceError"


@pytest.mark.parametrize(
    ("code", "message", "part"),
    [
        ("AccessDeniedException", "", "lacks a permission"),
        ("AccessDenied", "", "lacks a permission"),
        ("JobFailed", "NO_WRITE_ACCESS_TO_OUTPUT: no: really", "s3:PutObject"),
        ("TooManyRequestsException", "", "quota"),
    ],
)
def test_a_hint_is_found_by_code_or_by_the_code_that_begins_the_message(code: str, message: str, part: str) -> None:
    assert part in str(hint(code, message))


def test_an_error_that_says_it_all_has_no_hint() -> None:
    assert hint("Oops", "an Exception: of its own") is None
