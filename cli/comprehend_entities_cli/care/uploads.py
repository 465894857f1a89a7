"""Uploads that need care: dead letters, and objects that were there before their trigger."""

from __future__ import annotations

import json
from typing import Any

from ..aws import Aws, CommandError
from ..deployment import Deployment, Trigger


def chosen(deployment: Deployment, name: str | None) -> Trigger:
    """Return an upload trigger of a deployment by name; without one, its only one.

    Raises:
        CommandError: there is none of that name, or not exactly one.
    """
    triggers = deployment.triggers
    known = f"Its triggers: {', '.join(triggers)}." if triggers else "Add one: workflow.start_on_upload()."
    if name is None and len(triggers) == 1:
        return next(iter(triggers.values()))
    if name is None or name not in triggers:
        raise CommandError(f"There is no upload trigger {name!r}." if name else "Choose one with --trigger.", known)
    return triggers[name]


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
