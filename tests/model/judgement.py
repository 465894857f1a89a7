"""What comes after an execution's end, and the rules that hold then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from entities_job.contracts import FAILED, START_JOB
from entities_job.job.active import ENDED
from tests.aws import MACHINE
from tests.model.rendering import Handler, Rendered
from tests.model.world import ARN, Snapshot, World


class Ended(NamedTuple):
    """An execution that has ended.

    ``excused`` if it could not report itself; ``late`` is a function, with its payload, that still runs then.
    """

    world: Snapshot
    status: str
    error: str = ""
    cause: str = ""
    output: str = ""
    excused: bool = False
    late: tuple[Handler, str] | None = None


def judged(world: World, machine: Rendered, ended: Ended, left: int, *, first: bool) -> Iterator[tuple[str, str]]:
    """Yield the rules that are broken once all is over, each with what came after the end, in words.

    Args:
        world: in which it ended.
        machine: which executes.
        ended: how it ended.
        left: how many faults may still come.
        first: whether none has come.
    """
    world.set(ended.world)
    if not ended.excused and not world.aws.events:
        yield "an execution ends by itself and does not report it", ended.error
    execution = world.aws.executions[ARN]
    execution["status"] = ended.status
    execution |= {name: text for name in ("error", "cause", "output") if (text := getattr(ended, name))}
    execution["stopDate"] = world.aws.now
    starting = ended.late and ended.late[0] is machine.handler("start_job")
    if starting:
        execution["state"] = START_JOB
    world.late = ended.late if starting else None
    for then, moment in _told(world, machine, ended, left, first=first):
        after = moment
        if ended.late:
            # Nobody waited for it, or it did its work before.
            after = world.call(ended.late[0], json.loads(ended.late[1]), after).world
        # It comes again and again; what the last one would change, the next one sees.
        for _ in range(2):
            swept = world.call(machine.handler("stop_orphans"), {"StateMachineArn": MACHINE}, after)
            if swept.error:
                yield f"the sweep fails: {swept.error} {swept.message}", then
            after = swept.world
        world.set(after)
        for rule in _broken(world, ended):
            yield rule, f"{ended.status} {ended.error}; {then}"


def _told(world: World, machine: Rendered, ended: Ended, left: int, *, first: bool) -> Iterator[tuple[str, Snapshot]]:
    """What becomes of Step Functions' own event of an end without success, which the world shows as it is now."""
    moment = world.seen()
    if ended.status == "SUCCEEDED":
        yield "", moment
        return
    report, event = machine.handler("publish_failure"), {"detail": {"executionArn": ARN}}
    answer = world.call(report, event, moment)
    yield "its event is handled", answer.world
    if left:
        yield "its event is lost", moment
    if left and first:
        for number in range(2, answer.calls + 1):
            killed = world.call(report, event, moment, crash_at=number).world
            yield f"its event's function is killed before call {number}", killed


def _broken(world: World, ended: Ended) -> Iterator[str]:
    outcomes = {json.dumps(event, sort_keys=True) for event in world.aws.events}
    if len(outcomes) != 1:
        yield f"an execution has {len(outcomes)} outcomes"
        return
    outcome: dict[str, Any] = {**world.aws.events[0]}
    jobs = world.own_jobs()
    # What was reported stands, though the execution was aborted after that.
    if not ended.excused and (outcome["Status"] in FAILED) != (ended.status != "SUCCEEDED"):
        yield "the outcome contradicts the execution's status"
    if ended.output and json.loads(ended.output) != outcome:
        yield "the output is not the event"
    yield from _untrue(outcome, jobs)
    told, text = json.dumps(outcome), world.aws.executions[ARN]["input"]
    for job in jobs:
        named = job["JobId"] in told
        if job["JobStatus"] != "FAILED" and not named and job["JobId"] not in text:
            yield "there is a job that no outcome names"
        running = job["JobStatus"] not in (*ENDED, "STOP_REQUESTED")
        # An execution that failed before it took up a job leaves it alone.
        if running and (named or job["JobId"] not in text) and not _said(outcome):
            yield "a job runs on that was not asked to stop"
    given = json.loads(text)
    paid = [job for job in jobs if job["JobStatus"] != "FAILED" and job["JobId"] not in text]
    if len(paid) > (0 if isinstance(given, dict) and "JobId" in given else 1):
        yield "more jobs are paid for than were asked for"


def _said(outcome: dict[str, Any]) -> bool:
    """Whether an outcome says that its job may run on, and how it is followed."""
    error = outcome.get("Error", {})
    return "may still run" in error.get("Message", "") and "JobId" in error.get("Hint", "")


def _untrue(outcome: dict[str, Any], jobs: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what an outcome says of its job and is not so."""
    statuses = {job["JobId"]: job["JobStatus"] for job in jobs}
    job, code = outcome["Job"], outcome.get("Error", {}).get("Code")
    status = statuses.get(job.get("JobId", ""))
    if "Result" in outcome and status not in ("COMPLETED", "STOPPED"):
        yield f"a result is published of a job that is {status}"
    if outcome["Status"] == "STOPPED" and status != "STOPPED":
        yield "an outcome says STOPPED of another job"
    if outcome["Status"].startswith("COMPLETED") and "JobId" in job and status != "COMPLETED":
        yield f"an outcome says {outcome['Status']} of a job that is {status}"
    if status == "COMPLETED" and "Result" not in outcome and "JobId" not in outcome.get("Error", {}).get("Hint", ""):
        yield "a result was paid for, and neither published nor offered"
    asked = f"its job {job.get('JobId')} was asked to stop"
    if code == "JobNotStopped" and asked in outcome["Error"]["Message"]:
        yield "a job did not stop, and had not been asked to"
    if code == "SlotTaken":
        yield "an execution gave up at the first slot that was taken"
