"""PublishFailure: what each failure is called, what a stranger should check, and one outcome whoever reports it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.client import BaseClient

from entities_job.contracts import CaughtError, Job, Outcome
from entities_job.errors import EventNotAccepted
from entities_job.handlers import publish_failure
from entities_job.job import marker
from entities_job.publish import ending
from tests.aws import Aws
from tests.payloads import RUN
from tests.unit.lambda_context import CONTEXT

OWN = {"s3://out/jobs/run-1/"}


@pytest.fixture(autouse=True)
def opened(aws: Aws) -> None:
    """The marker that InspectInput left."""
    marker.leave(RUN["Id"], OWN)


def failed(error: CaughtError, job: Job) -> Outcome:
    answer = publish_failure.handler({"Error": error, "Job": job, "Execution": RUN}, CONTEXT)
    assert answer is not None
    return answer["Outcome"]


def tries_of_stops(aws: Aws, patch: pytest.MonkeyPatch) -> list[int]:
    """How often boto3 would try each call that stops a job, as calls come."""
    tries: list[int] = []
    answer = aws.answer

    def noted(client: BaseClient, operation: str, given: dict[str, Any]) -> Any:
        if operation == "StopEntitiesDetectionJob":
            tries.append(vars(client.meta.config)["_user_provided_options"]["retries"]["total_max_attempts"])
        return answer(client, operation, given)

    patch.setattr(aws, "answer", noted)
    return tries


def cause(name: str, message: str) -> CaughtError:
    return {"Error": name, "Cause": json.dumps({"errorMessage": message, "errorType": name, "stackTrace": []})}


def test_the_jobs_own_message_gives_the_code_and_the_hint(aws: Aws) -> None:
    message = "NO_READ_ACCESS_TO_INPUT: no access."
    found = failed(
        {"Error": "NO_READ_ACCESS_TO_INPUT", "Cause": message},
        {"JobId": "j", "JobStatus": "FAILED", "Message": message},
    )
    assert (found["Status"], found["Error"]["Code"]) == ("FAILED", "NO_READ_ACCESS_TO_INPUT")
    assert "s3:GetObject" in found["Error"]["Hint"]
    assert "JobId" not in found["Error"]["Hint"]
    assert aws.events == [found]


def test_a_services_error_keeps_code_and_message_and_names_the_field(aws: Aws) -> None:
    text = "1 validation error detected: Value 'xx' at 'languageCode' failed to satisfy constraint"
    error = failed(cause("InvalidRequestException", text), {})["Error"]
    assert (error["Code"], error["Message"]) == ("InvalidRequestException", text)
    assert error["Field"] == "languageCode"
    assert "correct the execution's input" in error["Hint"]


def test_a_refusal_is_its_own_status_and_names_the_first_field(aws: Aws) -> None:
    text = "the request breaks these rules:\n- LanguageCode: must be one of en; got 'xx' (source)"
    found = failed(cause("RequestRefused", text), {"JobStatus": "NOT_STARTED"})
    assert (found["Status"], found["Error"]["Field"]) == ("REFUSED", "LanguageCode")
    assert "nothing was started" in found["Error"]["Hint"]
    assert found["Job"] == {"JobStatus": "NOT_STARTED"}


def test_a_cause_that_is_no_json_is_kept_as_it_is(aws: Aws) -> None:
    found = failed({"Error": "States.Timeout", "Cause": "took too long"}, {})
    assert (found["Error"]["Code"], found["Error"]["Message"]) == ("States.Timeout", "took too long")


def test_codes_and_messages_fit_into_an_error_of_step_functions(aws: Aws) -> None:
    found = failed(cause("Odd" * 200, "é" * 200_000), {})["Error"]
    assert (len(found["Code"]), len(found["Message"])) == (256, 5_000)


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException"])
def test_access_denied_has_one_hint_under_both_names(aws: Aws, code: str) -> None:
    assert "lacks a permission" in failed(cause(code, "no"), {})["Error"]["Hint"]


@pytest.mark.parametrize(
    ("code", "status"), [("NoFreeSlot", "TIMED_OUT"), ("JobNotStopped", "TIMED_OUT"), ("UnknownJobStatus", "FAILED")]
)
def test_limits_that_are_over_are_timed_out(aws: Aws, code: str, status: str) -> None:
    found = failed({"Error": code, "Cause": "why"}, {"JobId": "j", "JobStatus": "STOP_REQUESTED"})
    assert (found["Status"], found["Job"]["JobStatus"]) == (status, "STOP_REQUESTED")


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [("NothingToAnalyse", "COMPLETED_WITH_ERRORS", {"Code", "Message", "Hint"}), ("NothingNew", "COMPLETED", set())],
)
def test_a_batch_that_needs_no_job_ends_well(aws: Aws, code: str, status: str, error: set[str]) -> None:
    found = failed({"Error": code, "Cause": "why"}, {})
    assert (found["Status"], found["Counts"]["Documents"], set(found.get("Error", {}))) == (status, 0, error)
    assert aws.events == [found]


def test_a_job_whose_execution_fails_is_asked_to_stop(aws: Aws) -> None:
    aws.job("1")
    found = failed(cause("AccessDeniedException", "no"), {"JobId": "1", "JobStatus": "IN_PROGRESS"})
    assert (aws.jobs["1"]["JobStatus"], found["Job"]["JobStatus"]) == ("STOP_REQUESTED", "STOP_REQUESTED")
    assert found["Error"]["Message"] == "no; its job 1 was asked to stop"


def test_an_execution_that_fails_does_not_count_as_a_follower_of_its_own_job(aws: Aws) -> None:
    """It runs as long as its last state does, and its marker is there."""
    aws.run("run-1")
    aws.job("1")
    found = failed(cause("AccessDeniedException", "no"), {"JobId": "1", "JobStatus": "IN_PROGRESS"})
    assert (aws.jobs["1"]["JobStatus"], found["Job"]["JobStatus"]) == ("STOP_REQUESTED", "STOP_REQUESTED")


def test_a_job_is_stopped_even_if_the_marker_of_its_execution_is_gone(aws: Aws) -> None:
    marker.remove(RUN["Id"])
    aws.job("1")
    failed(cause("AccessDeniedException", "no"), {"JobId": "1", "JobStatus": "IN_PROGRESS"})
    assert aws.jobs["1"]["JobStatus"] == "STOP_REQUESTED"


def test_a_stop_outlasts_the_quota_of_calls_since_no_state_tries_again(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = tries_of_stops(aws, monkeypatch)
    aws.job("1")
    failed(cause("AccessDeniedException", "no"), {"JobId": "1", "JobStatus": "IN_PROGRESS"})
    assert tries == [16]


def test_a_start_whose_answer_was_lost_leaves_no_job_running(aws: Aws) -> None:
    aws.job("1", status="SUBMITTED")
    found = failed(cause("Sandbox.Timedout", "no"), {"JobStatus": "NOT_STARTED"})
    assert (aws.jobs["1"]["JobStatus"], found["Job"]["JobId"]) == ("STOP_REQUESTED", "1")


@pytest.mark.parametrize("operation", ["StopEntitiesDetectionJob", "ListEntitiesDetectionJobs"])
def test_a_job_that_can_not_be_stopped_is_named_as_running(aws: Aws, operation: str) -> None:
    aws.job("1")
    aws.fail(operation, "AccessDeniedException", times=99)
    error = failed(cause("Lambda.Unknown", "crash"), {"JobId": "1", "JobStatus": "IN_PROGRESS"})["Error"]
    assert "its job 1 may still run, and could not be stopped" in error["Message"]
    assert '{"JobId": "1"}' in error["Hint"]


def test_a_completed_job_that_was_not_published_says_how_it_can_be(aws: Aws) -> None:
    error = failed(cause("AccessDenied", "no"), {"JobId": "1", "JobStatus": "COMPLETED"})["Error"]
    assert (
        'start an execution with {"JobId": "1"} to follow the job and publish its result at no charge' in error["Hint"]
    )
    assert aws.calls["StopEntitiesDetectionJob"] == 0


def test_one_outcome_however_often_it_is_reported(aws: Aws) -> None:
    first = failed(cause("Oops", "first"), {})
    again = failed(cause("Oops", "second"), {})
    assert again == first
    assert aws.events == [first]
    assert aws.uris("s3://out/work/open/") == []


def test_an_outcome_that_was_written_but_not_emitted_is_emitted_as_it_stands(aws: Aws) -> None:
    aws.fail("PutEvents", "InternalFailure")
    with pytest.raises(Exception, match="InternalFailure"):
        failed(cause("Oops", "first"), {})
    assert failed(cause("Oops", "second"), {})["Error"]["Message"] == "first"
    assert [event["Error"]["Message"] for event in aws.events] == ["first"]


def test_an_end_before_the_first_function_is_emitted_however_often_the_bus_refuses_it(aws: Aws) -> None:
    marker.remove(RUN["Id"])
    aws.fail("PutEvents", "InternalFailure", times=2)
    for _ in range(2):
        with pytest.raises(Exception, match="InternalFailure"):
            ended(aws, "ABORTED")
    found = ended(aws, "ABORTED")
    assert aws.events == [found]
    assert ended(aws, "ABORTED") is None
    assert aws.uris("s3://out/work/open/") == []


def test_a_name_that_comes_again_and_a_redriven_execution_have_outcomes_of_their_own(aws: Aws) -> None:
    runs = [RUN, {**RUN, "StartTime": "2027-03-01T12:00:00.000Z"}, {**RUN, "RedriveCount": 1}]
    for number, run in enumerate(runs):
        marker.leave(RUN["Id"], OWN)
        publish_failure.handler({"Error": {"Error": f"E{number}"}, "Job": {}, "Execution": run}, CONTEXT)  # type: ignore[typeddict-item]  # a spread
    assert [event["Error"]["Code"] for event in aws.events] == ["E0", "E1", "E2"]


def ended(aws: Aws, status: str, **more: Any) -> Outcome | None:
    """Step Functions' own event of an execution's end."""
    aws.run("run-1", status=status)
    aws.executions[RUN["Id"]].update(more)
    answer = publish_failure.handler({"detail": {"executionArn": RUN["Id"]}}, CONTEXT)
    return answer["Outcome"] if answer else None


def test_an_aborted_executions_own_job_is_stopped_and_no_other(aws: Aws) -> None:
    aws.job("1", status="FAILED")
    aws.job("2")
    aws.job("3", "s3://out/jobs/run-11/")
    aws.job("4", "s3://other/jobs/run-1/")
    aws.job("5", status="SUBMITTED")
    found = ended(aws, "ABORTED")
    assert found is not None
    statuses = [job["JobStatus"] for job in aws.jobs.values()]
    assert statuses == ["FAILED", "STOP_REQUESTED", "IN_PROGRESS", "IN_PROGRESS", "STOP_REQUESTED"]
    assert (found["Status"], found["Job"]["JobId"]) == ("ABORTED", "2")
    assert "job 5 was asked to stop" in found["Error"]["Message"]


def test_an_aborted_execution_names_the_job_that_had_ended_before_it_was_published(aws: Aws) -> None:
    """A completed job that no outcome names was paid for in vain: what make chaos checks."""
    aws.job("of-another", "s3://out/jobs/run-11/", status="COMPLETED")
    aws.job("earlier", status="FAILED", SubmitTime=aws.now - timedelta(minutes=1))
    aws.job("done", status="COMPLETED")
    found = ended(aws, "ABORTED")
    assert found is not None
    assert (found["Job"]["JobId"], found["Job"]["JobStatus"]) == ("done", "COMPLETED")
    assert "its job done had ended as COMPLETED" in found["Error"]["Message"]
    assert '{"JobId": "done"}' in found["Error"]["Hint"]
    assert aws.calls["StopEntitiesDetectionJob"] == 0


def test_a_start_whose_answer_was_lost_is_named_when_its_job_has_ended(aws: Aws) -> None:
    aws.job("1", status="COMPLETED", SubmitTime=aws.now.fromisoformat(RUN["StartTime"]))
    found = failed(cause("Sandbox.Timedout", "no"), {"JobStatus": "NOT_STARTED"})
    assert found["Job"]["JobId"] == "1"
    assert '{"JobId": "1"}' in found["Error"]["Hint"]


def test_an_aborted_execution_names_the_job_that_it_had_taken_up(aws: Aws) -> None:
    marker.leave(RUN["Id"], set(), "old")
    aws.job("old", "s3://out/jobs/another/", status="COMPLETED", SubmitTime=aws.now - timedelta(days=3))
    found = ended(aws, "ABORTED")
    assert found is not None
    assert found["Job"] == {"JobId": "old"}
    assert '{"JobId": "old"}' in found["Error"]["Hint"]


def test_a_job_whose_take_up_was_refused_runs_on(aws: Aws) -> None:
    """It may be somebody else's: it writes elsewhere."""
    aws.job("of-others", "s3://elsewhere/jobs/x/")
    marker.leave(RUN["Id"], set(), "of-others")
    assert failed(cause("RequestRefused", "the job of-others writes to elsewhere"), {})["Job"] == {}
    marker.leave(RUN["Id"], set(), "of-others")
    found = ended(aws, "FAILED", error="RequestRefused", startDate=aws.now + timedelta(days=1))
    assert found is not None
    assert found["Job"] == {}
    assert aws.jobs["of-others"]["JobStatus"] == "IN_PROGRESS"


