"""Every parameter reaches the service, and every error of every operation ends as the table says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pdf import pdf
from tests.rehearsal.deployed import DOCUMENTS, Deployed

RETRIED = {
    "StartEntitiesDetectionJob": (
        "InternalServerException",
        "TooManyRequestsException",
        "ThrottlingException",
        "ResourceUnavailableException",
        "KmsKeyValidationException",
        # Started once more, under another name.
        "ResourceInUseException",
    ),
    "DescribeEntitiesDetectionJob": (
        "InternalServerException",
        "TooManyRequestsException",
        "ThrottlingException",
        # Read after write: the service may not know its new job at once.
        "JobNotFoundException",
        # A failed poll is never a failed job.
        "InvalidRequestException",
        "AccessDeniedException",
    ),
    "StopEntitiesDetectionJob": (
        "InternalServerException",
        "ThrottlingException",
        # The documented answer for a job that has ended meanwhile.
        "InvalidRequestException",
    ),
}
FINAL = {
    "StartEntitiesDetectionJob": (
        "InvalidRequestException",
        "TooManyTagsException",
        "ResourceNotFoundException",
        "AccessDeniedException",
    ),
    "StopEntitiesDetectionJob": ("JobNotFoundException", "AccessDeniedException"),
}


def cases(table: dict[str, tuple[str, ...]]) -> list[Any]:
    """One case for each operation and error, marked with what it proves."""
    return [
        pytest.param(
            operation, error, marks=pytest.mark.proves("errors", f"{operation}.{error}"), id=f"{operation}-{error}"
        )
        for operation, errors in table.items()
        for error in errors
    ]


@pytest.mark.parametrize(("operation", "error"), cases(RETRIED))
def test_an_error_that_passes_is_sat_out(workflow: Deployed, operation: str, error: str) -> None:
    comprehend = workflow.rehearsal.comprehend
    if operation.startswith("Stop"):
        comprehend.configure(job_seconds=[7200])
    comprehend.inject(operation, error, times=1 if error == "ResourceInUseException" else 2)
    ended = workflow.run()
    # A job that had to be stopped is one that took too long.
    assert ended.event["detail"]["Status"] == ("TIMED_OUT" if operation.startswith("Stop") else "COMPLETED")


@pytest.mark.parametrize(("operation", "error"), cases(FINAL))
def test_an_error_that_stays_ends_the_execution_under_its_own_name(
    workflow: Deployed, operation: str, error: str
) -> None:
    comprehend = workflow.rehearsal.comprehend
    if operation.startswith("Stop"):
        comprehend.configure(job_seconds=[7200])
    comprehend.inject(operation, error, times=20, message="because of the test")
    ended = workflow.run()
    assert (ended.status, ended.error) == ("FAILED", error)
    assert "because of the test" in str(ended.cause)
    detail = ended.event["detail"]
    assert (detail["Status"], detail["Error"]["Code"]) == ("FAILED", error)


@pytest.mark.parametrize("error", ["TooManyRequestsException", "ThrottlingException"])
def test_a_start_waits_long_for_a_free_slot(workflow: Deployed, error: str) -> None:
    # The function's client makes four attempts, so that the task fails twelve times: other errors may fail it eight.
    workflow.rehearsal.comprehend.inject("StartEntitiesDetectionJob", error, times=48)
    assert workflow.run().output["Status"] == "COMPLETED"


@pytest.mark.proves(
    "parameters",
    "InputDataConfig",
    "InputDataConfig.S3Uri",
    "InputDataConfig.InputFormat",
    "OutputDataConfig",
    "OutputDataConfig.S3Uri",
    "OutputDataConfig.KmsKeyId",
    "DataAccessRoleArn",
    "LanguageCode",
    "VolumeKmsKeyId",
)
def test_the_constructs_parameters_reach_the_service(workflow: Deployed) -> None:
    uri = workflow.put(DOCUMENTS)
    job = workflow.run({"InputDataConfig": {"S3Uri": uri}}).output["Job"]
    outputs = workflow.outputs
    assert job["InputDataConfig"] == {"S3Uri": uri, "InputFormat": "ONE_DOC_PER_FILE"}
    assert job["OutputDataConfig"]["S3Uri"].startswith(f"s3://{outputs['OutputBucket']}/jobs/")
    assert job["OutputDataConfig"]["KmsKeyId"] == outputs["OutputKeyArn"]
    assert job["VolumeKmsKeyId"] == outputs["VolumeKeyArn"]
    assert (job["LanguageCode"], job["DataAccessRoleArn"]) == ("en", outputs["DataAccessRoleArn"])


@pytest.mark.proves(
    "parameters",
    "ClientRequestToken",
    "JobName",
    "LanguageCode",
    "Tags",
    "Tags.Key",
    "Tags.Value",
    "VpcConfig",
    "VpcConfig.SecurityGroupIds",
    "VpcConfig.Subnets",
)
def test_the_executions_parameters_reach_the_service(workflow: Deployed) -> None:
    # The role of a workflow without a VPC has no rights on network interfaces.
    workflow.rehearsal.comprehend.configure(network_rights="ignored")
    asked = {
        "InputDataConfig": {"S3Uri": workflow.put(DOCUMENTS)},
        "ClientRequestToken": "my-token",
        "JobName": "été / 1",
        "LanguageCode": "es",
        "Tags": [{"Key": "team", "Value": "research"}],
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]},
    }
    ended = workflow.run(asked)
    [job] = [j for j in workflow.rehearsal.comprehend.jobs() if j["JobId"] == ended.output["Job"]["JobId"]]
    for name, value in asked.items():
        if name != "InputDataConfig":
            assert job["Request"][name] == value


@pytest.mark.proves("parameters", "EntityRecognizerArn")
def test_a_recognizer_finds_its_own_types_only(workflow: Deployed) -> None:
    arn = "arn:aws:comprehend:us-east-1:000000000000:entity-recognizer/engines/version/v1"
    workflow.rehearsal.comprehend.add_recognizer(arn, "Text,Type\nAda Lovelace,PIONEER\n")
    ended = workflow.run({"InputDataConfig": {"S3Uri": workflow.put(DOCUMENTS)}, "EntityRecognizerArn": arn})
    assert set(ended.output["Counts"]["EntitiesByType"]) == {"PIONEER"}
    assert ended.output["Job"]["EntityRecognizerArn"] == arn


@pytest.mark.proves(
    "parameters",
    "FlywheelArn",
    "InputDataConfig.DocumentReaderConfig",
    "InputDataConfig.DocumentReaderConfig.DocumentReadAction",
    "InputDataConfig.DocumentReaderConfig.DocumentReadMode",
    "InputDataConfig.DocumentReaderConfig.FeatureTypes",
)
def test_a_flywheel_reads_semi_structured_documents(workflow: Deployed) -> None:
    arn = "arn:aws:comprehend:us-east-1:000000000000:flywheel/engines"
    workflow.rehearsal.comprehend.add_recognizer(arn, "Text,Type\nAda Lovelace,PIONEER\n")
    # Nor has that of a workflow without a document reader any on Textract.
    workflow.rehearsal.comprehend.configure(textract_principal="caller")
    reader = {
        "DocumentReadAction": "TEXTRACT_ANALYZE_DOCUMENT",
        "DocumentReadMode": "FORCE_DOCUMENT_READ_ACTION",
        "FeatureTypes": ["TABLES", "FORMS"],
    }
    uri = workflow.put({"one.pdf": pdf(["Ada Lovelace wrote the first program"]), "two.txt": b"Ada Lovelace again"})
    ended = workflow.run({"InputDataConfig": {"S3Uri": uri, "DocumentReaderConfig": reader}, "FlywheelArn": arn})
    assert ended.output["Job"]["InputDataConfig"]["DocumentReaderConfig"] == reader
    records = workflow.records(ended.output)
    assert sorted(record["File"] for record in records) == ["one.pdf", "two.txt"]
    assert {entity["Type"] for record in records for entity in record["Entities"]} == {"PIONEER"}
    assert all("BlockReferences" in entity for record in records for entity in record["Entities"])
