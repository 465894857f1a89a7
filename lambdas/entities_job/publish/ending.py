"""The end of an execution: what runs is asked to stop, and exactly one outcome is written, emitted and closed.

Every end of an execution comes here: its own last state, the event of its end, or the sweep, in any order and number.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import cast

from ..aws import Location, logger
from ..contracts import START_JOB, START_JOB_SECONDS, Execution, Job, OpenExecution, Outcome, OutcomeError, Status
from ..errors import RequestRefused, take_up
from ..job import executions, marker
from ..job.active import ENDED, ActiveJob, running_jobs, stop, submitted
from .outcome import bounded, emit, outcome, problem

_STATUSES: dict[str, Status] = {"ABORTED": "ABORTED", "TIMED_OUT": "TIMED_OUT"}
_CODES = {"ABORTED": "ExecutionAborted", "TIMED_OUT": "JobTimedOut"}
_CLOCKS = timedelta(minutes=1)
"""Largest difference between the clocks of two services."""

_PAUSE_SECONDS = 5
_PAUSES = (1, 5, 10)
"""Seconds before jobs are looked for again: an outcome that knows of no job is final."""


def report(execution: Execution, made: Outcome) -> Outcome:
    """Write the outcome of an execution unless one stands there, and emit what stands; return that.

    Raises:
        EventNotAccepted: the bus did not take it; to be repeated.
    """
    place, made = _place(execution), bounded(made)
    if not marker.is_there(execution["Id"]):
        if standing := place.read_if_there():
            return cast(Outcome, json.loads(standing))
        # Its first function left none: without one, an outcome that is written but not emitted would never be.
        marker.leave(execution["Id"], set())
    if not place.write_new(json.dumps(made, ensure_ascii=False).encode()):
        made = json.loads(place.read())
    emit(made)
    marker.remove(execution["Id"])
    return made


def end(execution_arn: str) -> Outcome | None:
    """Report an execution that ended without reporting it itself; return None if there is nothing to report."""
    found = executions.described(execution_arn)
    if found is None:
        marker.remove_unused(execution_arn)
        return None
    if found["status"] == "RUNNING":
        return None
    execution, opened = executions.reference(found), marker.is_there(execution_arn)
    if found["status"] == "SUCCEEDED":
        return report(execution, json.loads(found["output"])) if opened else None
    if not opened and _place(execution).exists():
        return None
    job, what = stop_running(execution, {}, found.get("error"))
    if opened and _unknown(job) and executions.last_state(execution_arn) == START_JOB:
        # The function that starts the job may still run: no outcome would name that job.
        latest = found["stopDate"].timestamp() + START_JOB_SECONDS
        while _unknown(job) and time.time() < latest:
            time.sleep(_PAUSE_SECONDS)
            job, what = stop_running(execution, {}, found.get("error"))
    status, cause = found["status"], found.get("cause")
    message = f"the execution ended as {status}; {what or 'it had no active job'}" + (f": {cause}" if cause else "")
    error = advised(problem(found.get("error") or _CODES.get(status, "ExecutionFailed"), message), job)
    made = report(execution, outcome(execution, _STATUSES.get(status, "FAILED"), job, error))
    told = {"status": made["Status"], "execution": execution["Name"]}
    logger.error("execution ended without a result", extra=told)
    return made


def _unknown(job: Job) -> bool:
    """Return whether a job may be missing here: none was found, or one that was to be followed by another."""
    return job.get("JobStatus") in (None, "FAILED")


def advised(error: OutcomeError, job: Job) -> OutcomeError:
    """Return an error, with a hint how to publish the job if it is paid for and not published."""
    if "JobId" in job and job.get("JobStatus") != "FAILED":
        error["Hint"] = "; ".join(filter(None, (error.get("Hint"), take_up(job["JobId"]))))
    return error


def stop_running(execution: Execution, job: Job, code: str | None) -> tuple[Job, str]:
    """Ask the jobs of an execution to stop that no other running execution follows.

    Args:
        execution: the execution that ends.
        job: what it knows of its last job; may be empty, as after a start whose answer was lost.
        code: the error that it ends with, if any.

    Returns:
        The job, with its status after that, and what was done, in words. A failure is described, not raised.
    """
    # A refused execution has started none, and the job that it named is not its own.
    if job.get("JobStatus") in ENDED or code == RequestRefused.__name__:
        return job, ""
    opened = marker.of(execution["Id"])
    # Its first function leaves the marker before any job.
    if opened is None and "JobId" not in job:
        return job, ""
    pauses, done = list(_PAUSES), []
    while True:
        try:
            for active in _own_running(job, opened):
                job = active.job
                if followers := [arn for arn in _followers(active) if arn != execution["Id"]]:
                    done.append(f"its job {job['JobId']} runs on, followed by {followers[0]}")
                else:
                    job = {**job, "JobStatus": stop(job["JobId"], patiently=True)}
                    done.append(f"its job {job['JobId']} was asked to stop")
            if "JobId" not in job and opened:
                found, told = _ended(execution, opened)
                job = {**job, **found}
                done.append(told)
            break
        except Exception as error:
            logger.exception("a job may still run")
            if not pauses:
                named = f"its job {job['JobId']}" if "JobId" in job else "a job of it"
                done.append(f"{named} may still run, and could not be stopped: {error}")
                break
            time.sleep(pauses.pop(0))
    return job, "; ".join(filter(None, done))


def _own_running(job: Job, opened: OpenExecution | None) -> Iterator[ActiveJob]:
    """Yield the running jobs of an execution, by its last ``job`` and its marker."""
    known = {job.get("JobId"), opened.get("JobId") if opened else None}
    folders = opened["Folders"] if opened else []
    return (each for each in running_jobs() if each.job["JobId"] in known or each.folder in folders)


def _ended(execution: Execution, opened: OpenExecution) -> tuple[Job, str]:
    """Return the job of an execution that has ended before it, and so is paid for, with that in words."""
    if "JobId" in opened:
        return {"JobId": opened["JobId"]}, f"it had taken up the job {opened['JobId']}"
    begun = datetime.fromisoformat(execution["StartTime"])
    for found in submitted(since=begun - _CLOCKS):
        if found.folder in opened["Folders"]:
            return found.job, f"its job {found.job['JobId']} had ended as {found.job.get('JobStatus')}"
    return {}, ""


def followed(active: ActiveJob) -> bool:
    """Return whether a running execution follows a job: it started it, or took it up."""
    return any(_followers(active))


def _followers(active: ActiveJob) -> Iterator[str]:
    for opened in marker.every():
        follows = active.folder in opened["Folders"] or active.job["JobId"] == opened.get("JobId")
        if follows and executions.runs(opened["Execution"]):
            yield opened["Execution"]


def _place(execution: Execution) -> Location:
    """Return where an outcome is written: names may come again after 90 days, and redriven executions end again."""
    begun = datetime.fromisoformat(execution["StartTime"]).astimezone(UTC)
    run = f"{marker.run_name(execution['Id'])}-{begun:%Y%m%dT%H%M%S}-{execution['RedriveCount']}"
    return marker.work() / "outcomes" / f"{run}.json"
