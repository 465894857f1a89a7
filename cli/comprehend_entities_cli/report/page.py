"""The report's file: a page and its data, which the page unpacks as it is looked at.

The data is JSON, gzip and base64 inside ``<script>`` elements that are no scripts: an index that is read when the page
opens, and chunks of documents (texts and entities), each read when one of its documents is looked at.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from ..command import Use
from ..tables import Results
from .data import Entry, entries
from .texts import Texts

LARGEST_BYTES = 80_000_000
"""Most bytes of a report; texts that would make it larger are left out, and it says so."""

_RESERVED_BYTES = 20_000_000
_CHUNK_CHARACTERS = 200_000
_HERE = Path(__file__).parent
_JOBS = "SELECT * FROM summaries ORDER BY job.SubmitTime, job.JobId"


def write_report(use: Use, results: Results, path: Path, *, texts: bool, note: str) -> dict[str, int]:
    """Write the report of chosen results; return how many documents and entities it shows, and its size.

    Args:
        use: the command's use, which reads the texts.
        results: with the tables ``summaries`` and ``documents``.
        path: the file to write; one that is there is replaced.
        texts: whether texts are shown.
        note: a remark for its top.
    """
    columns, rows = results.rows(_JOBS)
    summaries = [dict(zip(columns, row, strict=True)) for row in rows]
    index = Index([_job(summary) for summary in summaries])
    template = (_HERE / "page.html").read_text("utf-8")
    for name in ("page.css", "page.js"):
        template = template.replace(f"/* {name} */", (_HERE / name).read_text("utf-8"))
    before, _, after = template.replace("<!-- note -->", html.escape(note)).partition("<!-- data -->")
    # Written beside it first: a report that could not be finished replaces none.
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file, Texts(use, shown=texts) as read:
            file.write(before)
            for chunk in index.chunks(read.with_texts(entries(results)), file):
                file.write(_packed(f"chunk{index.number_of_chunks - 1}", chunk))
            file.write(_packed("index", index.as_json(note)))
            file.write(after)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return {"Documents": index.documents, "Entities": index.entities, "Bytes": path.stat().st_size}


class Index:
    """The data of the page when it opens: jobs, and one column each of what lists and searches need."""

    def __init__(self, jobs: list[dict[str, Any]]) -> None:
        self._jobs = jobs
        self._job_numbers = {job["id"]: number for number, job in enumerate(jobs)}
        self._types: dict[str, int] = {}
        self._found: dict[tuple[str, str], list[int]] = {}
        self._mentions: Counter[tuple[str, str]] = Counter()
        self._columns: dict[str, list[Any]] = {name: [] for name in ("name", "source", "job", "found", "error", "line")}
        self._first: list[int] = []
        self.number_of_chunks = self.documents = self.entities = self.left_out = 0

    def chunks(self, documents: Iterator[tuple[Entry, str | None]], file: IO[str]) -> Iterator[list[Any]]:
        """Yield documents in chunks, as the page gets them; texts end where ``file`` would get too large."""
        held: list[Any] = []
        size = 0
        for entry, text in self._within(documents, file):
            if not held:
                self._first.append(self.documents)
                self.number_of_chunks += 1
            held.append(self._add(entry, text))
            size += len(text or "") + 20 * len(entry.entities)
            if size > _CHUNK_CHARACTERS:
                yield held
                held, size = [], 0
        if held:
            yield held

    def _within(
        self, documents: Iterator[tuple[Entry, str | None]], file: IO[str]
    ) -> Iterator[tuple[Entry, str | None]]:
        for entry, text in documents:
            if text is not None and file.tell() > LARGEST_BYTES - _RESERVED_BYTES:
                self.left_out += 1
                yield entry.without_text("Its text is not shown: the report would be larger than 80 MB."), None
            else:
                yield entry, text

    def _add(self, entry: Entry, text: str | None) -> list[Any]:
        number = self.documents
        self.documents, self.entities = number + 1, self.entities + len(entry.entities)
        for name, value in (
            ("name", entry.name),
            ("source", entry.source),
            ("job", self._job_numbers.get(entry.job_id, -1)),
            ("found", len(entry.entities)),
            ("error", [entry.error_code, entry.error_message] if entry.error_code else 0),
            ("line", entry.line),
        ):
            self._columns[name].append(value)
        packed = []
        for begin, end, score, what, kind in entry.entities:
            known = (" ".join(what.split()), kind)
            places = self._found.setdefault(known, [])
            if not places or places[-1] != number:
                places.append(number)
            self._mentions[known] += 1
            packed.append([begin, end, round(score, 4), self._types.setdefault(kind, len(self._types)), what])
        return [text, entry.why_no_text, packed]

    def as_json(self, note: str) -> dict[str, Any]:
        """Return it as the page reads it. Places are differences, which pack well."""
        ordered = sorted(self._found, key=lambda known: (-self._mentions[known], known))
        return {
            "note": note,
            "jobs": self._jobs,
            "types": list(self._types),
            "documents": self._columns,
            "first": self._first,
            "left_out": self.left_out,
            "entities": {
                "text": [text for text, _ in ordered],
                "type": [self._types[kind] for _, kind in ordered],
                "mentions": [self._mentions[known] for known in ordered],
                "places": [_differences(self._found[known]) for known in ordered],
            },
        }


def _differences(numbers: list[int]) -> list[int]:
    return [number - before for before, number in zip([0, *numbers], numbers, strict=False)]


def _job(summary: Mapping[str, Any]) -> dict[str, Any]:
    job, error = summary["job"] or {}, summary["error"] or {}
    counts = {name: value for name, value in (summary["counts"] or {}).items() if name != "EntitiesByType"}
    return {
        "id": job.get("JobId"),
        "name": (summary["executionarn"] or "").rpartition(":")[2],
        "status": summary["status"],
        "begun": job.get("SubmitTime"),
        "ended": job.get("EndTime"),
        "language": job.get("LanguageCode"),
        "input": (job.get("InputDataConfig") or {}).get("S3Uri"),
        "counts": counts,
        "types": (summary["counts"] or {}).get("EntitiesByType") or {},
        "polls": summary["polls"],
        "lag": summary["lagseconds"],
        "usd": summary["estimatedcostusd"],
        "error": {name: error.get(name) for name in ("Code", "Message", "Hint")} if error else None,
        "warnings": [" ".join(filter(None, (w.get("File"), w["Warning"]))) for w in summary["warnings"] or []],
    }


def _packed(name: str, value: object) -> str:
    # Half a surrogate pair, which JSON can carry, stays an escape.
    data = gzip.compress(json.dumps(value, separators=(",", ":")).encode(), compresslevel=6, mtime=0)
    return f'<script type="application/gzip" id="{name}">{base64.b64encode(data).decode()}</script>\n'
