"""Publishing archives as the service writes them, as it might, and as nobody should."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from types import SimpleNamespace
from typing import Any

import pytest

from entities_job import archive, inventory, outcome, parts, publish_result
from entities_job.errors import JobError
from entities_job.locations import Location

JOB = {
    "JobId": "job1",
    "JobArn": "arn:aws:comprehend:us-east-1:111122223333:entities-detection-job/job1",
    "JobStatus": "COMPLETED",
    "SubmitTime": "2026-11-23T12:00:00+00:00",
    "LanguageCode": "en",
    "OutputDataConfig": {"S3Uri": "s3://out/jobs/a-NER-job1/output/output.tar.gz"},
}
PERSON = {"BeginOffset": 0, "EndOffset": 3, "Score": 0.9, "Text": "Ada", "Type": "PERSON"}


class NoSuchKey(Exception):
    """As boto3 raises it."""


class Bucket:
    """S3 and EventBridge in memory, as far as publishing uses them; may fail at the nth put."""

    exceptions = SimpleNamespace(NoSuchKey=NoSuchKey)

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.events: list[dict[str, Any]] = []
        self.puts_until_crash = -1

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        if Key not in self.objects:
            raise NoSuchKey(Key)
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:
        if self.puts_until_crash == 0:
            raise InterruptedError("the function was killed")
        self.puts_until_crash -= 1
        self.objects[Key] = Body

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        self.events += Entries
        return {"FailedEntryCount": 0}

    def published(self) -> dict[str, bytes]:
        return {key: body for key, body in self.objects.items() if key.startswith("results/")}

    def records(self) -> list[dict[str, Any]]:
        keys = sorted(key for key in self.objects if key.startswith("results/documents/"))
        return [json.loads(line) for key in keys for line in gzip.decompress(self.objects[key]).splitlines()]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    made = Bucket()
    for module in (archive, inventory, outcome, parts, publish_result):
        monkeypatch.setattr(module, "client", lambda name: made)
    monkeypatch.setenv("EVENT_BUS_NAME", "default")
    return made


def packed(members: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as tar:
        for name, body in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
    return held.getvalue()


def lines(*records: Any) -> bytes:
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)


def publish(
    bucket: Bucket,
    result: bytes | dict[str, bytes] | None,
    expected: list[dict[str, Any]],
    *,
    remaining: Any = lambda: 900_000,
    **event: Any,
) -> dict[str, Any]:
    """Publish until done, as the state machine does; returns the outcome."""
    body = packed(result) if isinstance(result, dict) else result
    if body is not None:
        bucket.objects["jobs/a-NER-job1/output/output.tar.gz"] = body
    inventory.write(Location("out", "work/run/inventory.jsonl.gz"), expected)
    context: Any = SimpleNamespace(
        get_remaining_time_in_millis=remaining,
        function_name="f",
        memory_limit_in_mb=1,
        invoked_function_arn="a",
        aws_request_id="r",
    )
    answer: dict[str, Any] = {"Checkpoint": None}
    for _ in range(100):
        given = {
            "Job": JOB,
            "Inventory": {
                "Uri": "s3://out/work/run/inventory.jsonl.gz",
                "Documents": sum(entry.get("Lines", 1) for entry in expected if not entry.get("Padding")),
            },
            "Estimate": {"Units": 3, "CostUsd": 0.0003},
            "Warnings": [],
            "Settings": {"ResultsUri": "s3://out/results/"},
            "Execution": {"Id": "arn:e", "StateMachineArn": "arn:m"},
            "Polls": 3,
            "LagSeconds": 4.0,
            "StopCode": None,
            "Checkpoint": answer.get("Checkpoint"),
            **event,
        }
        answer = publish_result.handler(given, context)
        if answer["Done"]:
            found: dict[str, Any] = answer["Outcome"]
            return found
    raise AssertionError("never done")


def entry(name: str, **more: Any) -> dict[str, Any]:
    return {"File": name, "Source": f"s3://in/input/{name}", "VersionId": "v1", "Size": 9, **more}


def test_records_gain_job_and_source_whatever_the_order_of_their_keys(bucket: Bucket) -> None:
    result = lines({"File": "a é.txt", "Entities": [PERSON]}, {"Entities": [], "File": "b.txt"})
    found = publish(bucket, {"output": result}, [entry("a é.txt"), entry("b.txt")])
    assert found["Status"] == "COMPLETED"
    assert found["Counts"]["EntitiesByType"] == {"PERSON": 1}
    first, second = bucket.records()
    assert first == {
        "JobId": "job1",
        "JobDate": "2026-11-23",
        "LanguageCode": "en",
        "Source": "s3://in/input/a é.txt",
        "SourceVersionId": "v1",
        "File": "a é.txt",
        "Entities": [PERSON],
    }
    assert (second["File"], second["Entities"]) == ("b.txt", [])


def test_text_that_looks_like_fields_is_no_field(bucket: Bucket) -> None:
    tricky = {**PERSON, "Text": '"File": "evil.txt", "Type": "X", "ErrorCode": 1 \\', "Type": "OTHER"}
    found = publish(bucket, {"output": lines({"Entities": [tricky], "File": "a.txt"})}, [entry("a.txt")])
    assert found["Counts"]["EntitiesByType"] == {"OTHER": 1}
    assert found["Counts"]["DocumentErrors"] == 0
    assert bucket.records()[0]["Source"] == "s3://in/input/a.txt"


def test_errors_missing_documents_and_padding(bucket: Bucket) -> None:
    result = lines(
        {"File": "a.txt", "ErrorCode": "UNSUPPORTED_ENCODING", "ErrorMessage": "no"},
        {"File": "padding.txt", "Entities": [PERSON]},
    )
    found = publish(bucket, {"output": result}, [entry("a.txt"), entry("b.txt"), entry("padding.txt", Padding=True)])
    assert found["Status"] == "COMPLETED_WITH_ERRORS"
    counts = found["Counts"]
    assert (counts["ExpectedDocuments"], counts["DocumentErrors"], counts["MissingDocuments"]) == (2, 1, 1)
    assert counts["Entities"] == 0
    assert {record["File"]: record["ErrorCode"] for record in bucket.records()} == {
        "a.txt": "UNSUPPORTED_ENCODING",
        "b.txt": "NOT_RECEIVED",
    }
    summary = json.loads(bucket.objects["results/summaries/job_date=2026-11-23/job1.json"])
    assert [each["File"] for each in summary["Failed"]] == ["a.txt"]
    assert [each["Source"] for each in summary["Missing"]] == ["s3://in/input/b.txt"]


def test_lines_that_never_came_are_counted(bucket: Bucket) -> None:
    result = lines(*({"File": "l.txt", "Line": number, "Entities": []} for number in range(3)))
    found = publish(bucket, {"output": result}, [entry("l.txt", Lines=5)])
    assert (found["Counts"]["Documents"], found["Counts"]["MissingDocuments"]) == (3, 2)


def test_names_that_several_objects_bear_have_no_one_source(bucket: Bucket) -> None:
    result = lines({"File": "a.txt", "Entities": []}, {"File": "a.txt", "Entities": []})
    twins = [entry("a.txt"), entry("a.txt", Source="s3://in/input/deep/a.txt")]
    found = publish(bucket, {"output": result}, twins)
    assert found["Counts"]["MissingDocuments"] == 0
    assert [(r["Source"], r["SourceCandidates"]) for r in bucket.records()] == [(None, 2), (None, 2)]


def test_out_files_object_and_array(bucket: Bucket) -> None:
    page = {"File": "x.pdf", "Entities": [{"Text": "Ada", "Type": "PIONEER"}], "Blocks": [{"Id": "1"}]}
    failed = {"File": "y.pdf", "Entities": [], "Errors": [{"Page": 1, "ErrorCode": "TEXTRACT_BAD_PAGE"}]}
    members = {
        "x.pdf_NativePDF.out": json.dumps([page, page], indent=1).encode(),
        "y.pdf_NativePDF.out": json.dumps(failed).encode(),
    }
    found = publish(bucket, members, [entry("x.pdf"), entry("y.pdf")])
    assert found["Counts"]["EntitiesByType"] == {"PIONEER": 2}
    assert found["Counts"]["DocumentErrors"] == 1
    assert all("Blocks" not in record for record in bucket.records())


def test_what_does_not_parse_is_kept_apart(bucket: Bucket) -> None:
    result = b'{"File": "a.txt", "Entit\n[1]\nplain\n' + lines({"File": "b.txt", "Entities": []})
    found = publish(bucket, {"output": result}, [entry("b.txt")])
    assert (found["Status"], found["Counts"]["UnparsedRecords"]) == ("COMPLETED_WITH_ERRORS", 3)
    assert len(bucket.objects["results/unparsed/job_date=2026-11-23/job1.jsonl"].splitlines()) == 3


def test_an_empty_archive_and_none_at_all(bucket: Bucket) -> None:
    for result in ({}, {"output": b""}, None):
        found = publish(bucket, result, [entry("a.txt")])
        assert found["Counts"]["MissingDocuments"] == 1
        bucket.objects.clear()


def test_a_truncated_archive_is_no_completed_job(bucket: Bucket) -> None:
    noise = random.Random(1)
    records = [{"File": "a.txt", "Entities": [{**PERSON, "Text": f"{noise.random()}"}]} for _ in range(40_000)]
    whole = packed({"output": lines(*records)})
    found = publish(bucket, whole[: len(whole) // 2], [entry("a.txt", Lines=40_000)])
    assert found["Status"] == "COMPLETED_WITH_ERRORS"
    assert found["Result"]["Truncated"]
    assert found["Counts"]["Documents"] + found["Counts"]["MissingDocuments"] == 40_000


def test_a_record_that_never_ends_is_refused(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LONGEST_RECORD", 3_000_000)
    with pytest.raises(JobError, match="longer than 3,000,000 bytes"):
        publish(bucket, {"output": bytes(50_000_000)}, [entry("a.txt")])


def test_member_names_are_never_paths(bucket: Bucket) -> None:
    publish(bucket, {"../../../evil": lines({"File": "../../a.txt", "Entities": []})}, [entry("a.txt")])
    assert all(key.startswith(("results/", "jobs/", "work/")) and ".." not in key for key in bucket.objects)


def test_a_stopped_job_says_so(bucket: Bucket) -> None:
    stopped = {**JOB, "JobStatus": "STOPPED"}
    found = publish(bucket, None, [entry("a.txt")], Job=stopped)
    assert (found["Status"], found["Error"]["Code"]) == ("STOPPED", "JobStopped")
    found = publish(bucket, None, [entry("a.txt")], Job=stopped, StopCode="JobTimedOut")
    assert (found["Status"], found["Error"]["Code"]) == ("TIMED_OUT", "JobTimedOut")


def large() -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    names = [f"{number:05}.txt" for number in range(3000)]
    return {"output": lines(*({"File": n, "Entities": [PERSON] * 3} for n in names))}, [entry(n) for n in names]


def test_a_killed_function_repeated_publishes_the_same_bytes(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", 50_000)
    result, expected = large()
    publish(bucket, result, expected)
    whole = bucket.published()
    assert len(whole) > 10
    for crash in random.Random(2).sample(range(2, len(whole)), 10):
        bucket.objects.clear()
        bucket.puts_until_crash = crash
        with pytest.raises(InterruptedError):
            publish(bucket, result, expected)
        assert not any(key.startswith("results/summaries/") for key in bucket.objects)
        bucket.puts_until_crash = -1
        publish(bucket, result, expected)
        assert bucket.published() == whole


def test_more_than_one_function_can_take_publishes_the_same_bytes(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", 50_000)
    result, expected = large()
    once = publish(bucket, result, expected)
    whole = bucket.published()
    bucket.objects.clear()
    events = len(bucket.events)
    # Each run has time for the first part that it makes, and for no other.
    again = publish(bucket, result, expected, remaining=lambda: 50_000)
    assert bucket.published() == whole
    assert again == once
    assert len(bucket.events) == events + 1


def test_a_run_that_gets_nowhere_is_an_error(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", 50_000)
    result, expected = large()
    with pytest.raises(publish_result.ResultTooLarge):
        publish(bucket, result, expected, remaining=lambda: 1_000, Checkpoint={"Parts": 3})


def test_a_job_that_completed_although_a_stop_was_requested_is_complete(bucket: Bucket) -> None:
    result = {"output": lines({"File": "a.txt", "Entities": []})}
    assert publish(bucket, result, [entry("a.txt")], StopCode="JobTimedOut")["Status"] == "COMPLETED"
