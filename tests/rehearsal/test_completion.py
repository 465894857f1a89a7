"""How an execution learns of its job's end, and that no job outlives the execution that waits for it."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from cdk_comprehend_entities import EntitiesDetectionWorkflow
from local.waiting import wait_until
from tests.rehearsal.deployed import DOCUMENTS, Deployed

DESTROY = cdk.RemovalPolicy.DESTROY


@pytest.fixture
def events(workflow: Deployed) -> Iterator[Any]:
    """EventBridge; rules that a test disables work again afterwards."""
    client = workflow.rehearsal.client("events")
    yield client
    client.enable_rule(Name=output_rule(client))


def output_rule(events: Any) -> str:
    (name,) = (r["Name"] for r in events.list_rules()["Rules"] if "Outputs of entity" in r.get("Description", ""))
    return str(name)


def test_the_output_ends_the_wait_after_the_early_look(workflow: Deployed) -> None:
    # Once before, since functions that start only now take as long as a job.
    workflow.run()
    workflow.rehearsal.comprehend.configure(job_seconds=[320.0])
    ended = workflow.run()
    assert ended.output["Status"] == "COMPLETED"
    # The early look finds the job running; the event ends the wait after it, long before its timeout.
    assert "WaitForOutput" in ended.states
    assert ended.failed_tasks == 0
    assert ended.output["Polls"] in (2, 3)


def test_a_lost_event_costs_time_only(workflow: Deployed, events: Any) -> None:
    events.disable_rule(Name=output_rule(events))
    workflow.rehearsal.comprehend.configure(job_seconds=[600.0])
    ended = workflow.run()
    assert ended.output["Status"] == "COMPLETED"
    assert "WaitForOutput" in ended.states
    # The wait ran into its timeout.
    assert ended.failed_tasks == 1
    assert ended.output["Polls"] <= 3


def test_an_output_that_comes_before_the_token_is_noticed(workflow: Deployed, events: Any) -> None:
    # The job ends between the early look and the keeping of the token, and its event is lost on top.
    events.disable_rule(Name=output_rule(events))
    workflow.rehearsal.comprehend.configure(job_seconds=[700.0], output_lead_seconds=650.0)
    ended = workflow.run()
    assert ended.output["Status"] == "COMPLETED"
    # Woken at once, it looked again and again until the status followed.
    assert ended.output["Polls"] >= 4


def test_a_status_that_lags_behind_the_output_is_followed(workflow: Deployed) -> None:
    workflow.rehearsal.comprehend.configure(job_seconds=[600.0], output_lead_seconds=500.0)
    ended = workflow.run()
    assert ended.output["Status"] == "COMPLETED"
    assert ended.states.count("WaitForJob") > 1


def invoked(workflow: Deployed, part: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of the workflow's function whose name holds ``part``."""
    functions = workflow.rehearsal.client("lambda")
    (name,) = (
        each["FunctionName"]
        for page in functions.get_paginator("list_functions").paginate()
        for each in page["Functions"]
        if part in each["FunctionName"] and each["FunctionName"].startswith("Rehearsed")
    )
    answer: dict[str, Any] = json.load(functions.invoke(FunctionName=name, Payload=json.dumps(event))["Payload"])
    return answer


def test_an_event_that_comes_again_wakes_nobody(workflow: Deployed) -> None:
    ended = workflow.run()
    _, _, key = ended.output["Job"]["OutputDataConfig"]["S3Uri"].removeprefix("s3://").partition("/")
    event = {"source": "aws.s3", "detail": {"object": {"key": key}}}
    assert invoked(workflow, "AwaitOutput", event) == {"Woken": False}


def test_a_job_that_the_service_does_not_begin_is_stopped_and_says_so(workflow: Deployed) -> None:
    workflow.rehearsal.comprehend.configure(submitted_seconds=10**6)
    ended = workflow.run()
    assert (ended.status, ended.error) == ("FAILED", "JobNotBegun")
    assert "queue_duration" in str(ended.cause)
    assert ended.event["detail"]["Status"] == "TIMED_OUT"


def active(workflow: Deployed) -> list[str]:
    jobs = workflow.rehearsal.comprehend.jobs()
    return [job["JobId"] for job in jobs if job["JobStatus"] in ("SUBMITTED", "IN_PROGRESS", "STOP_REQUESTED")]


def sweep(workflow: Deployed) -> int:
    answer = invoked(workflow, "StopOrphans", {"StateMachineArn": workflow.outputs["StateMachineArn"]})
    return int(answer["Stopped"])


def test_no_job_outlives_executions_that_are_aborted_at_random_moments(workflow: Deployed) -> None:
    rehearsal, chance = workflow.rehearsal, random.Random(50)
    rehearsal.comprehend.configure(
        job_seconds=[10**5], active_jobs=None, starts_per_second=None, stops_per_second=None, lists_per_second=None
    )
    functions, uri = rehearsal.client("stepfunctions"), workflow.put(DOCUMENTS)

    def abort(arn: str) -> None:
        # One that has run into its deadline meanwhile has ended, and its job was stopped.
        with contextlib.suppress(functions.exceptions.ClientError):
            functions.stop_execution(executionArn=arn)

    arns = []
    for _ in range(50):
        arns.append(workflow.start({"InputDataConfig": {"S3Uri": uri}}))
        time.sleep(chance.uniform(0, 0.3))
        if chance.random() < 0.7:
            abort(arns.pop(chance.randrange(len(arns))))
    for arn in arns:
        abort(arn)
    # A job that was being started when its execution was aborted is found by the sweep, which comes by itself, too.
    rounds: list[list[str]] = []

    def last_rounds() -> list[list[str]]:
        sweep(workflow)
        rounds.append(active(workflow))
        return rounds[-5:]

    wait_until(
        last_rounds, lambda last: last == [[]] * 5, awaited="five sweeps in a row that leave no job", seconds=180
    )
    stopped = [job["JobStatus"] for job in rehearsal.comprehend.jobs()]
    assert len(stopped) > 10
    assert set(stopped) == {"STOPPED"}


