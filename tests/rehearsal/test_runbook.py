"""Entries of docs/runbook.md: each is caused, shown by the command line, and followed as the page says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from local.failures import FOR_GOOD
from local.rehearsal import Rehearsal
from local.waiting import wait_until
from tests.rehearsal.conftest import CLOCK_SCALE
from tests.rehearsal.deployed import DOCUMENTS, TEXT, Deployed, synthesize
from tests.rehearsal.operated import PATIENCE_SECONDS, Operator
from tests.synth.test_runbook import ENTRIES

START, DESCRIBE = "StartEntitiesDetectionJob", "DescribeEntitiesDetectionJob"
STOP, LIST = "StopEntitiesDetectionJob", "ListEntitiesDetectionJobs"
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
LATE_SECONDS = 15 * 60
"""From how much on the alarm LateResults counts a job's end as noticed late."""

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A local AWS of its own, where executions' names ask for faults (:mod:`local.failures`)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REHEARSAL_FAILURES", "1")
        with Rehearsal(tmp_path_factory.mktemp("aws"), clock_scale=CLOCK_SCALE) as running:
            yield running


@pytest.fixture(scope="module")
def workflow(rehearsal: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """The workflow of the other tests."""
    assembly = synthesize(tmp_path_factory.mktemp("assembly"))
    return Deployed(rehearsal, rehearsal.stacks.deploy(assembly, "Rehearsed"))


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


def event_not_accepted(operator: Operator) -> None:
    """The event bus takes no event of an execution: its outcome is kept, and the sweep emits it."""
    name = f"F-PublishResult-RefusedEvent-{FOR_GOOD}-1"
    operator("submit", str(operator.folder), "--name", name, "--no-wait")
    arn = f"{operator.machine.replace(':stateMachine:', ':execution:')}:{name}"
    ended = operator.workflow.rehearsal.ended_execution(arn, patience_seconds=PATIENCE_SECONDS)
    assert (ended["status"], ended["error"]) == ("FAILED", "EventNotAccepted")
    assert arn not in operator.workflow.received()
    assert operator.sweep()["Reported"] >= 1
    assert operator.workflow.event(arn, patience_seconds=PATIENCE_SECONDS)["detail"]["Status"] == "COMPLETED"
    operator.shown(name, "EventNotAccepted")


def crashing_function(operator: Operator) -> None:
    """A function can't be invoked for good, with the job paid for: that is taken up."""
    told = operator("submit", str(operator.folder), "--name", f"F-PublishResult-Inactive-{FOR_GOOD}-2", "--json").json
    outcome = operator.shown(told["Name"], "Lambda.ResourceNotReadyException")
    assert outcome["Job"]["JobStatus"] == "COMPLETED"
    jobs = len(operator.comprehend.jobs())
    assert operator("resume", outcome["Job"]["JobId"], "--json").json["Outcome"]["Status"] == "COMPLETED"
    assert len(operator.comprehend.jobs()) == jobs


def engine_error(operator: Operator) -> None:
    """A state that can't be evaluated, as after a change by hand: once it is mended, the same input completes."""

    def broken(definition: str) -> str:
        machine = json.loads(definition)
        machine["States"]["StartJob"]["Arguments"]["Payload"]["Attempt"] = "{% $nothing('x') + 1 %}"
        return json.dumps(machine)

    with operator.changed_machine(broken):
        told = operator.submit()
    code = operator("show", told["Name"], "--json").json["Outcome"]["Error"]["Code"]
    assert code.startswith("States.")
    assert "JobId" not in operator.shown(told["Name"], code)["Job"]
    operator.works_again()


def earlier_contract(operator: Operator) -> None:
    """A definition of another version than the functions: once they agree, the same input completes."""
    with operator.changed_machine(lambda text: text.replace('"ContractVersion":1', '"ContractVersion":0')):
        told = operator.submit()
    assert "JobId" not in operator.shown(told["Name"], "ContractNotUnderstood")["Job"]
    operator.works_again()


def ended_without_error(operator: Operator) -> None:
    """The machine was changed to one that fails and gives no error: the event of its end is reported for it."""

    def failing(definition: str) -> str:
        machine = json.loads(definition)
        return json.dumps(
            {**machine, "StartAt": "Changed", "States": {**machine["States"], "Changed": {"Type": "Fail", "Error": ""}}}
        )

    with operator.changed_machine(failing):
        told = operator("submit", str(operator.folder), "--name", "book-changed", "--no-wait", "--json").json
        operator.workflow.event(told["ExecutionArn"], patience_seconds=PATIENCE_SECONDS)
    assert operator.shown("book-changed", "ExecutionFailed")["Status"] == "FAILED"
    operator.works_again()


def orphaned(operator: Operator) -> None:
    """A job that could not be stopped with its execution: the sweep stops it, and it is taken up."""
    operator.comprehend.spoil_jobs(stuck_in="IN_PROGRESS")
    operator.comprehend.inject(STOP, "AccessDeniedException", times=FOR_GOOD)
    told = operator("submit", str(operator.folder), "--name", "book-orphan", "--no-wait", "--json").json
    job = operator.workflow.job(told["ExecutionArn"], status="IN_PROGRESS", patience_seconds=PATIENCE_SECONDS)
    operator("stop", "book-orphan")
    detail = operator.workflow.event(told["ExecutionArn"], patience_seconds=PATIENCE_SECONDS)["detail"]
    assert "could not be stopped" in detail["Error"]["Message"]
    assert detail["Job"]["JobId"] == job["JobId"]
    assert operator.workflow.job(told["ExecutionArn"], status="IN_PROGRESS")
    operator.comprehend.clear_faults()
    assert operator.sweep()["Stopped"] == 1
    operator.workflow.job(told["ExecutionArn"], status="STOPPED", patience_seconds=PATIENCE_SECONDS)
    again = operator("resume", job["JobId"], "--json").json["Outcome"]
    assert (again["Status"], again["Job"]["JobId"]) == ("STOPPED", job["JobId"])
    assert operator.sweep()["Stopped"] == 0


def noticed_late(operator: Operator) -> None:
    """Polls fail until long after the job's end: its results are complete, only late."""
    operator.comprehend.spoil_jobs(seconds=60.0)
    # Polls pause for a minute and more after 4 calls each: 80 calls take over LATE_SECONDS of the emulator's clock.
    operator.comprehend.inject(DESCRIBE, "AccessDeniedException", times=80)
    told = operator.submit()
    outcome = operator("show", told["Name"], "--json").json["Outcome"]
    assert (outcome["Status"], outcome["LagSeconds"] >= LATE_SECONDS) == ("COMPLETED", True), outcome
    assert operator("results", "entities", "--job", outcome["Job"]["JobId"], "--json").json


def unknown_job(operator: Operator) -> None:
    """Polls are told that there is no such job: it is taken up once the service knows it."""
    operator.comprehend.inject(DESCRIBE, "JobNotFoundException", times=FOR_GOOD)
    told = operator.submit()
    job_id = operator.shown(told["Name"], "JobNotFoundException")["Job"]["JobId"]
    operator.comprehend.clear_faults()
    assert operator("resume", job_id, "--json").json["Outcome"]["Result"]["DocumentsUri"]
    assert operator("results", "documents", "--job", job_id, "--json").code == 0
    operator.works_again()


def requests_refused(operator: Operator) -> None:
    """The quota of requests is used up for good: no job is started."""
    operator.comprehend.inject(LIST, "TooManyRequestsException", times=FOR_GOOD)
    told = operator.submit()
    assert "JobId" not in operator.shown(told["Name"], "TooManyRequestsException")["Job"]
    operator.works_again()


def daily_cost(operator: Operator) -> None:
    """Uploads cost nothing while the rule of their trigger is disabled; a backfill takes them up later."""
    told = operator.submit()
    assert told["Outcome"]["EstimatedCostUsd"] > 0
    events = operator.client("events")
    [rule] = [
        each["Name"] for each in events.list_rules()["Rules"] if "Uploads" in each.get("EventPattern", "").title()
    ]
    events.disable_rule(Name=rule)
    operator.upload("uploads/book/costs.txt")
    events.enable_rule(Name=rule)
    operator.upload("uploads/book/costs-again.txt")
    operator.see_published("uploads/book/costs-again.txt")
    assert "uploads/book/costs.txt" not in operator("results", "documents", "--json").out
    operator("backfill")
    operator.see_published("uploads/book/costs.txt")


def source_deleted(operator: Operator) -> None:
    event = operator.upload("not-announced/gone.txt")
    found = event["detail"]["object"]
    operator.client("s3").delete_object(
        Bucket=event["detail"]["bucket"]["name"], Key=found["key"], VersionId=found["version-id"]
    )
    operator.announce(event)
    operator.see_refused("not-announced/gone.txt", "SOURCE_DELETED")
    operator.upload("uploads/book/gone.txt")
    operator.see_published("uploads/book/gone.txt")


def source_overwritten(operator: Operator) -> None:
    """In a bucket without versions; the newer content has an event, and so a result, of its own."""
    event = operator.upload("not-announced/twice.txt")
    # As S3 announces an object that has no version.
    del event["detail"]["object"]["version-id"]
    newer = operator.upload("not-announced/twice.txt", TEXT * 11)
    operator.announce(event)
    operator.see_refused("not-announced/twice.txt", "SOURCE_OVERWRITTEN")
    operator.announce(newer)
    operator.see_published("not-announced/twice.txt")


def source_archived(operator: Operator) -> None:
    key = "uploads/book/archived.txt"
    place = {"Bucket": operator.workflow.outputs["InputBucket"], "Key": key}
    operator.upload(key, StorageClass="GLACIER")
    operator.see_refused(key, "SOURCE_ARCHIVED")
    s3 = operator.client("s3")
    s3.restore_object(**place, RestoreRequest={"Days": 1})
    wait_until(
        lambda: 'ongoing-request="false"' in s3.head_object(**place).get("Restore", ""),
        awaited="the restored object",
        seconds=PATIENCE_SECONDS,
    )
    s3.copy_object(**place, CopySource=place, StorageClass="STANDARD", MetadataDirective="REPLACE")
    operator.see_published(key)


def source_unreadable(operator: Operator) -> None:
    """An object under a key of the customer's own can't be copied; without it, it is a new upload."""
    key = "uploads/book/locked.txt"
    operator.upload(key, SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32)
    operator.see_refused(key, "SOURCE_UNREADABLE")
    operator.upload(key)
    operator.see_published(key)


def batch_limit(operator: Operator) -> None:
    key = "uploads/book/expensive.txt"
    with operator.changed_limits("Uploads", CostUsd=0.001):
        operator.upload(key, TEXT * 100)
        operator.see_refused(key, "BATCH_LIMIT_EXCEEDED")
    operator.upload(key, TEXT * 100)
    operator.see_published(key)


def result_too_large(operator: Operator) -> None:
    """The limit is lowered, to that of a small job; what was published before it is there."""

    def lowered(text: str) -> str:
        limit = text.replace("MAXIMUM_ARCHIVE_BYTES = 50 * 1000**3", "MAXIMUM_ARCHIVE_BYTES = 5_000")
        return limit.replace("_INFLATED = 4 * 1024**2", "_INFLATED = 1024")

    with operator.changed_code("PublishResult", "entities_job/publish/archive.py", lowered):
        told = operator.submit()
    outcome = operator.shown(told["Name"], "ResultTooLarge")
    assert outcome["Status"] == "COMPLETED_WITH_ERRORS"
    assert "/output/output.tar.gz" in outcome["Error"]["Message"]
    assert 0 < outcome["Counts"]["Documents"] < len(DOCUMENTS)
    assert operator("results", "documents", "--job", outcome["Job"]["JobId"], "--json").json
    operator.works_again()


def unreported_end(operator: Operator) -> None:
    """The event of an end reaches no function: EventBridge puts it into the queue, and the sweep reports it."""
    events, sqs = operator.client("events"), operator.client("sqs")
    [rule] = [each["Name"] for each in events.list_rules()["Rules"] if "ExecutionEnded" in each["Name"]]
    tags = operator.client("stepfunctions").list_tags_for_resource(resourceArn=operator.machine)["tags"]
    [queue] = [tag["value"] for tag in tags if tag["key"].endswith(":unreported")]
    operator.comprehend.spoil_jobs(stuck_in="IN_PROGRESS")
    events.disable_rule(Name=rule)
    told = operator("submit", str(operator.folder), "--name", "book-unreported", "--no-wait", "--json").json
    arn = told["ExecutionArn"]
    job = operator.workflow.job(arn, status="IN_PROGRESS", patience_seconds=PATIENCE_SECONDS)
    operator("stop", "book-unreported")
    # MiniStack's EventBridge has no dead letters.
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"detail": {"executionArn": arn, "status": "ABORTED"}}))
    assert queue in operator("doctor").out
    events.enable_rule(Name=rule)
    assert operator.sweep()["Reported"] >= 1
    detail = operator.workflow.event(arn, patience_seconds=PATIENCE_SECONDS)["detail"]
    assert (detail["Status"], detail["Job"]["JobId"]) == ("ABORTED", job["JobId"])
    sqs.purge_queue(QueueUrl=queue)
    assert queue not in operator("doctor").out
    operator.works_again()


