"""``results`` and ``report``: what was published, as tables, files and one HTML page."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..aws import CommandError
from ..command import Use
from ..published import Choice
from ..tables import TABLES, VIEWS, opened

_ORDERS = {
    "top_entities": "mentions DESC, text, type",
    "entities": "job_date, jobid, document, beginoffset",
    "documents_by_entity": "mentions DESC, type, text, document",
    "errors": "job_date, jobid, source, file, line",
    "documents": "job_date, jobid, source, file, line",
}


def _name(uri: str) -> str:
    """Return the SQL of an object's name, the last part of its URI."""
    return f"regexp_extract({uri}, '[^/]*$') AS document"


_SHORT = {
    "entities": f"{_name('document')}, type, text, score",
    "documents_by_entity": f"type, text, {_name('document')}, mentions, best_score",
    "errors": f"{_name('coalesce(source, file)')}, line, page, errorcode, errormessage",
    "documents": f"{_name('coalesce(source, file)')}, line, len(entities) AS entities, errorcode",
    "summaries": "job.JobId AS job, status, counts.Documents AS documents, counts.Entities AS entities",
    "refused": f"{_name('source')}, errorcode, errormessage",
    "unparsed": "jobid AS job, reason, bytes",
}
"""Columns for a terminal; all others take the text apart on 80 columns."""
_COPY = {"csv": "FORMAT csv, HEADER", "parquet": "FORMAT parquet, COMPRESSION zstd", "jsonl": "FORMAT json"}

_Job = Annotated[list[str] | None, typer.Option("--job", help="Only results of this job; may be repeated.")]
_Since = Annotated[str, typer.Option(help="From this day on (a job's UTC day), such as 2026-11-23.")]
_Until = Annotated[str, typer.Option(help="Up to this day.")]


def results(
    use: Use,
    *,
    table: Annotated[str, typer.Argument(help=f"A table or view: {', '.join((*VIEWS, *TABLES))}.")] = "top_entities",
    sql: Annotated[
        str | None, typer.Option(help="A query of the tables and views, in DuckDB's SQL; docs/queries.md has examples.")
    ] = None,
    job: _Job = None,
    since: _Since = "",
    until: _Until = "",
    kind: Annotated[
        str | None, typer.Option("--format", help="table, jsonl, csv or parquet (default: by the name of --output).")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write all rows into this file.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows of a table that are printed.")] = 50,
) -> None:
    """Read published results: which entities were found, where, and which documents failed."""
    choice = Choice(tuple(job or ()), since, until)
    form = _form(use, kind, output)
    used = _used(sql) if sql else (table,)
    order = f" ORDER BY {_ORDERS[table]}" if not sql and table in _ORDERS else ""
    with opened(use, choice, *used) as found:
        query = sql.strip().rstrip(";") if sql else f"SELECT * FROM {table}{order}"
        if output:
            found.write(query, _new(output), _COPY[form])
            use.screen.answer({"Output": str(output)})
            use.screen.note(f"Wrote {output}")
            return
        if form == "table" and not use.screen.as_json and not sql and table in _SHORT:
            query = f"SELECT {_SHORT[table]} FROM {table}{order}"
        columns, rows = found.rows(query)
    if use.screen.as_json:
        use.screen.answer([dict(zip(columns, row, strict=True)) for row in rows])
    elif form != "table":
        _print(form, columns, rows)
    elif rows:
        numbers = {name for place, name in enumerate(columns) if isinstance(rows[0][place], int | float)}
        use.screen.table([f">{name}" if name in numbers else name for name in columns], rows[:limit])
        if len(rows) > limit:
            use.screen.say(f"and {len(rows) - limit:,} more; --limit or --output shows them")
        if not sql and table in _SHORT:
            use.screen.say("Some columns only; --json and --output have all.")
    else:
        use.screen.say("No rows. If you expect some: `comprehend-entities list` shows whether their job has ended.")


def report(
    use: Use,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("report.html"),
    job: _Job = None,
    since: _Since = "",
    until: _Until = "",
    texts: Annotated[bool, typer.Option(help="Show the documents' texts, which are read from their bucket.")] = True,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    note: Annotated[str, typer.Option(help="A remark for the top of the report.")] = "",
) -> None:
    """Write one HTML file that shows results: documents with their entities marked, and errors."""
    from ..report import write_report

    path = output if force else _new(output)
    choice = Choice(tuple(job or ()), since, until)
    with opened(use, choice, "summaries", "documents") as found:
        told = write_report(use, found, path, texts=texts, note=note)
    use.screen.answer({"Output": str(path), **told})
    use.screen.say(f"Wrote {path}: open it in a browser, {path.resolve().as_uri()}")


def _form(use: Use, kind: str | None, output: Path | None) -> str:
    suffix = output.suffix.lstrip(".").lower() if output else ""
    form = kind or {"csv": "csv", "parquet": "parquet", "jsonl": "jsonl", "json": "jsonl"}.get(suffix, "")
    if not form and not output:
        return "table"
    if form not in (*_COPY, "table") or (output and form == "table") or (not output and form == "parquet"):
        raise CommandError(
            f"Can't write {form or 'this format'}{f' into {output}' if output else ' to the terminal'}.",
            "Give --format jsonl, csv or parquet, and --output FILE for parquet.",
        )
    return form


def _used(sql: str) -> tuple[str, ...]:
    """Return the tables and views that a query may name."""
    words = set(re.findall(r"\w+", sql.lower()))
    return tuple(name for name in (*TABLES, *VIEWS) if name in words)


def _new(path: Path) -> Path:
    if path.exists():
        raise CommandError(f"{path} exists already.", "Give another --output" + ", or remove it first.")
    if not path.absolute().parent.is_dir():
        raise CommandError(f"The folder {path.absolute().parent} does not exist.")
    return path


def _print(form: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    if form == "csv":
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
        return
    for row in rows:
        sys.stdout.write(json.dumps(dict(zip(columns, row, strict=True)), default=str, ensure_ascii=False) + "\n")
