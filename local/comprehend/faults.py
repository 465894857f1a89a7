"""Faults that a test or a demo injects."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from threading import Lock
from typing import Any

OPERATIONS = (
    "StartEntitiesDetectionJob",
    "DescribeEntitiesDetectionJob",
    "StopEntitiesDetectionJob",
    "ListEntitiesDetectionJobs",
    "TagResource",
    "UntagResource",
    "ListTagsForResource",
)
"""The operations that the emulator serves."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OperationFault:
    """The next calls of one operation end in an error.

    Attributes:
        operation: its name in the API.
        code: the error's code, for example ``ThrottlingException``.
        message: its text; by default the usual one of the code.
        status: its HTTP status; by default the documented one.
        times: how many calls fail.
        after: the call takes effect before it fails, as when an answer gets lost.
    """

    operation: str
    code: str
    message: str | None = None
    status: int | None = None
    times: int = 1
    after: bool = False

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS:
            raise ValueError(f"operation: must be one of {', '.join(OPERATIONS)}; got {self.operation!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobFault:
    """The next jobs go wrong.

    Attributes:
        times: how many jobs.
        job_name: regular expression that the whole JobName must match; by default any job.
        message: the job turns FAILED with it, as quickly as for missing rights.
        stuck_in: SUBMITTED, IN_PROGRESS or STOP_REQUESTED, which the job never leaves by itself.
        job_status: a status shown instead of IN_PROGRESS, which the job never leaves by itself.
        seconds: virtual seconds from SubmitTime to EndTime.
        document_errors: code and message for documents, by their File, or by ``File#Line`` for a line.
        page_errors: ``Errors`` of semi-structured documents, by their File.
        missing_documents: Files that the result leaves out.
        garbled_records: so many records at the start of the result are cut off.
    """

    times: int = 1
    job_name: str | None = None
    message: str | None = None
    stuck_in: str | None = None
    job_status: str | None = None
    seconds: float | None = None
    document_errors: Mapping[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    page_errors: Mapping[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    missing_documents: tuple[str, ...] = ()
    garbled_records: int = 0

    def __post_init__(self) -> None:
        if self.stuck_in not in (None, "SUBMITTED", "IN_PROGRESS", "STOP_REQUESTED"):
            raise ValueError(f"stuck_in: must be SUBMITTED, IN_PROGRESS or STOP_REQUESTED; got {self.stuck_in!r}")

    def fits(self, job_name: str) -> bool:
        """True if it is for a job of that name."""
        return self.job_name is None or re.fullmatch(self.job_name, job_name) is not None


class Faults:
    """Faults that wait for the calls and jobs that they are meant for, oldest first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: list[OperationFault | JobFault] = []

    def add(self, fault: OperationFault | JobFault) -> None:
        """Let a fault wait."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Forget all that wait."""
        with self._lock:
            self._waiting.clear()

    def of_call(self, operation: str) -> OperationFault | None:
        """The fault of this call, if one waits for it."""
        with self._lock:
            for index, fault in enumerate(self._waiting):
                if isinstance(fault, OperationFault) and fault.operation == operation:
                    self._use(index)
                    return fault
        return None

    def of_job(self, job_name: str) -> JobFault:
        """The fault of a new job; one without any effect if none waits for it."""
        with self._lock:
            for index, fault in enumerate(self._waiting):
                if isinstance(fault, JobFault) and fault.fits(job_name):
                    self._use(index)
                    return fault
        return JobFault()

    def _use(self, index: int) -> None:
        fault = self._waiting[index]
        if fault.times > 1:
            self._waiting[index] = dataclasses.replace(fault, times=fault.times - 1)
        else:
            del self._waiting[index]
