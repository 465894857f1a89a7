"""What a killed run has made is found again and removed, and what can't be removed is named."""

from __future__ import annotations

import subprocess
import sys

import pytest

from comprehend_entities_cli.acceptance.cleanup import clean_up, found_runs
from comprehend_entities_cli.acceptance.ledger import STACK_PREFIX, Ledger, alive, interrupted
from comprehend_entities_cli.aws import Aws
from tests.aws import ACCOUNT, REGION
from tests.command_line import typed
from tests.unit.cli.acceptance.conftest import ASSETS, TestAccount

STACK = f"{STACK_PREFIX}abc123"


@pytest.fixture
def killed(account: TestAccount) -> Ledger:
    """A run that was killed while its jobs ran."""
    account.stand(STACK)
    account.job("running", f"s3://{STACK}-out/jobs/x/")
    account.job("of-others", "s3://elsewhere/jobs/x/")
    account.put(f"s3://{ASSETS}/asset.zip", b"zip")
    ledger = Ledger(STACK, ACCOUNT, REGION, [(ASSETS, "asset.zip")])
    ledger.write()
    return ledger


def test_everything_of_a_killed_run_is_removed(killed: Ledger, account: TestAccount, aws: Aws) -> None:
    done = clean_up(aws, killed, pause=0, told=lambda what: None)
    assert done.left == []
    assert done.keys_waiting == [f"{STACK}-key: 2026-12-26"]
    assert not account.standing
    assert {name: job["JobStatus"] for name, job in account.jobs.items()} == {
        "running": "STOPPED",
        "of-others": "IN_PROGRESS",
    }
    assert not account.uris(f"s3://{ASSETS}/")
    assert interrupted(ACCOUNT, REGION) == []


def test_what_is_left_is_named_and_kept_in_mind(killed: Ledger, account: TestAccount, aws: Aws) -> None:
    account.undeletable.add(STACK)
    done = clean_up(aws, killed, pause=0, told=lambda what: None)
    told = " ".join(done.left)
    for part in (
        "deleting the stack",
        f"the stack {STACK}: CREATE_COMPLETE",
        f"bucket {STACK}-out",
        f"key {STACK}-key",
    ):
        assert part in told
    [again] = interrupted(ACCOUNT, REGION)
    account.undeletable.clear()
    assert clean_up(aws, again, pause=0, told=lambda what: None).left == []


def test_a_step_that_fails_keeps_no_other_from_being_done(killed: Ledger, account: TestAccount, aws: Aws) -> None:
    account.fail("ListExecutions", "AccessDenied")
    [left] = clean_up(aws, killed, pause=0, told=lambda what: None).left
    assert left.startswith("stopping executions: ListExecutions failed: AccessDenied")
    assert not account.standing


def test_parts_of_a_stack_that_is_gone_are_removed(killed: Ledger, account: TestAccount, aws: Aws) -> None:
    killed.parts = account.standing.pop(STACK)
    killed.write()
    [read] = interrupted(ACCOUNT, REGION)
    assert clean_up(aws, read, pause=0, told=lambda what: None).left == []
    assert account.removed == [f"{STACK}-out", f"{STACK}-key"]


def test_what_is_gone_already_is_not_left(killed: Ledger, account: TestAccount, aws: Aws) -> None:
    killed.parts = account.standing.pop(STACK)
    account.buckets.pop(f"{STACK}-out")
    account.key_states.clear()
    assert clean_up(aws, killed, pause=0, told=lambda what: None).left == []


def test_what_can_not_be_removed_is_looked_for(killed: Ledger, account: TestAccount, aws: Aws) -> None:
    killed.parts = account.standing.pop(STACK)
    account.fail("ScheduleKeyDeletion", "AccessDenied")
    left = " ".join(clean_up(aws, killed, pause=0, told=lambda what: None).left)
    assert "removing resources that the stack left: ScheduleKeyDeletion failed: AccessDenied" in left
    assert f"key {STACK}-key" in left


def test_only_runs_of_this_account_and_region_are_found(killed: Ledger) -> None:
    assert [each.stack for each in interrupted(ACCOUNT, REGION)] == [STACK]
    assert interrupted("444455556666", REGION) == []
    assert interrupted(ACCOUNT, "eu-west-1") == []


def test_a_run_that_is_alive_is_left_alone(killed: Ledger, account: TestAccount, aws: Aws) -> None:
    code = (
        "import sys\nfrom comprehend_entities_cli.acceptance.ledger import Ledger\n"
        f"with Ledger({STACK!r}, '', '').held():\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        assert holder.stdout.readline() == b"held\n"
        assert alive(STACK)
        assert found_runs(aws, ACCOUNT) == ([], [])
        # As if a signal had killed it.
        holder.kill()
    assert not alive(STACK)
    assert [each.stack for each in found_runs(aws, ACCOUNT)[0]] == [STACK]


def test_runs_of_other_machines_are_removed_only_if_asked_for(account: TestAccount) -> None:
    account.stand(STACK)
    told = typed("accept", "--yes", "--most-dollars", "0.01")
    assert f"There are runs of other machines: {STACK}" in told.err
    assert account.standing
    told = typed("accept", "--clean-up")
    assert (told.code, account.standing) == (0, {})
    assert "1 interrupted run cleaned up." in told.out


def test_own_interrupted_runs_are_cleaned_up_first(killed: Ledger, account: TestAccount) -> None:
    told = typed("accept", "--yes", "--most-dollars", "0.01")
    assert f"cleaning up {STACK}" in told.err
    assert not account.standing
