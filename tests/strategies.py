"""Hypothesis strategies for StartEntitiesDetectionJob requests, built from botocore's own service model."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from entities_job.request.model import model

REQUEST = "StartEntitiesDetectionJobRequest"

# Python's regular expressions know no Unicode classes; a few characters of each will do.
_CLASSES = {r"\p{L}": "a-zA-Zéßжあ", r"\p{Z}": " \u00a0\u3000", r"\p{N}": "0-9²Ⅷ", r"\p{ASCII}": r"[ -~]"}


def _pattern(shape: dict[str, Any]) -> str:
    pattern: str = shape["pattern"]
    for name, characters in _CLASSES.items():
        pattern = pattern.replace(name, characters)
    return pattern


def of_shape(name: str) -> st.SearchStrategy[Any]:
    """Values that keep every rule of one shape of the model."""
    shape = model()["shapes"][name]
    if shape["type"] == "structure":
        required = {member: of_shape(shape["members"][member]["shape"]) for member in shape.get("required", [])}
        optional = {
            member: of_shape(target["shape"]) for member, target in shape["members"].items() if member not in required
        }
        return st.fixed_dictionaries(required, optional=optional)
    if shape["type"] == "list":
        items = of_shape(shape["member"]["shape"])
        unique = (lambda tag: tag["Key"]) if name == "TagList" else None
        return st.lists(items, min_size=shape.get("min", 0), max_size=min(shape.get("max", 4), 17), unique_by=unique)
    if "enum" in shape:
        return st.sampled_from(shape["enum"])
    if "pattern" in shape:
        low, high = shape.get("min", 0), shape.get("max", 10_000)
        return st.from_regex(_pattern(shape), fullmatch=True).filter(lambda text: low <= len(text) <= high)
    return st.text(min_size=shape.get("min", 0), max_size=shape.get("max", 100))


@st.composite
def valid_requests(draw: st.DrawFn) -> dict[str, Any]:
    """Requests that keep every rule, the cross-field rules too."""
    request: dict[str, Any] = draw(of_shape(REQUEST))
    if request.get("EntityRecognizerArn") and request.get("FlywheelArn"):
        del request[draw(st.sampled_from(["EntityRecognizerArn", "FlywheelArn"]))]
    custom = "EntityRecognizerArn" in request or "FlywheelArn" in request
    reader = request["InputDataConfig"].get("DocumentReaderConfig")
    if reader is not None and not custom:
        del request["InputDataConfig"]["DocumentReaderConfig"]
    elif reader is not None:
        request["InputDataConfig"]["InputFormat"] = "ONE_DOC_PER_FILE"
        if reader["DocumentReadAction"] == "TEXTRACT_ANALYZE_DOCUMENT":
            reader.setdefault("FeatureTypes", ["TABLES"])
        else:
            reader.pop("FeatureTypes", None)
    if "alias/" in request.get("VolumeKmsKeyId", ""):
        del request["VolumeKmsKeyId"]
    request["Tags"] = [tag for tag in request.get("Tags", []) if not tag["Key"].lower().startswith("aws:")]
    request["InputDataConfig"]["S3Uri"] = "s3://in-bucket/" + draw(st.sampled_from(["in/", "in/a.txt", ""]))
    request["OutputDataConfig"]["S3Uri"] = "s3://out-bucket/" + draw(st.sampled_from(["out/", ""]))
    return request


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(request: dict[str, Any]) -> dict[str, Any]:
        changed = copy.deepcopy(request)
        *parents, last = path.split(".")
        target = changed
        for name in parents:
            target = target.setdefault(name, {})
        target[last] = value
        return changed

    return change


_ROLE = "arn:aws:iam::111122223333:role/r"
_RECOGNIZER = "arn:aws:comprehend:us-east-1:111122223333:entity-recognizer/r"
_FLYWHEEL = "arn:aws:comprehend:us-east-1:111122223333:flywheel/f"
_READER = "InputDataConfig.DocumentReaderConfig"

BREAKS: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "language": ("LanguageCode", _set("LanguageCode", "xx")),
    "language type": ("LanguageCode", _set("LanguageCode", 7)),
    "no language": ("LanguageCode", _set("LanguageCode", None)),
    "role": ("DataAccessRoleArn", _set("DataAccessRoleArn", "arn:aws:iam::1:role/r")),
    "long role": ("DataAccessRoleArn", _set("DataAccessRoleArn", _ROLE + "r" * 2048)),
    "input uri": ("InputDataConfig.S3Uri", _set("InputDataConfig.S3Uri", "http://in-bucket/in/")),
    "long input uri": ("InputDataConfig.S3Uri", _set("InputDataConfig.S3Uri", "s3://in-bucket/" + "a" * 1024)),
    "format": ("InputDataConfig.InputFormat", _set("InputDataConfig.InputFormat", "ONE_DOC")),
    "output uri": ("OutputDataConfig.S3Uri", _set("OutputDataConfig.S3Uri", "s3://B/")),
    "output under input": ("OutputDataConfig.S3Uri", _set("OutputDataConfig.S3Uri", "s3://in-bucket/in/a.txt/out/")),
    "no output": ("OutputDataConfig", _set("OutputDataConfig", None)),
    "key": ("OutputDataConfig.KmsKeyId", _set("OutputDataConfig.KmsKeyId", "schlüssel")),
    "volume alias": ("VolumeKmsKeyId", _set("VolumeKmsKeyId", "alias/mine")),
    "volume alias arn": (
        "VolumeKmsKeyId",
        _set("VolumeKmsKeyId", "arn:aws:kms:us-east-1:111122223333:alias/mine"),
    ),
    "job name": ("JobName", _set("JobName", "a*b")),
    "empty job name": ("JobName", _set("JobName", "")),
    "token": ("ClientRequestToken", _set("ClientRequestToken", "a b")),
    "long token": ("ClientRequestToken", _set("ClientRequestToken", "a" * 65)),
    "subnets": ("VpcConfig.Subnets", _set("VpcConfig", {"SecurityGroupIds": ["sg-1"], "Subnets": ["s"] * 17})),
    "no groups": ("VpcConfig.SecurityGroupIds", _set("VpcConfig", {"SecurityGroupIds": [], "Subnets": ["s"]})),
    "vpc": ("VpcConfig", _set("VpcConfig", "vpc-1")),
    "tags": ("Tags", _set("Tags", [{"Key": str(i)} for i in range(51)])),
    "same tags": ("Tags", _set("Tags", [{"Key": "a"}, {"Key": "a", "Value": "b"}])),
    "aws tag": ("Tags", _set("Tags", [{"Key": "aws:mine"}])),
    "tag value": ("Tags[0].Value", _set("Tags", [{"Key": "a", "Value": "v" * 257}])),
    "recognizer": ("EntityRecognizerArn", _set("EntityRecognizerArn", "arn:aws:comprehend:us-east-1:1:x/y")),
    "both models": (
        "FlywheelArn",
        lambda request: _set("FlywheelArn", _FLYWHEEL)(_set("EntityRecognizerArn", _RECOGNIZER)(request)),
    ),
    "reader without recognizer": (
        _READER,
        lambda request: _set(_READER, {"DocumentReadAction": "TEXTRACT_DETECT_DOCUMENT_TEXT"})(
            _without_models(request)
        ),
    ),
    "analyze without features": (
        f"{_READER}.FeatureTypes",
        _set(_READER, {"DocumentReadAction": "TEXTRACT_ANALYZE_DOCUMENT"}),
    ),
    "detect with features": (
        f"{_READER}.FeatureTypes",
        _set(_READER, {"DocumentReadAction": "TEXTRACT_DETECT_DOCUMENT_TEXT", "FeatureTypes": ["FORMS"]}),
    ),
    "reader with lines": (
        "InputDataConfig.InputFormat",
        lambda request: _set("InputDataConfig.InputFormat", "ONE_DOC_PER_LINE")(
            _set(_READER, {"DocumentReadAction": "TEXTRACT_DETECT_DOCUMENT_TEXT"})(request)
        ),
    ),
}
"""Ways to break one rule of a valid request: name to the field at fault and the change."""


def _without_models(request: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name not in ("EntityRecognizerArn", "FlywheelArn")}
