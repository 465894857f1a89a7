"""The dispatcher's world as it is: queues, executions and jobs of the AWS account."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING

from .. import aws
from ..aws import Location, logger
from ..contracts import DispatcherNote, DispatcherSettings
from ..job.active import ACTIVE, active_jobs, names_since
from ..job.identity import job_name
from .batch import Trigger, Upload, UploadBatch, assemble
from .queue import UploadQueue
from .rules import Note, Usage

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef


class Account:
    """What the dispatcher sees and does; :class:`entities_job.uploads.rules.World` says what each method means."""

    def __init__(self, settings: DispatcherSettings) -> None:
        self._settings = settings
        self._staging = Location.of(settings["StagingUri"])
        self._note = self._staging / "dispatcher/note.json"
        self._triggers = {name: Trigger(each) for name, each in settings["Triggers"].items()}

    def now(self) -> float:
        return time.time()

    def note(self) -> Note:
        body = self._note.read_if_there()
        if body is None:
            return Note()
        kept: DispatcherNote = json.loads(body)
        return Note(kept["Since"], kept["LookAt"])

    def keep(self, note: Note) -> None:
        kept: DispatcherNote = {"Since": dict(note.since), "LookAt": note.look_at}
        self._note.write(json.dumps(kept).encode())

    def full_batches(self) -> dict[str, int]:
        return {name: trigger.settings["Limits"]["Documents"] for name, trigger in self._triggers.items()}

    def waiting(self, trigger: str) -> int:
        return self._queue(trigger).waiting()

    def wake(self, seconds: float) -> None:
        queue_url = self._settings["WakeQueueUrl"]
        aws.sqs().send_message(QueueUrl=queue_url, MessageBody="{}", DelaySeconds=math.ceil(seconds))

    def usage(self) -> Usage:
        """Return the active jobs of the account and Region, and this workflow's executions that have no job yet."""
        active = sum(1 for _ in active_jobs(ACTIVE))
        running = list(self._running())
        started = names_since(min(date for _, date in running)) if running else set()
        pending = sum(1 for arn, _ in running if job_name(arn) not in started)
        names = (arn.rpartition(":")[2] for arn, _ in running)
        return Usage(active + pending, Counter(name.partition("-")[0] for name in names))

    def take(self, trigger: str) -> UploadBatch | None:
        each, queue = self._triggers[trigger], self._queue(trigger)
        uploads: list[tuple[Upload, MessageTypeDef]] = []
        for message in queue.read(each.settings["Limits"]["Documents"], queue.waiting()):
            try:
                upload = Upload.of(message)
                if upload.bucket != self._staging.bucket:
                    raise ValueError(f"an upload into {upload.bucket}; this workflow reads {self._staging.bucket}")
                uploads.append((upload, message))
            except ValueError as error:
                # Left to its visibility timeout, again and again: so it ends in the dead-letter queue.
                logger.error("unreadable message", extra={"message_id": message["MessageId"], "error": str(error)})
        batch = assemble(trigger, each, uploads)
        if batch:
            queue.release(batch.left)
        return batch

    def start(self, batch: UploadBatch) -> None:
        """Write the manifest, start the execution, and only then delete the messages; each step may be repeated."""
        place = self._staging / batch.name
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda shard: (place / "manifest" / shard[0]).write(shard[1]), batch.shards()))
        functions, request = aws.stepfunctions(), self._triggers[batch.trigger].settings["Request"]
        data = {"S3Uri": f"{(place / 'documents').uri}/"}
        try:
            functions.start_execution(
                stateMachineArn=self._settings["StateMachineArn"],
                name=batch.name,
                input=json.dumps({**request, "InputDataConfig": data}),
            )
        except functions.exceptions.ExecutionAlreadyExists:
            logger.info("batch was started before", extra={"batch": batch.name})
        self._queue(batch.trigger).delete(batch.messages)
        logger.info("batch started", extra={"batch": batch.name, "uploads": len(batch.entries)})

    def _queue(self, trigger: str) -> UploadQueue:
        return UploadQueue(self._triggers[trigger].settings["QueueUrl"])

    def _running(self) -> Iterator[tuple[str, datetime]]:
        pages = aws.stepfunctions().get_paginator("list_executions")
        for page in pages.paginate(stateMachineArn=self._settings["StateMachineArn"], statusFilter="RUNNING"):
            for execution in page["executions"]:
                yield execution["executionArn"], execution["startDate"]
