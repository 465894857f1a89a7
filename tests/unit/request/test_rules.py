"""The rules against requests generated from botocore's model, and against each way to break one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entities_job.request.rules import explain, regions, violations
from tests.strategies import BREAKS, valid_requests

REQUEST: dict[str, Any] = {
    "LanguageCode": "en",
    "DataAccessRoleArn": "arn:aws:iam::111122223333:role/data",
    "InputDataConfig": {"S3Uri": "s3://in-bucket/in/", "InputFormat": "ONE_DOC_PER_FILE"},
    "OutputDataConfig": {"S3Uri": "s3://out-bucket/jobs/"},
}


@settings(max_examples=150)
@given(request=valid_requests())
def test_a_request_that_keeps_the_rules_passes(request: dict[str, Any]) -> None:
    assert violations(request, region="eu-west-1") == []


@settings(max_examples=150)
@given(request=valid_requests(), name=st.sampled_from(sorted(BREAKS)))
def test_each_broken_rule_names_its_field(request: dict[str, Any], name: str) -> None:
    field, change = BREAKS[name]
    assert field in [violation.field for violation in violations(change(request))]


@pytest.mark.parametrize("name", sorted(BREAKS))
def test_a_broken_rule_is_the_only_one_reported(name: str) -> None:
    field, change = BREAKS[name]
    found = {violation.field for violation in violations(change(REQUEST))}
    # A document reader without a recognizer breaks that rule as well, whatever its own fault.
    assert found - {"InputDataConfig.DocumentReaderConfig"} <= {field}
    assert found


def test_all_violations_are_reported_at_once_with_value_rule_and_source() -> None:
    request = {**REQUEST, "LanguageCode": "xx", "VolumeKmsKeyId": "alias/k", "Langage": "en"}
    text = explain(violations(request, region="us-west-1"))
    for part in (
        "LanguageCode: must be one of en, es",
        "got 'xx'",
        "LanguageCode)",
        "alias",
        "did you mean",
        "Region:",
    ):
        assert part in text


def test_values_that_are_not_known_yet_pass() -> None:
    request = {**REQUEST, "DataAccessRoleArn": "${Token[1]}", "LanguageCode": "${Token[2]}", "Tags": ["${Token[3]}"]}
    assert violations(request, region="${Token[4]}", is_token=lambda value: "Token" in str(value)) == []


def test_a_newer_value_passes_where_it_is_accepted() -> None:
    request = {**REQUEST, "LanguageCode": "nl"}
    assert violations(request)
    assert violations(request, accepted=frozenset({"nl"})) == []


def test_unicode_classes_of_a_pattern_are_kept() -> None:
    assert violations({**REQUEST, "JobName": "été Ⅷ あ\u3000x"}) == []
    assert violations({**REQUEST, "JobName": "tab\there"})
    assert violations({**REQUEST, "JobName": "line\n"})


def test_regions_are_those_with_comprehend() -> None:
    assert {"us-east-1", "eu-central-1", "us-gov-west-1"} <= regions()
    assert not {"us-west-1", "eu-north-1", "cn-north-1", "sa-east-1"} & regions()


@pytest.mark.parametrize("request_", [None, 5, "x", []])
def test_something_that_is_no_request_is_named(request_: Any) -> None:
    assert violations(request_)[0].rule == "must be an object"
