"""StopOrphans: jobs without a running execution are stopped and reported, all others are left alone."""

from __future__ import annotations

import io
import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from entities_job.contracts import CustomResourceEvent, OpenExecution, OutcomeError, StopOrphansOutput
from entities_job.handlers import stop_orphans
from entities_job.job import executions, marker
from entities_job.operation import requested_folder
from entities_job.publish.outcome import outcome
from tests.aws import EXECUTION, MACHINE, Aws
from tests.unit.handlers.test_publish_failure import tries_of_stops
from tests.unit.lambda_context import CONTEXT

Answers = list[dict[str, str]]
ERROR: OutcomeError = {"Code": "C", "Message": "m"}


@pytest.fixture(autouse=True)
def jobs(aws: Aws) -> None:
    """A job of a running execution, two whose execution has ended, and two of other workflows."""
    aws.run("alive")
    for name in ("gone", "gone too"):
        aws.run(name, status="SUCCEEDED")
    aws.job("1", "s3://out/jobs/alive/")
    aws.job("2", "s3://out/jobs/gone/")
    aws.job("3", "s3://out/jobs/gone too/", "SUBMITTED")
    aws.job("4", "s3://another/workflows/jobs/")
    aws.job("5", "s3://out/jobs/of-another-machine/")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    """What CloudFormation hears."""
    found: Answers = []

    def urlopen(request: urllib.request.Request, timeout: int) -> io.BytesIO:
        assert isinstance(request.data, bytes)
        found.append(json.loads(request.data))
        return io.BytesIO()

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    yield found
    assert found


def stopped(aws: Aws) -> list[str]:
    return [job["JobId"] for job in aws.jobs.values() if job["JobStatus"] == "STOP_REQUESTED"]


def sweep() -> StopOrphansOutput:
    return stop_orphans.handler({"StateMachineArn": MACHINE}, CONTEXT)


def test_jobs_whose_execution_has_ended_are_stopped(aws: Aws) -> None:
    assert sweep() == {"Stopped": 2, "Reported": 0}
    assert stopped(aws) == ["2", "3"]
    assert aws.events == []


def test_a_job_under_a_callers_own_token_belongs_to_the_execution_that_noted_it(aws: Aws) -> None:
    marker.own("of-another-machine", f"{EXECUTION}:alive")
    aws.job("6", "s3://out/jobs/token/")
    marker.own("token", f"{EXECUTION}:gone")
    aws.job("7", "s3://out/jobs/theirs/")
    marker.own("theirs", f"{EXECUTION.replace('Workflow', 'Other')}:gone")
    sweep()
    assert stopped(aws) == ["2", "3", "6"]


def test_a_job_that_a_running_execution_has_taken_up_is_left(aws: Aws) -> None:
    marker.leave(aws.run("follower"), set(), "2")
    assert sweep()["Stopped"] == 1
    assert stopped(aws) == ["3"]


def test_a_status_that_the_api_does_not_document_is_taken_for_running(aws: Aws) -> None:
    lately = datetime.now(UTC)
    aws.job("6", "s3://out/jobs/gone/", "PAUSED", SubmitTime=lately)
    aws.job("7", "s3://out/jobs/alive/", "PAUSED", SubmitTime=lately)
    marker.leave(aws.run("lost", status="ABORTED"), {"s3://out/jobs/lost/"})
    aws.job("8", "s3://out/jobs/lost/", "PAUSED", SubmitTime=lately)
    assert sweep() == {"Stopped": 3, "Reported": 1}
    assert stopped(aws) == ["2", "3", "6", "8"]


