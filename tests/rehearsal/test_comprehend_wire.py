"""What reaches the Comprehend emulator without boto3's care, and tags: answered as by the service, with no 500."""

from __future__ import annotations

import base64
import http.client
import json
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.rehearsal.comprehend_fake import REQUEST, Emulator, code_of

DEEP = b"[" * 100_000 + b"]" * 100_000
LESS_DEEP = b"[" * 900 + b"]" * 900
LIST = "ListEntitiesDetectionJobs"


def sent(emulator: Emulator, operation: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    """Status and body of the answer to a POST request."""
    connection = http.client.HTTPConnection(emulator.url.removeprefix("http://"), timeout=30)
    try:
        target = {"X-Amz-Target": f"Comprehend_20171127.{operation}"}
        connection.request("POST", "/", body, headers={**target, **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def token(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "SerializationException"),
        (b"\xff\xfe{}", "SerializationException"),
        (b'{"NextToken": "\xe9"}', "SerializationException"),
        (b'{"NextToken": "\\ud800"}', "SerializationException"),
        ("{}".encode("utf-16"), "SerializationException"),
        (b"[]", "SerializationException"),
        (b"null", "SerializationException"),
        (b"true", "SerializationException"),
        (b'"text"', "SerializationException"),
        (b"7", "SerializationException"),
        (DEEP, "SerializationException"),
        (b'{"Filter": ' + DEEP + b"}", "SerializationException"),
        (b'{"Filter": ' + LESS_DEEP + b"}", "SerializationException"),
        (b'{"MaxResults": "x"}', "SerializationException"),
        (b'{"MaxResults": true}', "SerializationException"),
        (b'{"MaxResults": 1.5}', "SerializationException"),
        (b'{"MaxResults": NaN}', "SerializationException"),
        (b'{"MaxResults": Infinity}', "SerializationException"),
        (b'{"MaxResults": 1e999}', "SerializationException"),
        (b'{"MaxResults": ' + b"9" * 5000 + b"}", "SerializationException"),
        (b'{"MaxResults": 0}', "InvalidRequestException"),
        (b'{"MaxResults": -1}', "InvalidRequestException"),
        (b'{"MaxResults": 1e9}', "InvalidRequestException"),
        (b'{"MaxResults": 1000000000000000000000}', "InvalidRequestException"),
        (b'{"Filter": {"SubmitTimeBefore": "yesterday"}}', "SerializationException"),
        (b'{"Filter": {"SubmitTimeBefore": true}}', "SerializationException"),
        (b'{"NextToken": 7}', "SerializationException"),
        (b'{"NextToken": ""}', "InvalidRequestException"),
    ],
)
def test_odd_requests_are_refused(emulator: Emulator, body: bytes, code: str) -> None:
    status, answer = sent(emulator, LIST, body)
    assert (status, answer["__type"]) == (400, code)


@pytest.mark.parametrize(
    "forged",
    [
        "x",
        "é",
        token(7),
        token({}),
        token([{}, 7]),
        token([{}, []]),
        token([{}, ["x", 7]]),
        token([{}, [None, "x"]]),
        token([{}, [1, "x"], 2]),
        token([{"JobName": "another"}, [1.0, "x"]]),
        base64.urlsafe_b64encode(DEEP).decode(),
    ],
)
def test_forged_tokens_are_refused(emulator: Emulator, forged: str) -> None:
    emulator.until(emulator.start(), "COMPLETED")
    refused = code_of(lambda: emulator.client.list_entities_detection_jobs(NextToken=forged))
    assert refused == ("InvalidRequestException", 400)


@pytest.mark.parametrize(
    "body", [b'{"MaxResults": 5.0}', b'{"Filter": {"SubmitTimeAfter": 1e999}}', b"", b'{"x": null}']
)
def test_odd_requests_that_mean_something_are_answered(emulator: Emulator, body: bytes) -> None:
    emulator.start()
    status, answer = sent(emulator, LIST, body)
    assert (status, list(answer)) == (200, ["EntitiesDetectionJobPropertiesList"])


@pytest.mark.parametrize(("length", "code"), [("-1", "InvalidRequestException"), ("x", "InvalidRequestException")])
def test_a_wrong_length_is_no_body(emulator: Emulator, length: str, code: str) -> None:
    status, answer = sent(emulator, "DescribeEntitiesDetectionJob", b"", **{"Content-Length": length})
    assert (status, answer["__type"]) == (400, code)


def test_describe_shows_the_input_format_that_holds(emulator: Emulator) -> None:
    job_id = emulator.start(InputDataConfig={"S3Uri": "s3://documents/in/"}, ClientRequestToken="t")
    told = emulator.job(job_id)["InputDataConfig"]
    assert told == {"S3Uri": "s3://documents/in/", "InputFormat": "ONE_DOC_PER_LINE"}
    [listed] = emulator.client.list_entities_detection_jobs()["EntitiesDetectionJobPropertiesList"]
    assert listed["InputDataConfig"] == told
    # The request itself is what a repeated token is compared with.
    assert emulator.start(InputDataConfig={"S3Uri": "s3://documents/in/"}, ClientRequestToken="t") == job_id


def test_tags_are_added_replaced_listed_and_removed(emulator: Emulator) -> None:
    client = emulator.client
    arn = client.start_entities_detection_job(**REQUEST, Tags=[{"Key": "team", "Value": "a"}])["JobArn"]
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "b"}, {"Key": "empty"}])
    answer = client.list_tags_for_resource(ResourceArn=arn)
    assert answer["ResourceArn"] == arn
    assert answer["Tags"] == [{"Key": "team", "Value": "b"}, {"Key": "empty", "Value": ""}]
    client.untag_resource(ResourceArn=arn, TagKeys=["team", "unknown"])
    assert client.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "empty", "Value": ""}]
    assert emulator.admin.jobs()[0]["Tags"] == [{"Key": "empty", "Value": ""}]
    emulator.until(arn.rpartition("/")[2], "COMPLETED")


