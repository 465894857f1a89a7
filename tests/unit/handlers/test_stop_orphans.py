"""StopOrphans: jobs without a running execution are stopped and reported, all others are left alone."""

from __future__ import annotations

import io
import json
import urllib.request
from collections.abc import Iterator

import pytest

from entities_job.contracts import CustomResourceEvent
from entities_job.handlers import stop_orphans
from tests.aws import MACHINE, Aws
from tests.unit.lambda_context import CONTEXT

Answers = list[dict[str, str]]


@pytest.fixture(autouse=True)
def jobs(aws: Aws) -> None:
    """A job of a running execution, two without one, and one of another workflow."""
    aws.run("alive")
    aws.job("1", "s3://out/jobs/alive/")
    aws.job("2", "s3://out/jobs/gone/")
    aws.job("3", "s3://out/jobs/gone too/", "SUBMITTED")
    aws.job("4", "s3://another/workflows/jobs/")


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


def test_jobs_without_a_running_execution_are_stopped_and_reported(aws: Aws) -> None:
    assert stop_orphans.handler({"StateMachineArn": MACHINE}, CONTEXT) == {"Stopped": 2}
    assert stopped(aws) == ["2", "3"]
    named = {event["ExecutionArn"].rsplit(":", 1)[1]: event["Error"]["Code"] for event in aws.events}
    assert named == {"gone": "JobAbandoned", "gone too": "JobAbandoned"}


def test_a_job_under_its_callers_own_token_belongs_to_the_execution(aws: Aws) -> None:
    aws.run("alive", given={"ClientRequestToken": "gone"})
    assert stop_orphans.handler({"StateMachineArn": MACHINE}, CONTEXT) == {"Stopped": 1}
    assert stopped(aws) == ["3"]


def change(kind: str) -> CustomResourceEvent:
    return {
        "RequestType": kind,
        "ResponseURL": "https://localhost/answer",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "OnDelete",
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
