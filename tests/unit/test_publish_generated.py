"""Lines of every kind, in any company: what is published and counted is what a plain parser finds."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entities_job.publish import records as results
from tests.unit.publishing import entry, memory, publish

TEXTS = st.text(max_size=8) | st.sampled_from(
    ['"', "\\", "]", "}", "{", '", "Type": "X', '"File": "evil.txt"', "\u2028", "\0"]
)
ENTITIES = st.fixed_dictionaries(
    {
        "BeginOffset": st.integers(0, 9),
        "EndOffset": st.integers(0, 9),
        "Score": st.floats(0, 1),
        "Text": TEXTS,
        "Type": st.sampled_from(["PERSON", "DATE", "ÄRZTE"]),
    },
    optional={"Extra": TEXTS | st.lists(st.integers(), max_size=2)},
)
RECORDS = st.fixed_dictionaries(
    {"File": st.sampled_from(["a.txt", "é.txt", 'q".txt', "nobody"]) | TEXTS},
    optional={
        "Entities": st.lists(ENTITIES, max_size=3),
        "Line": st.integers(0, 3),
        "ErrorCode": st.just("INTERNAL_SERVER_ERROR"),
        "Other": TEXTS,
    },
)


@st.composite
def result_lines(draw: st.DrawFn) -> bytes:
    """A line as some JSON writer makes it, or a torn one."""
    record = draw(RECORDS)
    shuffled = {name: record[name] for name in draw(st.permutations(list(record)))}
    separators = draw(st.sampled_from([(", ", ": "), (",", ":"), (" , ", " : ")]))
    line = json.dumps(shuffled, ensure_ascii=draw(st.booleans()), separators=separators).encode(errors="replace")
    return draw(
        st.sampled_from([line, line, line, line[:-1], line[1:], line + b"}", line + b"\r", b"", b"[]", b"\xff"])
    )


def parsed(line: bytes) -> Any:
    """The record of a line, or None if there is none."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if isinstance(record, dict) and isinstance(record.get("File"), str):
        return record if "Entities" in record or "ErrorCode" in record else None
    return None


@pytest.mark.parametrize("most", [results.COUNTED_BY_TYPE, -1])
@settings(max_examples=60)
@given(found=st.lists(result_lines(), max_size=8))
def test_published_is_what_a_parser_finds(most: int, found: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        bucket = memory(patch)
        patch.setattr(results, "COUNTED_BY_TYPE", most)
        outcome = publish(bucket, {"output": b"\n".join(found)}, [entry("a.txt", Lines=4), entry("é.txt")])
    records = [parsed(line) for line in found if line.strip()]
    expected = [record for record in records if record]
    front = ("JobId", "JobDate", "LanguageCode", "Source", "SourceVersionId", "SourceCandidates")
    published = [
        {name: value for name, value in record.items() if name not in front}
        for record in bucket.records()
        if record.get("ErrorCode") != "NOT_RECEIVED"
    ]
    types = Counter(entity["Type"] for record in expected for entity in record.get("Entities", []))
    # Lines that need a parser come after those of their block that don't.
    assert sorted(map(json.dumps, published)) == sorted(map(json.dumps, expected))
    counts = outcome["Counts"]
    assert counts.get("EntitiesByType") == (types if most >= 0 else None)
    assert counts["Entities"] == types.total()
    assert counts["DocumentErrors"] == sum("ErrorCode" in record for record in expected)
    assert counts["UnparsedRecords"] == len(records) - len(expected) == len(bucket.records("unparsed"))
    assert (
        counts["ExpectedDocuments"] + counts["UnexpectedDocuments"]
        == counts["Documents"] + counts["DocumentErrors"] + counts["MissingDocuments"]
    )
