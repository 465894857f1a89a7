"""The command line end to end: every command against a deployed workflow on the local AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from local.processes import ROOT
from local.waiting import wait_until
from tests.command_line import Typed, typed
from tests.rehearsal.deployed import DOCUMENTS, TEXT, Deployed

MACHINE = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}


class Console:
    """A shell in which the local AWS is the AWS."""

    def __init__(self, workflow: Deployed) -> None:
        self._environment = workflow.environment

    def __call__(self, *arguments: str, code: int = 0) -> Typed:
        """Run a command that is to end with this exit code."""
        told = typed(*arguments, environment=self._environment)
        assert told.code == code, (told.out, told.err)
        return told


@pytest.fixture(scope="module")
def shell(workflow: Deployed) -> Console:
    return Console(workflow)


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documents as files."""
    folder = tmp_path_factory.mktemp("letters")
    for name, body in DOCUMENTS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(body)
    return folder


@pytest.fixture(scope="module")
def submitted(shell: Console, letters: Path) -> dict[str, Any]:
    """What submit answers when the job has ended."""
    answer: dict[str, Any] = shell("submit", str(letters), "--name", "typed", "--json").json
    return answer


def test_submit_follows_the_job_to_its_outcome(submitted: dict[str, Any], shell: Console) -> None:
    assert submitted["Outcome"]["Status"] == "COMPLETED"
    assert submitted["Outcome"]["Counts"]["Documents"] == len(DOCUMENTS)
    assert submitted["Summary"]["Failed"] == []
    assert "typed  COMPLETED" in shell("show", "typed").out
    assert "typed" in shell("list").out
    assert shell("watch", "typed", "--json").json["Outcome"] == submitted["Outcome"]


