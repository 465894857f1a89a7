"""The workflow as one state of another state machine, in either query language."""

from __future__ import annotations

import json

import pytest

from local.waiting import wait_until
from tests.rehearsal.deployed import Deployed

PARENTS = ("JSONPATHParentArn", "JSONATAParentArn")


@pytest.mark.parametrize("parent", PARENTS)
def test_it_waits_and_returns_the_outcome(workflow: Deployed, parent: str) -> None:
    arn = workflow.start(machine=parent)
    execution = workflow.rehearsal.ended_execution(arn)
    assert execution["status"] == "SUCCEEDED", execution
    outcome = json.loads(execution["output"])
    assert (outcome["Status"], outcome["Counts"]["Documents"]) == ("COMPLETED", 3)


@pytest.mark.parametrize("parent", PARENTS)
def test_it_fails_with_the_jobs_own_error(workflow: Deployed, parent: str) -> None:
    workflow.rehearsal.comprehend.spoil_jobs(message="INTERNAL_ERROR: The job failed because of an internal error.")
    execution = workflow.rehearsal.ended_execution(workflow.start(machine=parent))
    assert (execution["status"], execution["error"]) == ("FAILED", "INTERNAL_ERROR"), execution
    assert "internal error" in execution["cause"]


def test_a_refused_request_fails_under_its_own_name(workflow: Deployed) -> None:
    arn = workflow.start({"InputDataConfig": {"S3Uri": "s3://elsewhere/x/"}}, machine=PARENTS[0])
    execution = workflow.rehearsal.ended_execution(arn)
    assert (execution["status"], execution["error"]) == ("FAILED", "RequestRefused")
    assert "must be under" in execution["cause"]


def test_where_the_parent_is_aborted_the_job_is_stopped(workflow: Deployed) -> None:
    comprehend = workflow.rehearsal.comprehend
    before = {job["JobId"] for job in comprehend.jobs()}
    comprehend.configure(job_seconds=[1500.0])
    arn = workflow.start(machine=PARENTS[1])

    def own() -> list[str]:
        return [job["JobStatus"] for job in comprehend.jobs() if job["JobId"] not in before]

    wait_until(own, lambda statuses: statuses == ["IN_PROGRESS"], awaited="the job to run")
    workflow.rehearsal.client("stepfunctions").stop_execution(executionArn=arn)
    wait_until(own, lambda statuses: statuses == ["STOPPED"], awaited="the job to be stopped")


@pytest.mark.parametrize("parent", PARENTS)
def test_it_takes_up_a_job_and_is_linked_to_its_parent(workflow: Deployed, parent: str) -> None:
    first = workflow.run().output
    arn = workflow.start({"JobId": first["Job"]["JobId"]}, machine=parent)
    execution = workflow.rehearsal.ended_execution(arn)
    outcome = json.loads(execution["output"])
    assert (outcome["Status"], outcome["Counts"]) == ("COMPLETED", first["Counts"])
    child = workflow.rehearsal.client("stepfunctions").describe_execution(executionArn=outcome["ExecutionArn"])
    assert json.loads(child["input"])["AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"] == arn


@pytest.mark.parametrize("text", ['plain text, no "JSON"', "{" + '"x' * 20_000])
def test_a_child_that_can_not_be_started_keeps_its_errors_name(workflow: Deployed, text: str) -> None:
    # The parent's definition with a machine that does not exist.
    functions = workflow.rehearsal.client("stepfunctions")
    parent = functions.describe_state_machine(stateMachineArn=workflow.outputs[PARENTS[1]])
    changed = parent["definition"].replace(
        workflow.outputs["StateMachineArn"], workflow.outputs["StateMachineArn"] + "x"
    )
    assert changed != parent["definition"]
    made = functions.create_state_machine(name=f"Orphan{len(text)}", definition=changed, roleArn=parent["roleArn"])
    arn = functions.start_execution(stateMachineArn=made["stateMachineArn"], input=json.dumps({"Text": text}))
    execution = workflow.rehearsal.ended_execution(arn["executionArn"])
    # As MiniStack calls it.
    assert (execution["status"], execution["error"]) == ("FAILED", "StateMachineDoesNotExist")
