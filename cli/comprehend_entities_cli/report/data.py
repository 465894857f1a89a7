"""The report's documents, read from published records one after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..tables import Results

_PORTION = 500
_DOCUMENTS = """
SELECT jobid, source, sourceversionid, file, line, entities, errorcode, errormessage
FROM documents ORDER BY job_date, jobid, coalesce(source, file), line
"""


@dataclass(frozen=True)
class Entry:
    """A document of the report.

    Attributes:
        job_id: the job that read it.
        source: its object's URI, or empty if it is not known.
        version_id: of the object.
        name: what it is called: the end of the URI as it is, and its line counted from 1.
        line: its line counted from 0, if a document is a line.
        entities: begin, end, score, text and type of each; begin and end are -1 in a document that is no text.
        error_code: why it failed, or empty.
        error_message: the same in words.
        why_no_text: why its text is not shown, or empty.
    """

    job_id: str
    source: str
    version_id: str
    name: str
    line: int | None
    entities: list[tuple[int, int, float, str, str]]
    error_code: str = ""
    error_message: str = ""
    why_no_text: str = ""

    def without_text(self, reason: str) -> Entry:
        """Return the same without its text."""
        return replace(self, why_no_text=reason)


def entries(results: Results) -> Iterator[Entry]:
    """Yield all documents of chosen results, by job and source."""
    answer = results.query(_DOCUMENTS)
    while rows := answer.fetchmany(_PORTION):
        for job_id, source, version_id, file, line, entities, code, message in rows:
            place = source or file or "unknown document"
            name = place.rstrip("/").rpartition("/")[2] + (f", line {line + 1}" if line is not None else "")
            found = [
                (_number(each["BeginOffset"]), _number(each["EndOffset"]), each["Score"], each["Text"], each["Type"])
                for each in entities or []
            ]
            yield Entry(job_id, source or "", version_id or "", name, line, found, code or "", message or "")


def _number(offset: int | None) -> int:
    return -1 if offset is None else offset
