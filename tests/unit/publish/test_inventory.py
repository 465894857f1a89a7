"""Documents and their sources: found in any order, by names that repeat, and missing."""

from __future__ import annotations

import random

import pytest

from tests.unit.publish.publishing import Bucket, entry, lines, publish


def test_each_line_that_never_came_is_named(bucket: Bucket) -> None:
    result = lines(*({"File": "l.txt", "Line": number, "Entities": []} for number in (3, 0, 2)))
    found = publish(bucket, {"output": result}, [entry("l.txt", Lines=5), entry("m.txt", Lines=1), entry("n", Lines=0)])
    assert (found["Counts"]["Documents"], found["Counts"]["MissingDocuments"]) == (3, 3)
    missing = [(r["File"], r["Line"]) for r in bucket.records() if r.get("ErrorCode") == "NOT_RECEIVED"]
    assert missing == [("l.txt", 1), ("l.txt", 4), ("m.txt", 0)]


def test_what_nobody_expected_is_published_and_said(bucket: Bucket) -> None:
    twice = {"File": "a.txt", "Entities": []}
    found = publish(bucket, {"output": lines(twice, twice, {"File": "new.txt", "Entities": []})}, [entry("a.txt")])
    counts = found["Counts"]
    assert (counts["ExpectedDocuments"], counts["Documents"], counts["UnexpectedDocuments"]) == (1, 3, 2)
    assert found["Status"] == "COMPLETED_WITH_ERRORS"
    assert bucket.records()[2]["Source"] is None


@pytest.mark.parametrize("line", [-1, 4, 2**62])
def test_a_line_that_the_file_does_not_have_is_unexpected(bucket: Bucket, line: int) -> None:
    result = lines({"File": "l.txt", "Line": line, "Entities": []})
    counts = publish(bucket, {"output": result}, [entry("l.txt", Lines=4)])["Counts"]
    assert (counts["UnexpectedDocuments"], counts["MissingDocuments"]) == (1, 4)


@pytest.mark.parametrize("step", [1, -1, 3, 0])
def test_many_documents_find_their_sources_in_any_order(bucket: Bucket, step: int) -> None:
    names = [f"{number:05}.txt" for number in range(3000)]
    received = names[::step] if step else random.Random(1).sample(names, len(names))
    result = lines(*({"File": name, "Entities": []} for name in received))
    counts = publish(bucket, {"output": result}, [entry(name) for name in names])["Counts"]
    assert (counts["Documents"], counts["MissingDocuments"]) == (len(received), 3000 - len(received))
    assert counts["UnexpectedDocuments"] == 0
    assert all(record["Source"].endswith(f"/{record['File']}") for record in bucket.records())


def test_lines_of_many_files_come_in_any_order(bucket: Bucket) -> None:
    places = [(f"{number}.txt", line) for number in range(40) for line in range(40)]
    random.Random(2).shuffle(places)
    result = lines(*({"File": name, "Line": line, "Entities": []} for name, line in places))
    found = publish(bucket, {"output": result}, [entry(f"{number}.txt", Lines=40) for number in range(40)])
    assert found["Status"] == "COMPLETED"
    assert all(record["Source"] == f"s3://in/input/{record['File']}" for record in bucket.records())


def test_names_that_several_objects_bear_have_no_one_source(bucket: Bucket) -> None:
    twins = [entry("a.txt"), entry("b.txt"), entry("a.txt", Source="s3://in/input/deep/a.txt")]
    result = lines(*({"File": name, "Entities": []} for name in ("b.txt", "a.txt", "a.txt")))
    found = publish(bucket, {"output": result}, twins)
    assert found["Status"] == "COMPLETED"
    assert [(r["Source"], r.get("SourceCandidates")) for r in bucket.records()[1:]] == [(None, 2), (None, 2)]


def test_of_several_objects_of_one_name_one_never_came(bucket: Bucket) -> None:
    twins = [entry("a.txt"), entry("a.txt", Source="s3://in/input/deep/a.txt")]
    found = publish(bucket, {"output": lines({"File": "a.txt", "Entities": []})}, twins)
    assert (found["Counts"]["Documents"], found["Counts"]["MissingDocuments"]) == (1, 1)
    assert [record["Source"] for record in bucket.records()] == [None, None]
    publish(bucket, {"output": b""}, twins)
    assert [record["Source"] for record in bucket.records()] == [twin["Source"] for twin in twins]


def test_a_path_tells_objects_of_one_name_apart(bucket: Bucket) -> None:
    twins = [entry("a.txt", Source=f"s3://in/input/{folder}/a.txt") for folder in ("x", "y")]
    names = ("y/a.txt", "x/a.txt", "z/a.txt")
    found = publish(bucket, {"output": lines(*({"File": name, "Entities": []} for name in names))}, twins)
    assert [r["Source"] for r in bucket.records()] == ["s3://in/input/y/a.txt", "s3://in/input/x/a.txt", None]
    assert (found["Counts"]["UnexpectedDocuments"], found["Counts"]["MissingDocuments"]) == (1, 0)


def test_sources_are_the_originals_of_staged_copies(bucket: Bucket) -> None:
    odd = entry('q"\\é\0.txt', Source='s3://up/a "b"\\é.txt')
    del odd["VersionId"]
    publish(bucket, {"output": lines({"File": odd["File"], "Entities": []})}, [odd])
    [record] = bucket.records()
    assert (record["Source"], record["SourceVersionId"]) == (odd["Source"], None)


def test_the_connection_to_the_inventory_breaks(bucket: Bucket) -> None:
    bucket.faults = [(ConnectionResetError("broken"), 40), (TimeoutError("broken"), 0)]
    found = publish(bucket, {"output": lines({"File": "a.txt", "Entities": []})}, [entry("a.txt")])
    assert found["Status"] == "COMPLETED"
    assert [begin for begin, _ in bucket.reads] == ["bytes=0-", "bytes=40-", "bytes=40-", "bytes=0-"]
