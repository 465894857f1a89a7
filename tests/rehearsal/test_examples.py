"""The examples, deployed as they are: what each README promises happens on the local AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.processes import ROOT
from local.rehearsal import ACCOUNT, REGION, Rehearsal
from local.waiting import wait_until
from tests.command_line import typed
from tests.rehearsal.conftest import CLOCK_SCALE
from tests.rehearsal.deployed import DOCUMENTS, Deployed

pytestmark = pytest.mark.long

EXAMPLES = ROOT / "examples"
RECOGNIZER = EXAMPLES / "custom_recognizer_pdf" / "local-recognizer.json"


@pytest.fixture(scope="module")
def local_aws() -> Iterator[Rehearsal]:
    """AWS on loopback, for all examples."""
    with tempfile.TemporaryDirectory() as folder, Rehearsal(Path(folder), clock_scale=CLOCK_SCALE) as running:
        yield running


def deployed(rehearsal: Rehearsal, name: str, folder: Path, **context: str) -> Deployed:
    """Deploy an example, run as the CDK command line runs it."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(ROOT / each) for each in ("constructs", "lambdas")),
        "CDK_OUTDIR": str(folder),
        "CDK_VALIDATION": "false",
        "CDK_CONTEXT_JSON": json.dumps(context),
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "CDK_DEFAULT_REGION": REGION,
    }
    subprocess.run([sys.executable, "app.py"], check=True, cwd=EXAMPLES / name, env=environment)
    stack = "".join(map(str.capitalize, name.split("_")))
    outputs = rehearsal.stacks.deploy(folder, stack)
    return Deployed(rehearsal, {**outputs, "InputBucket": outputs["InputBucketName"]})


def outcome_of_uploads(example: Deployed) -> dict[str, Any]:
    """The outcome of the execution that uploads started."""
    functions, machine = example.rehearsal.client("stepfunctions"), example.outputs["StateMachineArn"]
    [started] = wait_until(
        lambda: functions.list_executions(stateMachineArn=machine)["executions"],
        awaited="an execution that uploads start",
        seconds=120,
    )
    outcome: dict[str, Any] = json.loads(example.rehearsal.ended_execution(started["executionArn"])["output"])
    return outcome


def test_upload_pipeline_indexes_entities_once_and_answers_sql(local_aws: Rehearsal, tmp_path: Path) -> None:
    example = deployed(local_aws, "upload_pipeline", tmp_path)
    uri = example.put(DOCUMENTS, below="uploads/")
    outcome = outcome_of_uploads(example)
    assert outcome["Status"] == "COMPLETED"
    expected = {
        (f"{entity['Type']}#{entity['Text']}", record["Source"])
        for record in example.records(outcome)
        for entity in record["Entities"]
    }
    table = local_aws.client("dynamodb")

    def indexed() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = table.scan(TableName=example.outputs["IndexTableName"])["Items"]
        return sorted(items, key=lambda item: (item["Entity"]["S"], item["Mention"]["S"]))

    items = wait_until(indexed, lambda found: len(found) >= len(expected), awaited="the index")
    assert {(item["Entity"]["S"], item["Document"]["S"]) for item in items} == expected

    # As the README asks, and the event once more.
    ada = {":entity": {"S": "PERSON#Ada Lovelace"}}
    asked = {"KeyConditionExpression": "Entity = :entity", "ExpressionAttributeValues": ada}
    named = table.query(TableName=example.outputs["IndexTableName"], **asked)["Items"]
    assert {item["Document"]["S"] for item in named} == {f"{uri}{name}" for name in DOCUMENTS}
    again = local_aws.client("lambda").invoke(
        FunctionName=example.outputs["IndexerName"], Payload=json.dumps({"detail": outcome})
    )
    assert json.loads(again["Payload"].read())["ItemsWritten"] == len(expected)
    assert indexed() == items

    people = (EXAMPLES / "upload_pipeline" / "people.sql").read_text("utf-8")
    answer = typed("results", "--sql", people, "--json", environment=example.environment)
    assert {"text": "Ada Lovelace", "documents": 3}.items() <= answer.json[0].items()