def test_what_the_service_would_refuse_is_not_uploaded(shell: Console, tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("Dear Ada")
    assert "at least 500 bytes" in shell("submit", str(tmp_path), code=1).err
    assert "REFUSED" in shell("submit", "s3://elsewhere/x/", code=5).out


def test_uploads_are_followed_from_their_batch(shell: Console, letters: Path) -> None:
    told = shell("submit", str(letters / "ada.txt"), "--trigger", "Uploads", "--json").json
    assert told["Name"].startswith("Uploads-")
    assert told["Outcome"]["Status"] == "COMPLETED"


def test_a_job_is_stopped_with_its_execution(shell: Console, letters: Path) -> None:
    shell("submit", str(letters), "--name", "unwanted", "--no-wait")
    wait_until(lambda: shell("show", "unwanted", "--json").json["Job"], awaited="the job of unwanted")
    shell("stop", "unwanted")
    told = shell("watch", "unwanted", "--json", code=8).json
    assert told["Outcome"]["Status"] == "ABORTED"
    wait_until(
        lambda: shell("doctor", "--json", code=0).json,
        lambda found: not [each for each in found if each["check"] == "Jobs" and each["level"] != "ok"],
        awaited="the job to be stopped",
    )


def test_results_in_every_form(shell: Console, submitted: dict[str, Any], tmp_path: Path) -> None:
    job = ["--job", submitted["Job"]["JobId"]]
    counted = submitted["Outcome"]["Counts"]["Entities"]
    assert len(shell("results", "entities", *job, "--json").json) == counted
    assert "Ada Lovelace" in shell("results", *job).out
    shell("results", "entities", *job, "--output", str(tmp_path / "all.parquet"))
    with duckdb.connect() as written:
        assert written.execute(f"SELECT count(*) FROM '{tmp_path}/all.parquet'").fetchall() == [(counted,)]
    sql = "SELECT counts.Documents AS n FROM summaries"
    assert shell("results", *job, "--sql", sql, "--json").json == [{"n": len(DOCUMENTS)}]


def test_the_report_has_every_document(shell: Console, submitted: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    told = shell("report", "--job", submitted["Job"]["JobId"], "--output", str(path), "--json").json
    assert told["Documents"] == len(DOCUMENTS)
    assert told["Entities"] == submitted["Outcome"]["Counts"]["Entities"]
    assert told["Bytes"] == path.stat().st_size


def test_a_published_job_is_taken_up_again(shell: Console, letters: Path) -> None:
    first = shell("submit", str(letters), "--json").json
    told = shell("resume", first["Job"]["JobId"], "--json").json
    assert told["Outcome"]["Counts"] == first["Outcome"]["Counts"]
    assert told["Job"]["JobId"] == first["Job"]["JobId"]


def test_dead_letters_are_found_and_redriven(shell: Console, workflow: Deployed) -> None:
    sqs, s3 = workflow.rehearsal.client("sqs"), workflow.rehearsal.client("s3")
    version = s3.put_object(Bucket=workflow.outputs["InputBucket"], Key="not-there/typed.txt", Body=TEXT * 9)[
        "VersionId"
    ]
    item = {"key": "not-there/typed.txt", "version-id": version, "size": 9 * len(TEXT), "etag": "", "sequencer": ""}
    event = {"detail": {"bucket": {"name": workflow.outputs["InputBucket"]}, "object": item}}
    # Other tests may have left a batch that waits for a redrive.
    shell("redrive")
    sqs.send_message(QueueUrl=workflow.queue("dead-letters:Uploads"), MessageBody=json.dumps(event))
    assert "1 message in the dead-letter queue" in shell("doctor", code=1).out
    assert shell("redrive", "--json").json["Moved"]["Uploads"] == 1
    assert shell("doctor").code == 0


def test_what_no_event_announced_is_queued(shell: Console, workflow: Deployed, letters: Path) -> None:
    told = shell("submit", str(letters / "ada.txt"), "--trigger", "Uploads", "--name", "twice", "--json").json
    assert told["Outcome"]["Status"] == "COMPLETED"
    found = shell("backfill", "--prefix", "uploads/twice/", "--json").json
    assert (found["Listed"], found.get("Queued", 0)) == (1, 0)
    assert "Prefix lies under uploads/" in shell("backfill", "--prefix", "elsewhere/", code=1).err


def test_nothing_is_purged_while_the_stack_stands(shell: Console) -> None:
    assert "still exists" in shell("purge", "Rehearsed", "--yes", code=1).err


def test_what_a_deleted_stack_has_kept_is_purged(shell: Console, workflow: Deployed) -> None:
    formation, s3 = workflow.rehearsal.client("cloudformation"), workflow.rehearsal.client("s3")
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    machine = {"RoleArn": workflow.outputs["DataAccessRoleArn"], "DefinitionString": json.dumps(MACHINE)}
    template = {
        "Resources": {
            "Kept": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": versioned},
            "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine},
        },
        "Outputs": {"Bucket": {"Value": {"Ref": "Kept"}}},
    }

    def state() -> str:
        found = [each for each in formation.list_stacks()["StackSummaries"] if each["StackName"] == "Old"]
        return str(found[-1]["StackStatus"]) if found else ""

    formation.create_stack(StackName="Old", TemplateBody=json.dumps(template))
    wait_until(state, lambda now: now == "CREATE_COMPLETE", awaited="the stack Old")
    bucket = workflow.rehearsal.stacks.outputs("Old")["Bucket"]
    for _ in range(2):
        s3.put_object(Bucket=bucket, Key="a.txt", Body=b"a")
    s3.delete_object(Bucket=bucket, Key="a.txt")
    formation.delete_stack(StackName="Old")
    wait_until(state, lambda now: now == "DELETE_COMPLETE", awaited="the deletion of Old")
    assert f"bucket {bucket}: 3 versions of objects" in shell("purge", "Old", code=1).err
    assert "and 3 versions of objects" in shell("purge", "Old", "--yes").out
    assert bucket not in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    assert "left no resources" in shell("purge", "Old", "--yes").out


def test_cost_of_the_samples(shell: Console) -> None:
    told = shell("cost", str(ROOT / "local" / "samples" / "en"), "--json").json
    assert told["EstimatedCostUsd"] == pytest.approx(told["Units"] * 0.0001)
