"""From queue to staged copies, with the real dispatcher and staging on an account in memory, killed at every call."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from entities_job.handlers import dispatch_uploads as dispatch
from entities_job.handlers import stage
from tests.unit.dispatch_aws import MACHINE, VISIBILITY_SECONDS, Aws, Crash
from tests.unit.lambda_context import CONTEXT


def settings(**triggers: dict[str, Any]) -> dict[str, Any]:
    default = {
        "queue_url": "q",
        "request": {"LanguageCode": "en"},
        "suffixes": [],
        "custom": False,
        "by_line": False,
        "limits": {"Documents": 100, "Bytes": 10**9},
    }
    return {
        "StateMachineArn": MACHINE,
        "StagingUri": "s3://in/staging/",
        "WakeQueueUrl": "wake",
        "MaximumActiveJobs": 10,
        "Triggers": {name: {**default, **changes} for name, changes in (triggers or {"En": {}}).items()},
    }


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    monkeypatch.setenv("UPLOADS", json.dumps(settings()))
    return Aws(monkeypatch)


def look(aws: Aws, *triggers: str) -> None:
    """The dispatcher, woken by an upload for each of the triggers, or by itself."""
    bodies = [{"Trigger": trigger} for trigger in triggers] or [{}]
    sent = {"SentTimestamp": str(int(aws.clock * 1000))}
    dispatch.handler({"Records": [{"body": json.dumps(body), "attributes": sent} for body in bodies]}, CONTEXT)


def staged(aws: Aws, batch: str) -> dict[str, int]:
    """StageBatch: all shards of a batch."""
    folder = f"staging/{batch}/manifest/"
    shards = [key for key in list(aws.objects) if key.startswith(folder)]
    events = [{"Shard": f"s3://in/{key}", "ResultsUri": "s3://out/results/"} for key in shards]
    counts = [stage.handler(event, CONTEXT) for event in events]
    return {name: sum(each[name] for each in counts) for name in ("Staged", "Refused", "Duplicates")}


def refused(aws: Aws) -> list[dict[str, Any]]:
    reports = [gzip.decompress(body["null"]) for key, body in aws.objects.items() if "/refused/" in key]
    return [json.loads(line) for report in reports for line in report.splitlines()]


def test_the_first_upload_starts_an_execution_after_one_pause(aws: Aws) -> None:
    aws.upload("uploads/a b+é.txt")
    look(aws, "En")
    assert aws.executions == {}
    assert aws.wakes == [aws.clock + 18]
    aws.clock += 20
    look(aws)
    ((name, execution),) = aws.executions.items()
    assert execution["input"] == {
        "LanguageCode": "en",
        "InputDataConfig": {"S3Uri": f"s3://in/staging/{name}/documents/"},
    }
    assert aws.messages["q"] == {}


def test_nothing_waits_then_nothing_is_asked_and_no_wake_is_sent(aws: Aws) -> None:
    look(aws)
    assert (aws.wakes, aws.calls) == ([], 2)


def test_wakes_of_more_uploads_cost_one_read_while_a_look_is_arranged(aws: Aws) -> None:
    aws.upload("uploads/a")
    look(aws, "En")
    before = aws.calls
    look(aws, "En")
    assert aws.calls == before + 1
    assert len(aws.wakes) == 1


def test_slots_are_what_really_runs_jobs_of_others_and_executions_without_a_job(aws: Aws) -> None:
    now = datetime.fromtimestamp(aws.clock, UTC)
    aws.jobs = [{"JobName": f"other-{n}", "JobStatus": "IN_PROGRESS", "SubmitTime": now} for n in range(3)]
    aws.jobs += [{"JobStatus": "COMPLETED", "SubmitTime": now}, {"JobStatus": "STOP_REQUESTED", "SubmitTime": now}]
    aws.jobs += [{"JobName": "Workflow.En-2-b", "JobStatus": "SUBMITTED", "SubmitTime": now}]
    aws.jobs += [{"JobName": "Workflow.En-3-c", "JobStatus": "COMPLETED", "SubmitTime": now}]
    for name in ("En-1-a", "En-2-b", "En-3-c", "by-hand"):
        aws.executions[name] = {"started": now, "running": True}
    usage = dispatch.Account(settings()).usage()
    assert usage.active == 3 + 1 + 1 + 2
    assert usage.batches["En"] == 3


def test_staging_copies_the_announced_version_and_leaves_originals_alone(aws: Aws) -> None:
    aws.upload("uploads/a", b"first" * 200)
    aws.upload("uploads/a", b"second" * 200)
    originals = {**aws.objects["uploads/a"]}
    run(aws)
    assert sorted(aws.text(key)[:5] for key in aws.documents()) == ["first", "secon"]
    assert aws.objects["uploads/a"] == originals


def test_a_small_batch_is_padded_and_its_manifest_says_so(aws: Aws) -> None:
    aws.upload("uploads/a", b"tiny")
    run(aws)
    assert sum(len(aws.text(key)) for key in aws.documents()) >= 500
    (name,) = aws.executions
    assert json.loads(aws.text(f"staging/{name}/manifest/padding.json"))["Padding"] is True
    assert staged(aws, name) == {"Staged": 1, "Refused": 0, "Duplicates": 0}


def test_a_batch_without_documents_is_not_padded(aws: Aws) -> None:
    aws.upload("uploads/a", b"")
    run(aws)
    assert aws.documents() == []
    assert [(line["Source"], line["ErrorCode"]) for line in refused(aws)] == [("s3://in/uploads/a", "EMPTY_DOCUMENT")]


def test_a_deleted_upload_is_refused_by_name(aws: Aws) -> None:
    aws.upload("uploads/gone")
    aws.upload("uploads/here")
    look(aws, "En")
    aws.clock += 20
    look(aws)
    del aws.objects["uploads/gone"]
    (name,) = aws.executions
    assert staged(aws, name) == {"Staged": 1, "Refused": 1, "Duplicates": 0}
    assert [(line["ErrorCode"], line["SourceVersionId"]) for line in refused(aws)] == [("SOURCE_DELETED", "v1")]


def test_content_announced_again_later_is_not_analysed_again(aws: Aws) -> None:
    aws.upload("uploads/a", times=2)
    run(aws)
    body = json.dumps({"bucket": {"name": "in"}, "object": {"key": "uploads/a", "size": 1000, "version-id": "v1"}})
    aws.send("q", body)
    run(aws)
    assert len(aws.executions) == 2
    assert len(aws.documents()) == 1


@pytest.mark.parametrize(
    "poison",
    [
        "no upload",
        "[" * 200_000,
        json.dumps({"bucket": {"name": "in"}, "object": {"key": 5}}),
        json.dumps({"bucket": {"name": "in"}, "object": {"key": "k" * 200_000, "size": 1}}),
        json.dumps({"bucket": {"name": "somebody-elses"}, "object": {"key": "uploads/a", "size": 1000}}),
    ],
    ids=["text", "nested", "wrong type", "huge", "another bucket"],
)
def test_a_poisoned_message_stays_for_the_dead_letter_queue_and_holds_nobody_up(aws: Aws, poison: str) -> None:
    aws.send("q", poison)
    aws.upload("uploads/a")
    run(aws, times=3)
    assert len(aws.documents()) == 1
    assert [each["receives"] > 0 for each in aws.messages["q"].values()] == [True]


@pytest.mark.parametrize("poison", ["no wake", "[]", "[" * 200_000, '{"Trigger": ["En"]}', '{"Trigger": "unknown"}'])
def test_a_poisoned_wake_wakes_like_any_other(aws: Aws, poison: str) -> None:
    aws.upload("uploads/a")
    sent = {"SentTimestamp": str(int(aws.clock * 1000))}
    dispatch.handler({"Records": [{"messageId": "1", "body": poison, "attributes": sent}]}, CONTEXT)
    assert aws.wakes == [aws.clock + 18]


def test_more_than_a_batch_starts_as_slots_allow(aws: Aws) -> None:
    for number in range(250):
        aws.upload(f"uploads/{number}")
    run(aws, times=5)
    assert sorted(len(each) for each in batches(aws)) == [50, 100, 100]


def test_triggers_with_other_settings_have_batches_of_their_own(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    spanish = {
        "queue_url": "es",
        "request": {"LanguageCode": "es", "InputDataConfig": {"InputFormat": "ONE_DOC_PER_LINE"}},
    }
    monkeypatch.setenv("UPLOADS", json.dumps(settings(En={}, Es=spanish)))
    aws.upload("uploads/en/a")
    aws.upload("uploads/es/a", queue="es")
    run(aws, "En", "Es", times=3)
    inputs = {name.partition("-")[0]: each["input"] for name, each in aws.executions.items()}
    assert inputs["En"]["LanguageCode"] == "en"
    assert inputs["Es"]["LanguageCode"] == "es"
    assert inputs["Es"]["InputDataConfig"]["InputFormat"] == "ONE_DOC_PER_LINE"


@pytest.mark.parametrize("crash_at", range(1, 60))
def test_killed_at_any_call_nothing_is_lost_and_nothing_is_staged_twice(aws: Aws, crash_at: int) -> None:
    for number in range(12):
        aws.upload(f"uploads/{number}", times=1 + number % 2)
    aws.upload("uploads/empty", b"")
    aws.crash_at = crash_at
    for _ in range(8):
        steps: list[Callable[[], object]] = [partial(look, aws, "En")]
        steps += [partial(staged, aws, name) for name in aws.executions]
        for step in steps:
            try:
                step()
            except Crash:
                # What comes along meanwhile changes the next batch's content.
                aws.upload(f"uploads/later-{crash_at}")
        aws.clock += VISIBILITY_SECONDS / 2
    assert aws.messages["q"] == {}
    originals = sorted(key.removeprefix("uploads/") for key in aws.objects if key.startswith("uploads/"))
    copies = sorted(key.rsplit("/", 1)[-1].partition("-")[2] for key in aws.documents())
    assert copies == [name for name in originals if name != "empty"]
    assert aws.calls > crash_at
    assert {line["Source"] for line in refused(aws)} == {"s3://in/uploads/empty"}


def run(aws: Aws, *triggers: str, times: int = 2) -> None:
    """Uploads' wakes, then as many looks as told, each a pause after the other, and staging of every batch."""
    look(aws, *(triggers or ("En",)))
    for _ in range(times):
        aws.clock += 120
        look(aws)
    for name in aws.executions:
        staged(aws, name)


def batches(aws: Aws) -> list[list[str]]:
    found: dict[str, list[str]] = {}
    for key in aws.documents():
        found.setdefault(key.split("/")[1], []).append(key)
    return list(found.values())
