"""The three ways of use: this repository's app, the wheel in somebody else's stack, and an upload into a bucket."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.example import EXAMPLE, clean_environment
from local.rehearsal import Rehearsal
from local.waiting import wait_until
from tests.rehearsal.conftest import CLOCK_SCALE
from tests.rehearsal.deployed import DOCUMENTS, TEXT, Deployed


@pytest.fixture(scope="module")
def bootstrapped() -> Iterator[Rehearsal]:
    """AWS on loopback, made ready by the real ``cdk bootstrap``."""
    with tempfile.TemporaryDirectory() as folder, Rehearsal(Path(folder), clock_scale=CLOCK_SCALE) as running:
        running.bootstrap()
        yield running


def execution_of_uploads(rehearsal: Rehearsal, machine: str, *, patience_seconds: float = 120) -> dict[str, Any]:
    """The end of the first execution that uploads start."""
    functions = rehearsal.client("stepfunctions")
    executions = wait_until(
        lambda: functions.list_executions(stateMachineArn=machine)["executions"],
        awaited="an execution that an upload starts",
        seconds=patience_seconds,
    )
    return rehearsal.ended_execution(executions[-1]["executionArn"])


def test_cdk_deploy_of_this_repository(bootstrapped: Rehearsal) -> None:
    outputs = bootstrapped.deploy("EntitiesDetection", context={"language": "en"})
    deployed = Deployed(bootstrapped, {**outputs, "InputBucket": outputs["InputBucketName"]})
    arn = deployed.start()
    assert '"Status": "COMPLETED"' in bootstrapped.ended_execution(arn)["output"]
    assert "There were no differences" in bootstrapped.cdk("diff", "EntitiesDetection")


def test_the_wheel_in_somebody_elses_stack_and_an_upload_into_their_bucket(bootstrapped: Rehearsal) -> None:
    outputs = bootstrapped.deploy("YourStack", folder=EXAMPLE, python=clean_environment())
    s3 = bootstrapped.client("s3")
    for name, body in DOCUMENTS.items():
        s3.put_object(Bucket=outputs["LettersBucketName"], Key=f"letters/{name}", Body=body)
    execution = execution_of_uploads(bootstrapped, outputs["StateMachineArn"])
    assert execution["status"] == "SUCCEEDED"
    messages = bootstrapped.client("sqs").receive_message(QueueUrl=outputs["FoundQueueUrl"], WaitTimeSeconds=10)
    assert '"Status": "COMPLETED"' in messages["Messages"][0]["Body"]


def test_an_upload_ends_in_a_published_result_that_names_the_original(workflow: Deployed) -> None:
    uri = workflow.put({"ada.txt": TEXT, "two words é.txt": TEXT * 3, "wrong.csv": TEXT}, below="uploads/")
    functions = workflow.rehearsal.client("stepfunctions")
    machine = workflow.outputs["StateMachineArn"]
    before = {each["executionArn"] for each in functions.list_executions(stateMachineArn=machine)["executions"]}
    started = wait_until(
        lambda: (
            {each["executionArn"] for each in functions.list_executions(stateMachineArn=machine)["executions"]} - before
        ),
        awaited="an execution that an upload starts",
        seconds=120,
    )
    ended = workflow.ended(started.pop())
    assert ended.output["Status"] == "COMPLETED"
    # The two texts are below the service's least size together with nothing else: they were padded.
    records = workflow.records(ended.output)
    assert {record["Source"] for record in records} == {f"{uri}ada.txt", f"{uri}two words é.txt"}
    assert all(record["SourceVersionId"] for record in records)
