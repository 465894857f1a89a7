"""Entries of docs/runbook.md: each is caused, shown by the command line, and followed as the page says."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.failures import FOR_GOOD
from local.waiting import wait_until
from tests.command_line import Typed, typed
from tests.rehearsal.deployed import DOCUMENTS, TEXT, Deployed
from tests.synth.test_runbook import ENTRIES

START, DESCRIBE = "StartEntitiesDetectionJob", "DescribeEntitiesDetectionJob"
PATIENCE_SECONDS = 400
REFUSED_STARTS = (
    "ResourceNotFoundException",
    "ResourceUnavailableException",
    "ResourceInUseException",
    "KmsKeyValidationException",
    "TooManyTagsException",
    "InvalidRequestException",
    "InternalServerException",
    "ThrottlingException",
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]


class Operator:
    """Somebody with the command line, the runbook, and nothing else."""

    _names = itertools.count(1)

    def __init__(self, workflow: Deployed, folder: Path) -> None:
        self.workflow, self.comprehend = workflow, workflow.rehearsal.comprehend
        self.folder = folder
        for name, body in DOCUMENTS.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(body)

    def __call__(self, *arguments: str) -> Typed:
        return typed(*arguments, environment=self.workflow.environment)

    def submit(self, *options: str) -> dict[str, Any]:
        """Submit the documents, and follow the execution to its outcome."""
        told = self("submit", str(self.folder), "--name", f"book-{next(self._names)}", "--json", *options)
        assert told.out, told.err
        answer: dict[str, Any] = told.json
        return answer

    def shown(self, name: str, code: str) -> dict[str, Any]:
        """Return the outcome that ``show`` prints; its code is the entry's, and what it prints says what to do."""
        outcome: dict[str, Any] = self("show", name, "--json").json["Outcome"]
        assert outcome["Error"]["Code"] == code
        assert code in self("show", name).out
        return outcome

    def works_again(self) -> None:
        """See that the cause is gone: what is submitted completes."""
        self.comprehend.reset()
        assert self.submit()["Outcome"]["Status"] == "COMPLETED"


