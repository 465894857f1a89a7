"""The report of the demo: executions, their jobs' timelines, and their documents with the entities highlighted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

SHOWN_DOCUMENTS = 200
"""Documents of a run that the report shows; it says how many more there are."""
SHOWN_CHARACTERS = 20_000
"""Characters of a document that the report shows; it says how many more there are."""
_SHOWN_ENTITIES = 9
_FOLDED_CHARACTERS = 1_500
_GREY = (260, 0.012)
_COLOURS = {
    "PERSON": (255, 0.09),
    "LOCATION": (150, 0.09),
    "ORGANIZATION": (305, 0.09),
    "COMMERCIAL_ITEM": (55, 0.09),
    "EVENT": (25, 0.09),
    "DATE": (95, 0.1),
    "QUANTITY": (200, 0.08),
    "TITLE": (345, 0.09),
    "OTHER": _GREY,
}
_GOLDEN_ANGLE = 137.5


@dataclass(frozen=True)
class History:
    """What happened to a job.

    Attributes:
        changes: each status and when the job took it, in seconds since its submission; the last is the end.
        polls: when the workflow looked at the job, in seconds since its submission.
    """

    changes: list[tuple[str, float]]
    polls: list[float]

    @property
    def job_seconds(self) -> float:
        """Seconds from submission to end; 0.0 when no job was made."""
        return self.changes[-1][1] if self.changes else 0.0


@dataclass(frozen=True)
class Run:
    """One execution of the workflow, as the report shows it.

    Attributes:
        title: what it is called in the report.
        outcome: the outcome (docs/architecture.md, section 3).
        records: the published records (section 4).
        texts: the text of each source, by its URI.
        history: what happened to its job.
    """

    title: str
    outcome: dict[str, Any]
    records: list[dict[str, Any]]
    texts: dict[str, str]
    history: History


def write_report(path: Path, runs: Sequence[Run]) -> None:
    """Write the report: one HTML file that needs nothing else.

    Args:
        path: the file to write; an older one is replaced.
        runs: executions in the order in which they are shown.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clock": _clock, "document": _name}
    colours = _colours(runs)
    totals: Counter[str] = Counter()
    for run in runs:
        totals.update(_counts(run).get("EntitiesByType", {}))
    html = environment.get_template("report.html.j2").render(
        runs=[_view(run) for run in runs],
        colours=colours,
        classes={kind: f"k{number}" for number, kind in enumerate(colours)},
        totals=totals,
        cost=sum(run.outcome.get("EstimatedCostUsd", 0) for run in runs),
        documents=_sum(runs, "Documents"),
        entities=_sum(runs, "Entities"),
        problems=_sum(runs, "DocumentErrors") + _sum(runs, "MissingDocuments"),
    )
    # A name may hold half a surrogate pair, which JSON can carry and UTF-8 can't.
    path.write_text(html, encoding="utf-8", errors="replace", newline="\n")


def _view(run: Run) -> dict[str, Any]:
    errors = [record for record in run.records if "ErrorCode" in record]
    records = sorted(
        (record for record in run.records if "ErrorCode" not in record),
        key=lambda record: (str(record.get("Source", "")), record.get("Line", 0)),
    )
    return {
        "title": run.title,
        "outcome": run.outcome,
        "job": run.outcome.get("Job") or {},
        "counts": _counts(run),
        "types": Counter(_counts(run).get("EntitiesByType", {})).most_common(),
        "job_seconds": run.history.job_seconds,
        "timeline": _timeline(run.history),
        "frequent": _frequent(records),
        "errors": errors[:SHOWN_DOCUMENTS],
        "errors_left": max(0, len(errors) - SHOWN_DOCUMENTS),
        "documents": list(_documents(records[:SHOWN_DOCUMENTS], run.texts)),
        "documents_left": max(0, len(records) - SHOWN_DOCUMENTS),
    }


def _counts(run: Run) -> dict[str, Any]:
    return run.outcome.get("Counts") or {}


def _sum(runs: Iterable[Run], name: str) -> int:
    return sum(_counts(run).get(name, 0) for run in runs)


