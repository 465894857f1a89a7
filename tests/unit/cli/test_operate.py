"""Care for a deployment: what doctor finds, what is tried again, and what a deleted stack leaves."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.account import DEAD, KEY, UNREPORTED, WAITING, Account
from tests.aws import MACHINE
from tests.command_line import Typed, typed

STACK = "arn:aws:cloudformation:us-east-1:111122223333:stack/Old/1"


def problems(told: Typed) -> dict[str, str]:
    return {each["check"]: f"{each['level']}: {each['text']}" for each in told.json if each["level"] != "ok"}


def test_a_sound_deployment_has_no_problem(account: Account) -> None:
    told = typed("doctor", "--json")
    assert (told.code, problems(told)) == (0, {})
    assert "No problem was found." in typed("doctor").out


@pytest.mark.parametrize(
    ("damage", "check", "text"),
    [
        (lambda a: a.buckets.pop("out"), "Buckets", "problem: the bucket of results, out, does not exist"),
        (lambda a: a.buckets.update({"in": False}), "Buckets", "problem: in does not send its events to EventBridge"),
        (lambda a: a.key_states.update({KEY: "PendingDeletion"}), "Buckets", "is PendingDeletion"),
        (lambda a: setattr(a, "trusted", "ec2.amazonaws.com"), "Role of jobs", "does not trust comprehend"),
        (lambda a: a.send(DEAD, "{}"), "Uploads", "problem: Mail: 1 message in the dead-letter queue"),
        (lambda a: a.send(UNREPORTED, "{}"), "Reports", "problem: 1 end of executions could not be reported"),
        (lambda a: a.job("77", "s3://out/jobs/gone/"), "Jobs", "problem: no execution follows 1 job: 77"),
        (lambda a: a.run("Mail-1-x", status="FAILED"), "Failures", "note: 1 execution failed within a week, 1 of them"),
        (lambda a: a.fail("GetRole", "AccessDenied"), "Role of jobs", "unknown: GetRole failed: AccessDenied"),
        (lambda a: [a.job(str(n), "s3://elsewhere/") for n in range(10)], "Jobs", "note: 10 active jobs"),
        (
            lambda a: a.machines[MACHINE].update({"cdk-comprehend-entities:version": "0.0.9"}),
            "Version",
            "note: Letters is of version 0.0.9",
        ),
    ],
)
def test_doctor_names_what_is_wrong(account: Account, damage: Any, check: str, text: str) -> None:
    account.clock = time.time()
    damage(account)
    told = typed("doctor", "--json")
    found = problems(told)
    assert text in found[check], found
    assert told.code == ("problem" in found[check])
    assert all(each["advice"] for each in told.json if each["level"] == "problem")


@pytest.mark.parametrize("given", [{"JobId": "77"}, {"ClientRequestToken": "mine"}])
def test_a_job_that_an_execution_took_up_is_no_orphan(account: Account, given: dict[str, str]) -> None:
    account.job("77", "s3://out/jobs/gone/")
    account.run("resume-77", given=given)
    assert typed("doctor").code == 0


def test_dead_letters_go_back_to_their_queue(account: Account) -> None:
    for number in range(12):
        account.send(DEAD, f"{number}")
    assert typed("redrive", "--json").json == {"Moved": {"Mail": 12}}
    assert not account.messages[DEAD]
    assert {each.body for each in account.messages[WAITING].values()} == {str(number) for number in range(12)}
    assert "0 messages moved" in typed("redrive").out


def test_a_dead_letter_that_could_not_be_sent_is_kept(account: Account) -> None:
    account.send(DEAD, "precious")
    account.fail("SendMessage", "AccessDenied")
    assert typed("redrive").code == 1
    assert len(account.messages[DEAD]) == 1


def test_backfill_asks_the_dispatcher(account: Account) -> None:
    account.answer_of_function = ({"Trigger": "Mail", "Listed": 7, "Queued": 5}, False)
    told = typed("backfill", "--prefix", "uploads/2025/", "--since", "2026-11-01")
    asked = {"Trigger": "Mail", "Prefix": "uploads/2025/", "Since": "2026-11-01T00:00:00"}
    assert account.invoked == [{"Backfill": asked}]
    assert "Mail: 7 objects; 5 had no result yet and are queued." in told.out
    typed("backfill")
    assert account.invoked[-1] == {"Backfill": {"Trigger": "Mail"}}


def test_an_error_of_the_dispatcher_is_told(account: Account) -> None:
    account.answer_of_function = ({"errorType": "ValueError", "errorMessage": "Prefix lies under uploads/"}, True)
    told = typed("backfill", "--prefix", "elsewhere/")
    assert told.code == 1
    assert "ValueError: Prefix lies under uploads/" in told.err


def test_without_triggers_there_is_nothing_to_backfill(account: Account) -> None:
    for name in ("uploads:Mail", "wakes"):
        del account.machines[MACHINE][f"cdk-comprehend-entities:{name}"]
    assert "workflow.start_on_upload()" in typed("backfill").err
    assert typed("redrive", "--json").json == {"Moved": {}}
    assert typed("doctor").code == 0


def event(kind: str, name: str, status: str = "DELETE_SKIPPED") -> dict[str, Any]:
    common = {"StackId": STACK, "StackName": "Old", "EventId": "1", "Timestamp": 0}
    return {**common, "ResourceType": kind, "PhysicalResourceId": name, "ResourceStatus": status}


@pytest.fixture
def deleted(account: Account) -> Account:
    """What is left of a deleted stack: a bucket with two objects and its key."""
    account.stacks[STACK] = ("Old", "DELETE_COMPLETE")
    account.stack_events[STACK] = [
        event("AWS::StepFunctions::StateMachine", "machine", "DELETE_COMPLETE"),
        event("AWS::S3::Bucket", "out"),
        event("AWS::S3::Bucket", "gone"),
        event("AWS::KMS::Key", KEY),
        event("AWS::IAM::Role", "role"),
    ]
    for name in "ab":
        account.put(f"s3://out/{name}", b"")
    return account


def test_purge_shows_what_it_would_remove(deleted: Account) -> None:
    told = typed("purge", "Old")
    assert told.code == 1
    assert "bucket out: 2 versions of objects" in told.err
    assert f"key {KEY}" in told.err
    assert "Nothing was removed." in told.err
    assert not deleted.removed
    assert deleted.uris("s3://out/")


def test_purge_removes_it_buckets_first(deleted: Account) -> None:
    assert typed("purge", "Old", "--yes").code == 0
    assert deleted.removed == ["out", KEY]
    assert not deleted.uris("s3://out/")


def test_purge_leaves_other_stacks_alone(deleted: Account) -> None:
    deleted.stack_events[STACK][0]["ResourceType"] = "AWS::SQS::Queue"
    assert "it was not a stack of this workflow" in typed("purge", "Old", "--yes").err
    deleted.stacks["arn:2"] = ("Old", "CREATE_COMPLETE")
    assert "still exists" in typed("purge", "Old", "--yes").err
    assert "No deleted stack 'Never'" in typed("purge", "Never", "--yes").err
    assert not deleted.removed
