"""Custom recognizers and semi-structured input in the Comprehend emulator."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.pdf import pdf
from tests.rehearsal.comprehend_fake import (
    FLYWHEEL,
    LIST,
    RECOGNIZER,
    REQUEST,
    Emulator,
    code_of,
)


@pytest.mark.parametrize("model", [{"EntityRecognizerArn": RECOGNIZER}, {"FlywheelArn": FLYWHEEL}])
def test_custom_jobs_return_only_their_types_in_whatever_language(emulator: Emulator, model: dict[str, str]) -> None:
    [arn] = model.values()
    emulator.admin.add_recognizer(arn, LIST)
    answer = emulator.client.start_entities_detection_job(**(REQUEST | model | {"LanguageCode": "ja"}))
    assert ":entity-recognizer/pioneers" in answer["EntityRecognizerArn"]
    job = emulator.until(answer["JobId"], "COMPLETED")
    assert model.items() <= job.items()
    types = {entity["Type"] for record in emulator.records(job) for entity in record["Entities"]}
    assert types == {"PIONEER", "CITY"}


@pytest.mark.parametrize("code", ["ResourceUnavailableException", "ResourceNotFoundException"])
def test_a_recognizer_that_is_not_trained(emulator: Emulator, code: str) -> None:
    emulator.admin.configure(untrained_recognizer=code)
    emulator.admin.add_recognizer(RECOGNIZER, LIST, status="TRAINING")
    request = REQUEST | {"EntityRecognizerArn": RECOGNIZER}
    assert code_of(lambda: emulator.client.start_entities_detection_job(**request)) == (code, 400)
    assert emulator.admin.recognizers() == {RECOGNIZER: "TRAINING"}


@pytest.fixture
def papers(emulator: Emulator) -> Emulator:
    """An emulator with semi-structured input and a recognizer for it."""
    emulator.aws.objects = {"in/a.pdf": pdf(["Ada Lovelace"]), "in/b.png": b"", "in/c.txt": b"London"}
    emulator.aws.metadata = {"in/b.png": {"text": "Ada%20Lovelace"}}
    emulator.admin.add_recognizer(RECOGNIZER, LIST)
    return emulator


READER = {"DocumentReadAction": "TEXTRACT_DETECT_DOCUMENT_TEXT"}


def with_reader(reader: dict[str, Any] = READER, **changes: Any) -> dict[str, Any]:
    asked = REQUEST["InputDataConfig"] | {"DocumentReaderConfig": reader}
    return {"InputDataConfig": asked, "EntityRecognizerArn": RECOGNIZER} | changes


def test_semi_structured_documents_have_a_file_each(papers: Emulator) -> None:
    job = papers.run(**with_reader())
    assert job["InputDataConfig"]["DocumentReaderConfig"] == READER
    found = {name: json.loads(content) for name, content in papers.result(job).items()}
    assert sorted(found) == ["a.pdf_NativePDF.out", "b.png_Image.out", "c.txt_PlainText.out"]
    assert [entity["Type"] for name in sorted(found) for entity in found[name]["Entities"]] == [
        "PIONEER",
        "PIONEER",
        "CITY",
    ]


def test_pages_have_errors_of_their_own(papers: Emulator) -> None:
    errors = [{"Page": 1, "ErrorCode": "TEXTRACT_BAD_PAGE", "ErrorMessage": "bad"}]
    papers.admin.spoil_jobs(page_errors={"a.pdf": errors})
    found = json.loads(papers.result(papers.run(**with_reader()))["a.pdf_NativePDF.out"])
    assert (found["Errors"], found["Entities"]) == (errors, [])


@pytest.mark.parametrize(("setting", "kind"), [("object", dict), ("array", list)])
def test_scanned_documents_of_many_pages(papers: Emulator, setting: str, kind: type) -> None:
    papers.admin.configure(scanned_output=setting)
    papers.aws.objects = {"in/scan.pdf": pdf([], [])}
    result = papers.result(papers.run(**with_reader()))
    assert isinstance(json.loads(result["scan.pdf_ScannedPDF.out"]), kind)


@pytest.mark.parametrize(("setting", "status"), [("role", "FAILED"), ("caller", "COMPLETED")])
def test_whose_textract_rights_count(papers: Emulator, setting: str, status: str) -> None:
    papers.admin.configure(textract_principal=setting)
    papers.aws.forbidden = {"textract:DetectDocumentText"}
    assert papers.run(**with_reader())["JobStatus"] == status


def test_semi_structured_input_has_limits_of_its_own(papers: Emulator) -> None:
    papers.admin.configure(maximum_semi_structured_files=2)
    assert papers.run(**with_reader())["Message"].startswith("TOO_MANY_DOCUMENTS")
    lines = {"S3Uri": "s3://documents/in/", "InputFormat": "ONE_DOC_PER_LINE"}
    job = papers.run(InputDataConfig=lines, EntityRecognizerArn=RECOGNIZER)
    assert job["Message"].startswith("UNSUPPORTED_INPUT_FORMAT")


@pytest.mark.parametrize(
    "changes",
    [
        with_reader(EntityRecognizerArn=None),
        with_reader({"DocumentReadAction": "TEXTRACT_ANALYZE_DOCUMENT"}),
        with_reader(READER | {"FeatureTypes": ["FORMS"]}),
        {
            "InputDataConfig": {
                "S3Uri": "s3://documents/in/a.pdf",
                "InputFormat": "ONE_DOC_PER_LINE",
                "DocumentReaderConfig": READER,
            },
            "EntityRecognizerArn": RECOGNIZER,
        },
    ],
)
def test_rules_of_the_document_reader(papers: Emulator, changes: dict[str, Any]) -> None:
    refused = code_of(lambda: papers.client.start_entities_detection_job(**(REQUEST | changes)))
    assert refused == ("InvalidRequestException", 400)
    papers.admin.configure(document_reader_rules="ignored")
    assert papers.start(**changes)


def test_a_pdf_is_no_document_for_the_built_in_model(papers: Emulator) -> None:
    papers.aws.objects["in/a.pdf"] += b"\xff"
    papers.admin.configure(under_minimum="accepted")
    [first, *_] = papers.records(papers.run())
    assert (first["File"], first["ErrorCode"]) == ("a.pdf", "UNSUPPORTED_ENCODING")