def test_custom_recognizer_pdf_finds_the_recognizers_types_in_a_pdf(local_aws: Rehearsal, tmp_path: Path) -> None:
    recognizer = json.loads(RECOGNIZER.read_text())
    local_aws.comprehend.add_recognizer(recognizer["Arn"], recognizer["EntityList"], recognizer["Status"])
    example = deployed(local_aws, "custom_recognizer_pdf", tmp_path, recognizerArn=recognizer["Arn"])
    letter = (EXAMPLES / "custom_recognizer_pdf" / "letter.pdf").read_bytes()
    example.put({"letter.pdf": letter}, below="papers/")
    outcome = outcome_of_uploads(example)
    assert outcome["Status"] == "COMPLETED"
    assert outcome["Counts"]["EntitiesByType"] == {"MACHINE": 2, "PIONEER": 3}


def test_private_vpc_runs_jobs_and_functions_in_its_subnets(local_aws: Rehearsal, tmp_path: Path) -> None:
    # As the README looks it up.
    named = [{"Name": "prefix-list-name", "Values": [f"com.amazonaws.{REGION}.s3"]}]
    [found] = local_aws.client("ec2").describe_managed_prefix_lists(Filters=named)["PrefixLists"]
    example = deployed(local_aws, "private_vpc", tmp_path, s3PrefixListId=found["PrefixListId"])
    example.put(DOCUMENTS, below="uploads/")
    outcome = outcome_of_uploads(example)
    assert outcome["Status"] == "COMPLETED"
    assert len(outcome["Job"]["VpcConfig"]["Subnets"]) == 2


def test_nightly_analyses_the_day_before_once(local_aws: Rehearsal, tmp_path: Path) -> None:
    example = deployed(local_aws, "nightly", tmp_path)
    local_aws.client("s3").put_object(
        Bucket=example.outputs["InputBucket"], Key="input/2026-11-25/ada.txt", Body=DOCUMENTS["ada.txt"] * 2
    )
    heard = local_aws.client("sqs").create_queue(QueueName="Heard")["QueueUrl"]
    local_aws.client("sns").subscribe(
        TopicArn=example.outputs["NewsTopicArn"], Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:Heard"
    )
    schedules = local_aws.client("scheduler")
    schedule = schedules.get_schedule(Name=example.outputs["ScheduleName"])
    # MiniStack does not know the placeholder, and nobody waits for the night.
    told = schedule["Target"]["Input"].replace("<aws.scheduler.scheduled-time>", "2026-11-26T01:00:00Z")
    schedules.update_schedule(
        Name=schedule["Name"],
        ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={**schedule["Target"], "Input": told},
    )
    functions, night = local_aws.client("stepfunctions"), example.outputs["NightArn"]

    def nights() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = functions.list_executions(stateMachineArn=night)["executions"]
        return found

    [started] = wait_until(nights, awaited="the night", seconds=120)
    ended = local_aws.ended_execution(started["executionArn"])
    assert (started["name"], ended["status"]) == ("night-2026-11-25", "SUCCEEDED"), ended
    assert json.loads(ended["output"])["Counts"]["Documents"] == 1
    # Delivered twice.
    again = functions.start_execution(stateMachineArn=example.outputs["OnceArn"], input=told)["executionArn"]
    local_aws.ended_execution(again)
    assert len(nights()) == 1
    [message] = local_aws.client("sqs").receive_message(QueueUrl=heard, WaitTimeSeconds=10)["Messages"]
    news = json.loads(message["Body"])
    assert news["Subject"] == "Entities of 2026-11-25: COMPLETED"
    assert json.loads(news["Message"])["Counts"]["Documents"] == 1
    # A day without documents is refused, and said.
    empty = functions.start_execution(stateMachineArn=night, input='{"Day": "2026-11-24"}')["executionArn"]
    assert local_aws.ended_execution(empty)["error"] == "RequestRefused"
    [message] = local_aws.client("sqs").receive_message(QueueUrl=heard, WaitTimeSeconds=10)["Messages"]
    assert json.loads(message["Body"])["Subject"] == "Entities of 2026-11-24: RequestRefused"
