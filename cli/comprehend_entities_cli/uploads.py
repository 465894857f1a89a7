"""Uploads that need care: dead letters, failed batches, and objects that were there before their trigger."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .aws import Aws, CommandError
from .deployment import Deployment, Trigger
from .executions import look, runs, start

_FAILED = ("FAILED", "TIMED_OUT", "ABORTED")
_BATCHES = 200
_LONGEST_NAME = 80


@dataclass(frozen=True)
class FailedBatch:
    """A batch of uploads whose execution failed.

    Attributes:
        name: its execution.
        status: how that ended.
        why: the error, in a word.
        given: what an execution is started with to try it again: the job if it has completed, else the uploads.
    """

    name: str
    status: str
    why: str
    given: dict[str, Any]


def messages(aws: Aws, url: str) -> int:
    """Return about how many messages are in a queue."""
    attributes = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(attributes["Attributes"]["ApproximateNumberOfMessages"])


def queue_of(aws: Aws, trigger: Trigger) -> str:
    """Return the URL of the queue in which a trigger's uploads wait.

    Raises:
        CommandError: no queue has the trigger's dead-letter queue.
    """
    pages = aws.client("sqs").get_paginator("list_dead_letter_source_queues").paginate(QueueUrl=trigger.dead_letters)
    found = [url for page in pages for url in page.get("queueUrls", [])]
    if not found:
        raise CommandError(f"No queue sends its dead letters to {trigger.dead_letters}.", "Deploy the stack again.")
    return str(found[0])


def move_dead_letters(aws: Aws, trigger: Trigger) -> int:
    """Put a trigger's dead letters back into its queue; return how many.

    A message is deleted only after it was sent: interrupted, it may be there twice, and its upload is recognised.
    """
    sqs, source, target = aws.client("sqs"), trigger.dead_letters, queue_of(aws, trigger)
    count = 0
    # Those that are sent while this runs are left to the next time.
    expected = messages(aws, source)
    while count < expected:
        answer = sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        if not (found := answer.get("Messages")):
            break
        for message in found:
            sqs.send_message(QueueUrl=target, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
            count += 1
    return count


def failed_batches(aws: Aws, deployment: Deployment) -> Iterator[FailedBatch]:
    """Yield batches of uploads that failed and were not tried again, the newest first."""
    retried = set()
    for each in runs(aws, deployment, most=_BATCHES):
        name = each["name"]
        if name.startswith("redrive-"):
            retried.add(name.split("-", 2)[2])
        if each["status"] not in _FAILED or name.partition("-")[0] not in deployment.triggers or name.count("-") != 2:
            continue
        # The redrive's name holds as much of the batch's as fits.
        if any(name.startswith(other) for other in retried):
            continue
        run = look(aws, each["executionArn"])
        given = json.loads(aws.client("stepfunctions").describe_execution(executionArn=run.arn).get("input") or "{}")
        if run.job.get("JobStatus") == "COMPLETED":
            given = {"JobId": run.job["JobId"]}
        error = run.outcome.get("Error") if run.outcome else None
        why = error["Code"] if error else run.status
        yield FailedBatch(name, run.outcome["Status"] if run.outcome else run.status, why, given)


def retry(aws: Aws, deployment: Deployment, batch: FailedBatch) -> str:
    """Start a failed batch again; return the execution's ARN."""
    name = f"redrive-{int(time.time()):x}-{batch.name}"[:_LONGEST_NAME]
    return start(aws, deployment, batch.given, name)


def wake(aws: Aws, deployment: Deployment, event: dict[str, Any]) -> Any:
    """Hand an event to the dispatcher of uploads; return its answer.

    Raises:
        CommandError: there is no dispatcher, or it failed.
    """
    if not deployment.wakes:
        raise CommandError(f"{deployment.name} has no upload trigger.", "Add one: workflow.start_on_upload().")
    client = aws.client("lambda")
    queue = aws.client("sqs").get_queue_attributes(QueueUrl=deployment.wakes, AttributeNames=["QueueArn"])
    mappings = client.list_event_source_mappings(EventSourceArn=queue["Attributes"]["QueueArn"])["EventSourceMappings"]
    if not mappings:
        raise CommandError("No function reads the queue that wakes the dispatcher.", "Deploy the stack again.")
    answer = client.invoke(FunctionName=mappings[0]["FunctionArn"], Payload=json.dumps(event).encode())
    value = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        raise CommandError(f"The dispatcher failed: {value.get('errorType')}: {value.get('errorMessage')}")
    return value
