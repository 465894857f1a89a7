"""``doctor``, ``backfill``, ``redrive`` and ``purge``: care for a deployment."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from ..aws import CommandError
from ..care.checks import findings
from ..care.purging import kept_by, remove
from ..care.uploads import chosen, move_dead_letters, wake
from ..command import Use
from ..console import count

_MARKS = {"ok": ("✓", "green"), "note": ("i", "cyan"), "problem": ("✗", "red"), "unknown": ("?", "yellow")}


def doctor(use: Use) -> int:
    """Check a deployment and its account, and say what to do; exit code 1 if there is a problem."""
    found = []
    for each in findings(use.aws, use.deployment):
        found.append(each)
        mark, style = _MARKS[each.level]
        use.screen.say(f"{mark} {each.check}: {each.text}", style=style if each.level != "ok" else "")
        if each.advice:
            use.screen.say(f"    {each.advice}")
    use.screen.answer([each._asdict() for each in found])
    problems = sum(each.level == "problem" for each in found)
    use.screen.say(count(problems, "problem") if problems else "No problem was found.")
    return 1 if problems else 0


def backfill(
    use: Use,
    *,
    trigger: Annotated[str | None, typer.Option(help="The upload trigger to backfill (default: the only one).")] = None,
    prefix: Annotated[
        str | None, typer.Option(help="Only objects under this prefix, which must be below the trigger's own.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Only objects put since then, UTC."),
    ] = None,
) -> None:
    """Analyse objects that were there before their upload trigger, or whose upload was not announced."""
    name = chosen(use.deployment, trigger).name
    asked = {
        "Trigger": name,
        **({"Prefix": prefix} if prefix else {}),
        **({"Since": since.isoformat()} if since else {}),
    }
    answer = wake(use.aws, use.deployment, {"Backfill": asked}) or {}
    use.screen.answer(answer)
    found = f"{count(answer.get('Listed', 0), 'object')}; {answer.get('Queued', 0):,} had no result yet and are queued"
    use.screen.say(f"{name}: {found}.")
    if "KeyMarker" in answer:
        use.screen.say("There are more: the dispatcher continues automatically.")
    use.screen.say("Follow their jobs with: comprehend-entities watch")


def redrive(use: Use) -> None:
    """Retry the messages in dead-letter queues: uploads, and batches that failed."""
    moved = {name: move_dead_letters(use.aws, each) for name, each in use.deployment.triggers.items()}
    use.screen.answer({"Moved": moved})
    for name, number in moved.items():
        use.screen.say(f"{name}: {count(number, 'message')} moved out of the dead-letter queue")
    if any(moved.values()):
        use.screen.say("The dispatcher reads them within five minutes.")


def purge(
    use: Use,
    *,
    stack: Annotated[str, typer.Argument(help="The deleted stack: its name or id.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Empty and remove the resources that a deleted deployment kept: buckets with documents and results, keys, logs."""
    kept = kept_by(use.aws, stack)
    if not kept:
        use.screen.answer([])
        use.screen.say(f"{stack} left no resources.")
        return
    for each in kept:
        use.screen.note(f"{each.kind} {each.name}: {each.holds}")
    if not yes:
        if not use.screen.interactive:
            raise CommandError("Nothing was removed.", "Give --yes to remove all of this for good.")
        use.screen.note("All of this is removed for good, documents and results too.")
        if typer.prompt("Type the stack's name to continue", err=True, default="") != stack:
            raise CommandError("Nothing was removed.")
    # Buckets first: nothing could be listed without their key.
    done = [remove(use.aws, each) for each in sorted(kept)]
    use.screen.answer([{**each._asdict(), "Done": told} for each, told in zip(sorted(kept), done, strict=True)])
    for told in done:
        use.screen.say(told)
