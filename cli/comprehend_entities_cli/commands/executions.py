"""``list``, ``show``, ``watch``, ``stop`` and ``resume``: executions, also those that others started."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from ..aws import CommandError, error_code
from ..care.uploads import messages, queue_of
from ..command import Use
from ..console import count, duration
from ..executions import Run, find, look, runs, start
from ..following import code, followed, show_run
from ..published import summary

_WHICH = "An execution: its name, the beginning of its name, or its ARN"


def list_(
    use: Use,
    *,
    most: Annotated[
        int, typer.Option("--limit", help="Maximum number of executions to show, the newest first.", min=1)
    ] = 20,
    status: Annotated[
        str | None,
        typer.Option(help="Only executions with this status: RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED."),
    ] = None,
) -> None:
    """List executions, the newest first."""
    wanted = status.upper() if status else None
    if wanted not in (None, "RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"):
        raise CommandError(f"--status can't be {status!r}.", "Choose RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED.")
    found = runs(use.aws, use.deployment, status=wanted, most=most)
    now = datetime.now(UTC)
    use.screen.answer(
        [
            {"ExecutionArn": e["executionArn"], "Status": e["status"], "StartTime": e["startDate"].isoformat()}
            for e in found
        ]
    )
    if not found:
        use.screen.say(f"{use.deployment.name} has no {'such ' if wanted else ''}execution yet.")
        return
    rows = [
        (
            each["name"],
            each["status"],
            f"{each['startDate'].astimezone():%Y-%m-%d %H:%M:%S}",
            duration((each.get("stopDate", now) - each["startDate"]).total_seconds()),
        )
        for each in found
    ]
    use.screen.table(("Execution", "Status", "Started", ">Time"), rows)


def show(
    use: Use,
    *,
    execution: Annotated[
        str | None, typer.Argument(help=f"{_WHICH} (default: the newest).", show_default=False)
    ] = None,
) -> int:
    """Show an execution: its outcome, documents with errors, and what to do."""
    run = look(use.aws, find(use.aws, use.deployment, execution))
    _tell(use, [run])
    return 0


def watch(
    use: Use,
    *,
    executions: Annotated[
        list[str] | None, typer.Argument(help=f"{_WHICH} (default: all running ones).", show_default=False)
    ] = None,
) -> int:
    """Follow executions until they have ended; the exit code is their outcome."""
    if executions:
        arns = [find(use.aws, use.deployment, each) for each in executions]
    else:
        arns = [each["executionArn"] for each in runs(use.aws, use.deployment, status="RUNNING", most=1000)]
    if not arns:
        use.screen.answer([])
        use.screen.say(f"No execution is running{_waiting(use)}.")
        return 0
    ended = followed(use, arns)
    _tell(use, ended, many=not executions or len(executions) > 1)
    return code(ended)


def _waiting(use: Use) -> str:
    """Return how many uploads wait for their batch, as far as may be known."""
    try:
        each = [messages(use.aws, queue_of(use.aws, trigger)) for trigger in use.deployment.triggers.values()]
    except Exception as error:
        if not error_code(error):
            raise
        return ""
    return f"; {count(sum(each), 'upload')} waiting for a batch" if sum(each) else ""


def stop(
    use: Use,
    *,
    executions: Annotated[list[str], typer.Argument(help=_WHICH)],
) -> None:
    """Stop executions. Their jobs are stopped with them."""
    arns = [find(use.aws, use.deployment, each) for each in executions]
    client = use.aws.client("stepfunctions")
    ended = [arn for arn in arns if client.describe_execution(executionArn=arn)["status"] != "RUNNING"]
    for arn in arns:
        if arn not in ended:
            client.stop_execution(executionArn=arn, error="ExecutionAborted", cause="comprehend-entities stop")
    use.screen.answer([{"ExecutionArn": arn, "Stopped": arn not in ended} for arn in arns])
    for arn in arns:
        name = arn.rpartition(":")[2]
        use.screen.say(f"{name} had ended already." if arn in ended else f"{name} is stopped, and its job with it.")


def resume(
    use: Use,
    *,
    job_id: Annotated[str, typer.Argument(help="The id of a job that this workflow started.", metavar="JOB_ID")],
    wait: Annotated[bool, typer.Option(help="Follow it to its end.")] = True,
) -> int:
    """Follow an existing job and publish its result, at no further charge."""
    arn = start(use.aws, use.deployment, {"JobId": job_id}, f"resume-{job_id[:40]}-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    use.screen.note(f"Started {arn.rpartition(':')[2]}")
    return ended_of(use, arn, wait=wait)


def ended_of(use: Use, arn: str, *, wait: bool) -> int:
    """Follow one execution that was just started, if wanted; print it, and return the exit code."""
    if not wait:
        use.screen.answer({"ExecutionArn": arn})
        use.screen.say(f"Follow it with: comprehend-entities watch {arn.rpartition(':')[2]}")
        return 0
    ended = followed(use, [arn])
    _tell(use, ended)
    return code(ended)


def _tell(use: Use, found: list[Run], *, many: bool = False) -> None:
    summaries = [summary(use.aws, run.outcome) for run in found]
    told = [{**run.as_json(), "Summary": each} for run, each in zip(found, summaries, strict=True)]
    use.screen.answer(told if many else told[0])
    for run, each in zip(found, summaries, strict=True):
        show_run(use, run, each)
