"""Write each entity of a published result into a DynamoDB table, so that one query says which documents name it.

EventBridge delivers an event at least once. A published result never changes, and an item's key is made of the entity,
the job and the document: a repeated event writes the same items again, and changes nothing.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NotRequired, TypedDict, cast

import boto3

_LONGEST_TEXT = 1500
"""Bytes of an entity's text in the key; DynamoDB takes 2,048."""

s3 = boto3.client("s3")
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


class Job(TypedDict):
    """The job of an outcome."""

    JobId: NotRequired[str]


class Result(TypedDict):
    """Where the records of a job lie."""

    DocumentsUri: str


class Outcome(TypedDict):
    """The part of an outcome that is read here; docs/event-schema.json has all of it."""

    ExecutionArn: str
    Job: Job
    Result: NotRequired[Result]


class Event(TypedDict):
    """The event "Entities Detection Job Ended"."""

    detail: Outcome


class Entity(TypedDict):
    """An entity as Comprehend finds it."""

    Type: str
    Text: str
    Score: Decimal


class Record(TypedDict):
    """A document with its entities; one that failed has none."""

    JobId: str
    Source: str | None
    File: str
    Line: NotRequired[int]
    Entities: NotRequired[list[Entity]]


class Item(TypedDict):
    """An item of the table: an entity in a document, as one job found it."""

    Entity: str
    Mention: str
    Type: str
    Text: str
    Document: str
    JobId: str
    Mentions: int
    BestScore: Decimal


def handler(event: Event, context: object) -> dict[str, Any]:
    """Index the result that an event announces.

    Args:
        event: the event; without ``Result``, all uploads of a batch were rejected or known already.
        context: of the invocation.

    Returns:
        The execution, and how many items were written.
    """
    outcome, written = event["detail"], 0
    if "Result" in outcome:
        with table.batch_writer(overwrite_by_pkeys=["Entity", "Mention"]) as batch:
            for record in _records(outcome["Result"]["DocumentsUri"]):
                for item in items(record):
                    batch.put_item(Item=cast("dict[str, Any]", item))
                    written += 1
    done = {"ExecutionArn": outcome["ExecutionArn"], "JobId": outcome["Job"].get("JobId"), "ItemsWritten": written}
    print(json.dumps(done))
    return done


def items(record: Record) -> list[Item]:
    """Return the items of a document: one for each entity, however often it is mentioned."""
    document = record["Source"] or record["File"]
    if "Line" in record:
        document += f"#{record['Line']}"
    # A sort key has at most 1,024 bytes, but the key of an S3 object alone may have as many.
    mention = f"{record['JobId']}#{hashlib.sha256(document.encode()).hexdigest()}"
    found: dict[str, Item] = {}
    for entity in record.get("Entities", []):
        text = entity["Text"].encode()[:_LONGEST_TEXT].decode(errors="ignore")
        item = found.setdefault(
            f"{entity['Type']}#{text}",
            {
                "Entity": f"{entity['Type']}#{text}",
                "Mention": mention,
                "Type": entity["Type"],
                "Text": text,
                "Document": document,
                "JobId": record["JobId"],
                "Mentions": 0,
                "BestScore": entity["Score"],
            },
        )
        item["Mentions"] += 1
        item["BestScore"] = max(item["BestScore"], entity["Score"])
    return list(found.values())


def _records(documents_uri: str) -> Iterator[Record]:
    """Yield the records of all parts of a result, one at a time."""
    bucket, _, prefix = documents_uri.removeprefix("s3://").partition("/")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for part in page.get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=part["Key"])["Body"]
            with gzip.open(body, "rt", encoding="utf-8") as lines:
                for line in lines:
                    # DynamoDB takes no float.
                    yield json.loads(line, parse_float=Decimal)
