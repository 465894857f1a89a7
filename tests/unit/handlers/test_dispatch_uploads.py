"""From queue to staged copies, with the real dispatcher and staging on an account in memory, killed at every call."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from entities_job.contracts import DispatcherSettings, QueueRecord, StageInput, StageOutput, TriggerSettings
from entities_job.errors import ServiceError
from entities_job.handlers import dispatch_uploads, stage
from entities_job.uploads import account, batch, staging
from entities_job.uploads.records import Run
from tests.aws import MACHINE, VISIBILITY_SECONDS, Aws, Crash
from tests.unit.lambda_context import CONTEXT

TRIGGER: TriggerSettings = {
    "Prefix": "uploads/",
    "Queue": "q",
    "Request": {"LanguageCode": "en"},
    "Suffixes": [],
    "Custom": False,
    "ByLine": False,
    "Limits": {"Documents": 100, "Bytes": 10**9},
}


def settings(**triggers: TriggerSettings) -> DispatcherSettings:
    return {
        "StateMachineArn": MACHINE,
        "StagingUri": "s3://in/staging/",
        "ClaimsUri": "s3://in/claims/",
        "WakeQueueUrl": "wake",
        "MaximumActiveJobs": 10,
        "Triggers": triggers or {"En": TRIGGER},
    }


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that staging waits, in no time."""
    seconds: list[float] = []
    monkeypatch.setattr(staging.time, "sleep", seconds.append)
    return seconds