def _colours(runs: Iterable[Run]) -> dict[str, tuple[float, float]]:
    """Hue and chroma (OKLCH) of each type: the built-in ones, then those of custom recognizers."""
    found = {kind for run in runs for kind in _counts(run).get("EntitiesByType", {})}
    found |= {entity["Type"] for run in runs for record in run.records for entity in record.get("Entities", [])}
    custom = sorted(found - _COLOURS.keys())
    return _COLOURS | {kind: ((40 + n * _GOLDEN_ANGLE) % 360, 0.09) for n, kind in enumerate(custom)}


def _timeline(history: History) -> dict[str, Any] | None:
    """Spans, polls and axis of a job's timeline, placed in percent of its width."""
    length = max([history.job_seconds, *history.polls])
    if length <= 0:
        return None
    steps = (1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200)
    step = next((step for step in steps if length / step <= 6), 86400)
    return {
        "spans": [
            {
                "status": status,
                "begin": begin,
                "end": end,
                "x": 100 * begin / length,
                "width": 100 * (end - begin) / length,
            }
            for (status, begin), (_, end) in zip(history.changes, history.changes[1:], strict=False)
        ],
        "end": {"status": history.changes[-1][0], "at": history.job_seconds, "x": 100 * history.job_seconds / length}
        if history.changes
        else None,
        "polls": [{"at": poll, "x": 100 * poll / length} for poll in history.polls],
        "ticks": [{"at": at, "x": 100 * at / length} for at in range(0, int(length) + 1, step)],
    }


def _frequent(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The entities found most often, and in how many documents; of equally frequent ones, those that come first."""
    times: Counter[tuple[str, str]] = Counter()
    documents: Counter[tuple[str, str]] = Counter()
    for record in records:
        entities = [(_plain(entity["Text"]), entity["Type"]) for entity in record.get("Entities", [])]
        times.update(entities)
        documents.update(set(entities))
    return [
        {"text": text, "type": kind, "times": number, "documents": documents[text, kind]}
        for (text, kind), number in times.most_common(_SHOWN_ENTITIES)
    ]


def _documents(records: Iterable[Mapping[str, Any]], texts: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for record in records:
        entities = record.get("Entities", [])
        text = _text(record, texts)
        pieces, elsewhere = _pieces((text or "")[:SHOWN_CHARACTERS], entities)
        yield {
            "record": record,
            "entities": len(entities),
            "shown": text is not None,
            "pieces": pieces,
            "elsewhere": elsewhere,
            "folded": len(text or "") > _FOLDED_CHARACTERS,
            "characters_left": max(0, len(text or "") - SHOWN_CHARACTERS),
        }


def _text(record: Mapping[str, Any], texts: Mapping[str, str]) -> str | None:
    """The text of a record's document; None when it isn't known or isn't plain text (PDF, Word, images)."""
    text = texts.get(record.get("Source", ""))
    if text is None or "\0" in text or any("BlockReferences" in entity for entity in record.get("Entities", [])):
        return None
    if "Line" not in record:
        return text
    lines = re.split(r"\r\n|\r|\n", text)
    return lines[record["Line"]] if 0 <= record["Line"] < len(lines) else None


def _pieces(
    text: str, entities: Iterable[dict[str, Any]]
) -> tuple[list[tuple[str, dict[str, Any] | None]], list[dict[str, Any]]]:
    """Cut a text at its entities; those that overlap an earlier one, or don't stand where they should, come apart."""
    pieces: list[tuple[str, dict[str, Any] | None]] = []
    elsewhere: list[dict[str, Any]] = []
    position = 0
    for entity in sorted(entities, key=lambda entity: (entity.get("BeginOffset", 0), -entity.get("EndOffset", 0))):
        begin, end = entity.get("BeginOffset", -1), entity.get("EndOffset", -1)
        if not position <= begin < end <= len(text) or _plain(text[begin:end]) != _plain(entity["Text"]):
            elsewhere.append(entity)
            continue
        pieces += [(text[position:begin], None), (text[begin:end], entity)]
        position = end
    return [*pieces, (text[position:], None)], elsewhere


def _plain(text: str) -> str:
    return " ".join(text.split())


def _name(record: Mapping[str, Any]) -> str:
    """What a document is called: its object's last name, and its line counted from 1."""
    source = str(record.get("Source") or record.get("File") or "unknown document")
    line = f", line {record['Line'] + 1}" if "Line" in record else ""
    return unquote(source.rstrip("/").rpartition("/")[2]) + line


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
