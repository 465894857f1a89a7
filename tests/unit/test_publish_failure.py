"""PublishFailure: what each kind of failure is called, and what a stranger is told to check."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest

from entities_job.handlers import publish_failure, stop_job
from entities_job.job import active
from entities_job.publish import outcome
from tests.events import check
from tests.unit.lambda_context import CONTEXT

ARN = "arn:aws:states:us-east-1:111122223333:execution:Workflow:run-1"


class Services:
    """Comprehend and EventBridge in memory."""

    exceptions = SimpleNamespace(InvalidRequestException=KeyError)

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.jobs: list[dict[str, Any]] = []
        self.refused = 0

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        for entry in Entries:
            self.events.append(json.loads(entry["Detail"]))
            check(self.events[-1])
        return {"FailedEntryCount": self.refused, "Entries": [{"ErrorCode": "ThrottlingException"}]}

    def get_paginator(self, operation: str) -> Any:
        def paginate(Filter: dict[str, Any]) -> list[dict[str, Any]]:
            found = [job for job in self.jobs if job["JobStatus"] == Filter["JobStatus"]]
            return [{"EntitiesDetectionJobPropertiesList": found}]

        return SimpleNamespace(paginate=paginate)

    def stop_entities_detection_job(self, *, JobId: str) -> dict[str, Any]:
        [job] = [job for job in self.jobs if job["JobId"] == JobId]
        job["JobStatus"] = "STOP_REQUESTED"
        return job


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Services:
    made = Services()
    for module in (active, stop_job, outcome):
        monkeypatch.setattr(module, "client", lambda name, **options: made)
    monkeypatch.setenv("EVENT_BUS_NAME", "default")
    monkeypatch.setenv("JOBS_URI", "s3://out/jobs/")
    return made


def failed(error: Any, job: dict[str, Any]) -> dict[str, Any]:
    event = {"Error": error, "Job": job, "Execution": {"Id": ARN, "StateMachineArn": "arn:m"}}
    found: dict[str, Any] = publish_failure.handler(event, CONTEXT)["Outcome"]
    return found


def cause(name: str, message: str) -> dict[str, str]:
    return {"Error": name, "Cause": json.dumps({"errorMessage": message, "errorType": name, "stackTrace": []})}


def test_the_jobs_own_message_gives_the_code_and_the_hint(services: Services) -> None:
    found = failed(None, {"JobId": "j", "JobStatus": "FAILED", "Message": "NO_READ_ACCESS_TO_INPUT: no access."})
    assert (found["Status"], found["Error"]["Code"]) == ("FAILED", "NO_READ_ACCESS_TO_INPUT")
    assert "s3:GetObject" in found["Error"]["Hint"]
    assert services.events == [found]


@pytest.mark.parametrize("message", [None, "the service says nothing useful: really"])
def test_a_job_that_failed_for_reasons_of_its_own(services: Services, message: str | None) -> None:
    assert failed(None, {"JobStatus": "FAILED", "Message": message})["Error"]["Code"] == "JobFailed"


def test_a_status_that_nobody_knows_is_named(services: Services) -> None:
    error = failed(None, {"JobId": "j", "JobStatus": "PONDERING"})["Error"]
    assert error["Code"] == "UnknownJobStatus"
    assert "PONDERING" in error["Message"]


def test_a_services_error_keeps_code_and_message_and_names_the_field(services: Services) -> None:
    text = "1 validation error detected: Value 'xx' at 'languageCode' failed to satisfy constraint"
    found = failed(cause("InvalidRequestException", text), {})
    assert found["Error"] == {"Code": "InvalidRequestException", "Message": text, "Field": "languageCode"}


def test_a_refusal_is_its_own_status_and_names_the_first_field(services: Services) -> None:
    text = "the request breaks these rules:\n- LanguageCode: must be one of en; got 'xx' (source)"
    found = failed(cause("RequestRefused", text), {"JobStatus": "NOT_STARTED"})
    assert (found["Status"], found["Error"]["Field"]) == ("REFUSED", "LanguageCode")
    assert "nothing was started" in found["Error"]["Hint"]


def test_a_cause_that_is_no_json_is_kept_as_it_is(services: Services) -> None:
    found = failed({"Error": "States.Timeout", "Cause": "took too long"}, {"JobId": "j"})
    assert (found["Error"]["Code"], found["Error"]["Message"]) == ("States.Timeout", "took too long")


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException"])
def test_access_denied_has_one_hint_under_both_names(services: Services, code: str) -> None:
    assert "lacks a right" in failed(cause(code, "no"), {})["Error"]["Hint"]


def aborted(status: str, **detail: Any) -> dict[str, Any]:
    own = {"executionArn": ARN, "stateMachineArn": "arn:m", "status": status, "input": "{}", **detail}
    found: dict[str, Any] = publish_failure.handler({"source": "aws.states", "detail": own}, CONTEXT)["Outcome"]
    return found


def running(number: str, folder: str, status: str = "IN_PROGRESS") -> dict[str, Any]:
    output = {"S3Uri": f"s3://{folder}/111122223333-NER-{number}/output/output.tar.gz"}
    return {"JobId": number, "JobArn": f"a{number}", "JobStatus": status, "OutputDataConfig": output}


@pytest.mark.parametrize("given", ["[]", "5", "null", '{"OutputDataConfig": 5}', '{"OutputDataConfig": {"S3Uri": 5}}'])
def test_an_execution_aborted_with_whatever_input_is_reported(services: Services, given: str) -> None:
    services.jobs = [running("1", "out/jobs/run-1")]
    assert aborted("ABORTED", input=given)["Status"] == "ABORTED"
    assert services.jobs[0]["JobStatus"] == "STOP_REQUESTED"


def test_hostile_names_stay_within_one_line_of_the_log(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(publish_failure.logger.registered_handler, "stream", log)
    hostile = 'no such document: a\n{"level": "INFO", "message": "forged"}\r\x1b[2J"\\.txt'
    failed({"Error": "Oops", "Cause": hostile}, {})
    line, end = log.getvalue().split("\n")
    assert json.loads(line)["error"]["Message"] == hostile
    assert line.isprintable()
    assert end == ""


def test_an_aborted_executions_own_job_is_stopped_and_no_other(services: Services) -> None:
    services.jobs = [
        running("1", "out/jobs/run-1", "FAILED"),
        running("2", "out/jobs/run-1"),
        running("3", "out/jobs/run-11"),
        running("4", "other/jobs/run-1"),
        running("5", "out/jobs/run-1", "SUBMITTED"),
    ]
    found = aborted("ABORTED")
    statuses = ["FAILED", "STOP_REQUESTED", "IN_PROGRESS", "IN_PROGRESS", "STOP_REQUESTED"]
    assert [job["JobStatus"] for job in services.jobs] == statuses
    assert (found["Status"], found["Job"]["JobId"]) == ("ABORTED", "5")
    assert "job 5 was asked to stop" in found["Error"]["Message"]


@pytest.mark.parametrize("uri", ["s3://mine/raw/", "s3://mine/raw"])
def test_a_job_that_writes_where_its_caller_wanted_is_found_too(services: Services, uri: str) -> None:
    services.jobs = [running("1", "mine/raw/run-1")]
    aborted("ABORTED", input=json.dumps({"OutputDataConfig": {"S3Uri": uri}}))
    assert services.jobs[0]["JobStatus"] == "STOP_REQUESTED"


def test_an_execution_that_died_of_what_no_state_can_catch_is_reported(services: Services) -> None:
    found = aborted("FAILED", error="States.DataLimitExceeded", cause="too much")
    assert (found["Status"], found["Error"]["Code"]) == ("FAILED", "States.DataLimitExceeded")
    assert "too much" in found["Error"]["Message"]


def test_an_event_that_the_bus_refuses_is_tried_again(services: Services) -> None:
    services.refused = 1
    with pytest.raises(outcome.EventNotAccepted):
        aborted("TIMED_OUT")
