"""An execution for each end, with its event and a cause that a stranger understands."""

from __future__ import annotations

import json

import pytest

from tests.rehearsal.deployed import DOCUMENTS, TEXT, Deployed


@pytest.mark.proves("states", "SUBMITTED", "IN_PROGRESS", "COMPLETED")
def test_completed(workflow: Deployed) -> None:
    ended = workflow.run()
    outcome = ended.output
    assert ended.status == "SUCCEEDED", ended
    assert outcome["Status"] == "COMPLETED"
    assert "Error" not in outcome
    assert outcome["Counts"]["Documents"] == outcome["Counts"]["ExpectedDocuments"] == 3
    assert outcome["Counts"]["EntitiesByType"]["PERSON"] > 0
    records = workflow.records(outcome)
    assert {record["Source"].rpartition("/")[2] for record in records} == {"ada.txt", "two words é.txt", "three.txt"}
    assert sum(len(record["Entities"]) for record in records) == outcome["Counts"]["Entities"]
    for record in records:
        text = workflow.read(record["Source"]).decode()
        for entity in record["Entities"]:
            assert text[entity["BeginOffset"] : entity["EndOffset"]] == entity["Text"]
    assert json.loads(workflow.read(outcome["Result"]["SummaryUri"]))["Counts"] == outcome["Counts"]
    assert ended.event["detail"] == outcome
    assert ended.event["source"] == "cdk-comprehend-entities"
    [job] = [job for job in workflow.rehearsal.comprehend.jobs() if job["JobId"] == outcome["Job"]["JobId"]]
    assert [status for status, _ in job["History"]] == ["SUBMITTED", "IN_PROGRESS", "COMPLETED"]


def test_lines(workflow: Deployed) -> None:
    uri = workflow.put({"lines.txt": (TEXT + b"\n") * 12})
    ended = workflow.run({"InputDataConfig": {"S3Uri": uri, "InputFormat": "ONE_DOC_PER_LINE"}})
    assert ended.output["Status"] == "COMPLETED"
    assert sorted(record["Line"] for record in workflow.records(ended.output)) == list(range(12))


def test_completed_with_document_errors(workflow: Deployed) -> None:
    uri = workflow.put(
        {**DOCUMENTS, "latin.txt": "é".encode("latin-1") * 40, "big.txt": b"x" * 2_000_000, "0.txt": b""}
    )
    ended = workflow.run({"InputDataConfig": {"S3Uri": uri}})
    assert ended.status == "SUCCEEDED", ended
    assert ended.output["Status"] == ended.event["detail"]["Status"] == "COMPLETED_WITH_ERRORS"
    counts = ended.output["Counts"]
    assert (counts["ExpectedDocuments"], counts["Documents"], counts["DocumentErrors"]) == (6, 4, 2)
    codes = {r["File"]: r["ErrorCode"] for r in workflow.records(ended.output) if "ErrorCode" in r}
    assert codes == {"latin.txt": "UNSUPPORTED_ENCODING", "big.txt": "DOCUMENT_SIZE_EXCEEDED"}


def test_hostile_names_stay_names(workflow: Deployed) -> None:
    s3, bucket = workflow.rehearsal.client("s3"), workflow.outputs["InputBucket"]
    names = ["../../staging/claims/up.txt", "%2e%2e/%2Fencoded.txt", "<script>alert(1)</script>.txt", 'a"},{"b\\.txt']
    names.append('line\n{"File": "forged.txt"}\r.txt')
    uri = workflow.put(dict.fromkeys(names, TEXT * 3))
    ended = workflow.run({"InputDataConfig": {"S3Uri": uri}})
    assert ended.output["Status"] == "COMPLETED"
    records = workflow.records(ended.output)
    assert sorted(record["Source"].removeprefix(uri) for record in records) == sorted(names)
    assert {record["File"] for record in records} == {name.rpartition("/")[2] for name in names}
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="staging/claims/up")


def test_a_uri_that_only_holds_the_staging_uri_is_no_batch(workflow: Deployed) -> None:
    bucket = f"s3://{workflow.outputs['InputBucket']}"
    ended = workflow.run({"InputDataConfig": {"S3Uri": f"{bucket}/input/{bucket}/staging/x/documents/"}})
    assert (ended.error, "StageBatch" in ended.states) == ("RequestRefused", False)
    internal = workflow.run({"InputDataConfig": {"S3Uri": f"{bucket}/staging/another/x/documents/"}})
    assert internal.error == "RequestRefused"


