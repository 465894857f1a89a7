"""Uploads that no event announced: listed, compared with what was analysed, and queued."""

from __future__ import annotations

import json
from typing import Any

import pytest

from entities_job.contracts import BackfillEvent, BackfillRequest
from entities_job.handlers import dispatch_uploads
from tests.aws import Aws
from tests.unit.handlers.test_dispatch_uploads import dispatcher, names, pauses, record, run, sources, upload
from tests.unit.handlers.test_failed_batches import PAID, ended, hear
from tests.unit.lambda_context import CONTEXT

__all__ = ["dispatcher", "pauses"]

DAY = 86400.0


def backfill(**asked: Any) -> BackfillRequest:
    """``aws lambda invoke``."""
    event: BackfillEvent = {"Backfill": {"Trigger": "En", **asked}}  # type: ignore[typeddict-item]  # a spread
    made = dispatch_uploads.handler(event, CONTEXT)
    assert made is not None
    return made


def test_what_lay_there_before_is_analysed_and_a_repetition_queues_nothing(aws: Aws) -> None:
    for name in ("a", "b", "letters/c"):
        aws.put(f"s3://in/uploads/{name}", b"x" * 700)
    aws.put("s3://in/uploads/letters/", b"")
    aws.put("s3://in/elsewhere/d", b"x" * 700)
    made = backfill()
    assert (made["Listed"], made["Queued"]) == (3, 3)
    assert aws.wakes == [aws.clock + 60]
    run(aws)
    assert (
        sources(aws) == [f"s3://in/uploads/{name}" for name in sorted(("a", "b", "letters/c"))]
        or len(sources(aws)) == 3
    )
    assert backfill()["Queued"] == 0


def test_repeated_before_anything_started_each_content_is_analysed_once(aws: Aws) -> None:
    aws.put("s3://in/uploads/a", b"x" * 700)
    backfill()
    backfill()
    upload(aws, "uploads/b")
    backfill()
    run(aws, times=4)
    assert sorted(sources(aws)) == ["s3://in/uploads/a", "s3://in/uploads/b"]


@pytest.mark.parametrize("versioned", [True, False])
def test_events_and_listings_agree_on_what_an_upload_is(aws: Aws, versioned: bool) -> None:
    if not versioned:
        aws.versioned.clear()
    version = aws.put("s3://in/uploads/a", b"x" * 700)
    item = {"key": "uploads/a", "size": 700, "etag": version.etag.strip('"'), "sequencer": "5"}
    known = {"version-id": version.id} if versioned else {}
    aws.send("q", json.dumps({"bucket": {"name": "in"}, "object": {**item, **known}}))
    run(aws)
    assert backfill()["Queued"] == 0


def test_only_the_latest_versions_unless_all_are_asked_for(aws: Aws) -> None:
    for body in (b"first" * 200, b"second" * 200):
        aws.put("s3://in/uploads/a", body)
    assert backfill()["Queued"] == 1
    assert backfill(Versions=True)["Queued"] == 2


@pytest.mark.parametrize(("since", "queued"), [("2026-11-17", 2), ("2026-11-18T12:00:00", 1), ("2099-01-01", 0)])
def test_since_a_date(aws: Aws, since: str, queued: int) -> None:
    aws.put("s3://in/uploads/old", b"x" * 700)
    aws.clock += DAY
    aws.put("s3://in/uploads/new", b"x" * 700)
    assert backfill(Since=since)["Queued"] == queued


def test_what_was_put_at_that_very_time_counts(aws: Aws) -> None:
    aws.put("s3://in/uploads/a", b"x" * 700)
    assert backfill(Since=aws.now.isoformat())["Queued"] == 1


def test_below_a_narrower_prefix(aws: Aws) -> None:
    for name in ("a/1", "b/1"):
        aws.put(f"s3://in/uploads/{name}", b"x" * 700)
    assert backfill(Prefix="uploads/b/")["Queued"] == 1


@pytest.mark.parametrize(
    ("asked", "message"),
    [({"Trigger": "No"}, "one of En"), ({"Prefix": "input/"}, "under uploads/"), ({"Since": "soon"}, "isoformat")],
)
def test_what_cannot_be_asked_for(aws: Aws, asked: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        backfill(**asked)


def test_much_is_listed_in_several_invocations_that_call_each_other(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        aws.put(f"s3://in/uploads/{number}", b"x" * 700)
    aws.page = 3
    monkeypatch.setattr(CONTEXT, "get_remaining_time_in_millis", lambda: 1000)
    made = backfill()
    invocations = 1
    while onward := [each for each in aws.messages["wake"].values() if "Backfill" in each.body]:
        aws.messages["wake"].clear()
        dispatch_uploads.handler({"Records": [record(aws, onward[-1].body)]}, CONTEXT)
        invocations += 1
    assert (made["Listed"], invocations, len(aws.messages["q"])) == (3, 3, 7)


@pytest.mark.parametrize(("status", "queued"), [(None, 0), ("COMPLETED", 0), ("ABORTED", 1)])
def test_queues_what_failed_but_not_what_runs_or_is_published(aws: Aws, status: Any, queued: int) -> None:
    upload(aws, "uploads/a")
    run(aws)
    if status:
        hear(aws, ended(names(aws)[0], status))
    assert backfill()["Queued"] == queued


def test_a_paid_job_that_waits_to_be_published_is_not_paid_again(aws: Aws) -> None:
    upload(aws, "uploads/a")
    run(aws)
    hear(aws, ended(names(aws)[0], "ABORTED", PAID))
    assert backfill()["Queued"] == 0


def test_queues_again_what_could_not_be_read(aws: Aws) -> None:
    upload(aws, "uploads/a")
    aws.locked["s3://in/uploads/a"] = "AccessDenied"
    run(aws)
    hear(aws, ended(names(aws)[0], "COMPLETED_WITH_ERRORS", code="NothingToAnalyse"))
    assert backfill()["Queued"] == 1
