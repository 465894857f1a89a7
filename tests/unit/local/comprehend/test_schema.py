"""The emulator's own check of requests, independent of the construct's rules; generated: test_agreement.py."""

from __future__ import annotations

from typing import Any

import pytest

from local.comprehend.checks import check_region, check_start
from local.comprehend.errors import ServiceError
from local.comprehend.schema import check, without_nulls
from local.comprehend.settings import Settings
from tests.strategies import BREAKS

START = "StartEntitiesDetectionJob"
REQUEST: dict[str, Any] = {
    "LanguageCode": "en",
    "DataAccessRoleArn": "arn:aws:iam::111122223333:role/data",
    "InputDataConfig": {"S3Uri": "s3://in-bucket/in/"},
    "OutputDataConfig": {"S3Uri": "s3://out-bucket/jobs/"},
}
ADVICE = {"output under input"}
"""Broken in the construct's eyes only: the service takes it."""


def judge(request: Any, **chosen: Any) -> None:
    known = Settings(**chosen)
    request = without_nulls(request)
    check(START, request, known.constraint_error)
    check_start(request, known)


@pytest.mark.parametrize("name", sorted(ADVICE))
def test_what_is_only_bad_advice_passes(name: str) -> None:
    judge(BREAKS[name][1](REQUEST))


@pytest.mark.parametrize(
    ("name", "value", "code", "text"),
    [
        (
            "LanguageCode",
            "xx",
            "InvalidRequestException",
            "at 'languageCode' failed to satisfy constraint: Member must ",
        ),
        ("LanguageCode", None, "InvalidRequestException", "Value null at 'languageCode' failed to satisfy constraint"),
        ("JobName", "", "InvalidRequestException", "have length greater than or equal to 1"),
        ("JobName", "naïve 名前 5%", None, ""),
        ("JobName", "a*b", "InvalidRequestException", "satisfy regular expression pattern"),
        ("ClientRequestToken", "a" * 65, "InvalidRequestException", "have length less than or equal to 64"),
        ("InputDataConfig", {}, "InvalidRequestException", "Value null at 'inputDataConfig.s3Uri'"),
        ("VpcConfig", {"SecurityGroupIds": [], "Subnets": ["s"]}, "InvalidRequestException", "securityGroupIds"),
        ("VpcConfig", {"SecurityGroupIds": ["g"], "Subnets": ["s/"]}, "InvalidRequestException", "subnets.1.member'"),
        ("LanguageCode", 7, "SerializationException", "NUMBER_VALUE can not be converted to a String"),
        ("LanguageCode", True, "SerializationException", "TRUE_VALUE can not be converted to a String"),
        ("LanguageCode", [], "SerializationException", "Start of list found where not expected"),
        ("JobName", {}, "SerializationException", "Start of structure or map found"),
        ("Tags", "a", "SerializationException", "Unexpected field type"),
        ("Tags", [{"Key": str(i)} for i in range(50)], None, ""),
        ("Tags", [{"Key": str(i)} for i in range(51)], "TooManyTagsException", "50 tags"),
        ("Tags", [{"Key": "a"}, {"Key": "a"}], "InvalidRequestException", "Duplicate tag keys found: a"),
        ("Tags", [{"Key": "AWS:a"}], "InvalidRequestException", "must not start with aws:"),
        ("VolumeKmsKeyId", "alias/mine", "KmsKeyValidationException", "cannot be validated"),
        ("NoSuchField", 1, None, ""),
    ],
)
def test_errors_name_field_and_rule(name: str, value: Any, code: str | None, text: str) -> None:
    if code is None:
        judge(REQUEST | {name: value})
        return
    with pytest.raises(ServiceError) as caught:
        judge(REQUEST | {name: value})
    assert (caught.value.code, caught.value.status) == (code, 400)
    assert text in caught.value.message


def test_all_broken_constraints_stand_in_one_message() -> None:
    with pytest.raises(ServiceError, match=r"^3 validation errors detected: .*; .*; ") as caught:
        judge(
            REQUEST | {"JobName": "*", "LanguageCode": "xx", "DataAccessRoleArn": None},
            constraint_error="ValidationException",
        )
    assert caught.value.code == "ValidationException"


def test_a_body_that_is_no_object_is_refused() -> None:
    with pytest.raises(ServiceError) as caught:
        judge([])
    assert caught.value.code == "SerializationException"


def test_rules_of_the_document_reader_can_be_off() -> None:
    request = BREAKS["reader without recognizer"][1](REQUEST)
    with pytest.raises(ServiceError, match="needs a custom model"):
        judge(request)
    judge(request, document_reader_rules="ignored")


@pytest.mark.parametrize(("region", "known"), [("us-east-1", True), ("us-gov-west-1", True), ("us-west-1", False)])
def test_regions_without_the_service_are_refused(region: str, known: bool) -> None:
    if known:
        check_region(region)
    else:
        with pytest.raises(ServiceError, match="not available in the Region us-west-1"):
            check_region(region)