def by_hand(workflow: Deployed, folder: str) -> str:
    """Start a job by hand, into a folder of the workflow's jobs; returns its id."""
    outputs = workflow.outputs
    started = workflow.rehearsal.client("comprehend").start_entities_detection_job(
        InputDataConfig={"S3Uri": workflow.put(DOCUMENTS), "InputFormat": "ONE_DOC_PER_FILE"},
        OutputDataConfig={"S3Uri": f"s3://{outputs['OutputBucket']}/jobs/{folder}/"},
        DataAccessRoleArn=outputs["DataAccessRoleArn"],
        LanguageCode="en",
    )
    return str(started["JobId"])


def statuses(workflow: Deployed) -> dict[str, str]:
    return {job["JobId"]: job["JobStatus"] for job in workflow.rehearsal.comprehend.jobs()}


def test_a_job_whose_execution_has_ended_is_stopped_and_one_of_another_machine_is_not(workflow: Deployed) -> None:
    ended = workflow.run()
    workflow.rehearsal.comprehend.configure(job_seconds=[10**5])
    orphan, other = by_hand(workflow, ended.arn.rpartition(":")[2]), by_hand(workflow, "of-another-machine")
    assert sweep(workflow) == 1
    assert statuses(workflow)[orphan] in ("STOP_REQUESTED", "STOPPED")
    assert statuses(workflow)[other] in ("SUBMITTED", "IN_PROGRESS")


def test_a_job_started_by_hand_is_taken_up_and_published_and_then_found_published(workflow: Deployed) -> None:
    job_id = by_hand(workflow, "by-hand")
    first = workflow.run({"JobId": job_id})
    assert (first.status, first.output["Status"], first.output["Counts"]["Documents"]) == ("SUCCEEDED", "COMPLETED", 3)
    assert "StartJob" not in first.states
    again = workflow.run({"JobId": job_id})
    assert again.output["ExecutionArn"] != first.output["ExecutionArn"]
    for name in ("Status", "Counts", "Result", "Job"):
        assert again.output[name] == first.output[name], name


def test_an_execution_that_was_aborted_has_its_job_taken_up(workflow: Deployed) -> None:
    arn = workflow.start()
    job = workflow.job(arn, status="IN_PROGRESS")
    follower = workflow.start({"JobId": job["JobId"]})
    functions = workflow.rehearsal.client("stepfunctions")
    wait_until(
        lambda: workflow.rehearsal.client("s3").list_objects_v2(
            Bucket=workflow.outputs["OutputBucket"], Prefix="work/open/"
        )["KeyCount"],
        lambda count: count == 2,
        awaited="both executions' markers",
    )
    functions.stop_execution(executionArn=arn)
    assert "runs on, followed by" in workflow.event(arn)["detail"]["Error"]["Message"]
    ended = workflow.ended(follower)
    assert (ended.output["Status"], ended.output["Counts"]["Documents"]) == ("COMPLETED", 3)
    assert all(record["Source"] for record in workflow.records(ended.output))


def test_an_execution_waits_for_a_free_slot_and_leaves_one_to_uploads(workflow: Deployed) -> None:
    comprehend, functions = workflow.rehearsal.client("comprehend"), workflow.rehearsal.client("stepfunctions")
    workflow.rehearsal.comprehend.configure(job_seconds=[10**5], starts_per_second=None)
    taken = [by_hand(workflow, f"by-hand-{number}") for number in range(9)]
    workflow.rehearsal.comprehend.configure(job_seconds=[366.5])
    arn = workflow.start()

    def states() -> list[str]:
        events = functions.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        return [each["stateEnteredEventDetails"]["name"] for each in events if "stateEnteredEventDetails" in each]

    wait_until(states, lambda names: names.count("WaitForSlot") > 1, awaited="the execution to wait for a slot")
    comprehend.stop_entities_detection_job(JobId=taken[0])
    ended = workflow.ended(arn)
    assert ended.output["Status"] == "COMPLETED"
    looks = ended.states[ended.states.index("StartJob") : ended.states.index("WaitForJob")]
    assert looks[:-1:2] == ["StartJob"] * looks.count("WaitForSlot")


def test_with_the_stack_its_jobs_are_stopped(workflow: Deployed, tmp_path: Path) -> None:
    rehearsal = workflow.rehearsal
    app = cdk.App(outdir=str(tmp_path))
    stack = cdk.Stack(app, "Deleted")
    made = EntitiesDetectionWorkflow(stack, "Entities", stop_jobs_on_delete=True, removal_policy=DESTROY)
    cdk.CfnOutput(stack, "StateMachineArn", value=made.state_machine.state_machine_arn)
    cdk.CfnOutput(stack, "InputBucket", value=made.input_bucket.bucket_name)
    app.synth()
    deleted = Deployed(rehearsal, rehearsal.stacks.deploy(tmp_path, "Deleted"))
    rehearsal.comprehend.configure(job_seconds=[10**5])
    job = deleted.job(deleted.start(), status="IN_PROGRESS")
    rehearsal.stacks.delete("Deleted")
    wait_until(lambda: active(workflow), lambda jobs: job["JobId"] not in jobs, awaited="the job to be stopped")
