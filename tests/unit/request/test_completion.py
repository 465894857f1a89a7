"""Execution inputs completed from the construct's defaults, and refused where they reach too far."""

from __future__ import annotations

import json
from typing import cast

import pytest

from entities_job.contracts import JobRequest, Settings
from entities_job.errors import RequestRefused
from entities_job.request import completion
from tests import payloads

RECOGNIZER = "arn:aws:comprehend:us-east-1:111122223333:entity-recognizer/r"
FLYWHEEL = "arn:aws:comprehend:us-east-1:111122223333:flywheel/f"
REQUEST: JobRequest = {
    "LanguageCode": "en",
    "DataAccessRoleArn": "arn:aws:iam::111122223333:role/data",
    "InputDataConfig": {"InputFormat": "ONE_DOC_PER_FILE"},
    "OutputDataConfig": {"S3Uri": "s3://out-bucket/jobs/", "KmsKeyId": "key-1"},
    "VolumeKmsKeyId": "key-2",
}
SETTINGS: Settings = {
    **payloads.SETTINGS,
    "Request": REQUEST,
    "InputUris": ["s3://in-bucket/input/"],
    "StagingUri": "s3://in-bucket/staging/",
}
DATA = {"S3Uri": "s3://in-bucket/input/a/"}


def complete(given: object, *, allowed: list[str] | None = None, **settings: object) -> dict[str, object]:
    own = cast(Settings, {**SETTINGS, "AllowedOverrides": allowed or [], **settings})
    return dict(completion.complete(given, own))


def asking(**fields: object) -> dict[str, object]:
    return {"InputDataConfig": DATA, **fields}


def test_only_the_input_uri_is_needed() -> None:
    assert complete(asking()) == {**REQUEST, "InputDataConfig": {**DATA, "InputFormat": "ONE_DOC_PER_FILE"}}


def test_the_callers_fields_win_and_the_defaults_stay_as_they_are() -> None:
    data = {"S3Uri": "s3://in-bucket/input/b/", "InputFormat": "ONE_DOC_PER_LINE"}
    request = complete({"InputDataConfig": data, "LanguageCode": "es", "JobName": "mine"})
    assert (request["InputDataConfig"], request["LanguageCode"], request["JobName"]) == (data, "es", "mine")
    assert REQUEST["InputDataConfig"] == {"InputFormat": "ONE_DOC_PER_FILE"}


@pytest.mark.parametrize(
    "given",
    [
        asking(LanguageCode=None, JobName=None, Tags=None, VolumeKmsKeyId=None, VpcConfig=None, Unknown=None),
        {"InputDataConfig": {**DATA, "InputFormat": None, "DocumentReaderConfig": None}},
        asking(OutputDataConfig=None),
        asking(OutputDataConfig={"KmsKeyId": None}),
        asking(OutputDataConfig={"S3Uri": "s3://out-bucket/jobs/", "KmsKeyId": None}),
        asking(EntityRecognizerArn=None, FlywheelArn=None),
    ],
)
def test_a_null_is_an_absent_field_at_any_depth(given: object) -> None:
    assert complete(given) == complete(asking())


def test_no_null_reaches_the_completed_request() -> None:
    reader = {"DocumentReadAction": "TEXTRACT_DETECT_DOCUMENT_TEXT", "DocumentReadMode": None, "FeatureTypes": None}
    given = {
        "InputDataConfig": {**DATA, "DocumentReaderConfig": reader},
        "EntityRecognizerArn": RECOGNIZER,
        "Tags": [{"Key": "a", "Value": None}, {"Key": "b", "Value": ""}],
    }
    request = complete(given, allowed=["EntityRecognizerArn", "Tags"])
    assert "null" not in json.dumps(request)
    assert request["Tags"] == [{"Key": "a"}, {"Key": "b", "Value": ""}]


@pytest.mark.parametrize(
    ("chosen", "other"), [("FlywheelArn", "EntityRecognizerArn"), ("EntityRecognizerArn", "FlywheelArn")]
)
def test_the_callers_model_replaces_the_constructs(chosen: str, other: str) -> None:
    arns = {"EntityRecognizerArn": RECOGNIZER, "FlywheelArn": FLYWHEEL}
    default = {**REQUEST, other: arns[other]}
    request = complete(asking(**{chosen: arns[chosen]}), allowed=[chosen], Request=default)
    assert other not in request
    assert request[chosen] == arns[chosen]
    kept = complete(asking(**{chosen: None}), Request=default)
    assert kept[other] == arns[other]


