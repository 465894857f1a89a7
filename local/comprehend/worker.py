"""Takes each job through its states, in a thread of its own."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from threading import Thread
from typing import Protocol

from .aws import AccessDenied
from .clock import Clock
from .jobs import Job, JobTable
from .runner import Access, JobFailure, Result, analyze, check_rights, list_input, write_result
from .settings import Settings

_log = logging.getLogger(__name__)


class Roles(Protocol):
    """Gives access under a job's data access role: see :class:`.aws.Aws`."""

    def assume_role(self, job: Job) -> Access: ...


class _Gone(Exception):
    """The job was forgotten while it ran."""


class Worker:
    """Runs jobs.

    Args:
        table: the jobs.
        clock: virtual time.
        roles: where data access roles come from.
        settings: gives the settings of this moment.
    """

    def __init__(self, table: JobTable, clock: Clock, roles: Roles, settings: Callable[[], Settings]) -> None:
        self._table = table
        self._clock = clock
        self._roles = roles
        self._settings = settings

    def start(self, job: Job) -> None:
        """Begin a job's run."""
        Thread(target=self._run, args=(job,), name=job.job_id, daemon=True).start()

    def _run(self, job: Job) -> None:
        try:
            self._take_through(job)
        except _Gone:
            pass
        except Exception:
            _log.exception("job %s failed within the emulator", job.job_id)
            with self._table.changed:
                job.end("FAILED", self._clock.now(), self._settings().failure_messages["INTERNAL"])
                self._table.changed.notify_all()

    def _take_through(self, job: Job) -> None:
        begin = self._wait_for_begin(job)
        if begin is None:
            # Stopped before it began: nothing was processed, nothing is written.
            self._finish(job, None)
            return
        settings = self._settings()
        try:
            if job.fault.message:
                raise JobFailure(job.fault.message)
            access = self._access(job)
            check_rights(job, access, settings)
            result = analyze(job, access, list_input(job, access, settings), settings)
        except JobFailure as failure:
            _log.info("job %s will fail: %s", job.job_id, failure.__cause__ or failure)
            message, job.refusal = settings.failure_messages.get(str(failure), str(failure)), _refusal(failure)
            planned = max(begin, job.submit_time + random.uniform(*settings.failure_seconds))
            self._finish(job, planned, message)
            return
        seconds = job.fault.seconds or random.Random(job.job_id).choice(settings.job_seconds)
        planned = job.submit_time + seconds + settings.seconds_per_document * result.documents
        self._finish(job, planned, write=lambda share: self._write(job, access, result, share), begin=begin)

    def _access(self, job: Job) -> Access:
        try:
            return self._roles.assume_role(job)
        except AccessDenied as error:
            raise JobFailure("NO_READ") from error

    def _write(self, job: Job, access: Access, result: Result, share: float) -> None:
        documents = int(result.documents * share)
        if share == 1 or (documents and self._settings().stopped_output == "partial"):
            write_result(job, access, result, documents)

    def _wait_for_begin(self, job: Job) -> float | None:
        """Wait for a slot and for the end of SUBMITTED; the time of it, or None for a stop before it."""
        table = self._table
        with table.changed:
            while True:
                settings, now = self._settings(), self._clock.now()
                if job not in table:
                    raise _Gone
                if job.stop_at is not None or job.end_time is not None:
                    return None
                if job.waits and len(table.active(job.account, job.region, settings)) < (settings.active_jobs or 0):
                    job.begin_run(now)
                begins = [begin for _, begin in job.history[1:]]
                if begins and begins[0] <= now:
                    return begins[0]
                # A slot gets free as time passes, without notice: look again soon.
                self._wait(min(begins, default=now + 1.0) - now)

    def _finish(
        self,
        job: Job,
        planned: float | None,
        message: str | None = None,
        write: Callable[[float], None] | None = None,
        begin: float = 0,
    ) -> None:
        """Wait for the planned end or for a stop, write what there is, and end the job.

        Args:
            job: the job.
            planned: virtual time of the end; None for a job that only a stop can end.
            message: why the job fails; None if it does not.
            write: writes that share of the result, from 0 to 1.
            begin: virtual time at which processing began.
        """
        ready = self._clock.now()
        end, stopped = self._wait_for_end(job, planned)
        if end is None:
            return
        status = "STOPPED" if stopped else "FAILED" if message else "COMPLETED"
        if write is not None and planned is not None:
            share = max(0.0, min(1.0, (end - begin) / (planned - begin))) if stopped else 1.0
            try:
                write(share)
            except JobFailure as failure:
                status, message = "FAILED", self._settings().failure_messages[str(failure)]
                job.refusal = _refusal(failure)
        with self._table.changed:
            told = end + self._settings().output_lead_seconds
            while (now := self._clock.now()) < told:
                self._wait(told - now)
            # However long the emulator itself took to find a failure: the service takes seconds.
            end = told if status == "FAILED" else max(told, ready)
            job.end(status, end, None if status == "STOPPED" else message)
            self._table.changed.notify_all()

    def _wait_for_end(self, job: Job, planned: float | None) -> tuple[float | None, bool]:
        """The time of the end, which has come, and whether it is a stop; no time if the job has ended already."""
        table, stuck = self._table, job.fault.job_status or job.fault.stuck_in
        with table.changed:
            while True:
                now = self._clock.now()
                if job not in table:
                    raise _Gone
                if job.end_time is not None:
                    return None, False
                ends = []
                if planned is not None and (stuck is None or (stuck == "STOP_REQUESTED" and job.stop_at is None)):
                    ends.append((planned + job.delay, False))
                if job.stop_at is not None and stuck != "STOP_REQUESTED":
                    ends.append((job.stop_at, True))
                end, stopped = min(ends, default=(float("inf"), False))
                if end <= now:
                    return end, stopped
                self._wait(end - now)

    def _wait(self, virtual_seconds: float) -> None:
        self._table.changed.wait(max(0.001, min(self._clock.real_seconds(virtual_seconds), 60.0)))


def _refusal(failure: JobFailure) -> str | None:
    return str(failure.__cause__) if failure.__cause__ else None
