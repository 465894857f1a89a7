"""Checks of the service with unusual input, and with names and texts of documents."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import PurePosixPath
from typing import Any

from ...published import Place, read
from ..scenarios.documents import LINES, NAMES, SAME_NAMES, ZERO_BYTES, lines_of
from ..terms import expect
from ..trial import Trial
from .catalog import Evidence, check


def _raw(trial: Trial, job_id: str) -> list[dict[str, Any]]:
    """Return the records of a job as the service wrote them."""
    seen = trial.job_ended(job_id)
    expect(seen.status == "COMPLETED", f"the job ended as {seen.status}: {seen.properties.get('Message')}")
    body = read(trial.aws, Place.of(seen.properties["OutputDataConfig"]["S3Uri"]))
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        member = archive.extractfile(archive.getmembers()[0])
        assert member is not None
        return [json.loads(line) for line in member.read().splitlines()]


@check("File is the base name of an object, with spaces, plus, percent and accents unchanged", "B7", needs=("names",))
def file_names(trial: Trial) -> Evidence:
    found = {each["File"] for each in _raw(trial, trial.observed("names").job_id)}
    expected = {PurePosixPath(name).name for name in NAMES}
    expect(found == expected, f"missing {sorted(expected - found)}; instead {sorted(found - expected)}")
    return {"Files": sorted(found)}


@check("Documents below sub-prefixes: File is the base name, or the path", "F6", needs=("same_names",))
def file_names_below_sub_prefixes(trial: Trial) -> Evidence:
    found = sorted(each["File"] for each in _raw(trial, trial.observed("same_names").job_id))
    base = ["same.txt"] * len(SAME_NAMES)
    expect(found in (base, sorted(SAME_NAMES)), f"the documents have the names {found}")
    return {"File": "base name" if found == base else "path"}


@check("Offsets count Unicode code points, and EndOffset is the first one after the text", needs=("names",))
def offsets_are_code_points(trial: Trial) -> Evidence:
    texts = {PurePosixPath(name).name: text for name, text in NAMES.items()}
    counted, wrong = 0, []
    for record in _raw(trial, trial.observed("names").job_id):
        for entity in record.get("Entities", []):
            counted += 1
            if texts[record["File"]][entity["BeginOffset"] : entity["EndOffset"]] != entity["Text"]:
                wrong.append(f"{record['File']}: {entity['Text']!r} at {entity['BeginOffset']}")
    expect(counted, "no entity was found in any document")
    expect(not wrong, f"other texts at these offsets: {'; '.join(wrong[:5])}")
    return {"Entities": counted}


@check("Lines are counted from 0, end in LF and CRLF, and not in U+2028", needs=("lines",))
def lines_are_documents(trial: Trial) -> Evidence:
    records = trial.records(trial.observed("lines").outcome["Result"]["DocumentsUri"])
    texts = lines_of(LINES)
    found = sorted(each["Line"] for each in records)
    expect(found == list(range(len(texts))), f"lines {found} for {len(texts)} lines")
    wrong = [
        each["Line"]
        for each in records
        for entity in each.get("Entities", [])
        if texts[each["Line"]][entity["BeginOffset"] : entity["EndOffset"]] != entity["Text"]
    ]
    expect(not wrong, f"offsets of lines {sorted(set(wrong))} are not relative to the line")
    return {"Lines": len(found)}


@check("Input of less than 500 bytes: the service rejects it, fails the job, or reads it", "F10", needs=("short",))
def short_input(trial: Trial) -> Evidence:
    return _known_end(trial, "short")


@check("A prefix without objects: the service rejects it, or fails the job", "F10", needs=("empty_prefix",))
def empty_prefix(trial: Trial) -> Evidence:
    return _known_end(trial, "empty_prefix")


def _known_end(trial: Trial, scenario: str) -> Evidence:
    facts = dict(trial.observed(scenario).facts)
    if "Refused" in facts:
        expect(facts["Refused"] == "InvalidRequestException", f"Start answered {facts['Refused']}")
    else:
        expect(facts["Ended"] in ("COMPLETED", "FAILED"), f"the job ended as {facts['Ended']}")
    return facts


@check(
    "A document of zero bytes has one record or none, and does not affect other documents", "F10", needs=("zero_bytes",)
)
def zero_bytes(trial: Trial) -> Evidence:
    told = trial.observed("zero_bytes")
    records = {each["File"]: each for each in _raw(trial, told.job_id)}
    others = sorted(set(ZERO_BYTES) - {"empty.txt"})
    expect(sorted(set(records) - {"empty.txt"}) == others, f"records of {sorted(records)}")
    found = records.get("empty.txt")
    answer = "no record" if found is None else "an error" if "ErrorCode" in found else "no entities"
    return {"EmptyDocument": answer}
