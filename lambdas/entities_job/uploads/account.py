"""The dispatcher's world as it is: queues, executions and jobs of the AWS account."""

from __future__ import annotations

import json
import math
import os
import time
from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ParamValidationError

from .. import aws
from ..aws import Location, error_code, logger
from ..contracts import DispatcherNote, DispatcherSettings
from ..job import marker
from ..job.active import ACTIVE, active_jobs, names_since
from ..job.executions import execution_arn
from ..job.identity import folders, job_name
from .batch import Gathering, Trigger, Upload, UploadBatch
from .queue import UploadQueue
from .rules import Note, Usage

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# What the services say of a batch that no further try can start.
_UNFIT = ("InvalidName", "InvalidExecutionInput", "ValidationException", "InvalidArgument", "KeyTooLongError")


class Account:
    """What the dispatcher sees and does; :class:`entities_job.uploads.rules.World` says what each method means."""

    def __init__(self, settings: DispatcherSettings) -> None:
        self._settings = settings
        self._staging = Location.of(settings["StagingUri"])
        self._note = Location.of(settings["ClaimsUri"]) / "note.json"
        self._triggers = {name: Trigger(each) for name, each in settings["Triggers"].items()}

    def now(self) -> float:
        return time.time()

    def note(self) -> Note:
        body, etag = self._note.read_marked()
        try:
            kept: DispatcherNote = json.loads(body)
            since, starting = ({name: float(at) for name, at in kept[key].items()} for key in ("Since", "Starting"))
            return Note(since, float(kept["LookAt"]), starting, etag)
        except (AttributeError, KeyError, TypeError, ValueError):
            return Note(etag=etag)

    def keep(self, note: Note) -> bool:
        kept: DispatcherNote = {
            "Since": dict(note.since),
            "LookAt": note.look_at,
            "Starting": dict(note.starting),
        }
        return self._note.write_if(json.dumps(kept).encode(), note.etag)

    def full_batches(self) -> dict[str, int]:
        return {name: trigger.settings["Limits"]["Documents"] for name, trigger in self._triggers.items()}

    def waiting(self, trigger: str) -> int:
        return self._queue(trigger).waiting()

    def wake(self, seconds: float) -> None:
        queue_url = self._settings["WakeQueueUrl"]
        aws.sqs().send_message(QueueUrl=queue_url, MessageBody="{}", DelaySeconds=math.ceil(seconds))

    def usage(self, starting: Collection[str]) -> Usage:
        """Return the active jobs of the account and Region, and this workflow's batches that have no job yet.

        Args:
            starting: names of batches that no listing may show yet.
        """
        running = list(self._running())
        # In this order an execution that starts its job meanwhile counts twice, in another one it might not count.
        started = names_since(min(date for _, date in running)) if running else set()
        names = (arn.rpartition(":")[2] for arn, _ in running if job_name(arn) not in started)
        pending = Counter(name.partition("-")[0] in self._triggers for name in names)
        active = sum(1 for _ in active_jobs(ACTIVE))
        listed = {arn.rpartition(":")[2] for arn, _ in running}
        unlisted = set(starting) - listed
        batches = Counter(name.partition("-")[0] for name in listed | unlisted)
        taken = active + pending[True] + len(unlisted)
        # However many executions of callers wait for a slot, they leave one to uploads, as StartJob does.
        return Usage(taken + max(0, min(pending[False], self._settings["MaximumActiveJobs"] - taken - 1)), batches)

    def take(self, trigger: str) -> UploadBatch | None:
        each, queue = self._triggers[trigger], self._queue(trigger)
        gathering = Gathering(trigger, each)
        dead: list[tuple[MessageTypeDef, str]] = []
        folders: list[MessageTypeDef] = []
        for message in queue.read(gathering.wanted):
            try:
                upload = Upload.of(message)
                if upload.bucket != self._staging.bucket:
                    raise ValueError(f"an upload into {upload.bucket}; this workflow reads {self._staging.bucket}")
            except ValueError as error:
                dead.append((message, str(error)))
                continue
            if upload.is_folder:
                folders.append(message)
            else:
                gathering.add(upload, message)
        queue.release(gathering.left)
        queue.bury(dead)
        queue.delete(folders)
        return gathering.batch()

    def start(self, batch: UploadBatch) -> None:
        """Write the manifest, start the execution, and only then delete the messages; each step may be repeated."""
        queue = self._queue(batch.trigger)
        try:
            self._start(batch)
        except (ClientError, ParamValidationError) as error:
            if isinstance(error, ClientError) and error_code(error) not in _UNFIT:
                raise
            queue.bury([(message, f"its batch {batch.name} can't be started: {error}") for message in batch.messages])
            return
        queue.delete(batch.messages)
        logger.info("batch started", extra={"batch": batch.name, "uploads": len(batch.entries)})

    def _start(self, batch: UploadBatch) -> None:
        place = self._staging / batch.name
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda shard: (place / "manifest" / shard[0]).write(shard[1]), batch.shards()))
        functions, request = aws.stepfunctions(), self._triggers[batch.trigger].settings["Request"]
        data = {"S3Uri": f"{(place / 'documents').uri}/"}
        arn = execution_arn(self._settings["StateMachineArn"], batch.name)
        # Before the execution may end without having run a function of its own.
        marker.leave(arn, folders(os.environ["JOBS_URI"], batch.name, None))
        try:
            functions.start_execution(
                stateMachineArn=self._settings["StateMachineArn"],
                name=batch.name,
                input=json.dumps({**request, "InputDataConfig": data}),
            )
        except functions.exceptions.ExecutionAlreadyExists:
            logger.info("batch was started before", extra={"batch": batch.name})

    def _queue(self, trigger: str) -> UploadQueue:
        return UploadQueue(self._triggers[trigger].settings["QueueUrl"])

    def _running(self) -> Iterator[tuple[str, datetime]]:
        pages = aws.stepfunctions().get_paginator("list_executions")
        for page in pages.paginate(stateMachineArn=self._settings["StateMachineArn"], statusFilter="RUNNING"):
            for execution in page["executions"]:
                yield execution["executionArn"], execution["startDate"]
