"""A new version over a running one, the end of a stack that is at work, a new stack over what an old one has kept."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import aws_cdk as cdk
import pytest

from local.processes import ROOT
from local.rehearsal import Rehearsal
from local.waiting import wait_until
from tests.rehearsal import upgraded
from tests.rehearsal.conftest import CLOCK_SCALE
from tests.rehearsal.deployed import DOCUMENTS, TEXT, Deployed
from tests.rehearsal.upgraded import synthesize

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

BEFORE = "1895d3ea6d20de6d1a3c5c4de721697b90bc295c"
"""The commit that is deployed first: the one at which the work on upgrades began."""

DAYS = 2 * 86_400.0
"""How long jobs run that must not end by themselves, in seconds of the emulator's clock: eleven minutes of ours."""

PATIENCE = 400
"""Seconds; after two days, the next look at a job or for a slot may be hours of the emulator's clock away."""

ACTIVE = ("SUBMITTED", "IN_PROGRESS")


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A rehearsal of its own: its buckets are those of the stacks of these tests."""
    with Rehearsal(tmp_path_factory.mktemp("aws"), clock_scale=CLOCK_SCALE) as running:
        yield running


@pytest.fixture(scope="module")
def version_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembly of the commit before, synthesized by its own code."""
    source, assembly = tmp_path_factory.mktemp("before"), tmp_path_factory.mktemp("assembly-before")
    archived = subprocess.run(["git", "archive", BEFORE], cwd=ROOT, capture_output=True, check=False)
    if archived.returncode:
        pytest.fail(f"the commit {BEFORE} is not in this clone: run `git fetch --unshallow`, then try again")
    with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as files:
        files.extractall(source, filter="data")
    path = os.pathsep.join(str(source / name) for name in ("constructs", "lambdas"))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
    subprocess.run([sys.executable, upgraded.__file__, str(assembly)], cwd=source, env=environment, check=True)
    return assembly


def running(rehearsal: Rehearsal) -> set[str]:
    """The jobs that nobody has asked to stop."""
    return {job["JobId"] for job in rehearsal.comprehend.jobs() if job["JobStatus"] in ACTIVE}


def test_executions_that_run_during_an_upgrade_end_well(
    rehearsal: Rehearsal, version_before: Path, tmp_path: Path
) -> None:
    """Each waits somewhere else: for its job, its output, a free slot, a batch of uploads to begin."""
    deployed = Deployed(rehearsal, rehearsal.stacks.deploy(version_before, "Upgraded"))
    assert deployed.run().output["Status"] == "COMPLETED"
    rehearsal.comprehend.configure(job_seconds=[DAYS], starts_per_second=None)
    started = [deployed.start() for _ in range(12)]
    wait_until(lambda: len(running(rehearsal)) >= 9, awaited="nine jobs, as many as direct executions get", seconds=200)
    uploaded = deployed.put({"ada.txt": TEXT * 10}, below="uploads/")
    after = Deployed(rehearsal, rehearsal.stacks.deploy(synthesize(tmp_path, "Upgraded"), "Upgraded"))
    assert after.outputs == deployed.outputs
    rehearsal.comprehend.configure(job_seconds=[366.5])
    rehearsal.comprehend.advance(DAYS)
    for arn in started:
        rehearsal.ended_execution(arn, patience_seconds=PATIENCE)
        ended = after.ended(arn)
        assert (ended.status, ended.output["Status"]) == ("SUCCEEDED", "COMPLETED"), ended
        assert ended.event["detail"] == ended.output
        assert len(after.records(ended.output)) == 3
    events = wait_until(
        after.received,
        lambda found: any(uploaded in json.dumps(after.records(each["detail"])) for each in found.values()),
        awaited="the result of the upload",
        seconds=PATIENCE,
    )
    assert {each["detail"]["Status"] for each in events.values()} == {"COMPLETED"}
    assert after.run().output["Status"] == "COMPLETED"
    assert running(rehearsal) == set()


def buckets(rehearsal: Rehearsal) -> set[str]:
    """The names of all buckets."""
    return {each["Name"] for each in rehearsal.client("s3").list_buckets()["Buckets"]}


