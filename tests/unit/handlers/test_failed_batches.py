"""What becomes of a batch whose execution ended: published, taken up, analysed again, or left to people."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, cast

import pytest

from entities_job.contracts import Job, Outcome, QueueRecord, QueueRecords, Status
from entities_job.handlers import dispatch_uploads
from tests.aws import EXECUTION, Aws, Crash
from tests.unit.handlers.test_dispatch_uploads import (
    dispatcher,
    documents,
    look,
    names,
    pauses,
    record,
    refused,
    run,
    sources,
    staged,
    upload,
)
from tests.unit.lambda_context import CONTEXT

__all__ = ["dispatcher", "pauses"]

PAID: Job = {"JobId": "j1", "JobStatus": "COMPLETED"}
BROKEN: Job = {"JobId": "j1", "JobStatus": "FAILED", "JobName": "Workflow.En"}
NONE: Job = {"JobStatus": "NOT_STARTED"}


def ended(name: str, status: Status, job: Job = NONE, code: str = "InternalServerException") -> Outcome:
    """The outcome of an execution."""
    made: dict[str, Any] = {"Status": status, "ExecutionArn": f"{EXECUTION}:{name}", "Job": job}
    if status != "COMPLETED":
        made["Error"] = {"Code": code, "Message": "as the service says"}
    return cast(Outcome, made)


def hear(aws: Aws, *outcomes: Outcome) -> None:
    """Let executions end, and the dispatcher hear of it."""
    for each in outcomes:
        if each["ExecutionArn"] in aws.executions:
            aws.executions[each["ExecutionArn"]]["status"] = "FAILED"
    records: list[QueueRecord] = [record(aws, json.dumps(each)) for each in outcomes]
    dispatch_uploads.handler({"Records": records}, CONTEXT)


def looks(aws: Aws, times: int = 2) -> None:
    """Wakes of the trigger, each a pause after the other."""
    for _ in range(times):
        look(aws, "En")
        aws.clock += 120


def state(aws: Aws, name: str) -> dict[str, Any]:
    """The record of a batch."""
    kept: dict[str, Any] = json.loads(aws.get(f"s3://in/claims/En/batches/{name}.json"))
    return kept


def given(aws: Aws, name: str) -> object:
    """The input of an execution."""
    return json.loads(aws.executions[f"{EXECUTION}:{name}"]["input"])


@pytest.fixture
def batch(aws: Aws) -> str:
    """A batch of one upload, whose execution has begun."""
    upload(aws, "uploads/a")
    run(aws)
    [name] = names(aws)
    assert state(aws, name)["State"] == "running"
    return name


def test_a_published_batch_is_final(aws: Aws, batch: str) -> None:
    hear(aws, ended(batch, "COMPLETED", PAID))
    assert (state(aws, batch)["State"], state(aws, batch)["LastJobId"]) == ("published", "j1")
    assert json.loads(aws.get("s3://in/claims/note.json"))["Awaited"] == {}


@pytest.mark.parametrize("status", ["FAILED", "ABORTED"])
def test_a_published_batch_stays_so_when_an_earlier_outcome_comes_late(aws: Aws, batch: str, status: Status) -> None:
    """As of an execution that failed first and was redriven by hand: analysed again, it would be paid twice."""
    hear(aws, ended(batch, "COMPLETED", PAID))
    hear(aws, ended(batch, status, BROKEN))
    looks(aws)
    assert state(aws, batch)["State"] == "published"
    assert (len(aws.executions), aws.messages["q"], aws.messages["q-dead"]) == (1, {}, {})


@pytest.mark.parametrize("job", [BROKEN, NONE])
def test_what_fails_by_the_services_fault_is_analysed_again_three_jobs_at_most(aws: Aws, batch: str, job: Job) -> None:
    for execution in (batch, f"{batch}r2", f"{batch}r3"):
        assert names(aws)[-1] == execution
        assert staged(aws, execution) == {"Staged": 1, "Refused": 0, "Duplicates": 0}
        hear(aws, ended(execution, "FAILED", job))
        looks(aws)
    assert len(aws.executions) == 3
    assert given(aws, f"{batch}r2") == given(aws, batch)
    [letter] = aws.messages["q-dead"].values()
    assert json.loads(letter.body) == {"Batch": batch}
    assert "as the service says" in letter.attributes["Reason"]["StringValue"]
    assert (aws.messages["q"], len(documents(aws))) == ({}, 1)


def test_the_restarts_of_an_execution_count_as_jobs(aws: Aws, batch: str) -> None:
    hear(aws, ended(batch, "FAILED", {**BROKEN, "JobName": f"Workflow.{batch}.3"}))
    looks(aws)
    assert len(aws.executions) == 1
    assert len(aws.messages["q-dead"]) == 1


def test_a_job_that_could_not_be_published_is_taken_up_instead_of_paid_again_twice_at_most(
    aws: Aws, batch: str
) -> None:
    for execution in (batch, f"{batch}r2", f"{batch}r3"):
        assert names(aws)[-1] == execution
        hear(aws, ended(execution, "FAILED", PAID, code="EventNotAccepted"))
    looks(aws)
    assert len(aws.executions) == 3
    assert given(aws, f"{batch}r2") == given(aws, f"{batch}r3") == {"JobId": "j1"}
    assert len(aws.messages["q-dead"]) == 1
    assert state(aws, batch)["JobId"] == "j1"


def test_a_job_without_a_follower_is_taken_up(aws: Aws, batch: str) -> None:
    hear(aws, ended(batch, "FAILED", {"JobId": "j1", "JobStatus": "IN_PROGRESS"}))
    assert given(aws, f"{batch}r2") == {"JobId": "j1"}


@pytest.mark.parametrize(
    ("status", "job", "code"),
    [
        ("ABORTED", NONE, "ExecutionAborted"),
        ("TIMED_OUT", {"JobId": "j1", "JobStatus": "STOPPED"}, "JobTimedOut"),
        ("REFUSED", NONE, "RequestRefused"),
        ("STOPPED", {"JobId": "j1", "JobStatus": "STOPPED"}, "JobStopped"),
        ("FAILED", BROKEN, "NO_READ_ACCESS_TO_INPUT"),
        ("FAILED", NONE, "AccessDeniedException"),
    ],
)
def test_what_people_must_see_to_waits_for_a_redrive_that_works(
    aws: Aws, batch: str, status: Status, job: Job, code: str
) -> None:
    hear(aws, ended(batch, status, job, code))
    looks(aws)
    assert len(aws.executions) == 1
    [letter] = aws.messages.pop("q-dead").values()
    aws.send("q", letter.body)
    looks(aws)
    assert names(aws) == [batch, f"{batch}r2"]
    assert staged(aws, f"{batch}r2")["Staged"] == 1
    hear(aws, ended(f"{batch}r2", "COMPLETED", PAID))
    assert state(aws, batch)["State"] == "published"


def test_a_redrive_of_a_paid_job_takes_it_up_and_pays_nothing(aws: Aws, batch: str) -> None:
    hear(aws, ended(batch, "ABORTED", PAID))
    [letter] = aws.messages.pop("q-dead").values()
    aws.send("q", letter.body)
    looks(aws)
    assert given(aws, f"{batch}r2") == {"JobId": "j1"}
    # The service knows the job no longer: now it may be paid again.
    hear(aws, ended(f"{batch}r2", "REFUSED", PAID, "RequestRefused"))
    assert "JobId" not in state(aws, batch)


def test_a_redrive_of_what_did_not_fail_starts_nothing(aws: Aws, batch: str) -> None:
    aws.send("q", json.dumps({"Batch": batch}))
    looks(aws)
    assert (len(aws.executions), aws.messages["q"]) == (1, {})


def test_a_redrive_takes_its_turn_and_uploads_beside_it_are_not_lost(aws: Aws, batch: str) -> None:
    hear(aws, ended(batch, "ABORTED"))
    aws.send("q", json.dumps({"Batch": batch}))
    upload(aws, "uploads/b")
    looks(aws, 6)
    for name in names(aws)[1:]:
        staged(aws, name)
    assert f"{batch}r2" in names(aws)
    assert sorted(sources(aws)) == ["s3://in/uploads/a", "s3://in/uploads/b"]
    assert aws.messages["q"] == {}


def test_a_batch_of_another_trigger_becomes_a_dead_letter(aws: Aws, batch: str) -> None:
    aws.send("q", json.dumps({"Batch": batch.replace("En-", "Es-")}))
    looks(aws)
    assert len(aws.messages["q-dead"]) == 1


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "ABORTED"])
def test_an_outcome_that_comes_twice_changes_nothing(aws: Aws, batch: str, status: Status) -> None:
    outcome = ended(batch, status, NONE)
    hear(aws, outcome, outcome)
    looks(aws, 4)
    hear(aws, outcome)
    looks(aws, 4)
    assert len(aws.executions) == (2 if status == "FAILED" else 1)


@pytest.mark.parametrize(
    "name", ["by-hand", "Es-20260101T000000-0123456789abcdef", "En-20260101T000000-0123456789abcdef"]
)
def test_outcomes_of_others_are_nothing_to_the_dispatcher(aws: Aws, batch: str, name: str) -> None:
    hear(aws, ended(name, "FAILED"))
    assert state(aws, batch)["State"] == "running"


def test_an_outcome_whose_event_was_lost_is_found_by_the_sweep(aws: Aws, batch: str) -> None:
    outcome = ended(batch, "FAILED", PAID)
    aws.put(f"s3://out/work/outcomes/Workflow.{batch}-20261126T000000-0.json", json.dumps(outcome).encode())
    sweep: QueueRecords = {"Records": [record(aws, json.dumps({"Sweep": True}))]}
    dispatch_uploads.handler(sweep, CONTEXT)
    # It runs.
    assert len(aws.executions) == 1
    aws.executions[f"{EXECUTION}:{batch}"]["status"] = "FAILED"
    dispatch_uploads.handler(sweep, CONTEXT)
    assert given(aws, f"{batch}r2") == {"JobId": "j1"}
    dispatch_uploads.handler(sweep, CONTEXT)
    assert len(aws.executions) == 2


def test_an_outcome_is_awaited_for_as_long_as_its_execution_runs(aws: Aws, batch: str) -> None:
    """Limits allow a job of a year, and a note that is two weeks old is forgotten when another batch starts."""
    sweep: QueueRecords = {"Records": [record(aws, json.dumps({"Sweep": True}))]}
    for _ in range(20):
        aws.clock += 1.5 * 86400
        dispatch_uploads.handler(sweep, CONTEXT)
    upload(aws, "uploads/later")
    looks(aws)
    outcome = ended(batch, "FAILED", PAID)
    aws.put(f"s3://out/work/outcomes/Workflow.{batch}-20261126T000000-0.json", json.dumps(outcome).encode())
    aws.executions[f"{EXECUTION}:{batch}"]["status"] = "FAILED"
    dispatch_uploads.handler(sweep, CONTEXT)
    assert given(aws, f"{batch}r2") == {"JobId": "j1"}


@pytest.mark.parametrize("crash_at", range(1, 14))
@pytest.mark.parametrize("job", [PAID, BROKEN, NONE])
def test_killed_at_any_call_while_it_settles_a_batch_goes_on(aws: Aws, batch: str, job: Job, crash_at: int) -> None:
    outcome = ended(batch, "FAILED", job)
    aws.crash_at = aws.calls.total() + crash_at
    # SQS gives the message again.
    with suppress(Crash):
        hear(aws, outcome)
        hear(aws, outcome)
    aws.crash_at = None
    hear(aws, outcome)
    looks(aws, 4)
    assert names(aws) == [batch, f"{batch}r2"]


@pytest.mark.parametrize("crash_at", range(1, 14))
def test_killed_at_any_call_a_batch_that_waits_for_people_is_a_dead_letter(aws: Aws, batch: str, crash_at: int) -> None:
    aws.crash_at = aws.calls.total() + crash_at
    with suppress(Crash):
        hear(aws, ended(batch, "ABORTED"))
    aws.crash_at = None
    hear(aws, ended(batch, "ABORTED"))
    assert {letter.body for letter in aws.messages["q-dead"].values()} == {json.dumps({"Batch": batch})}


def upload_again(aws: Aws) -> None:
    """Announce the first version of the upload once more, with another upload: a batch of another name."""
    body = {"bucket": {"name": "in"}, "object": {"key": "uploads/a", "size": 1000, "version-id": "v1"}}
    aws.send("q", json.dumps(body))
    upload(aws, "uploads/other")
    looks(aws, 3)


@pytest.mark.parametrize(
    ("status", "job", "taken"),
    [("COMPLETED", PAID, False), ("ABORTED", NONE, True), ("ABORTED", PAID, False), (None, NONE, False)],
)
def test_only_the_claims_of_a_batch_that_will_not_publish_are_taken_over(
    aws: Aws, batch: str, status: Status | None, job: Job, taken: bool
) -> None:
    if status:
        hear(aws, ended(batch, status, job))
    upload_again(aws)
    other = names(aws)[-1]
    assert other != batch
    assert staged(aws, other) == {"Staged": 1 + taken, "Refused": 0, "Duplicates": 1 - taken}
    # Whoever comes second, even the one who failed before, gets nothing.
    if taken:
        assert staged(aws, f"{batch}r2")["Duplicates"] == 1


def test_a_claim_that_the_next_execution_made_anew_is_not_taken_over(aws: Aws, batch: str) -> None:
    hear(aws, ended(batch, "ABORTED"))
    # Its start is not recorded yet.
    assert staged(aws, f"{batch}r2")["Staged"] == 1
    upload_again(aws)
    assert staged(aws, names(aws)[-1])["Duplicates"] == 1


@pytest.mark.parametrize("between", range(1, 12))
def test_of_two_batches_that_meet_one_gets_the_upload(aws: Aws, batch: str, between: int) -> None:
    hear(aws, ended(batch, "ABORTED"))
    upload_again(aws)
    other = names(aws)[-1]
    counts: list[int] = []
    aws.at_call(between, lambda: counts.append(staged(aws, f"{batch}r2")["Staged"]))
    counts.append(staged(aws, other)["Staged"])
    assert sum(counts) == 2


def test_a_claim_on_what_could_not_be_read_is_not_final(aws: Aws) -> None:
    upload(aws, "uploads/a")
    aws.locked["s3://in/uploads/a"] = "AccessDenied"
    run(aws)
    [first] = names(aws)
    hear(aws, ended(first, "COMPLETED_WITH_ERRORS", NONE, "NothingToAnalyse"))
    assert [line["ErrorCode"] for line in refused(aws)] == ["SOURCE_UNREADABLE"]
    aws.locked.clear()
    upload_again(aws)
    assert staged(aws, names(aws)[-1])["Staged"] == 2


def test_what_the_next_execution_can_read_is_reported_as_refused_no_longer(aws: Aws) -> None:
    upload(aws, "uploads/a")
    upload(aws, "uploads/b")
    aws.locked["s3://in/uploads/a"] = "AccessDenied"
    run(aws)
    [first] = names(aws)
    assert [line["Source"] for line in refused(aws)] == ["s3://in/uploads/a"]
    aws.locked.clear()
    hear(aws, ended(first, "FAILED"))
    looks(aws)
    assert staged(aws, f"{first}r2") == {"Staged": 2, "Refused": 0, "Duplicates": 0}
    assert refused(aws) == []
