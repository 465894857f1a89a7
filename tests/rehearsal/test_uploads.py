"""Uploads on the rehearsal: the announced version, refusals by name, and the way back from a dead-letter queue."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

from local.waiting import wait_until
from tests.command_line import typed
from tests.rehearsal.deployed import TEXT, Deployed

PATIENCE_SECONDS = 150


def eventually(found: Callable[[], list[Any]], *, count: int) -> list[Any]:
    """What ``found`` finds once it finds ``count``."""
    awaited = f"{count} of them"
    seen = wait_until(found, lambda seen: len(seen) >= count, awaited=awaited, seconds=PATIENCE_SECONDS, pause=0.5)
    assert len(seen) == count, seen
    return seen


def published(workflow: Deployed, folder: str, prefix: str) -> list[dict[str, Any]]:
    """Records or refusals of uploads below a prefix of the input bucket."""
    s3, bucket = workflow.rehearsal.client("s3"), workflow.outputs["OutputBucket"]
    items = s3.list_objects_v2(Bucket=bucket, Prefix=f"results/{folder}/").get("Contents", [])
    bodies = (s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in items)
    records = [json.loads(line) for body in bodies for line in gzip.decompress(body).splitlines()]
    return [record for record in records if f"/{prefix}" in (record["Source"] or "")]


def test_every_version_has_a_record_and_every_refusal_a_name(workflow: Deployed) -> None:
    s3, bucket, prefix = workflow.rehearsal.client("s3"), workflow.outputs["InputBucket"], "uploads/versions/"
    key = f"{prefix}twice + é.txt"
    versions = [s3.put_object(Bucket=bucket, Key=key, Body=text)["VersionId"] for text in (TEXT * 3, b"Berlin. ")]
    s3.put_object(Bucket=bucket, Key=f"{prefix}empty.txt", Body=b"")
    s3.put_object(Bucket=bucket, Key=f"{prefix}wrong.pdf", Body=TEXT)
    records = eventually(lambda: published(workflow, "documents", prefix), count=2)
    assert {record["SourceVersionId"] for record in records} == set(versions)
    assert {record["Source"] for record in records} == {f"s3://{bucket}/{key}"}
    refusals = eventually(lambda: published(workflow, "refused", prefix), count=2)
    assert {refusal["ErrorCode"] for refusal in refusals} == {"EMPTY_DOCUMENT", "UNEXPECTED_SUFFIX"}
    assert s3.get_object(Bucket=bucket, Key=key, VersionId=versions[0])["Body"].read() == TEXT * 3


def test_what_is_redriven_from_the_dead_letter_queue_is_analysed(workflow: Deployed) -> None:
    s3, sqs, bucket = workflow.rehearsal.client("s3"), workflow.rehearsal.client("sqs"), workflow.outputs["InputBucket"]
    key = "not-announced/redriven.txt"
    version = s3.put_object(Bucket=bucket, Key=key, Body=TEXT * 9)["VersionId"]
    dead, wakes = workflow.queue("dead-letters:Uploads"), workflow.queue("wakes")
    item = {"key": key, "version-id": version, "size": 9 * len(TEXT), "etag": "", "sequencer": ""}
    event = {"detail": {"bucket": {"name": bucket}, "object": item}}
    sqs.send_message(QueueUrl=dead, MessageBody=json.dumps(event))
    redriven = typed("redrive", "--json", environment=workflow.environment)
    # Other tests of this rehearsal may have left a batch there that waits for a redrive.
    assert redriven.json["Moved"]["Uploads"] >= 1
    sqs.send_message(QueueUrl=wakes, MessageBody="{}")
    (record,) = eventually(lambda: published(workflow, "documents", "not-announced/"), count=1)
    assert record["SourceVersionId"] == version
