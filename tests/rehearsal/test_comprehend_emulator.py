"""The Comprehend emulator over the wire, driven by boto3 and the AWS CLI."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from local.comprehend.admin import Admin
from local.comprehend.aws import AccessDenied
from tests.rehearsal.comprehend_fake import (
    ACCOUNT,
    ENDED,
    FLYWHEEL,
    RECOGNIZER,
    REQUEST,
    TEXT,
    Emulator,
    code_of,
)


def test_a_job_from_start_to_result(emulator: Emulator) -> None:
    answer = emulator.client.start_entities_detection_job(**REQUEST, JobName="first")
    assert re.fullmatch("[0-9a-f]{32}", answer["JobId"])
    assert answer["JobArn"] == f"arn:aws:comprehend:us-east-1:{ACCOUNT}:entities-detection-job/{answer['JobId']}"
    assert answer["JobStatus"] == "SUBMITTED"
    job = emulator.until(answer["JobId"], "COMPLETED")
    assert job["OutputDataConfig"] == {
        "S3Uri": f"s3://documents/out/{ACCOUNT}-NER-{answer['JobId']}/output/output.tar.gz"
    }
    assert {name: job[name] for name in ("JobName", "LanguageCode", "InputDataConfig")} == {
        "JobName": "first",
        "LanguageCode": "en",
        "InputDataConfig": REQUEST["InputDataConfig"],
    }
    assert "Message" not in job
    records = emulator.records(job)
    assert [record["File"] for record in records] == ["a.txt", "b.txt"]
    first = records[0]["Entities"][0]
    assert (first["Text"], first["Type"], first["BeginOffset"], first["EndOffset"]) == ("Ada Lovelace", "PERSON", 0, 12)
    [recorded] = emulator.admin.jobs()
    assert [status for status, _ in recorded["History"]] == ["SUBMITTED", "IN_PROGRESS", "COMPLETED"]


def test_a_job_ends_on_the_observed_grid_by_the_clock_of_the_date_header(emulator: Emulator) -> None:
    emulator.admin.configure(job_seconds=[366.5], clock_scale=0.01)
    job_id = emulator.start()
    job = emulator.until(job_id, "COMPLETED")
    assert 366.5 <= (job["EndTime"] - job["SubmitTime"]).total_seconds() < 368
    answer = emulator.client.describe_entities_detection_job(JobId=job_id)
    date = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    assert date.timestamp() >= int(job["EndTime"].timestamp())
    assert emulator.admin.health()["VirtualTime"] >= date.timestamp()


def test_lines_carry_their_number_and_the_default_format_is_a_setting(emulator: Emulator) -> None:
    emulator.aws.objects = {"in/a.txt": TEXT}
    asked = {"S3Uri": "s3://documents/in/"}
    lines = emulator.run(InputDataConfig=asked | {"InputFormat": "ONE_DOC_PER_LINE"})
    assert [record["Line"] for record in emulator.records(lines)] == list(range(10))
    assert [record.get("Line") for record in emulator.records(emulator.run(InputDataConfig=asked))] == list(range(10))
    emulator.admin.configure(default_input_format="ONE_DOC_PER_FILE")
    assert [record.get("Line") for record in emulator.records(emulator.run(InputDataConfig=asked))] == [None]


def test_document_errors_stand_in_the_result_of_a_completed_job(emulator: Emulator) -> None:
    emulator.aws.objects |= {"in/latin.txt": "Café".encode("latin-1"), "in/large.txt": b"a" * (1024**2 + 1)}
    job = emulator.run()
    assert job["JobStatus"] == "COMPLETED"
    assert {record["File"]: record.get("ErrorCode") for record in emulator.records(job)} == {
        "a.txt": None,
        "b.txt": None,
        "large.txt": "DOCUMENT_SIZE_EXCEEDED",
        "latin.txt": "UNSUPPORTED_ENCODING",
    }


def test_the_input_uri_is_a_string_prefix(emulator: Emulator) -> None:
    emulator.aws.objects = {"in/doc1": TEXT, "in/doc10.txt": TEXT, "in/other": TEXT, "in/": b""}
    job = emulator.run(InputDataConfig={"S3Uri": "s3://documents/in/doc1", "InputFormat": "ONE_DOC_PER_FILE"})
    assert [record["File"] for record in emulator.records(job)] == ["doc1", "doc10.txt"]


@pytest.mark.parametrize(
    ("forbidden", "changes", "code"),
    [
        ("assume_role", {}, "NO_READ_ACCESS_TO_INPUT"),
        ("list_objects", {}, "NO_READ_ACCESS_TO_INPUT"),
        ("get_object", {}, "NO_READ_ACCESS_TO_INPUT"),
        ("check_write", {}, "NO_WRITE_ACCESS_TO_OUTPUT"),
        ("put_object", {}, "NO_WRITE_ACCESS_TO_OUTPUT"),
        (
            "use_output_key",
            {"OutputDataConfig": {"S3Uri": "s3://documents/out/", "KmsKeyId": "k"}},
            "NO_WRITE_ACCESS_TO_OUTPUT",
        ),
        ("grant_volume_key", {"VolumeKmsKeyId": "k"}, "NO_ACCESS_TO_VOLUME_KMS_KEY"),
    ],
)
def test_a_missing_right_fails_the_job(emulator: Emulator, forbidden: str, changes: dict[str, Any], code: str) -> None:
    emulator.aws.forbidden = {forbidden}
    job = emulator.run(**changes)
    assert (job["JobStatus"], job["Message"].split(": ")[0]) == ("FAILED", code)
    assert job["OutputDataConfig"]["S3Uri"].endswith("/output/output.tar.gz")
    assert not [key for key in emulator.aws.objects if key.startswith("out/")]


def test_a_missing_right_shows_within_fifteen_seconds(emulator: Emulator) -> None:
    emulator.admin.configure(clock_scale=0.1)
    emulator.aws.forbidden = {"list_objects"}
    job = emulator.run()
    assert 12 <= (job["EndTime"] - job["SubmitTime"]).total_seconds() < 16


def test_what_the_emulator_itself_takes_is_not_a_jobs_time(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(*_: str) -> list[Any]:
        emulator.admin.advance(1000)
        raise AccessDenied("s3:ListBucket")

    monkeypatch.setattr(emulator.aws, "check_key", lambda *_: emulator.admin.advance(1000))
    monkeypatch.setattr(emulator.aws, "list_objects", slowly)
    before = emulator.admin.health()["VirtualTime"]
    job = emulator.run(VolumeKmsKeyId="k")
    assert job["SubmitTime"].timestamp() >= before + 1000
    assert 12 <= (job["EndTime"] - job["SubmitTime"]).total_seconds() < 16
    assert emulator.admin.health()["VirtualTime"] >= before + 2000


def test_an_unexpected_trouble_fails_the_job_and_no_other(emulator: Emulator) -> None:
    emulator.aws.objects["in/c.txt"] = None  # type: ignore[assignment]  # unreadable
    job_id = emulator.start()
    assert emulator.until(job_id, *ENDED)["Message"].startswith("INTERNAL_ERROR")
    del emulator.aws.objects["in/c.txt"]
    assert emulator.run()["JobStatus"] == "COMPLETED"


def test_a_stopped_job_writes_what_was_done_or_nothing(emulator: Emulator) -> None:
    emulator.aws.objects = {f"in/{number}.txt": TEXT for number in range(10)}
    for stopped_output, expected in (("partial", range(1, 10)), ("none", [0])):
        emulator.admin.configure(stopped_output=stopped_output, job_seconds=[1005], stop_seconds=30)
        emulator.slow_down()
        job_id = emulator.start()
        emulator.admin.advance(10)
        emulator.until(job_id, "IN_PROGRESS")
        emulator.admin.advance(400)
        answer = emulator.client.stop_entities_detection_job(JobId=job_id)
        assert (answer["JobId"], answer["JobStatus"]) == (job_id, "STOP_REQUESTED")
        assert emulator.job(job_id)["JobStatus"] == "STOP_REQUESTED"
        emulator.admin.advance(30)
        job = emulator.until(job_id, "STOPPED")
        written = job["OutputDataConfig"]["S3Uri"].removeprefix("s3://documents/") in emulator.aws.objects
        assert written is (stopped_output == "partial")
        assert (len(emulator.records(job)) if written else 0) in expected
        assert emulator.client.stop_entities_detection_job(JobId=job_id)["JobStatus"] == "STOPPED"


def test_a_job_that_ends_before_the_stop_takes_effect_is_completed(emulator: Emulator) -> None:
    emulator.admin.configure(stop_seconds=10_000, job_seconds=[1000])
    emulator.slow_down()
    job_id = emulator.start()
    emulator.admin.advance(10)
    emulator.until(job_id, "IN_PROGRESS")
    assert emulator.client.stop_entities_detection_job(JobId=job_id)["JobStatus"] == "STOP_REQUESTED"
    emulator.admin.advance(1000)
    assert emulator.until(job_id, *ENDED)["JobStatus"] == "COMPLETED"
    assert code_of(lambda: emulator.client.stop_entities_detection_job(JobId=job_id)) == (
        "InvalidRequestException",
        400,
    )


def test_lists_over_the_wire(emulator: Emulator) -> None:
    emulator.admin.configure(active_jobs=None)
    jobs = [emulator.start(JobName=f"name-{number}") for number in range(7)]
    for job_id in jobs:
        emulator.until(job_id, "COMPLETED")
    pages = emulator.client.get_paginator("list_entities_detection_jobs").paginate(PaginationConfig={"PageSize": 3})
    found = [job["JobId"] for page in pages for job in page["EntitiesDetectionJobPropertiesList"]]
    assert found == jobs[::-1]

    def listed(**chosen: Any) -> list[str]:
        answer = emulator.client.list_entities_detection_jobs(Filter=chosen)
        return [job["JobId"] for job in answer["EntitiesDetectionJobPropertiesList"]]

    assert listed(JobName="name-3") == [jobs[3]]
    assert listed(JobStatus="FAILED") == []
    third = emulator.job(jobs[3])["SubmitTime"]
    assert listed(SubmitTimeBefore=datetime(2000, 1, 1, tzinfo=UTC)) == []
    assert set(listed(SubmitTimeAfter=third)) >= set(jobs[4:])
    refused = code_of(lambda: listed(JobName="a", JobStatus="FAILED"))
    assert refused == ("InvalidFilterException", 400)
    too_many = code_of(lambda: emulator.client.list_entities_detection_jobs(MaxResults=501))
    assert too_many == ("InvalidRequestException", 400)


def test_accounts_and_regions_do_not_see_each_other(emulator: Emulator) -> None:
    job_id = emulator.start()
    for other in (emulator.client_of("eu-west-1"), emulator.client_of("us-east-1", "111122223333")):
        refused = code_of(partial(other.describe_entities_detection_job, JobId=job_id))
        assert refused[0] == "JobNotFoundException"
        other.close()
    gov = emulator.client_of("us-gov-west-1", "111122223333")
    arn = gov.start_entities_detection_job(**REQUEST)["JobArn"]
    assert arn.startswith("arn:aws-us-gov:comprehend:us-gov-west-1:111122223333:entities-detection-job/")
    gov.close()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"LanguageCode": "xx"}, "InvalidRequestException"),
        ({"LanguageCode": 7}, "SerializationException"),
        ({"OutputDataConfig": {}}, "InvalidRequestException"),
        ({"Tags": [{"Key": str(number)} for number in range(51)]}, "TooManyTagsException"),
        ({"EntityRecognizerArn": RECOGNIZER}, "ResourceNotFoundException"),
        ({"FlywheelArn": FLYWHEEL}, "ResourceNotFoundException"),
        ({"EntityRecognizerArn": RECOGNIZER, "FlywheelArn": FLYWHEEL}, "InvalidRequestException"),
        ({"VolumeKmsKeyId": "alias/mine"}, "KmsKeyValidationException"),
        ({"VolumeKmsKeyId": "no-such-key"}, "KmsKeyValidationException"),
    ],
)
def test_bad_requests_are_refused(emulator: Emulator, changes: dict[str, Any], code: str) -> None:
    refused = code_of(lambda: emulator.client.start_entities_detection_job(**(REQUEST | changes)))
    assert refused == (code, 400)
    assert emulator.admin.jobs() == []


def test_operations_that_do_not_exist_are_refused(emulator: Emulator) -> None:
    refused = code_of(lambda: emulator.client.detect_entities(Text="a", LanguageCode="en"))
    assert refused == ("UnknownOperationException", 400)
    unknown = code_of(lambda: emulator.client.describe_entities_detection_job(JobId="0" * 32))
    assert unknown == ("JobNotFoundException", 400)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda admin: admin.configure(speed=1), "no such setting: speed"),
        (lambda admin: admin.configure(eleventh_start="x"), "must be one of refused, queued"),
        (lambda admin: admin.inject("DetectEntities", "X"), "operation: must be one of"),
        (lambda admin: admin.spoil_jobs(colour="red"), "unexpected keyword argument 'colour'"),
        (lambda admin: admin.add_recognizer(RECOGNIZER, "a,b\n"), "header must be Text,Type"),
        (lambda admin: admin._call("POST", "nowhere"), "no POST /_comprehend/nowhere; there are GET /_comprehend/he"),
    ],
)
def test_the_side_door_says_what_is_wrong(emulator: Emulator, call: Callable[[Admin], Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        call(emulator.admin)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--aws-endpoint", "https://kms.us-east-1.amazonaws.com"], "must be on loopback"),
        (["--aws-endpoint", "http://127.0.0.1:1", "--settings", '{"clock_scale": 0}'], "must be greater than 0"),
        (["--aws-endpoint", "http://127.0.0.1:1", "--port", "IN_USE"], "cannot be used (Address already in use)"),
    ],
)
def test_a_wrong_start_says_what_is_wrong(emulator: Emulator, arguments: list[str], problem: str) -> None:
    port = emulator.url.rpartition(":")[2]
    command = [sys.executable, "-m", "local.comprehend", *(port if part == "IN_USE" else part for part in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert problem in done.stderr


def test_the_aws_command_line(emulator: Emulator) -> None:
    def aws(*arguments: str) -> tuple[int, Any]:
        environment = os.environ | {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": emulator.url,
        }
        done = subprocess.run(
            [Path(sys.executable).with_name("aws"), "comprehend", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    request = [
        "start-entities-detection-job",
        "--input-data-config",
        "S3Uri=s3://documents/in/,InputFormat=ONE_DOC_PER_FILE",
        "--output-data-config",
        "S3Uri=s3://documents/out/",
        "--data-access-role-arn",
        REQUEST["DataAccessRoleArn"],
    ]
    code, started = aws(*request, "--language-code", "en", "--job-name", "by hand")
    assert (code, started["JobStatus"]) == (0, "SUBMITTED")
    emulator.until(started["JobId"], "COMPLETED")
    code, described = aws("describe-entities-detection-job", "--job-id", started["JobId"])
    assert described["EntitiesDetectionJobProperties"]["JobName"] == "by hand"
    code, listed = aws("list-entities-detection-jobs", "--filter", "JobStatus=COMPLETED")
    assert [job["JobId"] for job in listed["EntitiesDetectionJobPropertiesList"]] == [started["JobId"]]
    code, error = aws(*request, "--language-code", "xx")
    assert code != 0
    assert "(InvalidRequestException)" in error
    assert "at 'languageCode' failed to satisfy constraint" in error
    code, error = aws("stop-entities-detection-job", "--job-id", started["JobId"])
    assert code != 0
    assert "(InvalidRequestException)" in error