@pytest.fixture(scope="module")
def operator(workflow: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    return Operator(workflow, tmp_path_factory.mktemp("documents"))


def failing_job(code: str) -> Callable[[Operator], None]:
    """The job itself fails with a code: what is submitted again completes."""

    def follow(operator: Operator) -> None:
        operator.comprehend.spoil_jobs(times=FOR_GOOD, message=f"{code}: told to" if code != "JobFailed" else "told to")
        told = operator.submit()
        assert told["Outcome"]["Status"] == "FAILED"
        operator.shown(told["Name"], code)
        operator.works_again()

    return follow


def refused_start(code: str) -> Callable[[Operator], None]:
    """The service refuses the start with a code: nothing is paid, and what is submitted again completes."""

    def follow(operator: Operator) -> None:
        operator.comprehend.inject(START, code, times=FOR_GOOD)
        told = operator.submit()
        assert told["Outcome"]["Status"] == "FAILED"
        outcome = operator.shown(told["Name"], code)
        assert "JobId" not in outcome["Job"]
        operator.works_again()

    return follow


def completed(operator: Operator) -> None:
    told = operator.submit()
    assert told["Outcome"]["Status"] == "COMPLETED"
    assert operator("results", "entities", "--job", told["Job"]["JobId"], "--json").json


def incomplete(operator: Operator) -> None:
    operator.comprehend.spoil_jobs(document_errors={"three.txt": ["UNSUPPORTED_ENCODING", "told to"]})
    told = operator.submit()
    outcome = operator.shown(told["Name"], "ResultIncomplete")
    assert outcome["Status"] == "COMPLETED_WITH_ERRORS"
    printed = operator("show", told["Name"]).out
    assert "three.txt" in printed
    assert "UNSUPPORTED_ENCODING" in printed
    operator.works_again()


def not_received(operator: Operator) -> None:
    operator.comprehend.spoil_jobs(missing_documents=["ada.txt"])
    told = operator.submit()
    found = operator("results", "errors", "--job", told["Job"]["JobId"], "--json").json
    assert "NOT_RECEIVED" in json.dumps(found)
    operator.works_again()


def stopped(operator: Operator) -> None:
    told = operator("submit", str(operator.folder), "--name", "book-stopped", "--no-wait", "--json").json
    job = operator.workflow.job(told["ExecutionArn"], status="IN_PROGRESS", patience_seconds=PATIENCE_SECONDS)
    operator.workflow.rehearsal.client("comprehend").stop_entities_detection_job(JobId=job["JobId"])
    assert operator("watch", "book-stopped", "--json").code == 4
    operator.shown("book-stopped", "JobStopped")
    operator.works_again()


def timed_out(operator: Operator) -> None:
    operator.comprehend.configure(job_seconds=[7200.0])
    told = operator.submit()
    assert operator.shown(told["Name"], "JobTimedOut")["Status"] == "TIMED_OUT"
    assert operator("results", "documents", "--job", told["Job"]["JobId"], "--json").code == 0
    operator.works_again()


def not_begun(operator: Operator) -> None:
    operator.comprehend.spoil_jobs(stuck_in="SUBMITTED")
    told = operator.submit()
    assert operator.shown(told["Name"], "JobNotBegun")["Status"] == "TIMED_OUT"
    operator.works_again()


def not_stopped(operator: Operator) -> None:
    operator.comprehend.configure(job_seconds=[7200.0])
    operator.comprehend.spoil_jobs(stuck_in="STOP_REQUESTED")
    told = operator.submit()
    outcome = operator.shown(told["Name"], "JobNotStopped")
    assert outcome["Job"]["JobId"] in outcome["Error"]["Hint"]
    operator.works_again()


def unknown_status(operator: Operator) -> None:
    operator.comprehend.spoil_jobs(job_status="PONDERING")
    told = operator.submit()
    operator.shown(told["Name"], "UnknownJobStatus")
    operator.works_again()


def refused(operator: Operator) -> None:
    told = operator("submit", "s3://elsewhere/x/", "--name", "book-refused", "--json")
    assert told.code == 5
    assert operator.shown("book-refused", "RequestRefused")["Status"] == "REFUSED"
    operator.works_again()


def aborted(operator: Operator) -> None:
    """Its job had completed by then: it is published at no charge."""
    operator.comprehend.inject(DESCRIBE, "ThrottlingException", times=FOR_GOOD)
    told = operator("submit", str(operator.folder), "--name", "book-aborted", "--no-wait", "--json").json
    job = operator.workflow.job(told["ExecutionArn"], status="COMPLETED", patience_seconds=PATIENCE_SECONDS)
    operator("stop", "book-aborted")
    event = operator.workflow.event(told["ExecutionArn"])["detail"]
    assert (event["Status"], event["Error"]["Code"], event["Job"]["JobId"]) == (
        "ABORTED",
        "ExecutionAborted",
        job["JobId"],
    )
    operator.comprehend.clear_faults()
    again = operator("resume", job["JobId"], "--json").json["Outcome"]
    assert again["Status"] == "COMPLETED"


def archive_damaged(operator: Operator) -> None:
    operator.comprehend.configure(output_lead_seconds=600.0)
    told = operator("submit", str(operator.folder), "--name", "book-damaged", "--no-wait", "--json").json
    job = operator.workflow.job(told["ExecutionArn"], status="IN_PROGRESS", patience_seconds=PATIENCE_SECONDS)
    s3, uri = operator.workflow.rehearsal.client("s3"), job["OutputDataConfig"]["S3Uri"]
    bucket, _, key = uri.removeprefix("s3://").partition("/")

    def there() -> bool:
        return bool(s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents"))

    wait_until(there, awaited=uri, seconds=PATIENCE_SECONDS)
    s3.put_object(Bucket=bucket, Key=key, Body=b"no archive")
    operator("watch", "book-damaged")
    assert uri in operator.shown("book-damaged", "ArchiveDamaged")["Error"]["Message"]
    operator.works_again()


def nothing_to_analyse(operator: Operator) -> None:
    s3, bucket = operator.workflow.rehearsal.client("s3"), operator.workflow.outputs["InputBucket"]
    bodies = {"empty.txt": b"", "wrong.bin": TEXT * 10, "large.txt": TEXT * 20_000}
    for name, body in bodies.items():
        s3.put_object(Bucket=bucket, Key=f"uploads/book/{name}", Body=body)

    def ended() -> list[str]:
        names = [each["ExecutionArn"].rpartition(":")[2] for each in operator("list", "--json").json]
        batches = [name for name in names if name.startswith("Uploads-")]
        return [name for name in batches if "NothingToAnalyse" in operator("show", name).out]

    [name, *_] = wait_until(ended, awaited="the batch", seconds=PATIENCE_SECONDS, pause=2)
    operator.shown(name, "NothingToAnalyse")

    def listed() -> bool:
        printed = operator("results", "refused", "--json").out
        return all(code in printed for code in ("EMPTY_DOCUMENT", "UNEXPECTED_SUFFIX", "DOCUMENT_SIZE_EXCEEDED"))

    # They may have come in two batches.
    wait_until(listed, awaited="all three", seconds=PATIENCE_SECONDS, pause=2)


def dead_letters(operator: Operator) -> None:
    """A batch that fails for good waits in the dead-letter queue, and is redriven once the cause is gone."""
    message = "NO_READ_ACCESS_TO_INPUT: told to"
    operator.comprehend.spoil_jobs(times=FOR_GOOD, message=message)
    s3, bucket = operator.workflow.rehearsal.client("s3"), operator.workflow.outputs["InputBucket"]
    s3.put_object(Bucket=bucket, Key="uploads/book/dead.txt", Body=TEXT * 10)

    def found() -> bool:
        return "in the dead-letter queue" in operator("doctor").out

    wait_until(found, awaited="the dead letter", seconds=PATIENCE_SECONDS, pause=2)
    operator.comprehend.reset()
    assert operator("redrive", "--json").json["Moved"]["Uploads"] >= 1

    def published() -> bool:
        return "uploads/book/dead.txt" in operator("results", "documents", "--json").out

    wait_until(published, awaited="the redriven upload", seconds=PATIENCE_SECONDS, pause=2)
    assert not found()


def failing_polls(operator: Operator) -> None:
    """Polls that fail for a while end nothing: the next one goes on by itself."""
    operator.comprehend.inject(DESCRIBE, "AccessDeniedException", times=15)
    assert operator.submit()["Outcome"]["Status"] == "COMPLETED"


def oldest_upload(operator: Operator) -> None:
    """With no free slot an upload waits; with one, it is analysed."""
    operator.comprehend.configure(active_jobs=0)
    s3, bucket = operator.workflow.rehearsal.client("s3"), operator.workflow.outputs["InputBucket"]
    s3.put_object(Bucket=bucket, Key="uploads/book/late.txt", Body=TEXT * 10)

    def published() -> bool:
        return "uploads/book/late.txt" in operator("results", "documents", "--json").out

    doctor = operator("doctor")
    assert "Uploads" in doctor.out
    assert not published()
    operator.comprehend.configure(active_jobs=10)
    wait_until(published, awaited="the upload", seconds=PATIENCE_SECONDS, pause=2)


def no_free_slot(operator: Operator) -> None:
    operator.comprehend.configure(active_jobs=0)
    told = operator.submit()
    outcome = operator.shown(told["Name"], "NoFreeSlot")
    assert (outcome["Status"], "JobId" in outcome["Job"]) == ("TIMED_OUT", False)
    operator.works_again()


CASES: list[tuple[tuple[str, ...], Callable[[Operator], None]]] = [
    (("COMPLETED",), completed),
    (("COMPLETED_WITH_ERRORS", "ResultIncomplete", "UNSUPPORTED_ENCODING", "DocumentErrors"), incomplete),
    (("NOT_RECEIVED",), not_received),
    (("STOPPED", "JobStopped"), stopped),
    (("TIMED_OUT", "JobTimedOut"), timed_out),
    (("JobNotBegun",), not_begun),
    (("JobNotStopped",), not_stopped),
    (("NoFreeSlot", "SlotTaken", "SlotsTaken"), no_free_slot),
    (("UnknownJobStatus",), unknown_status),
    (("REFUSED", "RequestRefused"), refused),
    (("ABORTED", "ExecutionAborted"), aborted),
    (("ArchiveDamaged",), archive_damaged),
    (("NothingToAnalyse", "EMPTY_DOCUMENT", "UNEXPECTED_SUFFIX", "DOCUMENT_SIZE_EXCEEDED"), nothing_to_analyse),
    (("DeadLetters",), dead_letters),
    (("FailingPolls",), failing_polls),
    (("OldestUpload",), oldest_upload),
    (("FAILED", "JobFailed", "FailedExecutions"), failing_job("JobFailed")),
    (("NO_READ_ACCESS_TO_INPUT",), failing_job("NO_READ_ACCESS_TO_INPUT")),
    (("NO_WRITE_ACCESS_TO_OUTPUT",), failing_job("NO_WRITE_ACCESS_TO_OUTPUT")),
    (("AccessDenied",), refused_start("AccessDeniedException")),
    *(((code,), refused_start(code)) for code in REFUSED_STARTS),
]
"""Which entries each case causes and follows."""

NOT_CAUSED = {
    "LateResults",
    "OrphanedJobs",
    "UnreportedEnds",
    "DailyCost",
    "ExecutionFailed",
    "TooManyRequestsException",
    "JobNotFoundException",
    "ContractNotUnderstood",
    "EventNotAccepted",
    "ResultTooLarge",
    "Lambda errors",
    "States errors",
    "Another code",
    "BATCH_LIMIT_EXCEEDED",
    "SOURCE_DELETED",
    "SOURCE_OVERWRITTEN",
    "SOURCE_ARCHIVED",
    "SOURCE_UNREADABLE",
}
"""Entries that no case here causes: rehearse-failures, load-uploads and unit tests cause those that can be."""


@pytest.mark.parametrize(("entries", "follow"), CASES, ids=[entries[0] for entries, _ in CASES])
def test_the_entry_is_caused_and_followed(
    operator: Operator, entries: tuple[str, ...], follow: Callable[[Operator], None]
) -> None:
    follow(operator)


def test_every_entry_is_caused_here_or_said_not_to_be() -> None:
    caused = [entry for entries, _ in CASES for entry in entries]
    assert len(caused) == len(set(caused))
    assert set(caused) | NOT_CAUSED == set(ENTRIES)
    assert not set(caused) & NOT_CAUSED
