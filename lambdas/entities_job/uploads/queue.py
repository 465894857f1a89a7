"""A queue of uploads, read by the dispatcher itself: what it does not start a job with stays in the queue."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import BotoCoreError, ClientError

from .. import aws
from ..aws import logger

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import (
        BatchResultErrorEntryTypeDef,
        ChangeMessageVisibilityBatchRequestEntryTypeDef,
        DeleteMessageBatchRequestEntryTypeDef,
        MessageAttributeValueTypeDef,
        MessageTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

_THREADS = 32
_LONGEST_READ_SECONDS = 120
_MESSAGES_A_CALL = 10
_LONGEST_REASON = 1000


class UploadQueue:
    """One trigger's queue."""

    def __init__(self, url: str) -> None:
        self._url = url

    def waiting(self) -> int:
        """Return about how many messages wait; those that are being read don't count."""
        return int(self._attribute("ApproximateNumberOfMessages"))

    def read(self, wanted: Callable[[], int]) -> Iterator[MessageTypeDef]:
        """Yield messages until ``wanted``, asked before each round of calls, wants no more, or none is left."""
        deadline, taken, expected = time.monotonic() + _LONGEST_READ_SECONDS, 0, self.waiting()
        with ThreadPoolExecutor(_THREADS) as pool:
            while (more := wanted()) and time.monotonic() < deadline:
                # What SQS counts is old: beyond it, one call at a time looks whether there is more.
                more = min(more, max(_MESSAGES_A_CALL, expected - taken), _THREADS * _MESSAGES_A_CALL)
                asked = [min(_MESSAGES_A_CALL, more - start) for start in range(0, more, _MESSAGES_A_CALL)]
                answers = list(pool.map(self._receive, asked))
                for messages in answers:
                    yield from messages
                    taken += len(messages)
                if not all(answers):
                    return

    def _receive(self, at_most: int) -> list[MessageTypeDef]:
        try:
            answer = aws.sqs().receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=at_most,
                # An answer that waited has asked all of the queue's servers: empty means empty.
                WaitTimeSeconds=1,
                MessageSystemAttributeNames=["SentTimestamp"],
            )
        except (ClientError, BotoCoreError) as error:
            # OverLimit among them: so many are being read already. What is taken makes a batch.
            logger.warning("reading ended early", extra={"error": str(error)})
            return []
        return answer.get("Messages", [])

    def bury(self, dead: Sequence[tuple[MessageTypeDef, str]]) -> None:
        """Move messages into the dead-letter queue, each with the reason; failed ones are received again."""
        buried = []
        for message, reason in dead:
            try:
                self.bury_new(message["Body"], reason)
                buried.append(message)
            except (ClientError, BotoCoreError) as error:
                logger.error("dead letter stays in its queue", extra={"error": str(error)})
        self.delete(buried)

    def bury_new(self, body: str, reason: str) -> None:
        """Put a message into the dead-letter queue, with the reason."""
        logger.error("dead letter", extra={"body": body[:_LONGEST_REASON], "reason": reason})
        policy = json.loads(self._attribute("RedrivePolicy"))
        target = "".join([*self._url.rpartition("/")[:2], policy["deadLetterTargetArn"].rpartition(":")[2]])
        # SQS takes no control characters.
        text = reason.encode("ascii", "backslashreplace").decode()[:_LONGEST_REASON]
        reasons: dict[str, MessageAttributeValueTypeDef] = {"Reason": {"DataType": "String", "StringValue": text}}
        aws.sqs().send_message(QueueUrl=target, MessageBody=body, MessageAttributes=reasons)

    def send(self, bodies: Sequence[str]) -> None:
        """Put messages into the queue.

        Raises:
            RuntimeError: SQS did not accept all of them.
        """

        def send_ten(start: int) -> int:
            ten = enumerate(bodies[start : start + _MESSAGES_A_CALL])
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "MessageBody": body} for number, body in ten
            ]
            return len(aws.sqs().send_message_batch(QueueUrl=self._url, Entries=entries).get("Failed", []))

        with ThreadPoolExecutor(_THREADS) as pool:
            failed = sum(pool.map(send_ten, range(0, len(bodies), _MESSAGES_A_CALL)))
        if failed:
            raise RuntimeError(f"SQS did not accept {failed} of {len(bodies)} messages")

    def _attribute(self, name: Literal["ApproximateNumberOfMessages", "RedrivePolicy"]) -> str:
        return aws.sqs().get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])["Attributes"][name]

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