def test_a_stack_that_is_destroyed_at_work_leaves_no_job_and_no_bucket(rehearsal: Rehearsal, tmp_path: Path) -> None:
    destroyed = synthesize(
        tmp_path,
        "Destroyed",
        removal_policy=cdk.RemovalPolicy.DESTROY,
        auto_delete_objects=True,
        stop_jobs_on_delete=True,
    )
    deployed = Deployed(rehearsal, rehearsal.stacks.deploy(destroyed, "Destroyed"))
    assert rehearsal.ended_execution(deployed.start(), patience_seconds=PATIENCE)["status"] == "SUCCEEDED"
    rehearsal.comprehend.configure(job_seconds=[DAYS])
    jobs = {deployed.job(deployed.start(), status="IN_PROGRESS", patience_seconds=200)["JobId"] for _ in range(3)}
    deployed.put(DOCUMENTS, below="uploads/")
    rehearsal.stacks.delete("Destroyed")
    assert not running(rehearsal) & jobs
    assert not {deployed.outputs[name] for name in ("InputBucket", "OutputBucket")} & buckets(rehearsal)


def test_a_new_stack_over_kept_buckets_and_keys_goes_on_where_the_old_one_ended(
    rehearsal: Rehearsal, tmp_path: Path
) -> None:
    old = Deployed(rehearsal, rehearsal.stacks.deploy(synthesize(tmp_path / "old", "Old"), "Old"))
    first = json.loads(rehearsal.ended_execution(old.start(), patience_seconds=PATIENCE)["output"])
    rehearsal.comprehend.configure(job_seconds=[DAYS])
    job = old.job(old.start(), status="IN_PROGRESS", patience_seconds=200)
    rehearsal.stacks.delete("Old")
    assert {old.outputs["InputBucket"], old.outputs["OutputBucket"]} <= buckets(rehearsal)
    assert rehearsal.client("kms").describe_key(KeyId=old.outputs["OutputKeyArn"])["KeyMetadata"]["Enabled"]
    over = synthesize(tmp_path / "new", "New", old.outputs)
    new = Deployed(rehearsal, rehearsal.stacks.deploy(over, "New"))
    assert {new.outputs[name] for name in ("InputBucket", "OutputBucket")} == {
        old.outputs[name] for name in ("InputBucket", "OutputBucket")
    }
    # What was published is there, what ran on is taken up at no charge, and new documents are analysed.
    assert len(new.records(first)) == 3
    before = len(rehearsal.comprehend.jobs())
    rehearsal.comprehend.configure(job_seconds=[366.5])
    rehearsal.comprehend.advance(DAYS)
    resumed = json.loads(
        rehearsal.ended_execution(new.start({"JobId": job["JobId"]}), patience_seconds=PATIENCE)["output"]
    )
    assert (resumed["Status"], resumed["Job"]["JobId"]) == ("COMPLETED", job["JobId"])
    assert len(rehearsal.comprehend.jobs()) == before
    again = json.loads(rehearsal.ended_execution(new.start(), patience_seconds=PATIENCE)["output"])
    assert len(new.records(again)) == 3


@pytest.fixture
def bootstrapped(tmp_path: Path) -> Iterator[Rehearsal]:
    """Another rehearsal, made ready by the real ``cdk bootstrap``."""
    with Rehearsal(tmp_path, clock_scale=CLOCK_SCALE) as made:
        made.bootstrap()
        yield made


def test_changes_of_the_context_hold_from_the_next_execution_on(bootstrapped: Rehearsal) -> None:
    rehearsal = bootstrapped
    outputs = rehearsal.deploy("EntitiesDetection")
    deployed = Deployed(rehearsal, {**outputs, "InputBucket": outputs["InputBucketName"]})
    rehearsal.comprehend.configure(job_seconds=[DAYS])
    arn = deployed.start()
    wait_until(lambda: running(rehearsal), awaited="its job", seconds=120)
    changed = rehearsal.deploy(
        "EntitiesDetection", context={"language": "es", "inputPrefix": "other/", "uploadPrefix": "letters/"}
    )
    kept_outputs = ("InputBucketName", "OutputBucketName", "StateMachineArn")
    assert {name: changed[name] for name in kept_outputs} == {name: outputs[name] for name in kept_outputs}
    rehearsal.comprehend.configure(job_seconds=[366.5])
    rehearsal.comprehend.advance(DAYS)
    running_one = json.loads(rehearsal.ended_execution(arn, patience_seconds=PATIENCE)["output"])
    assert (running_one["Status"], running_one["Job"]["LanguageCode"]) == ("COMPLETED", "en")
    refused = rehearsal.ended_execution(deployed.start())
    assert refused["error"] == "RequestRefused"
    assert "must be under" in refused["cause"]
    found = rehearsal.ended_execution(
        deployed.start({"InputDataConfig": {"S3Uri": deployed.put(DOCUMENTS, below="other/")}})
    )
    assert json.loads(found["output"])["Job"]["LanguageCode"] == "es"