def test_a_job_of_an_execution_that_begins_during_the_sweep_is_left(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    listed = marker.every

    def begins() -> Iterator[OpenExecution]:
        if not begun:
            begun.append(aws.run("new"))
            aws.job("6", "s3://out/jobs/new/")
        return listed()

    monkeypatch.setattr(marker, "every", begins)
    sweep()
    assert begun
    assert "6" not in stopped(aws)


def test_both_forms_of_the_output_uri_are_understood(aws: Aws) -> None:
    for job in aws.jobs.values():
        job["OutputDataConfig"]["S3Uri"] = requested_folder(job["OutputDataConfig"]["S3Uri"])
    sweep()
    assert stopped(aws) == ["2", "3"]


@pytest.mark.parametrize(
    ("status", "reported"), [("ABORTED", "ABORTED"), ("TIMED_OUT", "TIMED_OUT"), ("FAILED", "FAILED")]
)
def test_an_end_whose_event_was_lost_is_reported_within_a_sweep(aws: Aws, status: str, reported: str) -> None:
    marker.leave(aws.run("lost", status=status), {"s3://out/jobs/lost/"})
    aws.job("6", "s3://out/jobs/lost/")
    assert sweep() == {"Stopped": 2, "Reported": 1}
    assert [(event["Status"], event["ExecutionArn"]) for event in aws.events] == [(reported, f"{EXECUTION}:lost")]
    assert "6" in stopped(aws)
    assert sweep()["Reported"] == 0


def test_an_end_before_the_first_function_is_reported_from_the_list_of_executions(aws: Aws) -> None:
    for name, age in (("early", 600), ("old", 9_000)):
        aws.run(name, status="ABORTED")
        aws.executions[f"{EXECUTION}:{name}"]["stopDate"] = datetime.now(UTC) - timedelta(seconds=age)
    assert sweep()["Reported"] == 1
    assert [event["ExecutionArn"] for event in aws.events] == [f"{EXECUTION}:early"]


def test_an_outcome_that_was_written_but_not_emitted_is_emitted(aws: Aws) -> None:
    found = executions.described(f"{EXECUTION}:gone")
    assert found is not None
    made = outcome(executions.reference(found), "STOPPED", {})
    aws.executions[f"{EXECUTION}:gone"]["output"] = json.dumps(made | {"Status": "REFUSED", "Error": ERROR})
    marker.leave(f"{EXECUTION}:gone", set())
    assert sweep()["Reported"] == 1
    assert [event["Status"] for event in aws.events] == ["REFUSED"]
    assert aws.uris("s3://out/work/open/") == []


def test_markers_of_other_machines_are_left(aws: Aws) -> None:
    marker.leave(f"{EXECUTION.replace('Workflow', 'Other')}:run", set())
    assert sweep()["Reported"] == 0
    assert len(aws.uris("s3://out/work/open/")) == 1


@pytest.mark.parametrize(("age", "left"), [(timedelta(minutes=59), 1), (timedelta(minutes=61), 0)])
def test_a_marker_of_an_execution_that_was_never_started_is_removed_after_an_hour(
    aws: Aws, age: timedelta, left: int
) -> None:
    marker.leave(f"{EXECUTION}:never", set())
    [uri] = aws.uris("s3://out/work/open/")
    aws.objects[uri][-1].modified = datetime.now(UTC) - age
    assert sweep() == {"Stopped": 2, "Reported": 0}
    assert len(aws.uris(uri)) == left


@pytest.mark.parametrize(("hours", "found"), [(47, True), (49, False)])
def test_a_status_that_the_api_does_not_document_is_looked_for_among_the_jobs_of_two_days(
    aws: Aws, hours: int, found: bool
) -> None:
    aws.job("6", "s3://out/jobs/gone/", "PAUSED", SubmitTime=datetime.now(UTC) - timedelta(hours=hours))
    sweep()
    assert ("6" in stopped(aws)) is found


def test_a_job_elsewhere_in_a_folder_of_an_own_name_is_somebody_elses(aws: Aws, answers: Answers) -> None:
    aws.job("6", "s3://another/jobs/gone/")
    aws.job("7", "s3://out/jobs-of-others/gone/")
    sweep()
    stop_orphans.handler(change("Delete"), CONTEXT)
    assert stopped(aws) == ["1", "2", "3"]


def test_stops_outlast_the_quota_of_calls(aws: Aws, answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = tries_of_stops(aws, monkeypatch)
    sweep()
    stop_orphans.handler(change("Delete"), CONTEXT)
    assert tries == [16] * 3


def change(kind: str) -> CustomResourceEvent:
    return {
        "RequestType": kind,
        "ResponseURL": "https://localhost/answer",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "OnDelete",
        "ResourceProperties": {"StateMachineArn": MACHINE},
    }


def test_with_the_stack_all_its_jobs_are_stopped_and_no_others(aws: Aws, answers: Answers) -> None:
    stop_orphans.handler(change("Delete"), CONTEXT)
    assert stopped(aws) == ["1", "2", "3"]
    assert answers[0]["Status"] == "SUCCESS"


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_making_and_changing_the_stack_stops_nothing(aws: Aws, answers: Answers, kind: str) -> None:
    stop_orphans.handler(change(kind), CONTEXT)
    assert stopped(aws) == []
    assert answers[0] == {
        "Status": "SUCCESS",
        "Reason": "0 jobs were asked to stop",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "OnDelete",
        "PhysicalResourceId": "OnDelete",
    }


def test_cloudformation_hears_of_a_stop_that_failed_and_does_not_wait_for_an_hour(aws: Aws, answers: Answers) -> None:
    aws.fail("StopEntitiesDetectionJob", "AccessDeniedException")
    with pytest.raises(Exception, match="AccessDenied"):
        stop_orphans.handler(change("Delete"), CONTEXT)
    assert answers[0]["Status"] == "FAILED"
    assert "AccessDenied" in answers[0]["Reason"]
