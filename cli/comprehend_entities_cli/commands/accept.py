"""``accept``: prove the workflow on the account itself, and remove everything again."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..aws import CommandError
from ..command import Use
from ..console import count, usd

if TYPE_CHECKING:
    from ..acceptance.record import Record, Result

_MARKS = {"ok": ("✓", ""), "note": ("i", "cyan"), "problem": ("✗", "red"), "unknown": ("?", "yellow")}
_VERDICTS = {"passed": ("✓", ""), "failed": ("✗", "red"), "not_here": ("-", "dim")}
_INTERRUPTED = 130
_SHOWN = 160


def accept(
    use: Use,
    *,
    recognizer: Annotated[
        str | None, typer.Option(help="ARN of a trained custom recognizer, for the checks that need one.")
    ] = None,
    fill_quota: Annotated[
        bool, typer.Option("--fill-quota", help="Fill all slots of active jobs for some minutes.")
    ] = False,
    most_dollars: Annotated[float, typer.Option(help="The maximum cost, in US dollars.")] = 0.10,
    check: Annotated[
        list[str] | None, typer.Option(help="Only this check, by its name; may be repeated.", metavar="NAME")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the record here, with the suffixes .json and .md.")
    ] = None,
    clean_up: Annotated[
        bool, typer.Option("--clean-up", help="Only remove resources of interrupted runs, from any machine.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> int:
    """Deploy the workflow under a separate name, prove each point on this account, and remove everything."""
    from ..acceptance.accept import accept as accepted
    from ..acceptance.checks.running import chosen
    from ..acceptance.preflight import account_of
    from ..acceptance.terms import Options

    checks = chosen(check or [])
    account = account_of(use.aws)
    options = Options.local(recognizer, fill_quota=fill_quota) if use.aws.is_local else Options(recognizer, fill_quota)
    left = _finished(use, account, options, others=clean_up)
    if clean_up:
        use.screen.answer({"LeftBehind": left})
        return 1 if left else 0
    _checked(use, account)
    _agreed(use, recognizer, fill_quota=fill_quota, most=most_dollars, yes=yes)
    record = accepted(use.aws, account, checks, options, told=lambda each: _tell(use, each), doing=use.screen.note)
    record.left_behind += left
    return _end(use, record, output)


def _finished(use: Use, account: str, options: object, *, others: bool) -> list[str]:
    """Finish the clean-up of interrupted runs; return what is left of them."""
    from ..acceptance.accept import finish
    from ..acceptance.cleanup import found_runs
    from ..acceptance.terms import Options

    assert isinstance(options, Options)
    own, foreign = found_runs(use.aws, account)
    if foreign and not others:
        names = ", ".join(each.stack for each in foreign)
        use.screen.note(
            f"There are runs of other machines: {names}. If none of them is still running, remove them with:"
        )
        use.screen.note("  comprehend-entities accept --clean-up")
    left = finish(use.aws, [*own, *(foreign if others else [])], options, use.screen.note)
    for each in left:
        use.screen.note(f"left behind: {each}", style="red")
    if others:
        use.screen.say(f"{count(len(own) + len(foreign), 'interrupted run')} cleaned up.")
    return left


def _checked(use: Use, account: str) -> None:
    """Show what the account is like.

    Raises:
        CommandError: the checks could not run there.
    """
    from ..acceptance.preflight import preflight

    found = list(preflight(use.aws, account))
    for each in found:
        mark, style = _MARKS[each.level]
        use.screen.note(f"{mark} {each.check}: {each.text}", style=style)
        if each.advice:
            use.screen.note(f"    {each.advice}")
    if problems := [each for each in found if each.level == "problem"]:
        raise CommandError(f"{count(len(problems), 'problem')}: nothing was created.")


def _agreed(use: Use, recognizer: str | None, *, fill_quota: bool, most: float, yes: bool) -> None:
    """Show what will be created and what it costs; ask.

    Raises:
        CommandError: it would cost too much, or it was not agreed to.
    """
    from ..acceptance.plan import plan, total

    items = plan(recognizer, fill_quota=fill_quota)
    use.screen.note("This creates one stack (ComprehendEntitiesAcceptance-...) with two or three workflows, runs about")
    use.screen.note(
        "20 jobs in it, and removes everything. It takes an hour on AWS. It costs at most, without free tiers:"
    )
    for each in items:
        use.screen.note(f"  {usd(each.usd)}  {each.what}")
    use.screen.note(f"  {usd(total(items))}  together; list prices; this project has not verified them on a bill")
    if total(items) > most:
        raise CommandError(
            f"It may cost {usd(total(items))}, and at most {usd(most)} is allowed.", "Give --most-dollars."
        )
    if yes:
        return
    if not use.screen.interactive:
        raise CommandError("Nothing was created.", "Give --yes to agree.")
    typer.confirm("Go on?", abort=True, err=True)


def _tell(use: Use, result: Result) -> None:
    from ..acceptance.record import without_accounts

    mark, style = _VERDICTS[result.verdict]
    use.screen.say(f"{mark} {result.number:2} {result.name}: {result.title}", style=style)
    seen = result.text or json.dumps(result.evidence, default=str, ensure_ascii=False)
    shown = without_accounts(seen)
    cut = shown if result.verdict == "failed" or len(shown) <= _SHOWN else f"{shown[:_SHOWN]} ..."
    use.screen.say(f"       {cut}", style=style)


def _end(use: Use, record: Record, output: Path | None) -> int:
    path = output or Path(f"acceptance-{record.target}-{datetime.fromisoformat(record.begun):%Y%m%dT%H%M%S}")
    files = record.write(path)
    use.screen.answer(record.as_json())
    for each in record.left_behind:
        use.screen.note(f"left behind: {each}", style="red")
    if record.keys_waiting:
        use.screen.note(
            f"{count(record.keys_waiting, 'key')} will be deleted by AWS, at no cost, after the waiting period"
        )
    use.screen.note(f"Wrote {' and '.join(map(str, files))}")
    counts = record.counts()
    if not use.screen.as_json:
        sys.stderr.flush()
        sys.stdout.write(json.dumps(counts) + "\n")
        sys.stdout.flush()
    if record.interrupted:
        return _INTERRUPTED
    return 1 if counts["failed"] or counts["left_behind"] else 0
