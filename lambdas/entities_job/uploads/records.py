"""The record of a batch, and the next step after the outcome of its execution."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..aws import Location
from ..contracts import COMPLETED, BatchRecord, Claim, FailedBatchMessage, Outcome

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

Step = Literal["publish", "resume", "repeat", "wait"]
"""The next step: none, its paid job is resumed, it is analysed again, or it waits for a redrive."""

MAXIMUM_JOBS = 3
"""Most jobs that the faults of the service may cost a batch before people are asked."""
MAXIMUM_RESUMED = 2

_NAME = re.compile(r"([A-Za-z0-9]{1,32}-\d{8}T\d{6}-[0-9a-f]{16})(?:r(\d+))?")
_RESTARTED = re.compile(r"\.(\d+)$")
# Job statuses that leave no result to publish.
_VAIN = ("FAILED", "STOPPED", "STOP_REQUESTED", "NOT_STARTED")
# Failures that another try does not heal.
_LASTING = re.compile(
    "NO_(READ|WRITE)_ACCESS|AccessDenied|InvalidRequest|ResourceNotFound|KmsKey|TooManyTags|UnknownJob"
)


class Run(NamedTuple):
    """An execution of a batch.

    Attributes:
        batch: the batch's name, which its first execution bears.
        number: counts from 1.
    """

    batch: str
    number: int = 1

    @classmethod
    def of(cls, execution: str) -> Run | None:
        """Return the run that an execution of that name is, or None if it is none of a batch.

        Example:
            >>> Run.of("Uploads-20260101T000000-0123456789abcdefr2").number
            2
        """
        found = _NAME.fullmatch(execution)
        return cls(found[1], int(found[2] or 1)) if found else None

    @property
    def trigger(self) -> str:
        """The trigger whose uploads it analyses."""
        return self.batch.partition("-")[0]

    @property
    def name(self) -> str:
        """The execution's name."""
        return self.batch if self.number == 1 else f"{self.batch}r{self.number}"

    @property
    def following(self) -> Run:
        """The next execution of the batch."""
        return self._replace(number=self.number + 1)


@dataclass(frozen=True)
class FailedBatch:
    """A batch that failed and is analysed again, or whose job is resumed.

    Attributes:
        run: the execution to start.
        record: the batch's record.
        etag: of the record.
        message: the message that asks for it.
    """

    run: Run
    record: BatchRecord
    etag: str
    message: MessageTypeDef

    @property
    def trigger(self) -> str:
        """The trigger's name."""
        return self.run.trigger

    @property
    def name(self) -> str:
        """The execution's name."""
        return self.run.name

    @property
    def left_since(self) -> float:
        """Since when, about, others wait: nothing else was read."""
        return int(self.message["Attributes"]["SentTimestamp"]) / 1000


class Records:
    """The records of batches, below the ``claims`` of a workflow; a claim names the run that holds an upload."""

    def __init__(self, claims: Location) -> None:
        self._claims = claims

    def begin(self, run: Run) -> None:
        """Record a new batch; one that is recorded stays as it is."""
        record: BatchRecord = {"State": "running", "Number": run.number, "Jobs": 0, "Resumed": 0}
        self._place(run).write_new(json.dumps(record).encode())

    def read(self, run: Run) -> tuple[BatchRecord | None, str]:
        """Return the record of a run's batch, and its ETag."""
        body, etag = self._place(run).read_marked()
        return (json.loads(body) if body else None), etag

    def keep(self, run: Run, record: BatchRecord, etag: str) -> bool:
        """Replace the record that has that ETag; return False if another run did."""
        return self._place(run).write_if(json.dumps(record).encode(), etag)

    def is_free(self, claim: Claim) -> bool:
        """Return whether another batch may analyse the claimed uploads: their results will never be published."""
        run = Run.of(claim["Execution"])
        if run is None or "ErrorCode" in claim:
            return True
        record, _ = self.read(run)
        failed = record is not None and record["State"] == "failed" and "JobId" not in record
        # A record is written after the start of a run: this one may have begun since.
        return failed and record is not None and run.number <= record["Number"]

    def _place(self, run: Run) -> Location:
        return self._claims / run.trigger / "batches" / f"{run.batch}.json"


def settled(record: BatchRecord, outcome: Outcome) -> tuple[Step, BatchRecord]:
    """Return what follows from the outcome of a batch's execution, and the batch's new record."""
    job, error = outcome["Job"], outcome.get("Error", {"Code": "", "Message": ""})
    paid = bool(job.get("JobId")) and job.get("JobStatus") not in _VAIN
    restarted = _RESTARTED.search(job.get("JobName", ""))
    jobs = record["Jobs"] + (int(restarted[1]) if restarted else 1)
    made: BatchRecord = {**record, "State": "failed"}
    made.pop("JobId", None)
    made.pop("Reason", None)
    if "JobId" in job:
        made["LastJobId"] = job["JobId"]
    if outcome["Status"] in COMPLETED:
        return "publish", {**made, "State": "published"}
    if paid and outcome["Status"] != "REFUSED":
        # Paid and not published: analysing it again would be paid twice.
        made["JobId"] = job["JobId"]
    if outcome["Status"] == "FAILED" and "JobId" in made and record["Resumed"] < MAXIMUM_RESUMED:
        return "resume", made
    if outcome["Status"] == "FAILED" and not paid and jobs < MAXIMUM_JOBS and not _LASTING.search(error["Code"]):
        return "repeat", {**made, "Jobs": jobs}
    reason = f"{outcome['Status']}: {error['Code']}: {error['Message']}"
    return "wait", {**made, "Jobs": 0, "Resumed": 0, "Reason": reason}


def asked_again(message: MessageTypeDef) -> Run | None:
    """Return the batch that a message names, or None if it is about an upload."""
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        body: FailedBatchMessage = json.loads(message["Body"])
        return Run.of(body["Batch"])
    return None
