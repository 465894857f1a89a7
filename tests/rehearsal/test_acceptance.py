"""``accept`` on the local AWS: whole, in a short form, killed in the middle, and against broken deployments."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from comprehend_entities_cli.acceptance.checks.running import chosen, run_checks
from comprehend_entities_cli.acceptance.cleanup import clean_up
from comprehend_entities_cli.acceptance.ledger import Ledger
from comprehend_entities_cli.acceptance.record import Result
from comprehend_entities_cli.acceptance.stack import deploy, synthesize
from comprehend_entities_cli.acceptance.terms import Options
from comprehend_entities_cli.acceptance.trial import Trial
from comprehend_entities_cli.aws import Aws
from local.acceptance import CLOCK_SCALE, command, prepare
from local.rehearsal import ACCOUNT, REGION, Rehearsal
from tests.command_line import typed

SHORT = (
    *("functions_are_active", "deployment_is_found", "buckets_announce", "key_policies", "role_trusts_comprehend_only"),
    *("role_has_its_rights", "execution_completes", "file_names", "offsets_are_code_points", "records_have_sources"),
    *("event_is_the_outcome", "refusal", "one_summary", "results_are_read", "dead_letter_queues_are_empty"),
)
NOT_HERE = {
    "views_answer",
    "dispatcher_may_wake_itself",
    "job_is_tagged",
    "jobs_are_remembered",
    "keys_are_used_by",
    "least_charge",
    "role_is_not_assumed_by_others",
    "state_machine_logs",
    "tls_only",
    "unreadable_upload",
}
"""Checks that can't be had on the local AWS."""


def nothing_is_left(rehearsal: Rehearsal) -> None:
    """Assert that nothing costs or holds data but the bootstrap."""
    stacks = rehearsal.client("cloudformation").describe_stacks()["Stacks"]
    assert [each["StackName"] for each in stacks if each["StackName"].startswith("ComprehendEntitiesAcc")] == []
    s3, kms = rehearsal.client("s3"), rehearsal.client("kms")
    buckets = [each["Name"] for each in s3.list_buckets()["Buckets"]]
    assert [name for name in buckets if "acceptance" in name] == []
    for name in buckets:
        assert "Contents" not in s3.list_objects_v2(Bucket=name) or not name.startswith("cdk-")
    groups = rehearsal.client("logs").describe_log_groups()["logGroups"]
    assert [each["logGroupName"] for each in groups if "Acceptance" in each["logGroupName"]] == []
    states = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] for key in kms.list_keys()["Keys"]]
    assert set(states) <= {"PendingDeletion"}
    assert all(job["JobStatus"] in ("COMPLETED", "FAILED", "STOPPED") for job in rehearsal.comprehend.jobs())


