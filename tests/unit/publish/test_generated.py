"""Records of every kind, in any company, against an oracle: what is published and counted, and what reads it."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.queries import of_section
from tests.unit.publish.oracle import find
from tests.unit.publish.publishing import Bucket, entry, memory, publish

TEXTS = st.text(max_size=8) | st.sampled_from(
    ['"', "\\", "\\\\", '\\"', "]", "}", "{", '", "Type": "X', '"File": "evil.txt"', "\u2028", "\0", "true", "\\ud800"]
)
NUMBERS = st.sampled_from([0, 1, -1, 2**31 - 1, 2**31, -(2**31), 2**63, 2**64, 0.5, 1.0, True, None, "1"])
VALUES = st.recursive(
    TEXTS | NUMBERS | st.just("\ud800"),
    lambda some: (
        st.lists(some, max_size=2) | st.dictionaries(st.sampled_from(["a", "A", "Type", "b"]), some, max_size=2)
    ),
    max_leaves=4,
)
ORDINARY_ENTITIES = st.fixed_dictionaries(
    {
        "BeginOffset": st.integers(0, 9),
        "EndOffset": st.integers(10, 19),
        "Score": st.floats(0, 1),
        "Text": TEXTS,
        "Type": st.sampled_from(["PERSON", "DATE", "ÄRZTE", 'a"b\\']),
    }
)
ODD_ENTITIES = st.fixed_dictionaries(
    {"Type": st.sampled_from(["PERSON", "x" * 128, "x" * 129, None, 1])},
    optional={
        "BeginOffset": NUMBERS,
        "EndOffset": NUMBERS,
        "Score": NUMBERS,
        "Text": VALUES,
        "text": TEXTS,
        "Extra": VALUES,
        "Entities": st.lists(ORDINARY_ENTITIES, max_size=1),
    },
)
FILES = st.sampled_from(["a.txt", "é.txt", 'q".txt', "nobody", "in/a.txt"]) | TEXTS
ORDINARY = st.fixed_dictionaries(
    {"File": FILES, "Entities": st.lists(ORDINARY_ENTITIES, max_size=3)}, optional={"Line": st.integers(0, 3)}
)
ODD = st.fixed_dictionaries(
    {"File": FILES},
    optional={
        "Entities": st.lists(ORDINARY_ENTITIES | ODD_ENTITIES, max_size=2) | VALUES,
        "Line": NUMBERS,
        "ErrorCode": st.just("INTERNAL_SERVER_ERROR") | NUMBERS,
        "ErrorMessage": VALUES,
        "Other": VALUES,
        "other": TEXTS,
        "file": TEXTS,
        "Source": TEXTS,
        "JOBID": TEXTS,
    },
)


@st.composite
def result_lines(draw: st.DrawFn) -> bytes:
    """A line as some JSON writer makes it, or a torn or tampered one."""
    record = draw(ORDINARY | ODD)
    shuffled = {name: record[name] for name in draw(st.permutations(list(record)))}
    separators = draw(st.sampled_from([(", ", ": "), (",", ":"), (" , ", " :\t")]))
    text = json.dumps(shuffled, ensure_ascii=draw(st.booleans()), separators=separators)
    line = text.encode("utf-8", "surrogatepass")
    tampered = [
        line[:-1],
        line[1:],
        line + b"}",
        b"\xef\xbb\xbf" + line,
        text.encode("utf-16", "surrogatepass"),
        line.replace(b"0.5", b"NaN"),
        line.replace(b"0.5", b"1e999"),
        line.replace(b"PERSON", b"\\u0050ERSON"),
        line.replace(b"{", b'{"Type":"DATE",'),
        line.replace(b"{", b'{"File":"a.txt",'),
        line.replace(b"}", b',"Score":0.5}'),
        line.replace(b",", b"", 1),
        line.replace(b" ", b"\n"),
        b"",
        b"[]",
        b'"x"',
        b"\xff",
        b"\x0c",
    ]
    return draw(st.sampled_from([line] * 16 + tampered))


@settings(max_examples=50)
@given(found=st.lists(result_lines(), max_size=12))
def test_published_is_what_the_oracle_finds(found: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    result = b"\n".join(found)
    expected = find(result.split(b"\n"))
    with pytest.MonkeyPatch.context() as patch:
        bucket = memory(patch)
        outcome = publish(bucket, {"output": result}, [entry("a.txt", Lines=4), entry("é.txt")])
    published = bucket.lines()[: len(bucket.received())]
    # The service's own bytes, in their order, behind our fields.
    assert len(published) == len(expected.records)
    for line, record in zip(published, expected.records, strict=True):
        assert line.endswith(b"," + record[1:] + b"\n")
        assert json.loads(line) == {**json.loads(line[: -len(record) - 1] + b"}"), **json.loads(record)}
    assert [record["Bytes"] for record in bucket.records("unparsed")] == list(map(len, expected.others))
    counts = outcome["Counts"]
    assert counts["EntitiesByType"] == expected.types
    assert counts["DocumentErrors"] == sum(json.loads(line).get("ErrorCode") is not None for line in expected.records)
    read_back(bucket, tmp_path_factory.mktemp("results"))


def read_back(bucket: Bucket, folder: Path) -> None:
    """Read what was published as docs/queries.md says, and without any column named."""
    for key, body in bucket.published().items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(body)
    with pytest.MonkeyPatch.context() as patch, duckdb.connect() as database:
        patch.chdir(folder)
        for kind in ("documents", "unparsed"):
            if bucket.lines(kind):
                rows = database.sql(f"SELECT * FROM read_json('results/{kind}/*/*.jsonl.gz')").fetchall()
                assert len(rows) == len(bucket.lines(kind))
        if bucket.lines():
            for statement in of_section("DuckDB, without Athena"):
                database.execute(statement)
            files = database.sql("SELECT File FROM documents").fetchall()
            assert [file for (file,) in files] == [record["File"] for record in bucket.records()]
            database.sql("SELECT * FROM entities").fetchall()
