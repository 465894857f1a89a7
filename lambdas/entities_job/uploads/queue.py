"""A queue of uploads, read by the dispatcher itself: what it does not start a job with stays in the queue."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from .. import aws
from ..aws import logger

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import (
        BatchResultErrorEntryTypeDef,
        ChangeMessageVisibilityBatchRequestEntryTypeDef,
        DeleteMessageBatchRequestEntryTypeDef,
        MessageTypeDef,
    )

_THREADS = 32
_LONGEST_READ_SECONDS = 120
_MESSAGES_A_CALL = 10


class UploadQueue:
    """One trigger's queue."""

    def __init__(self, url: str) -> None:
        self._url = url

    def waiting(self) -> int:
        """Return about how many messages wait; those that are being read don't count."""
        answer = aws.sqs().get_queue_attributes(QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def read(self, at_most: int, expected: int) -> list[MessageTypeDef]:
        """Take messages until none is left, or a few more than ``at_most`` are taken."""
        taken: list[MessageTypeDef] = []
        deadline = time.monotonic() + _LONGEST_READ_SECONDS

        def reader(_: int) -> None:
            while len(taken) < at_most and time.monotonic() < deadline:
                try:
                    answer = aws.sqs().receive_message(
                        QueueUrl=self._url,
                        MaxNumberOfMessages=_MESSAGES_A_CALL,
                        # An answer that waited has asked all of the queue's servers: empty means empty.
                        WaitTimeSeconds=1,
                        MessageSystemAttributeNames=["SentTimestamp"],
                    )
                except (ClientError, BotoCoreError) as error:
                    # OverLimit among them: so many are being read already. What is taken makes a batch.
                    logger.warning("reading ended early", extra={"error": str(error), "taken": len(taken)})
                    return
                if not answer.get("Messages"):
                    return
                taken.extend(answer["Messages"])

        readers = min(_THREADS, 1 + expected // 100)
        with ThreadPoolExecutor(readers) as pool:
            list(pool.map(reader, range(readers)))
        return taken

    def delete(self, messages: Sequence[MessageTypeDef]) -> None:
        """Delete messages. One that survives comes again, and is recognised by its content."""

        def call(numbered: Iterable[tuple[str, str]]) -> list[BatchResultErrorEntryTypeDef]:
            entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
                {"Id": number, "ReceiptHandle": handle} for number, handle in numbered
            ]
            return aws.sqs().delete_message_batch(QueueUrl=self._url, Entries=entries).get("Failed", [])

        _in_tens(call, messages)

    def release(self, messages: Sequence[MessageTypeDef]) -> None:
        """Give messages back."""

        def call(numbered: Iterable[tuple[str, str]]) -> list[BatchResultErrorEntryTypeDef]:
            entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
                {"Id": number, "ReceiptHandle": handle, "VisibilityTimeout": 0} for number, handle in numbered
            ]
            return aws.sqs().change_message_visibility_batch(QueueUrl=self._url, Entries=entries).get("Failed", [])

        _in_tens(call, messages)


def _in_tens(
    call: Callable[[Iterable[tuple[str, str]]], list[BatchResultErrorEntryTypeDef]], messages: Sequence[MessageTypeDef]
) -> None:
    """Call with ids and receipt handles of ten messages at a time; what fails stays in the queue."""

    def errors_of(start: int) -> list[str]:
        batch = messages[start : start + _MESSAGES_A_CALL]
        try:
            failed = call((str(number), message["ReceiptHandle"]) for number, message in enumerate(batch))
        except (ClientError, BotoCoreError) as error:
            return [str(error)] * len(batch)
        return [each.get("Message", each["Code"]) for each in failed]

    starts = range(0, len(messages), _MESSAGES_A_CALL)
    with ThreadPoolExecutor(_THREADS) as pool:
        errors = [error for each in pool.map(errors_of, starts) for error in each]
    if errors:
        logger.warning("some messages stay in the queue", extra={"messages": len(errors), "error": errors[0]})