def test_a_short_form_passes_and_leaves_nothing(
    rehearsal: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearsal.stacks.stand_in_for_bootstrap()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    only = [part for name in SHORT for part in ("--check", name)]
    told = typed("accept", "--yes", *only, "-o", str(tmp_path / "record"), environment=rehearsal.environment)
    counts = json.loads(told.out.splitlines()[-1])
    assert counts == {"checks": len(SHORT), "passed": len(SHORT), "failed": 0, "not_here": 0, "left_behind": 0}, (
        told.out
    )
    assert told.code == 0
    stacks = rehearsal.client("cloudformation").describe_stacks()["Stacks"]
    assert not [each for each in stacks if each["StackName"].startswith("ComprehendEntitiesAcceptance")]
    assert ACCOUNT not in (tmp_path / "record.json").read_text("utf-8")
    assert not list(tmp_path.glob("comprehend-entities/acceptance/*.json"))


@pytest.fixture(scope="module")
def judged() -> Iterator[Rehearsal]:
    """A local AWS that enforces permissions, and nothing else in it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Rehearsal(Path(folder), clock_scale=CLOCK_SCALE, authorization=True) as running,
    ):
        running.stacks.stand_in_for_bootstrap()
        yield running


class Started:
    """``accept`` in a process of its own."""

    def __init__(self, rehearsal: Rehearsal, state: Path, *arguments: str) -> None:
        called, environment = command(rehearsal, state, *arguments)
        self.process = subprocess.Popen(
            called, env=environment, cwd=state, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.told: list[str] = []
        self._heard = threading.Condition()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._heard:
                self.told.append(line)
                self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()

    def wait_for(self, text: str) -> None:
        """Wait until the process has said something."""
        with self._heard:
            assert self._heard.wait_for(lambda: any(text in line for line in self.told), timeout=600), self.told

    def ended(self) -> tuple[int, str]:
        """Return the exit code and the last line."""
        with self.process:
            assert self.process.stdout is not None
            out = self.process.stdout.read()
            self._listener.join()
        return self.process.returncode, (out.splitlines() or [""])[-1]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_all_checks_pass_and_nothing_is_left(judged: Rehearsal, tmp_path: Path) -> None:
    options = [*prepare(judged), "-o", str(tmp_path / "record")]
    code, last = Started(judged, tmp_path, *options).ended()
    record = json.loads((tmp_path / "record.json").read_text("utf-8"))
    failed = {each["name"]: each["text"] for each in record["results"] if each["verdict"] == "failed"}
    assert failed == {}
    assert code == 0
    counts = json.loads(last)
    assert counts["checks"] == len(record["results"]) >= 70
    assert (counts["failed"], counts["left_behind"]) == (0, 0)
    assert {each["name"] for each in record["results"] if each["verdict"] == "not_here"} <= NOT_HERE
    nothing_is_left(judged)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_an_interrupted_run_cleans_up_before_it_ends(judged: Rehearsal, tmp_path: Path) -> None:
    running = Started(judged, tmp_path, *prepare(judged))
    running.wait_for("running the checks")
    running.process.send_signal(signal.SIGTERM)
    running.wait_for("deleting the stack")
    # It can't be disturbed any more.
    running.process.send_signal(signal.SIGINT)
    code, last = running.ended()
    assert code == 130, running.told
    assert json.loads(last)["left_behind"] == 0
    nothing_is_left(judged)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_killed_run_is_cleaned_up_by_the_next_call(judged: Rehearsal, tmp_path: Path) -> None:
    running = Started(judged, tmp_path, *prepare(judged))
    running.wait_for("running the checks")
    running.process.kill()
    running.ended()
    stacks = judged.client("cloudformation").describe_stacks()["Stacks"]
    assert [each for each in stacks if each["StackName"].startswith("ComprehendEntitiesAcceptance-")]
    again = Started(judged, tmp_path, "--clean-up")
    assert again.ended() == (0, "1 interrupted run cleaned up."), again.told
    nothing_is_left(judged)
    assert not list(tmp_path.glob("comprehend-entities/acceptance/*.json"))


@pytest.fixture(scope="module")
def deployed(judged: Rehearsal) -> Iterator[tuple[Aws, Ledger, dict[str, str]]]:
    """A deployed stack of ``accept``, which each test breaks and mends."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for name, value in {**judged.environment, "XDG_STATE_HOME": folder}.items():
            patch.setenv(name, value)
        prepare(judged)
        aws, ledger = Aws(), Ledger("ComprehendEntitiesAcceptance-broken", ACCOUNT, REGION)
        assembly = synthesize(Path(folder) / "assembly", ledger.stack, None)
        outputs = deploy(aws, assembly, ledger, pause=0.5, told=lambda status: None)
        yield aws, ledger, outputs
        assert clean_up(aws, ledger, pause=0.5, told=lambda what: None).left == []


def without(role: str, action: str) -> Callable[[Any, Aws], Callable[[], None]]:
    """Return what takes an action away from a function's role, and returns what gives it back."""

    def broken(trial: Trial, aws: Aws) -> Callable[[], None]:
        iam = aws.client("iam")
        [name] = trial.physical("AWS::IAM::Role", role)
        policies = {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        }
        [(policy, whole)] = [each for each in policies.items() if f'"{action}"' in json.dumps(each[1])]
        less = json.loads(json.dumps(whole))
        for statement in less["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            statement["Action"] = [each for each in actions if each != action] or ["sts:GetCallerIdentity"]
        assert less != whole
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(less))
        return lambda: iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(whole))

    return broken


def wrong_key_policy(trial: Trial, aws: Aws) -> Callable[[], None]:
    kms, key = aws.client("kms"), trial.outputs["VolumeKeyArn"]
    whole = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=whole.replace(ACCOUNT, "999999999999"))
    return lambda: kms.put_key_policy(KeyId=key, PolicyName="default", Policy=whole)


def events_off(trial: Trial, aws: Aws) -> Callable[[], None]:
    s3, bucket = aws.client("s3"), trial.outputs["InputBucket"]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    on: Any = {"EventBridgeConfiguration": {}}
    return lambda: s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=on)


def rule_off(trial: Trial, aws: Aws) -> Callable[[], None]:
    events = aws.client("events")
    [rule] = trial.physical("AWS::Events::Rule", "CompletionOutputPut")
    events.disable_rule(Name=rule)
    return lambda: events.enable_rule(Name=rule)


STATIC = ("buckets_announce", "rules_are_enabled", "key_policies", "role_has_its_rights", "role_has_no_more")


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("broken", "checks", "named"),
    [
        (without("DataAccessRole", "s3:GetObject"), STATIC, {"role_has_its_rights": "s3:GetObject on"}),
        (wrong_key_policy, STATIC, {"key_policies": "the key policy of VolumeKeyArn"}),
        (events_off, STATIC, {"buckets_announce": "no events from InputBucket"}),
        (rule_off, STATIC, {"rules_are_enabled": "disabled or without a target"}),
        (
            without("PublishFailureRole", "events:PutEvents"),
            ("refusal", "nothing_is_denied"),
            # The outcome can't be announced, so that the execution fails, too.
            {"refusal": "refused is FAILED", "nothing_is_denied": "events:PutEvents"},
        ),
    ],
    ids=["role of jobs", "key policy", "events of a bucket", "rule", "right of a function"],
)
def test_what_is_broken_is_named_by_the_check_that_is_about_it(
    deployed: tuple[Aws, Ledger, dict[str, str]],
    broken: Callable[[Trial, Aws], Callable[[], None]],
    checks: tuple[str, ...],
    named: dict[str, str],
) -> None:
    aws, ledger, outputs = deployed
    results: list[Result] = []
    options = Options(pause=0.5, patience=300.0, propagation=0.0, at_once=4, settling=0.0)
    with Trial(aws, ledger.stack, ACCOUNT, outputs, options) as trial:
        mend = broken(trial, aws)
        try:
            run_checks(trial, chosen(checks), results.append)
        finally:
            mend()
    failed = {each.name: each.text for each in results if each.verdict == "failed"}
    assert failed.keys() == named.keys(), failed
    for name, text in named.items():
        assert text in failed[name]
