"""PublishResult: reads the service's archive as a stream and publishes records, a summary and the event."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from . import inventory
from .hints import hint
from .locations import Location
from .outcome import SCHEMA_VERSION, emit
from .service import client, task

_NAMED = 1000


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Publish what the job ``event["Job"]`` wrote. Payload and answer: docs/architecture.md, PublishResult."""
    job, results = event["Job"], Location.of(event["Settings"]["ResultsUri"])
    day = job["SubmitTime"][:10]
    documents = results / "documents" / f"job_date={day}" / f"{job['JobId']}-00000.jsonl.gz"
    summary = results / "summaries" / f"job_date={day}" / f"{job['JobId']}.json"
    expected = list(inventory.read(Location.of(event["Inventory"]["Uri"])))
    files = {entry["File"]: entry for entry in expected if not entry.get("Padding")}
    padding = {entry["File"] for entry in expected if entry.get("Padding")}
    counts: Counter[str] = Counter()
    types: Counter[str] = Counter()
    failed: list[dict[str, Any]] = []
    received: Counter[str] = Counter()
    held = io.BytesIO()
    with gzip.GzipFile(fileobj=held, mode="wb", mtime=0) as packed:
        front = {"JobId": job["JobId"], "JobDate": day, "LanguageCode": job["LanguageCode"]}
        for record in _records(job):
            if record["File"] in padding:
                continue
            entry = files.get(record["File"], {})
            source = {"Source": entry.get("Source"), "SourceVersionId": entry.get("VersionId")}
            packed.write(json.dumps({**front, **source, **record}, ensure_ascii=False).encode() + b"\n")
            received[record["File"]] += 1
            if "ErrorCode" in record:
                counts["DocumentErrors"] += 1
                failed.append(record)
            else:
                counts["Documents"] += 1
                types.update(entity["Type"] for entity in record["Entities"])
        missing = {name: entry.get("Lines", 1) - received[name] for name, entry in files.items()}
        for name, number in missing.items():
            for _ in range(number):
                record = {"File": name, "ErrorCode": "NOT_RECEIVED", "ErrorMessage": "the service gave no result"}
                source = {"Source": files[name]["Source"], "SourceVersionId": files[name].get("VersionId")}
                packed.write(json.dumps({**front, **source, **record}, ensure_ascii=False).encode() + b"\n")
    client("s3").put_object(Bucket=documents.bucket, Key=documents.key, Body=held.getvalue())
    lost = sum(missing.values())
    stopped = job["JobStatus"] == "STOPPED"
    bad = lost or counts["DocumentErrors"]
    status = ("TIMED_OUT" if event["TimedOut"] else "STOPPED") if stopped else "COMPLETED"
    status = "COMPLETED_WITH_ERRORS" if status == "COMPLETED" and bad else status
    outcome: dict[str, Any] = {
        "SchemaVersion": SCHEMA_VERSION,
        "Status": status,
        "ExecutionArn": event["Execution"]["Id"],
        "StateMachineArn": event["Execution"]["StateMachineArn"],
        "Job": job,
        "Counts": {
            "ExpectedDocuments": event["Inventory"]["Documents"],
            "Documents": counts["Documents"],
            "DocumentErrors": counts["DocumentErrors"],
            "MissingDocuments": lost,
            "UnparsedRecords": 0,
            "Entities": types.total(),
            "EntitiesByType": dict(types),
        },
        "Result": {
            "DocumentsUri": documents.uri.removesuffix("00000.jsonl.gz"),
            "SummaryUri": summary.uri,
            "Parts": 1,
            "Bytes": len(held.getvalue()),
        },
        "Polls": event["Polls"],
        "LagSeconds": event["LagSeconds"],
        "Units": event["Estimate"]["Units"],
        "EstimatedCostUsd": event["Estimate"]["CostUsd"],
    }
    if stopped:
        code = "JobTimedOut" if event["TimedOut"] else "JobStopped"
        message = f"the job {job['JobId']} was stopped after {counts['Documents']} documents"
        outcome["Error"] = {"Code": code, "Message": message, "Hint": hint(code)}
    body = {**outcome, "DocumentsWithErrors": failed[:_NAMED], "Missing": [n for n, k in missing.items() if k][:_NAMED]}
    client("s3").put_object(Bucket=summary.bucket, Key=summary.key, Body=json.dumps(body).encode())
    emit(outcome)
    return {"Done": True, "Outcome": outcome}


def _records(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    source = Location.of(job["OutputDataConfig"]["S3Uri"])
    s3 = client("s3")
    try:
        body = s3.get_object(Bucket=source.bucket, Key=source.key)["Body"]
    except s3.exceptions.NoSuchKey:
        return
    with tarfile.open(fileobj=body, mode="r|gz") as archive:
        for member in archive:
            file = archive.extractfile(member)
            for line in file or ():
                yield json.loads(line)
