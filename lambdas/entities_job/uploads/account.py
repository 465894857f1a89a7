"""The dispatcher's world as it is: queues, executions and jobs of the AWS account."""

from __future__ import annotations

import json
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ParamValidationError

from .. import aws
from ..aws import Location, error_code, logger
from ..contracts import (
    COMPLETED,
    BackfillEvent,
    BackfillRequest,
    BatchRecord,
    DispatcherNote,
    DispatcherSettings,
    FailedBatchMessage,
    Outcome,
    Wake,
)
from ..job import marker
from ..job.active import ACTIVE, active_jobs, names_since
from ..job.executions import execution_arn
from ..job.identity import folders, job_name
from ..measure import measure
from .backfill import backfill
from .batch import Gathering, Trigger, Upload, UploadBatch
from .queue import UploadQueue
from .records import FailedBatch, Records, Run, asked_again, settled
from .rules import Note, Usage, revise

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# What the services say of a batch that no further try can start.
_UNFIT = ("InvalidName", "InvalidExecutionInput", "ValidationException", "InvalidArgument", "KeyTooLongError")

# What runs is awaited anew each day: a note of two weeks counts no more, and a job may run for longer.
_RENEWED_SECONDS = 86400.0

Taken = UploadBatch | FailedBatch


class Account:
    """The dispatcher's view of the account, and its actions, as :class:`entities_job.uploads.rules.World` has them."""

    def __init__(self, settings: DispatcherSettings) -> None:
        self._settings = settings
        self._staging = Location.of(settings["StagingUri"])
        self._note = Location.of(settings["ClaimsUri"]) / "note.json"
        self._records = Records(Location.of(settings["ClaimsUri"]))
        self._triggers = {name: Trigger(each) for name, each in settings["Triggers"].items()}

    def now(self) -> float:
        return time.time()

    def note(self) -> Note:
        body, etag = self._note.read_marked()
        try:
            kept: DispatcherNote = json.loads(body)
            since, starting, awaited = (
                {name: float(at) for name, at in times.items()}
                for times in (kept["Since"], kept["Starting"], kept["Awaited"])
            )
            return Note(since, float(kept["LookAt"]), starting, awaited, etag)
        except (AttributeError, KeyError, TypeError, ValueError):
            return Note(etag=etag)

    def keep(self, note: Note) -> bool:
        kept: DispatcherNote = {
            "Since": dict(note.since),
            "LookAt": note.look_at,
            "Starting": dict(note.starting),
            "Awaited": dict(note.awaited),
        }
        return self._note.write_if(json.dumps(kept).encode(), note.etag)

    def full_batches(self) -> dict[str, int]:
        return {name: trigger.settings["Limits"]["Documents"] for name, trigger in self._triggers.items()}

    def waiting(self, trigger: str) -> int:
        return self._queue(trigger).waiting()

    def wake(self, seconds: float) -> None:
        self._send({}, seconds)

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

    def take(self, trigger: str) -> Taken | None:
        each, queue = self._triggers[trigger], self._queue(trigger)
        gathering = Gathering(trigger, each)
        failed: FailedBatch | None = None
        dead: list[tuple[MessageTypeDef, str]] = []
        done: list[MessageTypeDef] = []
        for message in queue.read(gathering.wanted):
            try:
                if run := asked_again(message):
                    if gathering.begun or failed:
                        gathering.leave(message)
                    elif failed := self._failed_batch(trigger, run, message):
                        gathering.closed = True
                    else:
                        done.append(message)
                    continue
                upload = Upload.of(message)
                if upload.bucket != self._staging.bucket:
                    raise ValueError(f"an upload into {upload.bucket}; this workflow reads {self._staging.bucket}")
            except ValueError as error:
                dead.append((message, str(error)))
                continue
            if upload.is_folder:
                done.append(message)
            else:
                gathering.add(upload, message)
        queue.release(gathering.left)
        queue.bury(dead)
        queue.delete(done)
        return failed or gathering.batch()

    def _failed_batch(self, trigger: str, run: Run, message: MessageTypeDef) -> FailedBatch | None:
        """Return a failed batch to be analysed again, or None if it is not failed any more."""
        if run.trigger != trigger:
            raise ValueError(f"a batch of {run.trigger}, not of {trigger}")
        record, etag = self._records.read(run)
        if record is None or record["State"] != "failed":
            return None
        return FailedBatch(Run(run.batch, record["Number"] + 1), record, etag, message)

    def start(self, batch: Taken) -> None:
        """Start the execution of a batch, and only then delete its messages; each step may be repeated."""
        queue = self._queue(batch.trigger)
        if isinstance(batch, FailedBatch):
            self._follow(batch.run, batch.record, batch.etag)
            queue.delete([batch.message])
            return
        try:
            self._start(batch)
        except (ClientError, ParamValidationError) as error:
            if isinstance(error, ClientError) and error_code(error) not in _UNFIT:
                raise
            queue.bury([(message, f"its batch {batch.name} can't be started: {error}") for message in batch.messages])
            return
        queue.delete(batch.messages)
        logger.info("batch started", extra={"batch": batch.name, "uploads": len(batch.entries)})

    def settle(self, outcome: Outcome) -> None:
        """Record the outcome of a batch, and start its next step; the same outcome may arrive again.

        Args:
            outcome: of any execution of the workflow.
        """
        execution = outcome["ExecutionArn"].rpartition(":")[2]
        run = Run.of(execution)
        if run is None or run.trigger not in self._triggers:
            return
        record, etag = self._records.read(run)
        begun: dict[str, float] = {}
        known = record is not None and record["Number"] == run.number
        # An execution may be redriven by hand, and have another outcome.
        if record and known and (record["State"] == "running" or outcome["Status"] in COMPLETED):
            step, made = settled(record, outcome)
            logger.info("batch ended", extra={"execution": execution, "status": outcome["Status"], "step": step})
            if step == "resume":
                begun = {run.following.name: self.now()}
                self._follow(run.following, {**made, "Resumed": record["Resumed"] + 1}, etag)
            elif self._records.keep(run, made, etag):
                record = made
                if made["State"] == "failed" and "Reason" in made:
                    measure({"FailedBatches": 1})
        # Only what is recorded as failed is taken off the queue again. If the message is lost, the outcome comes again.
        if record and known and record["State"] == "failed":
            self._tell(run, record)
        revise(self, lambda note: replace(note, awaited={**_without(note.awaited, execution), **begun}))

    def sweep(self) -> None:
        """Settle the outcomes of executions that ended, but whose events were lost."""
        awaited = self.note().awaited
        running = {arn.rpartition(":")[2] for arn, _ in self._running()} if awaited else set()
        for name in awaited.keys() - running:
            run = marker.run_name(execution_arn(self._settings["StateMachineArn"], name))
            for found in (marker.work() / "outcomes" / f"{run}-").list():
                self.settle(json.loads(found.location.read()))
        now, runs = self.now(), awaited.keys() & running
        if any(awaited[name] < now - _RENEWED_SECONDS for name in runs):
            revise(
                self,
                lambda note: replace(note, awaited={**note.awaited, **dict.fromkeys(note.awaited.keys() & runs, now)}),
            )

    def backfill(self, request: BackfillRequest, more: Callable[[], bool]) -> BackfillRequest:
        """Queue uploads that had no event; a further invocation continues if there is not enough time.

        Raises:
            ValueError: no such trigger, a prefix of others, or a date that is none.
        """
        trigger = self._triggers.get(request["Trigger"])
        if trigger is None:
            raise ValueError(f"Trigger is one of {', '.join(self._triggers)}; got {request['Trigger']!r}")
        prefix = request.get("Prefix", trigger.settings["Prefix"])
        if not prefix.startswith(trigger.settings["Prefix"]):
            raise ValueError(f"Prefix lies under {trigger.settings['Prefix']}; got {prefix!r}")
        place, claims = self._staging._replace(key=prefix), Location.of(self._settings["ClaimsUri"])
        made = backfill(request, place, claims, self._queue(request["Trigger"]), more)
        if "KeyMarker" in made:
            self._send({"Backfill": made}, 0)
        # By then SQS counts them.
        self.wake(60.0)
        return made

    def _tell(self, run: Run, record: BatchRecord) -> None:
        message: FailedBatchMessage = {"Batch": run.batch}
        queue, reason = self._queue(run.trigger), record.get("Reason")
        if reason:
            queue.bury_new(json.dumps(message), f"the batch {run.batch} failed, and waits for a redrive: {reason}")
        else:
            queue.send([json.dumps(message)])
            self.wake(1.0)

    def _start(self, batch: UploadBatch) -> None:
        """Write the manifest and the record, and start the execution."""
        place, run = self._staging / batch.name, Run(batch.name)
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda shard: (place / "manifest" / shard[0]).write(shard[1]), batch.shards()))
        self._records.begin(run)
        self._execute(run)

    def _follow(self, run: Run, record: BatchRecord, etag: str) -> None:
        """Start the next execution of a batch, then record it: the other way round, a kill between would lose it."""
        self._execute(run, record.get("JobId"))
        if not self._records.keep(run, {**record, "State": "running", "Number": run.number}, etag):
            logger.info("another dispatcher did the same", extra={"execution": run.name})

    def _execute(self, run: Run, job_id: str | None = None) -> None:
        """Start an execution on what is staged, or one that resumes a job."""
        functions, request = aws.stepfunctions(), self._triggers[run.trigger].settings["Request"]
        data = {"S3Uri": f"{(self._staging / run.batch / 'documents').uri}/"}
        given = {"JobId": job_id} if job_id else {**request, "InputDataConfig": data}
        arn = execution_arn(self._settings["StateMachineArn"], run.name)
        # Before the execution may end without having run a function of its own.
        marker.leave(arn, set() if job_id else folders(os.environ["JOBS_URI"], run.name, None), job_id)
        try:
            functions.start_execution(
                stateMachineArn=self._settings["StateMachineArn"], name=run.name, input=json.dumps(given)
            )
        except functions.exceptions.ExecutionAlreadyExists:
            logger.info("started before", extra={"execution": run.name})

    def _send(self, message: Wake | BackfillEvent, seconds: float) -> None:
        url, body = self._settings["WakeQueueUrl"], json.dumps(message)
        aws.sqs().send_message(QueueUrl=url, MessageBody=body, DelaySeconds=math.ceil(seconds))

    def _queue(self, trigger: str) -> UploadQueue:
        # Its URL differs from another queue's in the name only.
        place = self._settings["WakeQueueUrl"].rpartition("/")
        return UploadQueue("".join([*place[:2], self._triggers[trigger].settings["Queue"]]))

    def _running(self) -> Iterator[tuple[str, datetime]]:
        pages = aws.stepfunctions().get_paginator("list_executions")
        for page in pages.paginate(stateMachineArn=self._settings["StateMachineArn"], statusFilter="RUNNING"):
            for execution in page["executions"]:
                yield execution["executionArn"], execution["startDate"]


def _without(times: Mapping[str, float], name: str) -> dict[str, float]:
    return {other: at for other, at in times.items() if other != name}