@pytest.mark.proves("states", "FAILED")
def test_failed_without_read_rights_after_bounded_restarts(workflow: Deployed) -> None:
    message = "NO_READ_ACCESS_TO_INPUT: The provided data access role does not have proper access to the input data."
    workflow.rehearsal.comprehend.spoil_jobs(3, message=message)
    ended = workflow.run()
    assert ended.states.count("StartJob") == 3
    assert (ended.status, ended.error) == ("FAILED", "NO_READ_ACCESS_TO_INPUT")
    assert ended.cause is not None
    assert "s3:GetObject on the input prefix" in ended.cause
    assert ended.event["detail"]["Status"] == "FAILED"
    assert ended.event["detail"]["Error"]["Message"] == message


@pytest.mark.proves("states", "STOP_REQUESTED", "STOPPED")
def test_stopped_by_somebody_else_with_what_was_done_published(workflow: Deployed) -> None:
    arn = workflow.start()
    job = workflow.job(arn, status="IN_PROGRESS")
    workflow.rehearsal.client("comprehend").stop_entities_detection_job(JobId=job["JobId"])
    assert workflow.job(arn, status="STOP_REQUESTED")
    ended = workflow.ended(arn)
    assert ended.status == "SUCCEEDED", ended
    assert ended.output["Status"] == ended.event["detail"]["Status"] == "STOPPED"
    assert ended.output["Error"]["Code"] == "JobStopped"
    counts = ended.output["Counts"]
    assert counts["Documents"] + counts["MissingDocuments"] == counts["ExpectedDocuments"] == 3


def test_timed_out_is_stopped_and_published(workflow: Deployed) -> None:
    workflow.rehearsal.comprehend.configure(job_seconds=[7200])
    ended = workflow.run()
    assert "StopJob" in ended.states
    assert (ended.status, ended.error) == ("FAILED", "JobTimedOut")
    assert ended.cause is not None
    assert "limits.duration" in ended.cause
    detail = ended.event["detail"]
    assert (detail["Status"], detail["Job"]["JobStatus"]) == ("TIMED_OUT", "STOPPED")
    assert len(workflow.records(detail)) == 3


def test_refused_with_every_fault_named_and_nothing_started(workflow: Deployed) -> None:
    before = len(workflow.rehearsal.comprehend.jobs())
    ended = workflow.run({"InputDataConfig": {"S3Uri": "s3://elsewhere/x/"}, "LanguageCode": "xx"})
    assert (ended.status, ended.error) == ("FAILED", "RequestRefused")
    assert ended.cause is not None
    for part in ("must be under", "LanguageCode: must be one of", "nothing was started"):
        assert part in ended.cause
    assert ended.event["detail"]["Status"] == "REFUSED"
    assert len(workflow.rehearsal.comprehend.jobs()) == before


@pytest.mark.parametrize(
    ("documents", "reason"),
    [({}, "there is none"), ({"a.txt": b"short"}, "at least 500 bytes in all, contains 5")],
)
def test_refused_for_what_lies_under_the_prefix(workflow: Deployed, documents: dict[str, bytes], reason: str) -> None:
    ended = workflow.run({"InputDataConfig": {"S3Uri": workflow.put(documents)}})
    assert ended.error == "RequestRefused"
    assert reason in str(ended.cause)


def test_a_prefix_that_is_no_whole_name_is_refused(workflow: Deployed) -> None:
    uri = workflow.put({"doc1.txt": TEXT * 9, "doc10.txt": TEXT * 9})
    ended = workflow.run({"InputDataConfig": {"S3Uri": f"{uri}doc1"}})
    assert "must end in / or be the URI of one object" in str(ended.cause)
    assert workflow.run({"InputDataConfig": {"S3Uri": f"{uri}doc1.txt"}}).output["Counts"]["Documents"] == 1


def test_aborted_stops_the_job_and_is_reported(workflow: Deployed) -> None:
    arn = workflow.start()
    job = workflow.job(arn, status="IN_PROGRESS")
    workflow.rehearsal.client("stepfunctions").stop_execution(executionArn=arn)
    detail = workflow.event(arn)["detail"]
    assert (detail["Status"], detail["Error"]["Code"]) == ("ABORTED", "ExecutionAborted")
    assert detail["Job"]["JobId"] == job["JobId"]
    assert workflow.job(arn, status="STOPPED")


def test_a_status_that_the_api_does_not_document_is_followed_to_the_limit(workflow: Deployed) -> None:
    workflow.rehearsal.comprehend.spoil_jobs(job_status="PONDERING")
    ended = workflow.run()
    assert (ended.error, ended.states.count("StopJob")) == ("UnknownJobStatus", 1)
    assert ended.states.count("PollJob") > 2


def test_a_start_whose_answer_was_lost_makes_no_second_job(workflow: Deployed) -> None:
    comprehend = workflow.rehearsal.comprehend
    before = len(comprehend.jobs())
    comprehend.inject("StartEntitiesDetectionJob", "InternalServerException", after=True)
    assert workflow.run().output["Status"] == "COMPLETED"
    assert len(comprehend.jobs()) == before + 1
