"""Markers of executions whose end is not reported yet, and notes of who owns a folder of jobs, under ``work/``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ..aws import Location, logger
from ..contracts import OpenExecution

_STARTED_WITHIN = timedelta(hours=1)
"""An execution is started at once after its marker; the dispatcher that leaves it lives for 15 minutes."""


def work() -> Location:
    """Return the prefix of the functions' own files."""
    return Location.of(os.environ["WORK_URI"])


def leave(execution_arn: str, folders: set[str], job_id: str | None = None) -> None:
    """Leave the marker of an execution: before its first job may run, so that no job is without one."""
    made: OpenExecution = {"Execution": execution_arn, "Folders": sorted(folders)}
    if job_id:
        made["JobId"] = job_id
    _place(execution_arn).write(json.dumps(made).encode())


def of(execution_arn: str) -> OpenExecution | None:
    """Return the marker of an execution, if it is there."""
    found = _place(execution_arn).read_if_there()
    return None if found is None else json.loads(found)


def is_there(execution_arn: str) -> bool:
    """Return whether the end of an execution is not reported yet."""
    return _place(execution_arn).exists()


def remove(execution_arn: str) -> None:
    """Remove the marker of an execution whose end is reported."""
    _place(execution_arn).delete()


def remove_unused(execution_arn: str) -> None:
    """Remove the marker of an execution that does not exist: the dispatcher was killed before it started it.

    Its uploads are announced again, and make another batch. A marker that was left lately stays.
    """
    left = _place(execution_arn).modified()
    if left and left < datetime.now(UTC) - _STARTED_WITHIN:
        logger.warning("an execution was never started", extra={"execution": run_name(execution_arn)})
        remove(execution_arn)


def every() -> Iterator[OpenExecution]:
    """Yield all markers, those of other workflows with the same output bucket among them."""
    for item in (work() / "open/").list():
        # Its execution may end meanwhile.
        if found := item.location.read_if_there():
            yield json.loads(found)


def own(token: str, execution_arn: str) -> None:
    """Note whose jobs write into the folder of a caller's ClientRequestToken, which no execution is named by."""
    (work() / "owners" / token).write(execution_arn.encode())


def owner(name: str) -> str | None:
    """Return the execution that noted a folder of that name as its own."""
    found = (work() / "owners" / name).read_if_there()
    return None if found is None else found.decode()


def _place(execution_arn: str) -> Location:
    return work() / "open" / run_name(execution_arn)


def run_name(execution_arn: str) -> str:
    """Return ``<state machine>.<execution>``: unique where several workflows have one output bucket."""
    return ".".join(execution_arn.split(":")[-2:])
