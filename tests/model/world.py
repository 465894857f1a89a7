"""What surrounds an execution, in memory, and what may happen to it: jobs move on, functions crash, time passes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import pickle
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from entities_job.job.active import ENDED
from tests.aws import EXECUTION, Aws, Crash
from tests.model.rendering import Handler, Rendered
from tests.unit.lambda_context import CONTEXT

ARN = f"{EXECUTION}:run-1"
TOKEN = "token"
BEGIN = datetime(2096, 1, 1, tzinfo=UTC)
# What the functions ask for "since", by the real clock, lies before it.
_KEPT = ("clock", "objects", "jobs", "executions", "events", "waiting", "woken")
LIMITS = {"queue_duration": 5, "duration": 15, "slot_duration": 5}
"""Limits of executions in minutes."""

_AGES = (20, 600, 1200, 5000)
"""Seconds: the first poll, past the limit of the queue, past that of the job, and past the hour in which it stops."""
_FOR_GOOD = 9999


class Snapshot(NamedTuple):
    """The world at a moment; equal if no function could see a difference."""

    content: str
    pickled: bytes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Snapshot) and self.content == other.content

    def __hash__(self) -> int:
        return hash(self.content)


class Answer(NamedTuple):
    """What came of a call of a function: its result, or the error's name and message; the world after it.

    ``operations`` are those of services that it called, ``calls`` how many calls that were.
    """

    result: Any
    error: str
    message: str
    world: Snapshot
    operations: tuple[str, ...]
    calls: int


class World:
    """The world, which is set to a moment, changed, and seen again."""

    def __init__(self, aws: Aws, machine: Rendered) -> None:
        self.aws, self._machine = aws, machine
        self._answers: dict[object, Answer] = {}
        self._passed: dict[tuple[Snapshot, bool], list[tuple[str, int, Snapshot]]] = {}
        aws.clock = BEGIN.timestamp()
        self._archive = _archive()
        self.late: tuple[Handler, str] | None = None
        self._slept = 0.0

    def begin(self, given: Any, *, taken: bool = False, before: tuple[str, str] | None = None) -> Snapshot:
        """The world as an execution begins.

        Args:
            given: its input.
            taken: whether other jobs hold all slots of the quota.
            before: status and id of a job that somebody started by hand.
        """
        aws = self.aws
        aws.clock, aws.objects, aws.jobs, aws.executions = BEGIN.timestamp(), {}, {}, {}
        aws.events, aws.waiting, aws.woken = [], set(), []
        aws.run("run-1", given=given)
        for uri in self._machine.definition["States"]["InspectInput"]["Arguments"]["Payload"]["Settings"]["InputUris"]:
            aws.put(f"{uri}batch/documents/a.txt", b"Ada Lovelace wrote to Charles Babbage. " * 20)
        if taken:
            for number in range(10):
                aws.job(f"other-{number}", "s3://elsewhere/jobs/", status="IN_PROGRESS")
        if before:
            status, job_id = before
            aws.job(job_id, f"{self._machine.environment['JOBS_URI']}by-hand/", status="IN_PROGRESS", **self._input())
            self._become(aws.jobs[job_id], status)
        return self.seen()

    def _input(self) -> dict[str, Any]:
        settings = self._machine.definition["States"]["InspectInput"]["Arguments"]["Payload"]["Settings"]
        return {
            "InputDataConfig": {"S3Uri": settings["InputUris"][0], "InputFormat": "ONE_DOC_PER_FILE"},
            "LanguageCode": "en",
            "DataAccessRoleArn": settings["Request"]["DataAccessRoleArn"],
        }

    def seen(self) -> Snapshot:
        """The world as it is now."""
        # Moments differ only if a function could tell them apart.
        for versions in self.aws.objects.values():
            for version in versions:
                version.modified = BEGIN
        for uri in [uri for uri in self.aws.objects if "/work/waiting/" in uri]:
            if self.aws.jobs[uri.split("/")[-2]]["JobStatus"] in ENDED:
                del self.aws.objects[uri]
        kept = {name: getattr(self.aws, name) for name in _KEPT}
        kept["objects"] = dict(sorted(kept["objects"].items()))
        written = io.BytesIO()
        pickler = pickle.Pickler(written)
        # Without references to what was written before, equal moments give equal bytes.
        pickler.fast = True
        pickler.dump(kept)
        return Snapshot(hashlib.sha256(written.getvalue()).hexdigest(), written.getvalue())

    def set(self, moment: Snapshot) -> None:
        """Go back to a moment."""
        for name, value in pickle.loads(moment.pickled).items():
            setattr(self.aws, name, value)

    # --- what happens by itself ---

    def own_jobs(self) -> list[dict[str, Any]]:
        """The jobs that are not others'."""
        return [job for name, job in self.aws.jobs.items() if not name.startswith("other-")]

    def passed(self, moment: Snapshot, *, unseen: bool = False) -> list[tuple[str, int, Snapshot]]:
        """All that may have become of a moment after a pause: in words, how many faults it takes, and the world.

        With ``unseen``, when polls fail from now on, a job may only end. A job that was restarted may fail at once
        again, or run to its end: what else may come is looked at with first jobs.
        """
        key = (moment, unseen)
        if key not in self._passed:
            self._passed[key] = list(self._becomes(moment, unseen))
        return self._passed[key]

    def _becomes(self, moment: Snapshot, unseen: bool) -> Iterator[tuple[str, int, Snapshot]]:
        self.set(moment)
        running = [job for job in self.own_jobs() if job["JobStatus"] not in ENDED]
        age = self.aws.clock - BEGIN.timestamp()
        # Only the ages of jobs count; of them those at which the functions decide otherwise than before.
        age = next(later for later in (*_AGES, (age // 5000 + 1) * 5000) if later > age) if running else 0
        if unseen:
            # By which no poll goes any more.
            age = _AGES[-1]
        self.aws.clock = BEGIN.timestamp() + age
        for job in self.own_jobs() if not running else []:
            if job["JobStatus"] == "FAILED":
                # It was before the next, which is submitted at the beginning again.
                job["SubmitTime"] = job["EndTime"] = BEGIN - timedelta(hours=1)
        later = self.seen()
        yield "", 0, later
        restarted = len(self.own_jobs()) > 1
        for job_id, status in [(job["JobId"], str(job["JobStatus"])) for job in running]:
            for following in _following(status, age, unseen=unseen, restarted=restarted):
                self.set(later)
                self._become(self.aws.jobs[job_id], following)
                # A status that the API does not document is a fault of the service.
                yield f"the job becomes {following}", following == "PONDERING", self.seen()
        if others := [name for name in self.aws.jobs if name.startswith("other-")]:
            self.set(later)
            for name in others:
                del self.aws.jobs[name]
            yield "other jobs end", 0, self.seen()

    def _become(self, job: dict[str, Any], status: str) -> None:
        if status in ("OUTPUT", "COMPLETED", "STOPPED"):
            self.aws.put(job["OutputDataConfig"]["S3Uri"], self._archive)
        # An archive is there before the status says so.
        job["JobStatus"] = {"OUTPUT": "IN_PROGRESS"}.get(status, status.partition(" ")[0])
        if job["JobStatus"] in ENDED:
            # Always the same, so that moments differ only if a function could do so.
            job["EndTime"] = job["SubmitTime"] + timedelta(seconds=14 if status == "FAILED at once" else 400)
        if status.startswith("FAILED"):
            code = "NO_READ_ACCESS_TO_INPUT" if status == "FAILED at once" else "INTERNAL_ERROR"
            job["Message"] = f"{code}: no"

    # --- calls of functions ---

    def time(self) -> float:
        """What the clock of a function shows."""
        return self.aws.clock + self._slept

    def sleep(self, seconds: float) -> None:
        """Let time pass in a function: one that still runs meanwhile, if there is one, does its work."""
        self._slept += max(seconds, 60)
        if self.late:
            handler, payload = self.late
            killed, self.aws.crash_at = self.aws.crash_at, None
            with contextlib.suppress(Exception):
                handler(json.loads(payload), CONTEXT)
            self.aws.crash_at = killed

    def call(self, handler: Handler, event: Any, moment: Snapshot, *, crash_at: int = 0, denied: str = "") -> Answer:
        """Call a function at a moment.

        Args:
            handler: of the function.
            event: its payload.
            moment: when.
            crash_at: the number of its call of a service at which it is killed (default: it is not).
            denied: the operation of a service that is denied to it.
        """
        key = (handler, json.dumps(event, sort_keys=True), moment, crash_at, denied, self.late)
        if key not in self._answers:
            self._answers[key] = self._called(handler, event, moment, crash_at, denied)
        return self._answers[key]

    def _called(self, handler: Handler, event: Any, moment: Snapshot, crash_at: int, denied: str) -> Answer:
        self.set(moment)
        self._slept = 0
        self.aws.calls.clear()
        self.aws._faults.clear()
        self.aws.crash_at = crash_at or None
        if denied:
            self.aws.fail(denied, "AccessDeniedException", times=_FOR_GOOD)
        result, error, message = None, "", ""
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                result = json.loads(json.dumps(handler(json.loads(json.dumps(event)), CONTEXT)))
        except Crash:
            error = "Runtime.ExitError"
        except Exception as raised:
            error, message = type(raised).__name__, json.dumps({"errorMessage": str(raised)})
        self.aws.crash_at = None
        self.aws._faults.clear()
        calls = self.aws.calls
        return Answer(result, error, message, self.seen(), tuple(sorted(calls)), calls.total())


def _following(status: str, age: float, *, unseen: bool, restarted: bool) -> Iterator[str]:
    """Yield the statuses that may follow one, by one step or several; the archive may be there before the status."""
    yield "COMPLETED"
    if unseen:
        return
    if status == "STOP_REQUESTED":
        yield from ("STOPPED", "STOPPED without archive", "FAILED")
        return
    if age == _AGES[0]:
        yield "FAILED at once"
    if restarted:
        return
    if status == "SUBMITTED":
        yield "IN_PROGRESS"
    if age <= _AGES[1]:
        yield "OUTPUT"
    if status != "PONDERING":
        yield "PONDERING"
    yield from ("FAILED", "STOP_REQUESTED", "STOPPED")


def _archive() -> bytes:
    line = {"File": "a.txt", "Entities": []}
    body, packed = json.dumps(line).encode(), io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("output")
        member.size = len(body)
        archive.addfile(member, io.BytesIO(body))
    return packed.getvalue()
