"""Moves uploads from dead-letter queues of the running demo back to where they came from: ``make redrive``.

On AWS this is ``sqs start-message-move-task``, which MiniStack lacks; docs/uploads.md tells how.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import boto3

from local.demo import FOLDER


def redrive(sqs: Any) -> dict[str, int]:
    """Move all messages of every dead-letter queue of upload triggers; returns how many, by the queue that got them.

    A message is deleted only after it was sent: interrupted, it may be there twice, and its upload is recognised.
    """
    moved: dict[str, int] = {}
    for queue in sqs.get_paginator("list_queues").paginate().search("QueueUrls[]"):
        attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"]).get("Attributes", {})
        if "RedrivePolicy" in attributes:
            name = json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"].rpartition(":")[2]
            moved[queue] = _move(sqs, sqs.get_queue_url(QueueName=name)["QueueUrl"], queue)
    return moved


def _move(sqs: Any, source: str, target: str) -> int:
    count = 0
    while messages := sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages"):
        for message in messages:
            sqs.send_message(QueueUrl=target, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
            count += 1
    return count


def main() -> None:
    """Redrive in the rehearsal that the demo has left running."""
    record = FOLDER / "rehearsal.json"
    if not record.exists():
        sys.exit("no rehearsal is running; `make demo` starts one")
    environment = json.loads(record.read_text())["environment"]
    sqs = boto3.client(
        "sqs",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    for queue, count in redrive(sqs).items():
        print(f"{count} uploads moved to {queue.rpartition('/')[2]}; the dispatcher looks within five minutes")


if __name__ == "__main__":
    main()
