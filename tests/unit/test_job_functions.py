"""StartJob, PollJob and StopJob against a stubbed Comprehend client: requests as sent, answers as understood."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from entities_job import aws as service
from entities_job.errors import ServiceError
from entities_job.handlers import poll_job, start_job, stop_job
from entities_job.job.schedule import PollSchedule
from tests.unit.lambda_context import CONTEXT

ARN = "arn:aws:states:us-east-1:111122223333:execution:Workflow:run-1"
SETTINGS = {
    "Schedule": PollSchedule.service_grid().settings(),
    "MaximumSeconds": 3600,
    "SecondsPerGigabyte": 100,
    "MaximumQueueSeconds": 1800,
    "CompletionEvents": True,
}
SUBMITTED = datetime(2026, 11, 23, 12, tzinfo=UTC)
REQUEST = {
    "LanguageCode": "en",
    "DataAccessRoleArn": "arn:aws:iam::111122223333:role/data",
    "InputDataConfig": {"S3Uri": "s3://in-bucket/in/"},
    "OutputDataConfig": {"S3Uri": "s3://out-bucket/jobs/"},
}


@pytest.fixture
def comprehend(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    client: Any = boto3.client(
        "comprehend", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    for module in (start_job, poll_job, stop_job):
        monkeypatch.setattr(module, "client", lambda name, **options: client)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def start(attempt: int = 1, **fields: str) -> dict[str, Any]:
    event = {"Request": {**REQUEST, **fields}, "Settings": SETTINGS, "Execution": {"Id": ARN}, "Attempt": attempt}
    return start_job.handler(event, CONTEXT)


def poll(
    comprehend: Stubber, *, after: float, attempt: int = 1, looks: int = 0, size: int = 0, **properties: Any
) -> dict[str, Any]:
    now = SUBMITTED + timedelta(seconds=after)
    comprehend.add_response(
        "describe_entities_detection_job",
        {
            "EntitiesDetectionJobProperties": {"JobId": "j", "SubmitTime": SUBMITTED, **properties},
            "ResponseMetadata": {"HTTPHeaders": {"date": now.strftime("%a, %d %b %Y %H:%M:%S GMT")}},
        },
        {"JobId": "j"},
    )
    event = {
        "JobId": "j",
        "Settings": SETTINGS,
        "Polls": 2,
        "Attempt": attempt,
        "Looks": looks,
        "InputBytes": size,
    }
    return poll_job.handler(event, CONTEXT)


def test_a_retried_start_sends_the_same_token_and_name(comprehend: Stubber) -> None:
    started = {"JobId": "j", "JobArn": "arn", "JobStatus": "SUBMITTED"}
    identity = start_job.identified(REQUEST, ARN, 1)
    for _ in range(2):
        comprehend.add_response("start_entities_detection_job", started, identity)
        assert start() == {"Job": {**started, "JobName": "Workflow.run-1"}, "WaitSeconds": 20}
    assert len(identity["ClientRequestToken"]) == 64


def test_an_executions_jobs_write_into_a_folder_of_its_own() -> None:
    for attempt in (1, 2):
        output = start_job.identified(REQUEST, ARN, attempt)["OutputDataConfig"]
        assert output["S3Uri"] == "s3://out-bucket/jobs/run-1/"


def test_executions_with_one_token_and_name_send_the_same_request() -> None:
    own = {**REQUEST, "JobName": "mine", "ClientRequestToken": "token"}
    assert start_job.identified(own, ARN, 1) == start_job.identified(own, ARN + "0", 1)
    assert start_job.identified(own, ARN, 2)["OutputDataConfig"]["S3Uri"].endswith("/run-1/")


def test_a_restart_is_another_job_even_where_the_caller_named_the_first(comprehend: Stubber) -> None:
    own = {"JobName": "mine", "ClientRequestToken": "token"}
    assert start_job.identified({**REQUEST, **own}, ARN, 1).items() >= own.items()
    again = start_job.identified({**REQUEST, **own}, ARN, 2)
    assert again["JobName"] == "Workflow.run-1.2"
    assert again["ClientRequestToken"] not in ("token", start_job.identified(REQUEST, ARN, 1)["ClientRequestToken"])


def test_a_name_in_use_is_changed_once(comprehend: Stubber) -> None:
    started = {"JobId": "j", "JobArn": "arn", "JobStatus": "SUBMITTED"}
    identity = start_job.identified(REQUEST, ARN, 1)
    comprehend.add_client_error("start_entities_detection_job", "ResourceInUseException")
    comprehend.add_response(
        "start_entities_detection_job", started, {**identity, "ClientRequestToken": ANY, "JobName": ANY}
    )
    assert start(JobName="mine")["Job"]["JobId"] == "j"


def test_characters_that_a_job_name_may_not_have_are_replaced() -> None:
    assert start_job.job_name("arn:aws:states:us-east-1:1:execution:M:a~b'c") == "M.a-b-c"


@pytest.mark.parametrize("code", ["TooManyRequestsException", "ThrottlingException", "AccessDeniedException"])
def test_a_services_error_leaves_under_its_own_name(comprehend: Stubber, code: str) -> None:
    comprehend.add_client_error("start_entities_detection_job", code, "because")
    with pytest.raises(ServiceError, match="because") as raised:
        start()
    assert type(raised.value).__name__ == code


def test_a_running_job_is_looked_at_again_on_the_grid(comprehend: Stubber) -> None:
    seen = poll(comprehend, after=371, JobStatus="IN_PROGRESS")
    assert (seen["JobStatus"], seen["WaitSeconds"], seen["Polls"]) == ("IN_PROGRESS", 120, 3)
    assert (seen["Overdue"], seen["Restartable"], seen["LagSeconds"]) == (None, False, None)
    assert seen["Job"]["SubmitTime"] == "2026-11-23T12:00:00+00:00"


def test_lag_is_from_the_jobs_end_to_the_look_by_the_services_clock(comprehend: Stubber) -> None:
    seen = poll(comprehend, after=490, JobStatus="COMPLETED", EndTime=SUBMITTED + timedelta(seconds=487))
    assert seen["LagSeconds"] == 3


def test_a_job_past_its_maximum_is_overdue(comprehend: Stubber) -> None:
    assert poll(comprehend, after=3601, JobStatus="IN_PROGRESS")["Overdue"] == "JobTimedOut"


def test_each_gigabyte_of_documents_puts_the_deadline_off(comprehend: Stubber) -> None:
    assert poll(comprehend, after=3799, size=2 * 10**9, JobStatus="IN_PROGRESS")["Overdue"] is None
    assert poll(comprehend, after=3801, size=2 * 10**9, JobStatus="IN_PROGRESS")["Overdue"] == "JobTimedOut"


def test_a_job_that_the_service_does_not_begin_has_a_limit_of_its_own(comprehend: Stubber) -> None:
    assert poll(comprehend, after=1801, JobStatus="SUBMITTED")["Overdue"] == "JobNotBegun"
    assert poll(comprehend, after=1801, JobStatus="IN_PROGRESS")["Overdue"] is None


def test_the_next_look_comes_no_later_than_the_deadline(comprehend: Stubber) -> None:
    assert poll(comprehend, after=3590, JobStatus="IN_PROGRESS")["WaitSeconds"] == 11


def test_a_job_that_is_stopping_is_looked_at_soon(comprehend: Stubber) -> None:
    assert poll(comprehend, after=3601, JobStatus="IN_PROGRESS")["WaitSeconds"] <= 180
    assert poll(comprehend, after=900, JobStatus="STOP_REQUESTED")["WaitSeconds"] <= 60


def test_a_status_that_lags_behind_the_output_is_looked_at_again_soon(comprehend: Stubber) -> None:
    seen = [poll(comprehend, after=380, looks=looks, JobStatus="IN_PROGRESS") for looks in (1, 4, 5, 9)]
    assert [look["WaitSeconds"] for look in seen] == [5, 5, 10, 111]
    assert [look["Looks"] for look in seen] == [2, 5, 6, 10]
    assert not any(look["Await"] for look in seen)


@pytest.mark.parametrize(
    ("message", "seconds", "attempt", "restartable"),
    [
        ("NO_READ_ACCESS_TO_INPUT: no", 14, 1, True),
        ("NO_WRITE_ACCESS_TO_OUTPUT: no", 12, 2, True),
        ("NO_READ_ACCESS_TO_INPUT: no", 14, 3, False),
        ("NO_READ_ACCESS_TO_INPUT: no", 400, 1, False),
        ("INTERNAL: no", 14, 1, False),
    ],
)
def test_a_job_that_failed_at_once_for_want_of_rights_may_be_restarted(
    comprehend: Stubber, message: str, seconds: int, attempt: int, restartable: bool
) -> None:
    end = SUBMITTED + timedelta(seconds=seconds)
    seen = poll(comprehend, after=20, attempt=attempt, JobStatus="FAILED", Message=message, EndTime=end)
    assert seen["Restartable"] is restartable


@pytest.mark.parametrize("status", ["STOP_REQUESTED", "STOPPED"])
def test_stop_answers_the_services_status(comprehend: Stubber, status: str) -> None:
    comprehend.add_response("stop_entities_detection_job", {"JobId": "j", "JobStatus": status}, {"JobId": "j"})
    assert stop_job.handler({"JobId": "j"}, CONTEXT) == {"JobStatus": status}


def test_a_job_that_has_ended_needs_no_stop(comprehend: Stubber) -> None:
    comprehend.add_client_error("stop_entities_detection_job", "InvalidRequestException")
    assert stop_job.handler({"JobId": "j"}, CONTEXT) == {"JobStatus": "ENDED"}


@pytest.mark.parametrize(("patiently", "attempts"), [(False, 4), (True, 16)])
def test_clients_retry_in_standard_mode(monkeypatch: pytest.MonkeyPatch, patiently: bool, attempts: int) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    made = service.comprehend.__wrapped__(patiently=patiently)
    retries = vars(made.meta.config)["_user_provided_options"]["retries"]
    assert retries == {"mode": "standard", "total_max_attempts": attempts}


def test_whoever_is_to_stop_many_jobs_at_once_is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def made(name: str, *, patiently: bool = False) -> Any:
        asked.append(patiently)
        return SimpleNamespace(
            stop_entities_detection_job=lambda JobId: {"JobStatus": "STOP_REQUESTED"},
            exceptions=SimpleNamespace(InvalidRequestException=KeyError),
        )

    monkeypatch.setattr(stop_job, "client", made)
    stop_job.stop("j", patiently=True)
    assert asked == [True]
