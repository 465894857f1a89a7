"""PublishFailure: what each kind of failure is called, and what a stranger should check."""

from __future__ import annotations

import io
import json

import pytest

from entities_job.contracts import CaughtError, ExecutionEnded, Job, Outcome
from entities_job.errors import EventNotAccepted
from entities_job.handlers import publish_failure
from tests.aws import Aws
from tests.payloads import RUN
from tests.unit.lambda_context import CONTEXT


def failed(error: CaughtError | None, job: Job) -> Outcome:
    return publish_failure.handler({"Error": error, "Job": job, "Execution": RUN}, CONTEXT)["Outcome"]


def cause(name: str, message: str) -> CaughtError:
    return {"Error": name, "Cause": json.dumps({"errorMessage": message, "errorType": name, "stackTrace": []})}


def test_the_jobs_own_message_gives_the_code_and_the_hint(aws: Aws) -> None:
    found = failed(None, {"JobId": "j", "JobStatus": "FAILED", "Message": "NO_READ_ACCESS_TO_INPUT: no access."})
    assert (found["Status"], found["Error"]["Code"]) == ("FAILED", "NO_READ_ACCESS_TO_INPUT")
    assert "s3:GetObject" in found["Error"]["Hint"]
    assert aws.events == [found]


@pytest.mark.parametrize("told", [{}, {"Message": "the service says nothing useful: really"}])
def test_a_job_that_failed_for_reasons_of_its_own(aws: Aws, told: Job) -> None:
    assert failed(None, {"JobStatus": "FAILED", **told})["Error"]["Code"] == "JobFailed"


def test_a_status_that_is_unknown_is_named(aws: Aws) -> None:
    error = failed(None, {"JobId": "j", "JobStatus": "PONDERING"})["Error"]
    assert error["Code"] == "UnknownJobStatus"
    assert "PONDERING" in error["Message"]


def test_a_services_error_keeps_code_and_message_and_names_the_field(aws: Aws) -> None:
    text = "1 validation error detected: Value 'xx' at 'languageCode' failed to satisfy constraint"
    found = failed(cause("InvalidRequestException", text), {})
    error = found["Error"]
    assert (error["Code"], error["Message"]) == ("InvalidRequestException", text)
    assert error["Field"] == "languageCode"
    assert "correct the execution's input" in error["Hint"]


def test_a_refusal_is_its_own_status_and_names_the_first_field(aws: Aws) -> None:
    text = "the request breaks these rules:\n- LanguageCode: must be one of en; got 'xx' (source)"
    found = failed(cause("RequestRefused", text), {"JobStatus": "NOT_STARTED"})
    assert (found["Status"], found["Error"]["Field"]) == ("REFUSED", "LanguageCode")
    assert "nothing was started" in found["Error"]["Hint"]


def test_a_cause_that_is_no_json_is_kept_as_it_is(aws: Aws) -> None:
    found = failed({"Error": "States.Timeout", "Cause": "took too long"}, {"JobId": "j"})
    assert (found["Error"]["Code"], found["Error"]["Message"]) == ("States.Timeout", "took too long")


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException"])
def test_access_denied_has_one_hint_under_both_names(aws: Aws, code: str) -> None:
    assert "lacks a permission" in failed(cause(code, "no"), {})["Error"]["Hint"]


def aborted(status: str, **more: str) -> Outcome:
    own: ExecutionEnded = {
        "executionArn": RUN["Id"],
        "stateMachineArn": RUN["StateMachineArn"],
        "status": status,
        "input": more.get("input", "{}"),
        "error": more.get("error"),
        "cause": more.get("cause"),
    }
    return publish_failure.handler({"detail": own}, CONTEXT)["Outcome"]


def statuses(aws: Aws) -> list[str]:
    return [job["JobStatus"] for job in aws.jobs.values()]


@pytest.mark.parametrize("given", ["[]", "5", "null", '{"OutputDataConfig": 5}', '{"OutputDataConfig": {"S3Uri": 5}}'])
def test_an_execution_aborted_with_whatever_input_is_reported(aws: Aws, given: str) -> None:
    aws.job("1")
    assert aborted("ABORTED", input=given)["Status"] == "ABORTED"
    assert aws.jobs["1"]["JobStatus"] == "STOP_REQUESTED"


def test_hostile_names_stay_within_one_line_of_the_log(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(publish_failure.logger.registered_handler, "stream", log)
    hostile = 'no such document: a\n{"level": "INFO", "message": "forged"}\r\x1b[2J"\\.txt'
    failed({"Error": "Oops", "Cause": hostile}, {})
    line, end = log.getvalue().split("\n")
    assert json.loads(line)["error"]["Message"] == hostile
    assert line.isprintable()
    assert end == ""


def test_an_aborted_executions_own_job_is_stopped_and_no_other(aws: Aws) -> None:
    aws.job("1", status="FAILED")
    aws.job("2")
    aws.job("3", "s3://out/jobs/run-11/")
    aws.job("4", "s3://other/jobs/run-1/")
    aws.job("5", status="SUBMITTED")
    found = aborted("ABORTED")
    assert statuses(aws) == ["FAILED", "STOP_REQUESTED", "IN_PROGRESS", "IN_PROGRESS", "STOP_REQUESTED"]
    assert (found["Status"], found["Job"]["JobId"]) == ("ABORTED", "5")
    assert "job 5 was asked to stop" in found["Error"]["Message"]


@pytest.mark.parametrize("uri", ["s3://mine/raw/", "s3://mine/raw"])
def test_a_job_that_writes_where_its_caller_wanted_is_found_too(aws: Aws, uri: str) -> None:
    aws.job("1", "s3://mine/raw/run-1/")
    aborted("ABORTED", input=json.dumps({"OutputDataConfig": {"S3Uri": uri}}))
    assert aws.jobs["1"]["JobStatus"] == "STOP_REQUESTED"


def test_an_execution_that_died_of_what_no_state_can_catch_is_reported(aws: Aws) -> None:
    found = aborted("FAILED", error="States.DataLimitExceeded", cause="too much")
    assert (found["Status"], found["Error"]["Code"]) == ("FAILED", "States.DataLimitExceeded")
    assert "too much" in found["Error"]["Message"]


def test_an_event_that_the_bus_refuses_is_an_error(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}
    monkeypatch.setattr(aws, "_PutEvents", lambda given: refused)
    with pytest.raises(EventNotAccepted, match="Throttling"):
        aborted("TIMED_OUT")