@pytest.mark.parametrize(
    "field", ["EntityRecognizerArn", "FlywheelArn", "VolumeKmsKeyId", "Tags", "LanguageCode", "InputDataConfig"]
)
@pytest.mark.parametrize("wrong", [[], {}, 0, False, ""])
def test_a_wrong_value_is_refused_even_if_it_is_empty(field: str, wrong: object) -> None:
    if field == "Tags" and wrong == []:
        assert complete(asking(Tags=[]), allowed=["Tags"])["Tags"] == []
        return
    other = {"FlywheelArn": FLYWHEEL} if field == "EntityRecognizerArn" else {}
    with pytest.raises(RequestRefused, match=rf"- {field}"):
        complete(asking(**{**other, field: wrong}), allowed=[field, "FlywheelArn"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("DataAccessRoleArn", "arn:aws:iam::111122223333:role/admin"),
        ("VolumeKmsKeyId", "key-3"),
        ("EntityRecognizerArn", RECOGNIZER),
        ("FlywheelArn", FLYWHEEL),
        ("Tags", [{"Key": "a"}]),
        ("OutputDataConfig", {"S3Uri": "s3://elsewhere/", "KmsKeyId": "key-1"}),
        ("VpcConfig", {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}),
    ],
)
def test_protected_fields_need_permission(field: str, value: object) -> None:
    with pytest.raises(RequestRefused, match=f"{field}: can't be overridden"):
        complete(asking(**{field: value}))
    assert complete(asking(**{field: value}), allowed=[field])[field] == value


@pytest.mark.parametrize("own", [{"VolumeKmsKeyId": "key-2"}, {"OutputDataConfig": {"KmsKeyId": "key-1"}}])
def test_a_protected_field_may_repeat_the_default(own: dict[str, object]) -> None:
    assert complete(asking(**own)) == complete(asking())


def test_newer_values_pass_in_their_own_field_only() -> None:
    newer = {"LanguageCode": ["sv"]}
    assert complete(asking(LanguageCode="sv"), AcceptedValues=newer)["LanguageCode"] == "sv"
    with pytest.raises(RequestRefused, match=r"InputDataConfig\.InputFormat: must be one of"):
        complete({"InputDataConfig": {**DATA, "InputFormat": "sv"}}, AcceptedValues=newer)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://in-bucket/",
        "s3://in-bucket/inputs/",
        "s3://in-bucket/staging/x/documents/",
        "s3://out-bucket/work/",
        "s3://other-bucket/input/",
    ],
)
def test_the_input_stays_within_its_prefixes(uri: str) -> None:
    with pytest.raises(RequestRefused, match="must be under s3://in-bucket/input/"):
        complete({"InputDataConfig": {"S3Uri": uri}})


@pytest.mark.parametrize(
    "path",
    ["", "claims/", "dispatcher/note.json", "b/manifest/", "b/documents/../manifest/", "b/documents/a.txt", "//"],
)
def test_of_the_staging_prefix_only_a_whole_batch_is_an_input(path: str) -> None:
    uris = [*SETTINGS["InputUris"], SETTINGS["StagingUri"]]
    batch = {"S3Uri": f"{SETTINGS['StagingUri']}En-20260101T000000-1/documents/"}
    assert complete({"InputDataConfig": batch}, InputUris=uris)["InputDataConfig"] == {
        **batch,
        "InputFormat": "ONE_DOC_PER_FILE",
    }
    with pytest.raises(RequestRefused, match="must be a complete batch of uploads"):
        complete({"InputDataConfig": {"S3Uri": f"{SETTINGS['StagingUri']}{path}"}}, InputUris=uris)


@pytest.mark.parametrize("given", [None, [], "s3://in-bucket/input/", 5])
def test_an_input_that_is_no_object_is_refused(given: object) -> None:
    with pytest.raises(RequestRefused, match="must be an object"):
        complete(given)


@pytest.mark.parametrize("data", [None, 5, {}, {"S3Uri": None}, {"S3Uri": 5}])
def test_a_missing_or_malformed_input_uri_is_refused(data: object) -> None:
    with pytest.raises(RequestRefused, match=r"InputDataConfig"):
        complete({"InputDataConfig": data})


def test_a_deeply_nested_input_is_refused_like_any_other() -> None:
    deep: object = None
    for _ in range(50_000):
        deep = [deep]
    with pytest.raises(RequestRefused, match="JobName: must be a string"):
        complete(asking(JobName=deep))


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(RequestRefused) as refused:
        complete({"InputDataConfig": {"S3Uri": "s3://x/"}, "LanguageCode": "xx", "VolumeKmsKeyId": "alias/k"})
    for part in ("can't be overridden", "must be under", "S3Uri: must match", "LanguageCode", "alias"):
        assert part in str(refused.value)