class Waiting:
    """Time that passes only when a function waits, and something that happens meanwhile."""

    def __init__(self, aws: Aws, *, then: Callable[[], None], after_seconds: float) -> None:
        self._begun, self._then, self._after, self.seconds = aws.clock, then, after_seconds, 0.0

    def time(self) -> float:
        return self._begun + self.seconds

    def sleep(self, seconds: float) -> None:
        if self.seconds <= self._after < self.seconds + seconds:
            self._then()
        self.seconds += seconds


@pytest.mark.parametrize("before", [None, "FAILED"])
def test_a_job_that_is_being_started_when_its_execution_is_aborted_is_stopped_and_named(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    """The function goes on without its execution: the job would end unknown if the outcome were told at once."""
    if before:
        aws.job("before", status=before)
    waiting = Waiting(aws, then=lambda: aws.job("late"), after_seconds=12)
    monkeypatch.setattr(ending, "time", waiting)
    found = ended(aws, "ABORTED", state="StartJob", stopDate=aws.now)
    assert found is not None
    assert (found["Job"]["JobId"], found["Job"]["JobStatus"]) == ("late", "STOP_REQUESTED")
    assert waiting.seconds == 15


@pytest.mark.parametrize(("state", "seconds"), [("StartJob", 60), ("WaitForSlot", 0), ("InspectInput", 0)])
def test_an_outcome_without_a_job_waits_for_a_start_that_may_go_on_and_for_nothing_else(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, state: str, seconds: float
) -> None:
    waiting = Waiting(aws, then=lambda: None, after_seconds=0)
    monkeypatch.setattr(ending, "time", waiting)
    found = ended(aws, "ABORTED", state=state, stopDate=aws.now)
    assert found is not None
    assert found["Job"] == {}
    assert waiting.seconds == seconds


def test_an_execution_whose_job_was_never_started_names_none(aws: Aws) -> None:
    aws.job("of-an-earlier-run", status="COMPLETED", SubmitTime=aws.now - timedelta(days=300))
    found = ended(aws, "ABORTED")
    assert found is not None
    assert found["Job"] == {}
    assert "it had no active job" in found["Error"]["Message"]


@pytest.mark.parametrize(("seconds", "named"), [(50, True), (70, False)])
def test_a_job_may_seem_older_than_its_execution_by_what_clocks_differ(aws: Aws, seconds: int, named: bool) -> None:
    aws.job("1", status="COMPLETED", SubmitTime=aws.now - timedelta(seconds=seconds))
    found = ended(aws, "ABORTED")
    assert found is not None
    assert (found["Job"].get("JobId") == "1") is named


def test_a_job_that_another_running_execution_follows_is_not_stopped(aws: Aws) -> None:
    aws.job("1")
    follower = aws.run("follower")
    marker.leave(follower, set(), "1")
    found = ended(aws, "ABORTED")
    assert found is not None
    assert "its job 1 runs on, followed by" in found["Error"]["Message"]
    assert aws.jobs["1"]["JobStatus"] == "IN_PROGRESS"
    aws.executions[follower]["status"] = "ABORTED"
    publish_failure.handler({"detail": {"executionArn": follower}}, CONTEXT)
    assert aws.jobs["1"]["JobStatus"] == "STOP_REQUESTED"


def test_a_follower_that_has_ended_keeps_no_job_running(aws: Aws) -> None:
    """Its marker stays until its end is reported."""
    aws.job("1")
    marker.leave(aws.run("follower", status="FAILED"), set(), "1")
    ended(aws, "ABORTED")
    assert aws.jobs["1"]["JobStatus"] == "STOP_REQUESTED"


@pytest.mark.parametrize("error", ["States.DataLimitExceeded", "States.Runtime", "RequestRefused"])
def test_a_failure_that_no_state_reported_is_reported_whatever_it_is_called(aws: Aws, error: str) -> None:
    found = ended(aws, "FAILED", error=error, cause="too much")
    assert found is not None
    assert (found["Status"], found["Error"]["Code"]) == ("FAILED", error)
    assert "too much" in found["Error"]["Message"]


def test_an_execution_that_reported_its_own_end_is_not_reported_again(aws: Aws) -> None:
    first = failed(cause("Oops", "why"), {})
    assert ended(aws, "FAILED", startDate=aws.now.fromisoformat(RUN["StartTime"])) is None
    assert aws.events == [first]


def test_the_end_of_an_execution_that_nobody_knows_is_no_error(aws: Aws) -> None:
    """Another run may have removed its marker meanwhile."""
    assert publish_failure.handler({"detail": {"executionArn": f"{RUN['Id']}-unknown"}}, CONTEXT) is None
    assert aws.events == []


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED"])
def test_an_execution_that_runs_or_succeeded_is_left_alone(aws: Aws, status: str) -> None:
    marker.remove(RUN["Id"])
    assert ended(aws, status) is None
    assert aws.events == []


def test_hostile_names_stay_within_one_line_of_the_log(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(publish_failure.logger.registered_handler, "stream", log)
    hostile = 'no such document: a\n{"level": "INFO", "message": "forged"}\r\x1b[2J"\\.txt'
    failed({"Error": "Oops", "Cause": hostile}, {})
    ended, line, end = log.getvalue().split("\n")
    assert json.loads(ended)["message"] == "execution ended"
    assert json.loads(line)["error"]["Message"] == hostile
    assert ended.isprintable()
    assert line.isprintable()
    assert end == ""


def test_an_event_that_the_bus_refuses_is_an_error_and_the_marker_stays(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}
    monkeypatch.setattr(aws, "_PutEvents", lambda given: refused)
    with pytest.raises(EventNotAccepted, match="Throttling"):
        ended(aws, "TIMED_OUT")
    assert len(aws.uris("s3://out/work/open/")) == 1


def test_a_job_that_is_found_and_can_not_be_stopped_is_named_with_how_to_take_it_up(aws: Aws) -> None:
    aws.job("1")
    aws.fail("StopEntitiesDetectionJob", "AccessDeniedException", times=99)
    found = ended(aws, "ABORTED")
    assert found is not None
    assert found["Job"]["JobId"] == "1"
    assert "its job 1 may still run, and could not be stopped" in found["Error"]["Message"]
    assert '{"JobId": "1"}' in found["Error"]["Hint"]


def test_a_denial_that_goes_away_keeps_no_job_out_of_the_outcome(aws: Aws) -> None:
    aws.job("1")
    aws.fail("ListEntitiesDetectionJobs", "AccessDeniedException", times=3)
    found = ended(aws, "ABORTED")
    assert found is not None
    assert (found["Job"]["JobId"], aws.jobs["1"]["JobStatus"]) == ("1", "STOP_REQUESTED")