@pytest.fixture(autouse=True)
def dispatcher(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dispatcher with one trigger, whose clock is the account's."""
    aws.versioned.add("in")
    monkeypatch.setenv("UPLOADS", json.dumps(settings()))
    monkeypatch.setattr(account.time, "time", lambda: aws.clock)


def upload(aws: Aws, key: str, body: bytes = b"x" * 1000, *, queue: str = "q", times: int = 1) -> str:
    """Put an object's next version, announce it ``times`` times, and return its id."""
    version = aws.put(f"s3://in/{key}", body).id
    item = {"key": key, "size": len(body), "etag": "e", "version-id": version, "sequencer": "1"}
    for _ in range(times):
        aws.send(queue, json.dumps({"bucket": {"name": "in"}, "object": item}))
    return version


def documents(aws: Aws) -> list[str]:
    """All staged copies."""
    return [uri for uri in aws.uris("s3://in/staging/") if "/documents/" in uri]


def sources(aws: Aws) -> list[str]:
    """The originals of all staged copies."""
    lines = [
        json.loads(line)
        for uri in aws.uris("s3://in/staging/")
        if "/manifest/" in uri
        for line in aws.get(uri).splitlines()
    ]
    originals = {line["File"]: line["Source"] for line in lines}
    return [originals[uri.rsplit("/", 1)[1]] for uri in documents(aws) if "padding" not in uri]


def names(aws: Aws) -> list[str]:
    """The executions that were started."""
    return [each["name"] for each in aws.executions.values()]


def look(aws: Aws, *triggers: str) -> None:
    """The dispatcher, woken by an upload for each of the triggers, or by itself."""
    bodies = [{"Trigger": trigger} for trigger in triggers] or [{}]
    dispatch_uploads.handler({"Records": [record(aws, json.dumps(body)) for body in bodies]}, CONTEXT)


def record(aws: Aws, body: str) -> QueueRecord:
    return {"messageId": "1", "body": body, "attributes": {"SentTimestamp": str(int(aws.clock * 1000))}}


def staged(aws: Aws, execution: str) -> StageOutput:
    """StageBatch: all shards of a batch, for one of its executions."""
    run = Run.of(execution)
    assert run is not None
    counts = []
    for shard in aws.uris(f"s3://in/staging/{run.batch}/manifest/"):
        given: StageInput = {
            "Shard": shard,
            "Execution": execution,
            "ClaimsUri": "s3://in/claims/",
            "ResultsUri": "s3://out/results/",
        }
        counts.append(stage.handler(given, CONTEXT))
    return {
        "Staged": sum(each["Staged"] for each in counts),
        "Refused": sum(each["Refused"] for each in counts),
        "Duplicates": sum(each["Duplicates"] for each in counts),
    }


def refused(aws: Aws) -> list[dict[str, Any]]:
    reports = [gzip.decompress(aws.get(uri)) for uri in aws.uris("s3://out/results/refused/")]
    return [json.loads(line) for report in reports for line in report.splitlines()]


def test_the_first_upload_starts_an_execution_after_one_pause(aws: Aws) -> None:
    upload(aws, "uploads/a b+é.txt")
    look(aws, "En")
    assert aws.executions == {}
    assert aws.wakes == [aws.clock + 18]
    aws.clock += 20
    look(aws)
    [execution] = aws.executions.values()
    assert json.loads(execution["input"]) == {
        "LanguageCode": "en",
        "InputDataConfig": {"S3Uri": f"s3://in/staging/{execution['name']}/documents/"},
    }
    assert aws.messages["q"] == {}
    opened = json.loads(aws.get(f"s3://out/work/open/Workflow.{execution['name']}"))
    assert opened == {"Execution": execution["executionArn"], "Folders": [f"s3://out/jobs/{execution['name']}/"]}


def test_nothing_waits_then_nothing_is_asked_and_no_wake_is_sent(aws: Aws) -> None:
    look(aws)
    assert (aws.wakes, aws.calls.total()) == ([], 2)


def test_wakes_of_more_uploads_cost_one_read_while_a_look_is_arranged(aws: Aws) -> None:
    upload(aws, "uploads/a")
    look(aws, "En")
    before = aws.calls.total()
    look(aws, "En")
    assert aws.calls.total() == before + 1
    assert len(aws.wakes) == 1


def test_slots_are_what_really_runs_jobs_of_others_and_executions_without_a_job(aws: Aws) -> None:
    for number in range(3):
        aws.job(f"other-{number}", JobName=f"other-{number}")
    aws.job("ended", status="COMPLETED")
    aws.job("stopping", status="STOP_REQUESTED")
    aws.job("b", status="SUBMITTED", JobName="Workflow.En-2-b")
    aws.job("c", status="COMPLETED", JobName="Workflow.En-3-c")
    for name in ("En-1-a", "En-2-b", "En-3-c", "by-hand"):
        aws.run(name)
    usage = account.Account(settings()).usage(["En-3-c", "En-4-d"])
    assert usage.active == 3 + 1 + 1 + 2 + 1
    # Those that callers started take all free slots but one.
    for number in range(20):
        aws.run(f"by-hand-{number}")
    assert account.Account(settings()).usage(["En-3-c", "En-4-d"]).active == 9
    assert account.Account({**settings(), "MaximumActiveJobs": 5}).usage(["En-4-d"]).active == 7
    assert usage.batches["En"] == 4


def test_an_execution_and_its_job_take_one_slot_however_long_they_run(aws: Aws) -> None:
    aws.run("En-1-a")
    aws.job("a", JobName="Workflow.En-1-a")
    aws.clock += 3600
    aws.run("En-2-b")
    assert account.Account(settings()).usage([]).active == 2


def test_a_batch_holds_its_slot_for_a_minute_though_no_listing_shows_its_execution(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step Functions lists a new execution after a moment."""
    upload(aws, "uploads/a")
    look(aws, "En")
    aws.clock += 20
    look(aws)
    assert len(aws.executions) == 1
    monkeypatch.setattr(aws, "_ListExecutions", lambda given: {"executions": []})
    seen = account.Account(settings())
    held = [seen.usage(seen.note().at(aws.clock + seconds).starting).active for seconds in (0, 59, 61)]
    assert held == [1, 1, 0]


@pytest.mark.parametrize("between", range(1, 8))
def test_an_execution_that_starts_its_job_meanwhile_is_never_overlooked(aws: Aws, between: int) -> None:
    aws.run("En-1-a")
    aws.at_call(between, lambda: aws.job("a", status="SUBMITTED", JobName="Workflow.En-1-a"))
    assert account.Account(settings()).usage([]).active >= 1


def test_staging_copies_the_announced_version_and_leaves_originals_alone(aws: Aws) -> None:
    upload(aws, "uploads/a", b"first" * 200)
    upload(aws, "uploads/a", b"second" * 200)
    originals = list(aws.objects["s3://in/uploads/a"])
    run(aws)
    assert sorted(aws.get(uri)[:5] for uri in documents(aws)) == [b"first", b"secon"]
    assert aws.objects["s3://in/uploads/a"] == originals


def test_a_small_batch_is_padded_and_its_manifest_says_so(aws: Aws) -> None:
    upload(aws, "uploads/a", b"tiny")
    run(aws)
    assert sum(len(aws.get(uri)) for uri in documents(aws)) >= 500
    [name] = names(aws)
    assert json.loads(aws.get(f"s3://in/staging/{name}/manifest/padding-00000.json"))["Padding"] is True
    assert staged(aws, name) == {"Staged": 1, "Refused": 0, "Duplicates": 0}


@pytest.mark.parametrize(("size", "copies"), [(499, 2), (500, 1)])
def test_a_batch_is_padded_up_to_the_least_size_of_a_job_and_not_at_it(aws: Aws, size: int, copies: int) -> None:
    upload(aws, "uploads/a", b"x" * size)
    run(aws)
    assert len(documents(aws)) == copies


def test_a_batch_without_documents_is_not_padded(aws: Aws) -> None:
    upload(aws, "uploads/a", b"")
    run(aws)
    assert documents(aws) == []
    assert [(line["Source"], line["ErrorCode"]) for line in refused(aws)] == [("s3://in/uploads/a", "EMPTY_DOCUMENT")]


def test_a_deleted_upload_is_refused_by_name(aws: Aws) -> None:
    upload(aws, "uploads/gone")
    upload(aws, "uploads/here")
    look(aws, "En")
    aws.clock += 20
    look(aws)
    del aws.objects["s3://in/uploads/gone"]
    [name] = names(aws)
    assert staged(aws, name) == {"Staged": 1, "Refused": 1, "Duplicates": 0}
    assert [(line["ErrorCode"], line["SourceVersionId"]) for line in refused(aws)] == [("SOURCE_DELETED", "v1")]


def test_an_upload_that_was_overwritten_in_a_bucket_without_versions_is_refused_by_name(aws: Aws) -> None:
    aws.versioned.clear()
    for body in (b"first" * 200, b"second" * 200):
        etag = aws.put("s3://in/uploads/a", body).etag.strip('"')
        item = {"key": "uploads/a", "size": len(body), "etag": etag, "version-id": "null"}
        aws.send("q", json.dumps({"bucket": {"name": "in"}, "object": item}))
    run(aws)
    assert [aws.get(uri)[:6] for uri in documents(aws)] == [b"second"]
    assert [line["ErrorCode"] for line in refused(aws)] == ["SOURCE_OVERWRITTEN"]


@pytest.mark.parametrize("code", ["InvalidObjectState", "ObjectNotInActiveTierError"])
def test_an_archived_upload_is_refused_by_name(aws: Aws, code: str) -> None:
    upload(aws, "uploads/archived", b"archived" * 200)
    upload(aws, "uploads/here", b"here" * 300)
    aws.locked["s3://in/uploads/archived"] = code
    run(aws)
    assert [aws.get(uri)[:4] for uri in documents(aws)] == [b"here"]
    assert [line["ErrorCode"] for line in refused(aws)] == ["SOURCE_ARCHIVED"]


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidRequest", "KMS.DisabledException", "NobodyKnowsThisOne"])
def test_one_unreadable_object_refuses_itself_and_not_its_batch(aws: Aws, pauses: list[float], code: str) -> None:
    upload(aws, "uploads/locked", b"locked" * 200)
    upload(aws, "uploads/open")
    aws.locked["s3://in/uploads/locked"] = code
    run(aws)
    assert sources(aws) == ["s3://in/uploads/open"]
    [line] = refused(aws)
    assert (line["Source"], line["ErrorCode"]) == ("s3://in/uploads/locked", "SOURCE_UNREADABLE")
    assert code in line["ErrorMessage"]
    assert pauses == [0, 2, 8]


def test_an_object_that_becomes_readable_while_it_is_tried_is_staged(aws: Aws) -> None:
    upload(aws, "uploads/a")
    aws.fail("CopyObject", "AccessDenied", times=2)
    run(aws)
    assert sources(aws) == ["s3://in/uploads/a"]
    assert refused(aws) == []


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "ThrottlingException", "503"])
def test_trouble_of_the_service_refuses_nothing(aws: Aws, code: str) -> None:
    upload(aws, "uploads/a")
    aws.fail("CopyObject", code)
    with pytest.raises(ServiceError, match=code):
        run(aws)
    assert staged(aws, names(aws)[0]) == {"Staged": 1, "Refused": 0, "Duplicates": 0}


def test_a_batch_whose_first_shard_stages_nothing_is_padded(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "SHARD_DOCUMENTS", 2)
    for number in range(5):
        upload(aws, f"uploads/{number}", b"" if number else b"tiny")
    run(aws)
    [name] = names(aws)
    assert sum(len(aws.get(uri)) for uri in documents(aws)) >= 500
    assert staged(aws, name)["Staged"] == 1


def test_folder_markers_of_a_console_are_left_alone(aws: Aws) -> None:
    upload(aws, "uploads/letters/", b"")
    upload(aws, "uploads/letters/a")
    upload(aws, "uploads/odd/", b"x" * 700)
    run(aws)
    assert sorted(sources(aws)) == ["s3://in/uploads/letters/a", "s3://in/uploads/odd/"]
    assert (refused(aws), aws.messages["q"]) == ([], {})


def test_folder_markers_alone_start_nothing(aws: Aws) -> None:
    upload(aws, "uploads/letters/", b"")
    run(aws)
    assert (aws.executions, aws.messages["q"]) == ({}, {})


def test_content_announced_again_later_is_not_analysed_again(aws: Aws) -> None:
    upload(aws, "uploads/a", times=2)
    run(aws)
    body = json.dumps({"bucket": {"name": "in"}, "object": {"key": "uploads/a", "size": 1000, "version-id": "v1"}})
    aws.send("q", body)
    run(aws)
    assert len(aws.executions) == 2
    assert len(documents(aws)) == 1


@pytest.mark.parametrize(
    "poison",
    [
        "no upload",
        "[" * 200_000,
        json.dumps({"bucket": {"name": "in"}, "object": {"key": 5}}),
        json.dumps({"bucket": {"name": "in"}, "object": {"key": "k" * 200_000, "size": 1}}),
        json.dumps({"bucket": {"name": "somebody-elses"}, "object": {"key": "uploads/a", "size": 1000, "etag": "e"}}),
        json.dumps({"bucket": {"name": "in"}, "object": {"key": "uploads/a", "size": 1000}}),
        json.dumps(
            {"bucket": {"name": "in"}, "object": {"key": "uploads/a", "etag": "\u0007\ud83d\ude00", "size": "x"}}
        ),
    ],
    ids=["text", "nested", "wrong type", "huge", "another bucket", "no version or ETag", "characters"],
)
def test_a_poisoned_message_becomes_a_dead_letter_with_the_reason_and_holds_nobody_up(aws: Aws, poison: str) -> None:
    aws.send("q", poison)
    upload(aws, "uploads/a")
    run(aws, times=3)
    assert len(documents(aws)) == 1
    assert aws.messages["q"] == {}
    [dead] = aws.messages["q-dead"].values()
    assert dead.body == poison
    assert dead.attributes["Reason"]["StringValue"]


def test_no_upload_is_received_often_however_small_the_batches(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    dear: TriggerSettings = {**TRIGGER, "Limits": {"Documents": 100, "Bytes": 10**9, "CostUsd": 0.03}}
    monkeypatch.setenv("UPLOADS", json.dumps(settings(En=dear)))
    for number in range(300):
        upload(aws, f"uploads/{number}")
    most = 0
    for _ in range(12):
        look(aws, "En")
        most = max([most, *(each.receives for each in aws.messages["q"].values())])
        aws.clock += 20
        for execution in aws.executions.values():
            execution["status"] = "SUCCEEDED"
    assert aws.messages["q"] == {}
    assert len(aws.executions) == 10
    assert most <= 3


@pytest.mark.parametrize("code", ["InvalidExecutionInput", "InvalidName"])
def test_a_batch_that_can_never_be_started_becomes_dead_letters_with_the_reason(aws: Aws, code: str) -> None:
    upload(aws, "uploads/a")
    aws.fail("StartExecution", code)
    look(aws, "En")
    aws.clock += 20
    look(aws)
    assert aws.messages["q"] == {}
    [dead] = aws.messages["q-dead"].values()
    assert code in dead.attributes["Reason"]["StringValue"]


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "StateMachineDoesNotExist"])
def test_no_upload_is_dead_since_starting_failed(aws: Aws, code: str) -> None:
    upload(aws, "uploads/a")
    aws.fail("StartExecution", code)
    look(aws, "En")
    aws.clock += 20
    with pytest.raises(ServiceError):
        look(aws)
    # The wakes that failed come again only after minutes.
    assert aws.wakes[-1] == aws.clock + 20
    assert aws.messages["q-dead"] == {}
    for pause in (VISIBILITY_SECONDS, 20):
        aws.clock += pause
        look(aws)
    assert len(aws.executions) == 1


def test_a_dead_letter_that_cannot_be_sent_stays_where_it_is(aws: Aws) -> None:
    aws.send("q", "poison")
    look(aws, "En")
    aws.clock += 20
    aws.fail("SendMessage", "InvalidMessageContents")
    look(aws)
    assert [each.body for each in aws.messages["q"].values()] == ["poison"]


def test_an_upload_is_seen_although_sqs_still_counts_none(aws: Aws) -> None:
    upload(aws, "uploads/a")
    aws.counted["q"] = 0
    look(aws, "En")
    assert aws.wakes == [aws.clock + 18]
    aws.clock += 20
    look(aws)
    assert len(aws.executions) == 1
    # What was read is forgotten: nothing wakes the dispatcher for ever.
    sent = len(aws.wakes)
    for _ in range(5):
        aws.clock += 30
        look(aws)
    assert len(aws.wakes) <= sent + 1


def test_a_trigger_that_is_woken_while_another_waits_is_not_forgotten(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPLOADS", json.dumps(settings(En=TRIGGER, Es={**TRIGGER, "Queue": "es"})))
    aws.counted.update(q=0, es=0)
    upload(aws, "uploads/en/a")
    look(aws, "En")
    aws.clock += 5
    upload(aws, "uploads/es/a", queue="es")
    look(aws, "Es")
    for _ in range(6):
        aws.clock += 30
        look(aws)
    assert len(aws.executions) == 2


@pytest.mark.parametrize(
    "note",
    [
        {"Since": {"En": 9e12, "Gone": 1.0}, "LookAt": 9e12, "Starting": {"En-x": 9e12}},
        {"Since": {"En": 1.0}},
        ["no note"],
        {"Since": 5, "LookAt": "x", "Starting": None},
    ],
)
def test_a_note_that_cannot_be_true_is_corrected(aws: Aws, note: object) -> None:
    aws.put("s3://in/claims/note.json", json.dumps(note).encode())
    upload(aws, "uploads/a")
    run(aws)
    assert len(documents(aws)) == 1


def test_a_note_that_is_no_json_is_corrected(aws: Aws) -> None:
    aws.put("s3://in/claims/note.json", b"\xff{")
    upload(aws, "uploads/a")
    run(aws)
    assert len(documents(aws)) == 1


def test_wakes_itself_before_it_notes_that_it_will(aws: Aws) -> None:
    upload(aws, "uploads/a")
    aws.fail("PutObject", "AccessDenied")
    with pytest.raises(ServiceError):
        look(aws, "En")
    # The other way round, the note would silence the uploads' own wakes, and no wake would come.
    assert aws.wakes[0] == aws.clock + 18


@pytest.mark.parametrize("between", range(1, 40))
def test_two_dispatchers_at_once_never_start_more_than_the_slots(aws: Aws, between: int) -> None:
    for number in range(9):
        aws.job(f"other-{number}", JobName=f"other-{number}")
    for number in range(350):
        upload(aws, f"uploads/{number}")
    look(aws, "En")
    aws.clock += 500
    aws.at_call(between, lambda: look(aws))
    look(aws)
    assert len(aws.executions) == 1


@pytest.mark.parametrize("poison", ["no wake", "[]", "[" * 200_000, '{"Trigger": ["En"]}', '{"Trigger": "unknown"}'])
def test_a_poisoned_wake_wakes_like_any_other(aws: Aws, poison: str) -> None:
    upload(aws, "uploads/a")
    dispatch_uploads.handler({"Records": [record(aws, poison)]}, CONTEXT)
    assert aws.wakes == [aws.clock + 18]


def test_more_than_a_batch_starts_as_slots_allow(aws: Aws) -> None:
    for number in range(250):
        upload(aws, f"uploads/{number}")
    run(aws, times=5)
    assert sorted(len(each) for each in batches(aws)) == [50, 100, 100]


def test_triggers_with_other_settings_have_batches_of_their_own(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    spanish: TriggerSettings = {**TRIGGER, "Queue": "es", "Request": {"LanguageCode": "es"}}
    monkeypatch.setenv("UPLOADS", json.dumps(settings(En=TRIGGER, Es=spanish)))
    upload(aws, "uploads/en/a")
    upload(aws, "uploads/es/a", queue="es")
    run(aws, "En", "Es", times=3)
    inputs = {each["name"].partition("-")[0]: json.loads(each["input"]) for each in aws.executions.values()}
    assert inputs["En"]["LanguageCode"] == "en"
    assert inputs["Es"]["LanguageCode"] == "es"


def test_two_triggers_over_one_prefix_both_analyse_an_upload(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    spanish: TriggerSettings = {**TRIGGER, "Queue": "es", "Request": {"LanguageCode": "es"}}
    monkeypatch.setenv("UPLOADS", json.dumps(settings(En=TRIGGER, Es=spanish)))
    version = upload(aws, "uploads/a")
    item = {"key": "uploads/a", "size": 1000, "etag": "e", "version-id": version}
    aws.send("es", json.dumps({"bucket": {"name": "in"}, "object": item}))
    run(aws, "En", "Es", times=3)
    assert sources(aws) == ["s3://in/uploads/a"] * 2


@pytest.mark.parametrize("crash_at", range(1, 60))
def test_killed_at_any_call_nothing_is_lost_and_nothing_is_staged_twice(aws: Aws, crash_at: int) -> None:
    for number in range(12):
        upload(aws, f"uploads/{number}", times=1 + number % 2)
    upload(aws, "uploads/empty", b"")
    aws.crash_at = crash_at
    for _ in range(8):
        steps: list[Callable[[], object]] = [partial(look, aws, "En")]
        steps += [partial(staged, aws, name) for name in names(aws)]
        for step in steps:
            try:
                step()
            except Crash:
                # What comes along meanwhile changes the next batch's content.
                upload(aws, f"uploads/later-{crash_at}")
        aws.clock += VISIBILITY_SECONDS / 2
    assert aws.messages["q"] == {}
    originals = sorted(uri.removeprefix("s3://in/uploads/") for uri in aws.uris("s3://in/uploads/"))
    copies = sorted(source.removeprefix("s3://in/uploads/") for source in sources(aws))
    assert copies == [name for name in originals if name != "empty"]
    assert aws.calls.total() > crash_at
    assert {line["Source"] for line in refused(aws)} == {"s3://in/uploads/empty"}


def run(aws: Aws, *triggers: str, times: int = 2) -> None:
    """Uploads' wakes, then as many looks as told, each a pause after the other, and staging of every batch."""
    look(aws, *(triggers or ("En",)))
    for _ in range(times):
        aws.clock += 120
        look(aws)
    for name in names(aws):
        staged(aws, name)


def batches(aws: Aws) -> list[list[str]]:
    found: dict[str, list[str]] = {}
    for uri in documents(aws):
        found.setdefault(uri.split("/")[4], []).append(uri)
    return list(found.values())
