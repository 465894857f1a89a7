"""Executions shown while they run, and their outcomes when they have ended."""

from __future__ import annotations

from typing import Any

from entities_job.contracts import COMPLETED, Outcome

from .command import Use
from .console import count, duration, shown, usd
from .executions import EXIT_CODES, Run, follow

_NAMED = 10
_LONGEST = 60


def followed(use: Use, arns: list[str], *, titles: dict[str, str] | None = None) -> list[Run]:
    """Show executions live until all have ended. After Ctrl-C they run on, which the error's message says."""
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    names = {arn: (titles or {}).get(arn) or arn.rpartition(":")[2] for arn in arns}
    rest = f" {arns[0].rpartition(':')[2]}" if len(arns) == 1 else ""
    use.go_on = f"Nothing was stopped. Continue with: comprehend-entities watch{rest}"
    if not use.screen.err.is_terminal:
        use.screen.note(f"Following {count(len(arns), 'execution')}; a job takes 6 minutes or more on AWS ...")
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with use.screen.progress(*columns) as progress:
        rows = {arn: progress.add_task(names[arn], total=None) for arn in arns}

        def told(seen: dict[str, Run]) -> None:
            for arn, run in seen.items():
                progress.update(rows[arn], description=f"{names[arn][:_LONGEST]}  {run.state}")
                if run.outcome:
                    progress.stop_task(rows[arn])

        seen = follow(use.aws, arns, told)
    use.go_on = ""
    return [seen[arn] for arn in arns]


def code(runs: list[Run]) -> int:
    """Return the exit code of executions: that of the one that went worst."""
    return max((EXIT_CODES[run.outcome["Status"]] for run in runs if run.outcome), default=0)


def show_run(use: Use, run: Run, summary: dict[str, Any] | None = None) -> None:
    """Print an execution for people: outcome, counts, documents with errors, and what to do."""
    screen, outcome = use.screen, run.outcome
    screen.say(f"{run.name}  {outcome['Status'] if outcome else run.state}", style=_style(outcome))
    facts = [f"started {run.begun.astimezone():%Y-%m-%d %H:%M:%S}"]
    if run.ended:
        facts.append(f"took {duration((run.ended - run.begun).total_seconds())}")
    if job_id := run.job.get("JobId"):
        facts.append(f"job {job_id}")
    screen.say("  " + ", ".join(facts))
    if outcome is None:
        screen.say(f"  Follow it with: comprehend-entities watch {run.name}")
        return
    if counts := outcome.get("Counts"):
        parts = [
            f"{shown(counts['Documents'])} of {count(counts['ExpectedDocuments'], 'document')} with a result",
            *(
                f"{shown(number)} {what}"
                for what, number in (
                    ("failed", counts["DocumentErrors"]),
                    ("missing", counts["MissingDocuments"]),
                    ("unexpected", counts["UnexpectedDocuments"]),
                    ("unparsed", counts["UnparsedRecords"]),
                )
                if number
            ),
            count(counts["Entities"], "entity", "entities"),
        ]
        if "EstimatedCostUsd" in outcome:
            parts.append(f"at most {usd(outcome['EstimatedCostUsd'])}")
        screen.say("  " + ", ".join(parts))
    if error := outcome.get("Error"):
        screen.say(f"  {error['Code']}: {error['Message']}", style="red" if _failed(outcome) else "yellow")
        if "Hint" in error:
            screen.say(f"  What to do: {error['Hint']}")
    if summary:
        _notes(use, summary)
    if "Result" in outcome:
        screen.say(f"  {outcome['Result']['DocumentsUri']}*", style="dim")


def _notes(use: Use, summary: dict[str, Any]) -> None:
    documents = [*summary.get("Failed", []), *summary.get("Missing", [])]
    rows = [
        (_place(note), note["ErrorCode"], note.get("ErrorMessage", ""))
        for note in documents[: _NAMED if documents else 0]
    ]
    if rows:
        use.screen.table(("Document", "Error", "Message"), rows)
    if len(documents) > _NAMED:
        use.screen.say(f"  and {len(documents) - _NAMED:,} more: comprehend-entities results errors")
    for warning in summary.get("Warnings", [])[:_NAMED]:
        use.screen.say(f"  Note: {warning.get('File', '')} {warning['Warning']}".replace("  ", " "))


def _place(note: dict[str, Any]) -> str:
    source = str(note.get("Source") or note["File"])
    return f"{source}, line {note['Line'] + 1}" if "Line" in note else source


def _failed(outcome: Outcome) -> bool:
    return outcome["Status"] not in (*COMPLETED, "STOPPED")


def _style(outcome: Outcome | None) -> str:
    if outcome is None:
        return "bold"
    return "bold red" if _failed(outcome) else "bold green" if outcome["Status"] == "COMPLETED" else "bold yellow"
