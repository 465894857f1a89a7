"""Execution inputs completed from the construct's defaults, and refused where they reach too far."""

from __future__ import annotations

from typing import Any

import pytest

from entities_job.errors import RequestRefused
from entities_job.request.completion import complete

RECOGNIZER = "arn:aws:comprehend:us-east-1:111122223333:entity-recognizer/r"
FLYWHEEL = "arn:aws:comprehend:us-east-1:111122223333:flywheel/f"
SETTINGS: dict[str, Any] = {
    "Request": {
        "LanguageCode": "en",
        "DataAccessRoleArn": "arn:aws:iam::111122223333:role/data",
        "InputDataConfig": {"InputFormat": "ONE_DOC_PER_FILE"},
        "OutputDataConfig": {"S3Uri": "s3://out-bucket/jobs/", "KmsKeyId": "key-1"},
        "VolumeKmsKeyId": "key-2",
    },
    "InputUris": ["s3://in-bucket/input/"],
    "StagingUri": "s3://in-bucket/staging/",
    "AllowedOverrides": [],
    "AcceptedValues": [],
}


def asking(**fields: Any) -> dict[str, Any]:
    return {"InputDataConfig": {"S3Uri": "s3://in-bucket/input/a/"}, **fields}


def test_only_the_input_uri_is_needed() -> None:
    request = complete(asking(), SETTINGS)
    assert request == {
        **SETTINGS["Request"],
        "InputDataConfig": {"S3Uri": "s3://in-bucket/input/a/", "InputFormat": "ONE_DOC_PER_FILE"},
    }


def test_the_callers_fields_win_and_the_defaults_stay_as_they_are() -> None:
    data = {"S3Uri": "s3://in-bucket/input/b/", "InputFormat": "ONE_DOC_PER_LINE"}
    request = complete({"InputDataConfig": data, "LanguageCode": "es", "JobName": "mine"}, SETTINGS)
    assert (request["InputDataConfig"], request["LanguageCode"], request["JobName"]) == (data, "es", "mine")
    assert SETTINGS["Request"]["InputDataConfig"] == {"InputFormat": "ONE_DOC_PER_FILE"}


def test_the_callers_flywheel_replaces_the_constructs_recognizer() -> None:
    default = {**SETTINGS["Request"], "EntityRecognizerArn": RECOGNIZER}
    settings = {**SETTINGS, "Request": default, "AllowedOverrides": ["FlywheelArn"]}
    request = complete(asking(FlywheelArn=FLYWHEEL), settings)
    assert "EntityRecognizerArn" not in request
    assert request["FlywheelArn"] == FLYWHEEL


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("DataAccessRoleArn", "arn:aws:iam::111122223333:role/admin"),
        ("VolumeKmsKeyId", "key-3"),
        ("EntityRecognizerArn", RECOGNIZER),
        ("FlywheelArn", FLYWHEEL),
        ("Tags", [{"Key": "a"}]),
        ("OutputDataConfig", {"S3Uri": "s3://elsewhere/"}),
        ("VpcConfig", {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}),
    ],
)
def test_fields_that_widen_rights_need_leave(field: str, value: Any) -> None:
    with pytest.raises(RequestRefused, match=f"{field}: can't be overridden"):
        complete(asking(**{field: value}), SETTINGS)
    allowed = complete(asking(**{field: value}), {**SETTINGS, "AllowedOverrides": [field]})
    assert allowed[field] == value or allowed[field] == {**SETTINGS["Request"].get(field, {}), **value}


def test_a_protected_field_may_repeat_the_default() -> None:
    assert complete(asking(VolumeKmsKeyId="key-2"), SETTINGS)["VolumeKmsKeyId"] == "key-2"


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
    with pytest.raises(RequestRefused, match="must lie under s3://in-bucket/input/"):
        complete({"InputDataConfig": {"S3Uri": uri}}, SETTINGS)


@pytest.mark.parametrize(
    "path",
    ["", "claims/", "dispatcher/note.json", "b/manifest/", "b/documents/../manifest/", "b/documents/a.txt", "//"],
)
def test_of_the_staging_prefix_only_a_whole_batch_is_an_input(path: str) -> None:
    settings = {**SETTINGS, "InputUris": [*SETTINGS["InputUris"], SETTINGS["StagingUri"]]}
    batch = {"InputDataConfig": {"S3Uri": f"{SETTINGS['StagingUri']}En-20260101T000000-1/documents/"}}
    assert complete(batch, settings)["InputDataConfig"]["S3Uri"] == batch["InputDataConfig"]["S3Uri"]
    with pytest.raises(RequestRefused, match="must be a whole batch of uploads"):
        complete({"InputDataConfig": {"S3Uri": f"{SETTINGS['StagingUri']}{path}"}}, settings)


@pytest.mark.parametrize("given", [None, [], "s3://in-bucket/input/", 5])
def test_an_input_that_is_no_object_is_refused(given: Any) -> None:
    with pytest.raises(RequestRefused, match="must be an object"):
        complete(given, SETTINGS)


@pytest.mark.parametrize("data", [None, 5, {}, {"S3Uri": None}, {"S3Uri": 5}])
def test_a_missing_or_malformed_input_uri_is_refused(data: Any) -> None:
    with pytest.raises(RequestRefused, match=r"InputDataConfig"):
        complete({"InputDataConfig": data}, SETTINGS)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(RequestRefused) as refused:
        complete({"InputDataConfig": {"S3Uri": "s3://x/"}, "LanguageCode": "xx", "VolumeKmsKeyId": "alias/k"}, SETTINGS)
    for part in ("can't be overridden", "must lie under", "S3Uri: must match", "LanguageCode", "alias"):
        assert part in str(refused.value)
