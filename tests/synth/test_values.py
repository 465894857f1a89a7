"""Typed properties: what they become in the request, and what is refused at synth time."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

import cdk_comprehend_entities
from cdk_comprehend_entities import (
    DocumentReader,
    EntitiesDetectionWorkflow,
    InputFormat,
    LanguageCode,
    Recognizer,
)
from entities_job.request.model import model
from tests.synth.reading import Synthesized

RECOGNIZER = "arn:aws:comprehend:us-east-1:111122223333:entity-recognizer/drugs"
FLYWHEEL = "arn:aws:comprehend:us-east-1:111122223333:flywheel/drugs"


def test_exported_names_are_sorted_and_exist() -> None:
    names = cdk_comprehend_entities.__all__
    assert names == sorted(names)
    assert all(hasattr(cdk_comprehend_entities, name) for name in names)


@pytest.mark.parametrize(("open_value", "shape"), [(LanguageCode, "LanguageCode"), (InputFormat, "InputFormat")])
def test_constants_are_the_values_of_the_api(open_value: type[LanguageCode], shape: str) -> None:
    assert {str(member) for member in open_value} == set(model()["shapes"][shape]["enum"])
    assert all(member.name == member.value.upper().replace("-", "_") for member in open_value)


@pytest.mark.parametrize(
    ("reader", "request_"),
    [
        (
            DocumentReader.detect_text(),
            {"DocumentReadAction": "TEXTRACT_DETECT_DOCUMENT_TEXT", "DocumentReadMode": "SERVICE_DEFAULT"},
        ),
        (
            DocumentReader.analyze(tables=True, forms=True, every_pdf=True),
            {
                "DocumentReadAction": "TEXTRACT_ANALYZE_DOCUMENT",
                "DocumentReadMode": "FORCE_DOCUMENT_READ_ACTION",
                "FeatureTypes": ["TABLES", "FORMS"],
            },
        ),
        (
            DocumentReader.analyze(forms=True),
            {
                "DocumentReadAction": "TEXTRACT_ANALYZE_DOCUMENT",
                "DocumentReadMode": "SERVICE_DEFAULT",
                "FeatureTypes": ["FORMS"],
            },
        ),
    ],
)
def test_document_readers(reader: DocumentReader, request_: dict[str, Any]) -> None:
    assert reader.request() == request_


def test_everything_typed_reaches_the_request() -> None:
    typed = Synthesized(
        lambda stack: EntitiesDetectionWorkflow(
            stack,
            "Entities",
            language_code=LanguageCode.ES,
            recognizer=Recognizer.from_flywheel_arn(FLYWHEEL),
            document_reader=DocumentReader.analyze(tables=True),
        )
    )
    settings = json.loads(typed.settings())["States"]["InspectInput"]["Arguments"]["Payload"]["Settings"]
    request = settings["Request"]
    assert (request["LanguageCode"], request["FlywheelArn"]) == ("es", FLYWHEEL)
    assert "EntityRecognizerArn" not in request
    assert request["InputDataConfig"]["DocumentReaderConfig"]["FeatureTypes"] == ["TABLES"]


def test_values_newer_than_the_library_pass_and_are_passed_on() -> None:
    newer = Synthesized(lambda stack: EntitiesDetectionWorkflow(stack, "Entities", language_code=LanguageCode.of("sv")))
    settings = json.loads(newer.settings())["States"]["InspectInput"]["Arguments"]["Payload"]["Settings"]
    assert settings["Request"]["LanguageCode"] == "sv"
    assert settings["AcceptedValues"]["LanguageCode"] == ["sv"]


@pytest.mark.parametrize(
    ("props", "message"),
    [
        ({"language_code": "xx"}, r"language_code \(LanguageCode\): must be one of"),
        ({"language_code": "ONE_DOC_PER_FILE"}, r"language_code \(LanguageCode\): must be one of"),
        ({"recognizer": Recognizer.from_arn("drugs")}, r"recognizer \(EntityRecognizerArn\): must match"),
        (
            {"document_reader": DocumentReader.detect_text()},
            r"document_reader \(InputDataConfig.DocumentReaderConfig\): needs a custom recognizer",
        ),
        (
            {"document_reader": DocumentReader.analyze(), "recognizer": Recognizer.from_arn(RECOGNIZER)},
            r"FeatureTypes\): must be given with TEXTRACT_ANALYZE_DOCUMENT",
        ),
        ({"tags": {f"tag{n}": "" for n in range(51)}}, "at most 50 tags"),
        ({"tags": {"aws:own": "x"}}, "must not begin with aws:"),
        ({"input_prefix": "input"}, "input_prefix: must be empty, or end in /"),
        ({"output_prefix": "/entities/"}, "output_prefix: must be empty, or end in / and not begin with it"),
        ({"allow_overrides": ["LanguageCode"]}, "allow_overrides: can contain DataAccessRoleArn"),
    ],
)
def test_fails_with_a_value_that_the_service_refuses(stack: cdk.Stack, props: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EntitiesDetectionWorkflow(stack, "Entities", **props)


def test_fails_with_all_broken_rules_at_once(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match=r"(?s)LanguageCode.*DocumentReaderConfig.*Tags"):
        EntitiesDetectionWorkflow(
            stack,
            "Entities",
            language_code="xx",
            document_reader=DocumentReader.detect_text(),
            tags={"aws:own": "x"},
        )


@pytest.mark.parametrize("field", ["output_key", "volume_key"])
def test_fails_with_an_alias_for_a_key(stack: cdk.Stack, field: str) -> None:
    alias = kms.Alias.from_alias_name(stack, "Alias", "alias/mine")
    with pytest.raises(ValueError, match=f"{field}: must be a key, not an alias"):
        EntitiesDetectionWorkflow(stack, "Entities", **{field: alias})  # type: ignore[arg-type]  # the field is a parameter


def test_fails_where_results_would_become_documents(stack: cdk.Stack) -> None:
    bucket = s3.Bucket(stack, "Bucket")
    with pytest.raises(ValueError, match="must not be under the input"):
        EntitiesDetectionWorkflow(stack, "Entities", input_bucket=bucket, input_prefix="", output_bucket=bucket)


def test_one_bucket_serves_for_both_under_two_prefixes() -> None:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        bucket = s3.Bucket(stack, "Bucket")
        return EntitiesDetectionWorkflow(
            stack, "Entities", input_bucket=bucket, output_bucket=bucket, output_prefix="entities/"
        )

    assert set(Synthesized(build).of_type("AWS::S3::Bucket")) == {"Bucket"}


def test_fails_in_a_region_without_the_service() -> None:
    stack = cdk.Stack(cdk.App(), "Stack", env=cdk.Environment(account="111122223333", region="eu-north-1"))
    with pytest.raises(ValueError, match="Comprehend is not available here"):
        EntitiesDetectionWorkflow(stack, "Entities")


def test_tokens_are_left_alone() -> None:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        def later(name: str) -> str:
            return cdk.CfnParameter(stack, name).value_as_string

        return EntitiesDetectionWorkflow(
            stack,
            "Entities",
            language_code=later("Language"),
            recognizer=Recognizer.from_arn(later("Recognizer")),
            input_prefix=later("Prefix"),
            tags={"owner": later("Owner")},
        )

    assert "<Language>" in Synthesized(build).settings()
