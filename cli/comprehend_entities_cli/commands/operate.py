"""``doctor``, ``backfill``, ``redrive`` and ``purge``: care for a deployment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from ..aws import CommandError
from ..checks import findings
from ..command import Use
from ..console import count
from ..purging import kept_by, remove
from ..uploads import failed_batches, move_dead_letters, retry, wake

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
    prefix: Annotated[
        str | None, typer.Option(help="Only objects under it, such as uploads/2025/ (default: all of the trigger's).")
    ] = None,
    trigger: Annotated[
        str | None, typer.Option(help="The upload trigger whose prefix is meant (default: the only one).")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Only newer objects (UTC).")
    ] = None,
) -> None:
    """Analyse objects that were there before their upload trigger, or whose upload was not announced."""
    triggers = use.deployment.triggers
    if trigger and trigger not in triggers:
        raise CommandError(
            f"There is no upload trigger {trigger!r}.", f"Its triggers: {', '.join(triggers) or 'none'}."
        )
    if not prefix:
        if not trigger and len(triggers) != 1:
            raise CommandError(
                "Which objects?", f"Give --prefix, or --trigger: {', '.join(triggers) or 'there is none'}."
            )
        prefix = triggers[trigger or next(iter(triggers))].uri.split("/", 3)[3]
    moment = {"Since": since.replace(tzinfo=UTC).isoformat()} if since else {}
    answer = wake(use.aws, use.deployment, {"Backfill": {"Prefix": prefix, **moment}})
    use.screen.answer({"Prefix": prefix, **moment, "Answer": answer})
    use.screen.say(f"The dispatcher takes up objects under {prefix} that have no result yet.")
    use.screen.say("Follow their jobs with: comprehend-entities watch")


def redrive(
    use: Use,
    *,
    batches: Annotated[
        bool, typer.Option(help="Also start failed batches again: their documents are paid for.")
    ] = False,
) -> None:
    """Try uploads again that are in a dead-letter queue, or whose batch failed."""
    moved = {name: move_dead_letters(use.aws, each) for name, each in use.deployment.triggers.items()}
    failed = list(failed_batches(use.aws, use.deployment))
    started = [retry(use.aws, use.deployment, each) for each in failed] if batches else []
    use.screen.answer({"Moved": moved, "FailedBatches": [each.name for each in failed], "Started": started})
    for name, number in moved.items():
        use.screen.say(f"{name}: {count(number, 'upload')} moved out of the dead-letter queue")
    if any(moved.values()):
        use.screen.say("The dispatcher reads them within five minutes.")
    for arn in started:
        use.screen.say(f"Started {arn.rpartition(':')[2]}")
    if failed and not batches:
        use.screen.say(f"{count(len(failed), 'batch', 'batches')} failed. Start them again with --batches:")
        for each in failed:
            use.screen.say(f"  {each.name}: {each.why}")


def purge(
    use: Use,
    *,
    stack: Annotated[str, typer.Argument(help="The deleted stack: its name or id.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Empty and remove what a deleted deployment has kept: buckets with documents and results, keys, logs."""
    kept = kept_by(use.aws, stack)
    if not kept:
        use.screen.answer([])
        use.screen.say(f"{stack} has left nothing.")
        return
    for each in kept:
        use.screen.note(f"{each.kind} {each.name}: {each.holds}")
    if not yes:
        if not use.screen.interactive:
            raise CommandError("Nothing was removed.", "Give --yes to remove all of this for good.")
        use.screen.note("All of this is removed for good, documents and results too.")
        if typer.prompt("Type the stack's name to go on", err=True, default="") != stack:
            raise CommandError("Nothing was removed.")
    # Buckets first: nothing could be listed without their key.
    done = [remove(use.aws, each) for each in sorted(kept)]
    use.screen.answer([{**each._asdict(), "Done": told} for each, told in zip(sorted(kept), done, strict=True)])
    for told in done:
        use.screen.say(told)