def test_wrong_tags_are_refused(emulator: Emulator) -> None:
    client = emulator.client
    arn = client.start_entities_detection_job(**REQUEST)["JobArn"]
    many = [{"Key": str(number)} for number in range(51)]
    client.tag_resource(ResourceArn=arn, Tags=many[:50])
    other = emulator.client_of("eu-west-1")
    for call, code in (
        (lambda: client.tag_resource(ResourceArn=arn, Tags=many), "TooManyTagsException"),
        (lambda: client.tag_resource(ResourceArn=arn, Tags=many[50:]), "TooManyTagsException"),
        (lambda: client.tag_resource(ResourceArn=arn, Tags=[{"Key": "aws:x"}]), "InvalidRequestException"),
        (lambda: client.tag_resource(ResourceArn="no arn", Tags=[]), "InvalidRequestException"),
        (lambda: client.tag_resource(ResourceArn=arn[:-1], Tags=[]), "ResourceNotFoundException"),
        (lambda: client.untag_resource(ResourceArn=arn, TagKeys=["k"] * 51), "TooManyTagKeysException"),
        (lambda: client.list_tags_for_resource(ResourceArn=arn + "0"), "ResourceNotFoundException"),
        (lambda: other.list_tags_for_resource(ResourceArn=arn), "ResourceNotFoundException"),
    ):
        assert code_of(call) == (code, 400)
    other.close()
    assert len(client.list_tags_for_resource(ResourceArn=arn)["Tags"]) == 50


@pytest.mark.parametrize(("clock", "least", "most"), [("virtual", 10_000, 20_000), ("real", 0, 100)])
def test_seconds_after_a_jobs_end_may_be_real_ones(emulator: Emulator, clock: str, least: int, most: int) -> None:
    emulator.admin.configure(ended_clock=clock)
    job_id = emulator.start()
    emulator.until(job_id, "COMPLETED")
    emulator.slow_down()
    emulator.admin.advance(10_000)
    answer = emulator.client.describe_entities_detection_job(JobId=job_id)
    seen = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    # The header has whole seconds.
    since = (seen - answer["EntitiesDetectionJobProperties"]["EndTime"]).total_seconds() + 1
    assert least <= since < most


@pytest.mark.parametrize("body", [b"[]", b"7", b"{", DEEP])
def test_the_side_door_refuses_what_is_no_object(emulator: Emulator, body: bytes) -> None:
    connection = http.client.HTTPConnection(emulator.url.removeprefix("http://"), timeout=30)
    try:
        connection.request("POST", "/_comprehend/settings", body)
        assert connection.getresponse().status == 400
    finally:
        connection.close()
