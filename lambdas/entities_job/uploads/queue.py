"""A queue of uploads, read by the dispatcher itself: what it does not start a job with stays in the queue."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ..aws import client, logger

_THREADS = 32
_LONGEST_READ_SECONDS = 120
_MESSAGES_A_CALL = 10

Message = Mapping[str, Any]


class UploadQueue:
    """One trigger's queue."""

    def __init__(self, url: str) -> None:
        self._url = url

    def waiting(self) -> int:
        """How many messages wait, about; those that somebody is reading don't count."""
        name = "ApproximateNumberOfMessages"
        answer = client("sqs").get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])
        return int(answer["Attributes"][name])

    def read(self, at_most: int, expected: int) -> list[Message]:
        """Take messages until none is left, or a few more than ``at_most`` are taken."""
        taken: list[Message] = []
        deadline = time.monotonic() + _LONGEST_READ_SECONDS

        def reader(_: int) -> None:
            while len(taken) < at_most and time.monotonic() < deadline:
                try:
                    answer = client("sqs").receive_message(
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

    def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages. One that survives comes again, and is recognised by its content."""
        self._in_tens("delete_message_batch", messages, {})

    def release(self, messages: Sequence[Message]) -> None:
        """Give messages back."""
        self._in_tens("change_message_visibility_batch", messages, {"VisibilityTimeout": 0})

    def _in_tens(self, operation: str, messages: Sequence[Message], fields: Mapping[str, Any]) -> None:
        def call(start: int) -> list[str]:
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"], **fields}
                for number, message in enumerate(messages[start : start + _MESSAGES_A_CALL])
            ]
            try:
                answer = getattr(client("sqs"), operation)(QueueUrl=self._url, Entries=entries)
            except (ClientError, BotoCoreError) as error:
                return [str(error)] * len(entries)
            return [each.get("Message", each["Code"]) for each in answer.get("Failed", [])]

        with ThreadPoolExecutor(_THREADS) as pool:
            errors = [error for each in pool.map(call, range(0, len(messages), _MESSAGES_A_CALL)) for error in each]
        if errors:
            found = {"operation": operation, "messages": len(errors), "error": errors[0]}
            logger.warning("some messages stay in the queue", extra=found)
