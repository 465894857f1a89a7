"""What follows from the outcome of a batch's execution."""

from __future__ import annotations

from typing import Any, cast

import pytest

from entities_job.contracts import BatchRecord, Outcome
from entities_job.uploads.records import Run, Step, settled

BATCH = "En-20260101T000000-0123456789abcdef"


def record(**changes: Any) -> BatchRecord:
    return {"State": "running", "Number": 1, "Jobs": 0, "Resumed": 0, **changes}  # type: ignore[typeddict-item]  # a spread


def outcome(status: str, job_status: str = "", code: str = "Fault", **job: Any) -> Outcome:
    known = {"JobId": "j", "JobStatus": job_status} if job_status else {}
    return cast(Outcome, {"Status": status, "Job": {**known, **job}, "Error": {"Code": code, "Message": "m"}})


@pytest.mark.parametrize("name", [BATCH, f"{BATCH}r2", f"{BATCH}r17"])
def test_the_name_of_an_execution_tells_its_batch_and_number(name: str) -> None:
    run = Run.of(name)
    assert run is not None
    assert (run.batch, run.trigger, run.name) == (BATCH, "En", name)
    assert run.following.number == run.number + 1


@pytest.mark.parametrize(
    "name", ["", "by-hand", f"{BATCH}x", f"{BATCH}r", f"a{BATCH}-1", BATCH.upper(), f"{BATCH}r2r3"]
)
def test_other_names_are_no_batches(name: str) -> None:
    assert Run.of(name) is None


@pytest.mark.parametrize(
    ("given", "before", "step"),
    [
        (outcome("COMPLETED", "COMPLETED"), record(), "publish"),
        (outcome("COMPLETED_WITH_ERRORS", code="NothingToAnalyse"), record(), "publish"),
        (outcome("FAILED", "FAILED"), record(), "repeat"),
        (outcome("FAILED", "FAILED"), record(Jobs=1), "repeat"),
        (outcome("FAILED", "FAILED"), record(Jobs=2), "wait"),
        (outcome("FAILED", "FAILED", JobName=f"M.{BATCH}.2"), record(Jobs=1), "wait"),
        (outcome("FAILED", "FAILED", JobName=f"M.{BATCH}.2"), record(), "repeat"),
        (outcome("FAILED", "FAILED", "NO_WRITE_ACCESS_TO_OUTPUT"), record(), "wait"),
        (outcome("FAILED", code="InvalidRequestException"), record(), "wait"),
        (outcome("FAILED", code="Lambda.Unknown"), record(), "repeat"),
        (outcome("FAILED", code="States.DataLimitExceeded"), record(), "repeat"),
        (outcome("FAILED", "COMPLETED"), record(), "resume"),
        (outcome("FAILED", "IN_PROGRESS"), record(), "resume"),
        (outcome("FAILED", "COMPLETED"), record(Resumed=1), "resume"),
        (outcome("FAILED", "COMPLETED"), record(Resumed=2), "wait"),
        (outcome("FAILED", "STOPPED"), record(), "repeat"),
        (outcome("ABORTED", "STOP_REQUESTED"), record(), "wait"),
        (outcome("TIMED_OUT", "STOPPED"), record(), "wait"),
        (outcome("STOPPED", "STOPPED"), record(), "wait"),
        (outcome("REFUSED"), record(), "wait"),
    ],
)
def test_what_follows_from_an_outcome(given: Outcome, before: BatchRecord, step: Step) -> None:
    found, made = settled(before, given)
    assert found == step
    assert made["State"] == ("published" if step == "publish" else "failed")
    assert ("Reason" in made) == (step == "wait")


def test_a_redrive_by_people_begins_to_count_anew() -> None:
    _, made = settled(record(Jobs=2, Resumed=1), outcome("FAILED", "FAILED"))
    assert (made["Jobs"], made["Resumed"]) == (0, 0)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (outcome("ABORTED", "COMPLETED"), True),
        (outcome("ABORTED", "ENDED"), True),
        (outcome("ABORTED", "STOPPED"), False),
        (outcome("FAILED", "FAILED"), False),
        (outcome("REFUSED", "COMPLETED"), False),
        (outcome("COMPLETED", "COMPLETED"), False),
    ],
)
def test_a_paid_job_that_is_not_published_is_kept(given: Outcome, kept: bool) -> None:
    _, made = settled(record(JobId="old"), given)
    assert ("JobId" in made) == kept
