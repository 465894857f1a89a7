"""What is emitted at an execution's end: an event of bounded size that fits its schema, and metrics."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.events import DOCS, check
from tests.unit.publish.publishing import Bucket, entry, lines, memory, publish


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "Letters")
    return memory(monkeypatch)


def found(kind: str) -> dict[str, Any]:
    return {"BeginOffset": 0, "EndOffset": 1, "Score": 0.5, "Text": "x", "Type": kind}


def all_emitted(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The log lines in CloudWatch's embedded metric format."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]


def emitted(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The only one of them."""
    [metrics] = all_emitted(capsys)
    return metrics


def test_the_schema_is_one_and_knows_the_example() -> None:
    schema = json.loads((DOCS / "event-schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    [example, *_] = re.findall(r"```json\n(.*?)```", (DOCS / "events.md").read_text("utf-8"), re.DOTALL)
    detail = json.loads(example)["detail"]
    check(detail)
    for spoiled in ({**detail, "Status": "DONE"}, {**detail, "Status": "COMPLETED"}, {**detail, "Odd": 1}):
        with pytest.raises(AssertionError):
            check(spoiled)


COUNTS = {
    **dict.fromkeys(("ExpectedDocuments", "Documents", "DocumentErrors", "MissingDocuments"), 0),
    **dict.fromkeys(("UnexpectedDocuments", "UnparsedRecords", "Entities"), 0),
    "EntitiesByType": {},
}
ENDED = {"SchemaVersion": "1.0", "Status": "COMPLETED", "ExecutionArn": "arn:e", "StateMachineArn": "arn:m", "Job": {}}
RESULT = {"DocumentsUri": "s3://out/d", "SummaryUri": "s3://out/s", "Parts": 0, "Bytes": 0}
MEASURED = {"Polls": 1, "LagSeconds": None, "Units": 0, "EstimatedCostUsd": 0}
WHOLE = {**ENDED, "Counts": COUNTS, "Result": RESULT, **MEASURED}
ERROR = {"Error": {"Code": "C", "Message": "m"}}


@pytest.mark.parametrize(
    "detail",
    [
        WHOLE,
        {**ENDED, "Counts": COUNTS},
        {**ENDED, "Counts": {**COUNTS, "DocumentErrors": 2}, "Status": "COMPLETED_WITH_ERRORS", **ERROR},
        {**ENDED, "Status": "REFUSED", **ERROR},
        {**WHOLE, "Job": {"JobId": "5dfc", "NewInTheService": {}}},
    ],
)
def test_the_schema_takes(detail: dict[str, Any]) -> None:
    check(detail)


@pytest.mark.parametrize(
    "detail",
    [
        ENDED,
        {**ENDED, "Counts": {**COUNTS, "Documents": 1}},
        {**ENDED, "Status": "STOPPED", "Counts": COUNTS, **ERROR},
        {**ENDED, "Status": "TIMED_OUT", "Counts": COUNTS, **ERROR},
        {**ENDED, "Status": "REFUSED"},
        {**WHOLE, **ERROR},
        {**WHOLE, "SchemaVersion": "1.1"},
        {**WHOLE, "Result": {**RESULT, "SummaryUri": "out/s"}},
        {**WHOLE, "Counts": {**COUNTS, "EntitiesByType": {str(number): 1 for number in range(101)}}},
        {**WHOLE, "Counts": {**COUNTS, "Odd": 1}},
        {**WHOLE, "Polls": -1},
        *({name: value for name, value in WHOLE.items() if name != left} for left in ("Counts", "Job", *MEASURED)),
        *(
            {**WHOLE, "Counts": {name: value for name, value in COUNTS.items() if name != left}}
            for left in ("ExpectedDocuments", "EntitiesByType")
        ),
    ],
)
def test_the_schema_refuses(detail: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check(detail)


def test_an_event_counts_the_most_frequent_types_and_the_summary_all(bucket: Bucket) -> None:
    kinds = [f"TYPE_{number:04}_{'x' * 50}" for number in range(3000)]
    frequent = kinds[::30]
    result = lines({"File": "a.txt", "Entities": [found(kind) for kind in kinds + frequent]})
    outcome = publish(bucket, {"output": result}, [entry("a.txt")])
    [event] = bucket.events
    assert event == outcome
    check(outcome)
    assert outcome["Counts"]["EntitiesByType"] == dict.fromkeys(frequent, 2)
    assert outcome["Counts"]["Entities"] == 3100
    assert len(bucket.summary()["Counts"]["EntitiesByType"]) == 3000


def test_metrics_of_a_result(bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    publish(
        bucket, {"output": lines({"File": "a.txt", "Entities": [found("PERSON")]})}, [entry("a.txt"), entry("b.txt")]
    )
    metrics = emitted(capsys)
    [told] = metrics["_aws"]["CloudWatchMetrics"]
    assert (told["Namespace"], told["Dimensions"], metrics["service"]) == ("Tests", [["service"]], "Letters")
    values = {metric["Name"]: (*metrics[metric["Name"]], metric["Unit"]) for metric in told["Metrics"]}
    assert values == {
        "ExecutionsFailed": (0, "Count"),
        "Documents": (1, "Count"),
        "DocumentErrors": (0, "Count"),
        "MissingDocuments": (1, "Count"),
        "Entities": (1, "Count"),
        "Polls": (3, "Count"),
        "LagSeconds": (4, "Seconds"),
        "EstimatedCostUsd": (0.0003, "None"),
    }
    [documented] = re.findall(r"\n\|---\|---\|---\|\n(.*?)\n\n", (DOCS / "events.md").read_text("utf-8"), re.DOTALL)
    names = {name for row in documented.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    # Of a job whose end is known.
    assert names == {*values, "JobSeconds"}


def test_a_monitored_workflow_has_metrics_by_status_and_by_type(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MONITORED", "1")
    entities = [found("PERSON"), found("PERSON"), found("DATE"), *(found(f"RARE_{n:02}") for n in range(20))]
    publish(bucket, {"output": lines({"File": "a.txt", "Entities": entities})}, [entry("a.txt")])
    _, ended, *types = all_emitted(capsys)
    assert (ended["Executions"], ended["Status"]) == ([1], "COMPLETED")
    assert set(ended["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0]) == {"Status", "service"}
    counted = {each["EntityType"]: each["EntitiesOfType"] for each in types}
    assert (counted["PERSON"], counted["DATE"], len(counted)) == ([2], [1], 15)


def test_the_duration_of_a_job_is_measured(bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    job = {"JobId": "job1", "JobStatus": "COMPLETED", "LanguageCode": "en"}
    times = {"SubmitTime": "2026-11-23T12:00:00+00:00", "EndTime": "2026-11-23T12:06:10.500000+00:00"}
    place = {"OutputDataConfig": {"S3Uri": "s3://out/jobs/x"}, "InputDataConfig": {"S3Uri": "s3://in/input/"}}
    publish(bucket, None, [entry("a.txt")], Job={**job, **times, **place})
    assert emitted(capsys)["JobSeconds"] == [370.5]


def test_a_job_that_ran_too_long_is_a_failure_with_a_result(bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    stopped = {"JobId": "job1", "JobStatus": "STOPPED", "SubmitTime": "2026-11-23T12:00:00+00:00", "LanguageCode": "en"}
    place = {"OutputDataConfig": {"S3Uri": "s3://out/jobs/x"}, "InputDataConfig": {"S3Uri": "s3://in/input/"}}
    publish(bucket, None, [entry("a.txt")], Job=stopped | place, StopCode="JobTimedOut", LagSeconds=None)
    metrics = emitted(capsys)
    assert metrics["ExecutionsFailed"] == [1]
    assert "LagSeconds" not in metrics


def test_an_event_that_the_bus_refuses_is_not_measured(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "x"}]}
    monkeypatch.setattr(bucket.account, "_PutEvents", lambda given: refused)
    with pytest.raises(Exception, match="the event bus did not accept the event"):
        publish(bucket, {"output": lines({"File": "a.txt", "Entities": []})}, [entry("a.txt")])
    assert '{"_aws"' not in capsys.readouterr().out
