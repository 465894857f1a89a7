"""DispatchUploads: turns what waits in the upload queues into executions, one batch at a time."""

from __future__ import annotations

import json
import math
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ..aws import Location, client, logger, task
from ..handlers.start_job import job_name
from ..uploads.batch import Trigger, Upload, UploadBatch, assemble
from ..uploads.queue import Message, UploadQueue
from ..uploads.rules import LONGEST_SLEEP, Note, Usage, look

ACTIVE = ("SUBMITTED", "IN_PROGRESS", "STOP_REQUESTED")
"""Job statuses that are taken to hold a slot of the account's quota."""


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Look once. ``event`` holds SQS messages, ``{"Trigger": name}`` for an upload and ``{}`` for a mere look."""
    settings = json.loads(os.environ["UPLOADS"])
    uploaded: dict[str, float] = {}
    for record in event["Records"]:
        sent = int(record["attributes"]["SentTimestamp"]) / 1000
        try:
            trigger = str(json.loads(record["body"]).get("Trigger", ""))
        except (ValueError, AttributeError, RecursionError) as error:
            # Still a wake: failing would keep all that came with it from waking.
            logger.error("unreadable wake", extra={"message_id": record["messageId"], "error": str(error)})
            continue
        if trigger in settings["Triggers"]:
            uploaded[trigger] = min(sent, uploaded.get(trigger, sent))
    account = Account(settings)
    try:
        look(account, settings["MaximumActiveJobs"], uploaded)
    except Exception:
        # These wakes come again only after the queue's visibility timeout.
        account.wake(LONGEST_SLEEP)
        raise
    return {}


class Account:
    """The world as it is: queues, executions and jobs of the AWS account."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._staging = Location.of(settings["StagingUri"])
        self._note = self._staging / "dispatcher/note.json"
        self._triggers = {name: Trigger(**each) for name, each in settings["Triggers"].items()}

    def now(self) -> float:
        return time.time()

    def note(self) -> Note:
        try:
            body = client("s3").get_object(Bucket=self._note.bucket, Key=self._note.key)["Body"].read()
        except client("s3").exceptions.NoSuchKey:
            return Note()
        kept = json.loads(body)
        return Note(kept["since"], kept["look_at"])

    def keep(self, note: Note) -> None:
        _put(self._note, json.dumps({"since": dict(note.since), "look_at": note.look_at}).encode())

    def full_batches(self) -> dict[str, int]:
        return {name: int(trigger.limits["Documents"]) for name, trigger in self._triggers.items()}

    def waiting(self, trigger: str) -> int:
        return self._queue(trigger).waiting()

    def wake(self, seconds: float) -> None:
        client("sqs").send_message(
            QueueUrl=self._settings["WakeQueueUrl"], MessageBody="{}", DelaySeconds=math.ceil(seconds)
        )

    def usage(self) -> Usage:
        """Active jobs of everybody in the account and Region, and executions of this workflow that have no job yet."""
        active = sum(1 for status in ACTIVE for _ in _jobs({"JobStatus": status}))
        running = list(self._running())
        started = {
            job["JobName"]
            for job in (_jobs({"SubmitTimeAfter": min(date for _, date in running)}) if running else ())
            if "JobName" in job
        }
        pending = sum(1 for arn, _ in running if job_name(arn) not in started)
        names = (arn.rpartition(":")[2] for arn, _ in running)
        return Usage(active + pending, Counter(name.partition("-")[0] for name in names))

    def take(self, trigger: str) -> UploadBatch | None:
        settings, queue = self._triggers[trigger], self._queue(trigger)
        uploads: list[tuple[Upload, Message]] = []
        for message in queue.read(int(settings.limits["Documents"]), queue.waiting()):
            try:
                upload = Upload.of(message)
                if upload.bucket != self._staging.bucket:
                    raise ValueError(f"an upload into {upload.bucket}; this workflow reads {self._staging.bucket}")
                uploads.append((upload, message))
            except ValueError as error:
                # Left to its visibility timeout, again and again: so it ends in the dead-letter queue.
                logger.error("unreadable message", extra={"message_id": message["MessageId"], "error": str(error)})
        batch = assemble(trigger, settings, uploads)
        if batch:
            queue.release(batch.left)
        return batch

    def start(self, batch: UploadBatch) -> None:
        """Write the manifest, start the execution, and only then delete the messages; each step may be repeated."""
        place = self._staging / batch.name
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda shard: _put(place / "manifest" / shard[0], shard[1]), batch.shards()))
        request = self._triggers[batch.trigger].request
        data = {**request.get("InputDataConfig", {}), "S3Uri": f"{(place / 'documents').uri}/"}
        try:
            client("stepfunctions").start_execution(
                stateMachineArn=self._settings["StateMachineArn"],
                name=batch.name,
                input=json.dumps({**request, "InputDataConfig": data}),
            )
        except client("stepfunctions").exceptions.ExecutionAlreadyExists:
            logger.info("batch was started before", extra={"batch": batch.name})
        self._queue(batch.trigger).delete(batch.messages)
        logger.info("batch started", extra={"batch": batch.name, "uploads": len(batch.entries)})

    def _queue(self, trigger: str) -> UploadQueue:
        return UploadQueue(self._triggers[trigger].queue_url)

    def _running(self) -> Iterator[tuple[str, datetime]]:
        pages = client("stepfunctions").get_paginator("list_executions")
        for page in pages.paginate(stateMachineArn=self._settings["StateMachineArn"], statusFilter="RUNNING"):
            for execution in page["executions"]:
                yield execution["executionArn"], execution["startDate"]


def _jobs(criteria: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    pages = client("comprehend").get_paginator("list_entities_detection_jobs")
    for page in pages.paginate(Filter=criteria, PaginationConfig={"PageSize": 500}):
        yield from page["EntitiesDetectionJobPropertiesList"]


def _put(place: Location, body: bytes) -> None:
    client("s3").put_object(Bucket=place.bucket, Key=place.key, Body=body)