CASES: list[tuple[tuple[str, ...], Callable[[Operator], None]]] = [
    # Before any sweep, which ends the fault of the event bus.
    (("EventNotAccepted",), event_not_accepted),
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
    (("Another code",), refused_start("BatchSizeLimitExceededException")),
    (("Lambda errors",), crashing_function),
    (("States errors",), engine_error),
    (("ContractNotUnderstood",), earlier_contract),
    (("ExecutionFailed",), ended_without_error),
    (("OrphanedJobs",), orphaned),
    (("LateResults",), noticed_late),
    (("JobNotFoundException",), unknown_job),
    (("TooManyRequestsException",), requests_refused),
    (("DailyCost",), daily_cost),
    (("SOURCE_DELETED",), source_deleted),
    (("SOURCE_OVERWRITTEN",), source_overwritten),
    (("SOURCE_ARCHIVED",), source_archived),
    (("SOURCE_UNREADABLE",), source_unreadable),
    (("BATCH_LIMIT_EXCEEDED",), batch_limit),
    (("ResultTooLarge",), result_too_large),
    (("UnreportedEnds",), unreported_end),
]
"""Which entries each case causes and follows."""


@pytest.mark.parametrize(("entries", "follow"), CASES, ids=[entries[0] for entries, _ in CASES])
def test_the_entry_is_caused_and_followed(
    operator: Operator, entries: tuple[str, ...], follow: Callable[[Operator], None]
) -> None:
    follow(operator)


def test_every_entry_is_caused() -> None:
    caused = [entry for entries, _ in CASES for entry in entries]
    assert len(caused) == len(set(caused))
    assert set(caused) == set(ENTRIES)
