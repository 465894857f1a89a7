"""The rules against each way to break one, and the text of a refusal."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from bench.conformance import parameters
from entities_job.request.model import regions
from entities_job.request.rules import Excerpt, explain, field_of, is_custom, remarks, violations
from tests.strategies import BREAKS
from tests.unit.request.whole import KEY, RECOGNIZER, REQUEST, WHOLE


def fields(request: object, **more: Any) -> list[str]:
    return [violation.field for violation in violations(request, **more)]


@pytest.mark.parametrize("name", sorted(BREAKS))
def test_a_broken_rule_is_the_only_one_reported(name: str) -> None:
    field, change = BREAKS[name]
    # A document reader without a recognizer breaks that rule as well, whatever its own fault.
    assert set(fields(change(REQUEST))) - {"InputDataConfig.DocumentReaderConfig"} <= {field}
    assert field in fields(change(REQUEST))


# --- Rules of their own ---


@pytest.mark.parametrize(
    ("source", "target", "under"),
    [
        ("s3://bucket/in/", "s3://bucket/in/out/", True),
        ("s3://bucket/in/", "s3://bucket/in/", True),
        ("s3://bucket/in/", "s3://bucket/in", True),
        ("s3://bucket/in", "s3://bucket/in-results/", True),
        ("s3://bucket/in", "s3://bucket/in/", True),
        ("s3://bucket/in/a.txt", "s3://bucket/in/a.txt/out/", True),
        ("s3://bucket", "s3://bucket/out/", True),
        ("s3://bucket/", "s3://bucket", True),
        ("s3://bucket/in/", "s3://bucket/in-results/", False),
        ("s3://bucket/in//", "s3://bucket/in/out/", False),
        ("s3://bucket/in/", "s3://bucket/", False),
        ("s3://bucket/in/deep/", "s3://bucket/in/", False),
        ("s3://bucket", "s3://bucket2/out/", False),
        ("s3://bucket/in/", "s3://bucket-2/in/out/", False),
        ("s3://bucket/In/", "s3://bucket/in/out/", False),
    ],
)
def test_output_under_input_is_a_matter_of_string_prefixes(source: str, target: str, under: bool) -> None:
    request = {**REQUEST, "InputDataConfig": {"S3Uri": source}, "OutputDataConfig": {"S3Uri": target}}
    assert fields(request) == (["OutputDataConfig.S3Uri"] if under else [])


@pytest.mark.parametrize(
    ("key", "for_volume", "for_output"),
    [
        ("1234abcd-12ab-34cd-56ef-1234567890ab", True, True),
        (KEY, True, True),
        ("arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-1", True, True),
        ("alias/mine", False, True),
        ("arn:aws:kms:us-east-1:111122223333:alias/mine", False, True),
        ("arn:aws:s3:::bucket", False, False),
        ("arn:aws:kms:us-east-1:111122223333:key/", False, False),
    ],
)
def test_formats_of_keys(key: str, for_volume: bool, for_output: bool) -> None:
    assert fields({**REQUEST, "VolumeKmsKeyId": key}) == ([] if for_volume else ["VolumeKmsKeyId"])
    output = {**REQUEST["OutputDataConfig"], "KmsKeyId": key}
    assert fields({**REQUEST, "OutputDataConfig": output}) == ([] if for_output else ["OutputDataConfig.KmsKeyId"])


def test_newer_values_pass_in_the_field_that_accepts_them() -> None:
    newer = {"LanguageCode": ["nl"], "InputDataConfig.DocumentReaderConfig.FeatureTypes": ["LAYOUT"]}
    request = {**copy.deepcopy(WHOLE), "LanguageCode": "nl"}
    request["InputDataConfig"]["DocumentReaderConfig"]["FeatureTypes"] = ["LAYOUT"]
    assert fields(request, accepted=newer) == []
    assert fields(request) == ["LanguageCode", "InputDataConfig.DocumentReaderConfig.FeatureTypes[0]"]
    assert fields({**REQUEST, "LanguageCode": "LAYOUT"}, accepted=newer) == ["LanguageCode"]


@pytest.mark.parametrize(
    ("model", "language", "remarked"),
    [
        ({"EntityRecognizerArn": RECOGNIZER}, "ja", True),
        ({"FlywheelArn": "arn:aws:comprehend:us-east-1:111122223333:flywheel/f"}, "zh-TW", True),
        ({"EntityRecognizerArn": RECOGNIZER}, "es", False),
        ({}, "ja", False),
    ],
)
def test_a_language_that_a_recognizer_ignores_is_remarked_upon(
    model: dict[str, str], language: str, remarked: bool
) -> None:
    request = {**REQUEST, **model, "LanguageCode": language}
    assert violations(request) == []
    assert [remark.field for remark in remarks(request)] == ["LanguageCode"] * remarked


@pytest.mark.parametrize(
    ("models", "custom"),
    [
        ({}, False),
        ({"EntityRecognizerArn": None}, False),
        ({"EntityRecognizerArn": "r"}, True),
        ({"FlywheelArn": ""}, True),
    ],
)
def test_a_model_makes_a_job_custom(models: dict[str, object], custom: bool) -> None:
    assert is_custom(models) is custom


def test_a_job_may_have_50_tags_and_no_more() -> None:
    tags = [{"Key": f"key {number}", "Value": ""} for number in range(51)]
    assert fields({**REQUEST, "Tags": tags[:50]}) == []
    assert fields({**REQUEST, "Tags": tags}) == ["Tags"]


def test_values_that_are_not_known_yet_pass() -> None:
    request = {**REQUEST, "DataAccessRoleArn": "${Token[1]}", "LanguageCode": "${Token[2]}", "Tags": ["${Token[3]}"]}
    assert violations(request, region="${Token[4]}", is_token=lambda value: "Token" in str(value)) == []


def test_unicode_classes_of_a_pattern_are_kept() -> None:
    assert violations({**REQUEST, "JobName": "été Ⅷ あ\u3000x"}) == []
    assert violations({**REQUEST, "JobName": "tab\there"})
    assert violations({**REQUEST, "JobName": "line\n"})


def test_regions_are_those_with_comprehend() -> None:
    assert {"us-east-1", "eu-central-1", "us-gov-west-1"} <= regions()
    assert not {"us-west-1", "eu-north-1", "cn-north-1", "sa-east-1"} & regions()


@pytest.mark.parametrize("request_", [None, 5, "x", []])
def test_something_that_is_no_request_is_named(request_: object) -> None:
    assert violations(request_)[0].rule == "must be an object"


# --- The text of a refusal ---


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


@pytest.mark.parametrize(
    "request_",
    [
        {"x" * 200_000: 1},
        {f"Field{number}": "\x01" * 300 for number in range(1000)},
        {"\ud800": "\udfff", 'a"\n- JobName: b': [[[[["deep"] * 1000] * 1000]]]},
        {**REQUEST, "Tags": [{"Key": "k", "Value": "\U0001f600" * 300} for _ in range(500)]},
        {**REQUEST, "InputDataConfig": {"S3Uri": f"s3://{'b' * 200_000}/"}},
    ],
)
def test_a_refusal_is_short_and_one_line_a_rule_whatever_the_request(request_: dict[str, Any]) -> None:
    text = explain(violations(request_))
    assert len(json.dumps(text)) < 24 * 1024
    assert text.encode()
    assert all(line.startswith("- ") for line in text.splitlines()[1:])
    assert len(text.splitlines()) > 1


def test_an_excerpt_keeps_the_first_that_fit() -> None:
    excerpt = Excerpt[str](size=20)
    for item in ("abcd", "x" * 20, "e"):
        excerpt.add(item)
    assert (excerpt.kept, excerpt.left) == (["abcd"], 2)


@pytest.mark.parametrize("path", list(parameters()))
def test_the_field_of_a_refusal_is_in_the_apis_spelling(path: str) -> None:
    theirs = ".".join(name[0].lower() + name[1:] for name in path.replace("Tags.", "Tags.2.member.").split("."))
    message = f"1 validation error detected: Value 'x' at '{theirs}' failed to satisfy constraint: Member must not be"
    assert field_of(message) == path.replace("Tags.", "Tags[1].")
    assert field_of(explain([*violations(BREAKS["role"][1](REQUEST)), *violations({})])) == "DataAccessRoleArn"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("Value null at 'inputDataConfig.s3Uri' failed to satisfy constraint", "InputDataConfig.S3Uri"),
        ("Value 's' at 'vpcConfig.subnets.1.member' failed to satisfy constraint", "VpcConfig.Subnets[0]"),
        (explain(violations({**REQUEST, "Tags": [{"Key": "a"}, {"Key": "b", "Value": 5}]})), "Tags[1].Value"),
        (explain(violations(None)), None),
        ("NO_READ_ACCESS_TO_INPUT: the role can't read at 's3://b/x'", None),
        ("", None),
    ],
)
def test_the_field_of_a_message(message: str, field: str | None) -> None:
    assert field_of(message) == field
