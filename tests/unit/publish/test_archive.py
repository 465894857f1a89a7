"""Publishing archives as the service writes them, as it might, and as nobody should."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import random
import tarfile
import zlib
from typing import Any

import pytest

from entities_job.publish import archive
from entities_job.publish import records as results

STOPPED = {**JOB, "JobStatus": "STOPPED"}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return memory(monkeypatch)


def test_records_gain_job_and_source_whatever_the_order_of_their_keys(bucket: Bucket) -> None:
    files = {"a é.txt": [PERSON], "b.txt": []}
    result = lines({"File": "a é.txt", "Entities": [PERSON]}, {"Entities": [], "File": "b.txt"})
    found = publish(bucket, {"output": result}, [entry(name) for name in files])
    assert (found["Status"], "Error" in found) == ("COMPLETED", False)
    assert found["Counts"]["EntitiesByType"] == {"PERSON": 1}
    front = {"JobId": "job1", "JobDate": "2026-11-23", "LanguageCode": "en", "SourceVersionId": "v1"}
    assert bucket.records() == [
        {**front, "Source": f"s3://in/input/{name}", "File": name, "Entities": entities}
        for name, entities in files.items()
    ]
    assert bucket.summary()["Counts"] == found["Counts"]
    assert json.loads(bucket.events[0]["Detail"]) == found


def test_every_order_and_spelling_of_a_line_counts_alike(bucket: Bucket) -> None:
    tricky = {**PERSON, "Text": '"File": "evil.txt", "Type": "X", "ErrorCode": 1 } ] \\'}
    records: list[bytes] = []
    for entities in ([], [PERSON], [tricky], [PERSON, tricky, dict(reversed(PERSON.items()))]):
        for keys in itertools.permutations(("File", "Line", "Entities")):
            record = {"File": "é [1].txt", "Line": len(records), "Entities": entities}
            line = {key: record[key] for key in keys}
            ascii_only = bool(len(records) % 2)
            records.append(
                json.dumps(line, ensure_ascii=ascii_only, separators=(",", ":") if ascii_only else None).encode()
            )
    found = publish(bucket, {"output": b"\r\n".join(records)}, [entry("é [1].txt", Lines=24)])
    assert found["Status"] == "COMPLETED"
    assert found["Counts"]["EntitiesByType"] == {"PERSON": 6 * (0 + 1 + 1 + 3)}
    published = bucket.records()
    assert [{key: r[key] for key in ("File", "Line", "Entities")} for r in published] == [
        json.loads(r) for r in records
    ]
    assert {record["Source"] for record in published} == {"s3://in/input/é [1].txt"}


@pytest.mark.parametrize(("most", "by_type"), [(4, {"PERSON": 4}), (3, None)])
def test_types_are_counted_up_to_a_number_of_entities(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, most: int, by_type: dict[str, int] | None
) -> None:
    monkeypatch.setattr(results, "COUNTED_BY_TYPE", most)
    blocks = [lines({"File": f"{name}.txt", "Entities": [PERSON] * 2}) for name in "ab"]
    found = publish(bucket, {"output": blocks[0], "more": blocks[1]}, [entry("a.txt"), entry("b.txt")])
    assert (found["Counts"]["Entities"], found["Counts"].get("EntitiesByType")) == (4, by_type)


@pytest.mark.parametrize("most", [results.COUNTED_BY_TYPE, -1])
def test_quotes_and_braces_in_a_text_make_no_entity(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(results, "COUNTED_BY_TYPE", most)
    result = lines({"File": "a.txt", "Entities": [{**PERSON, "Text": "{" + '"' * 14}]})
    assert publish(bucket, {"output": result}, [entry("a.txt")])["Counts"]["Entities"] == 1


def test_errors_missing_documents_and_padding(bucket: Bucket) -> None:
    result = lines(
        {"File": "a.txt", "ErrorCode": "UNSUPPORTED_ENCODING", "ErrorMessage": "no"},
        {"File": "padding.txt", "Entities": [PERSON]},
    )
    found = publish(bucket, {"output": result}, [entry("a.txt"), entry("b.txt"), entry("padding.txt", Padding=True)])
    assert (found["Status"], found["Error"]["Code"]) == ("COMPLETED_WITH_ERRORS", "ResultIncomplete")
    counts = found["Counts"]
    assert (counts["ExpectedDocuments"], counts["DocumentErrors"], counts["MissingDocuments"]) == (2, 1, 1)
    assert (counts["Entities"], counts["EntitiesByType"], counts["Documents"]) == (0, {}, 0)
    assert {record["File"]: record["ErrorCode"] for record in bucket.records()} == {
        "a.txt": "UNSUPPORTED_ENCODING",
        "b.txt": "NOT_RECEIVED",
    }
    assert [each["File"] for each in bucket.summary()["Failed"]] == ["a.txt"]
    assert [each["Source"] for each in bucket.summary()["Missing"]] == ["s3://in/input/b.txt"]


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


@pytest.mark.parametrize("step", [1, -1, 3, -5])
def test_many_documents_find_their_sources_in_any_order(bucket: Bucket, step: int) -> None:
    names = [f"{number:05}.txt" for number in range(6000)]
    received = names[::step]
    result = lines(*({"File": name, "Entities": []} for name in received))
    counts = publish(bucket, {"output": result}, [entry(name) for name in names])["Counts"]
    assert (counts["Documents"], counts["MissingDocuments"]) == (len(received), 6000 - len(received))
    assert counts["UnexpectedDocuments"] == 0
    assert all(record["Source"].endswith(f"/{record['File']}") for record in bucket.records())


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
    result = lines(*({"File": f"{folder}/a.txt", "Entities": []} for folder in ("y", "x")))
    assert publish(bucket, {"output": result}, twins)["Status"] == "COMPLETED"
    assert [r["Source"] for r in bucket.records()] == ["s3://in/input/y/a.txt", "s3://in/input/x/a.txt"]


def test_out_files_object_and_array(bucket: Bucket) -> None:
    block = {"Id": "1", "Text": '"Entities": [{"Type": "NONE"}] \\', "Geometry": {"Polygon": [{"X": 1}]}}
    page = {"File": "x.pdf", "Entities": [{"Text": "Ada", "Type": "PIONEER", "BlockReferences": []}], "Blocks": [block]}
    failed = {**page, "File": "y.pdf", "Errors": [{"Page": 1, "ErrorCode": "TEXTRACT_BAD_PAGE", "ErrorMessage": "m"}]}
    numbered = [{**page, "DocumentMetadata": {"Pages": 1, "PageNumber": [number]}} for number in (1, 2)]
    members = {
        "x.pdf_ScannedPDF.out": json.dumps(numbered, indent=1).encode(),
        "y.pdf_NativePDF.out": json.dumps(failed).encode(),
        "z.pdf_NativePDF.out": b'{"File": "z.pdf", "Entities": [',
    }
    found = publish(bucket, members, [entry("x.pdf"), entry("y.pdf")])
    assert found["Counts"]["EntitiesByType"] == {"PIONEER": 3}
    counts = found["Counts"]
    assert (counts["Documents"], counts["DocumentErrors"], counts["UnparsedRecords"]) == (1, 1, 1)
    first, second = bucket.records()
    assert (len(first["Entities"]), first["DocumentMetadata"]) == (2, {"Pages": 2, "PageNumber": [1, 2]})
    assert (second["ErrorCode"], len(second["Entities"])) == ("TEXTRACT_BAD_PAGE", 1)
    assert not any("Blocks" in record for record in (first, second))


@pytest.mark.parametrize(
    "line",
    [
        b'{"File": "a.txt", "Entit',
        b"[1]",
        b"plain",
        b'{"File": 1, "Entities": []}',
        b'{"File": "a.txt"}',
        b'{"File": "a.txt", "Entities": {}}',
        b'{"File": "a.txt", "Entities": [{"Text": "x"}]}',
        b'{"File": "a.txt", "Entities": [{"Type": "X" "Text": "x"}]}',
        b'{"File": "a.txt", "Entities": [], "Score": NaN}',
        b'{"File": "a\xff.txt", "Entities": []}',
        b'{"File": "\\ud800", "Entities": []}',
        b"[" * 100_000,
    ],
)
def test_what_does_not_parse_is_kept_apart(bucket: Bucket, line: bytes) -> None:
    found = publish(bucket, {"output": line + b"\n" + lines({"File": "b.txt", "Entities": []})}, [entry("b.txt")])
    assert (found["Status"], found["Counts"]["UnparsedRecords"]) == ("COMPLETED_WITH_ERRORS", 1)
    [kept] = bucket.records("unparsed")
    assert (kept["JobId"], kept["Bytes"]) == ("job1", len(line))
    assert kept["Reason"]
    assert line[:1000].decode("utf-8", "backslashreplace") == kept["Content"][:1000]
    assert [record["File"] for record in bucket.records()] == ["b.txt"]


@pytest.mark.parametrize("result", [{}, {"output": b""}, gzip.compress(b"")])
def test_an_empty_archive(bucket: Bucket, result: Any) -> None:
    found = publish(bucket, result, [entry("a.txt")])
    assert (found["Status"], found["Counts"]["MissingDocuments"]) == ("COMPLETED_WITH_ERRORS", 1)


@pytest.mark.parametrize("result", [None, b"", b"no gzip", gzip.compress(b"no tar" * 1000)])
def test_no_archive(bucket: Bucket, result: bytes | None) -> None:
    found = publish(bucket, result, [entry("a.txt")])
    assert (found["Error"]["Code"], found["Counts"]["MissingDocuments"]) == ("ArchiveDamaged", 1)


def test_a_truncated_archive_is_no_completed_job(bucket: Bucket) -> None:
    noise = random.Random(1)
    each = [{"File": "a.txt", "Line": n, "Entities": [{**PERSON, "Text": f"{noise.random()}"}]} for n in range(40_000)]
    whole = packed({"output": lines(*each)})
    cut = [whole[: len(whole) // 2], whole[:-4], gzip.compress(zlib.decompress(whole, 31)[:2_000_000])]
    for archived in cut:
        found = publish(bucket, archived, [entry("a.txt", Lines=40_000)])
        assert (found["Status"], found["Error"]["Code"]) == ("COMPLETED_WITH_ERRORS", "ArchiveDamaged")
        assert "truncated" in found["Error"]["Message"]
        assert found["Counts"]["Documents"] + found["Counts"]["MissingDocuments"] == 40_000


def test_a_broken_header_is_no_end(bucket: Bucket) -> None:
    tar = bytearray(zlib.decompress(packed({"a": lines({"File": "a.txt", "Entities": []}), "b": b"x" * 600}), 31))
    tar[1024] ^= 1
    found = publish(bucket, gzip.compress(bytes(tar)), [entry("a.txt")])
    assert (found["Error"]["Code"], found["Counts"]["Documents"]) == ("ArchiveDamaged", 1)


def test_a_header_of_any_length_is_refused(bucket: Bucket) -> None:
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.XHDTYPE, 8 * 10**9
    found = publish(bucket, gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + bytes(10_000)), [entry("a.txt")])
    assert "header of 8,000,000,000 bytes" in found["Error"]["Message"]


def test_a_line_that_is_too_long_is_set_apart(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_BLOCK", 1000)
    monkeypatch.setattr(archive, "MAXIMUM_RECORD_BYTES", 5000)
    record = {"File": "a.txt", "Entities": []}
    long = b"x" * 20_000
    for result in (long + b"\n" + lines(record), lines(record) + long):
        found = publish(bucket, {"output": result}, [entry("a.txt")])
        assert (found["Counts"]["Documents"], found["Counts"]["UnparsedRecords"]) == (1, 1)
        assert bucket.records("unparsed")[0]["Bytes"] == 20_000


def test_a_line_that_never_ends_is_the_end(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAXIMUM_RECORD_BYTES", 3_000_000)
    monkeypatch.setattr(archive, "_LONGEST_LINE", 9_000_000)
    found = publish(bucket, {"output": bytes(50_000_000)}, [entry("a.txt")])
    assert "line of more than 9,000,000 bytes" in found["Error"]["Message"]


def test_member_names_are_never_paths(bucket: Bucket) -> None:
    publish(bucket, {"../../../evil": lines({"File": "../../a.txt", "Entities": []})}, [entry("a.txt")])
    assert all(key.startswith(("results/", "jobs/", "work/")) and ".." not in key for key in bucket.objects)


def test_only_regular_files_are_read(bucket: Bucket) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE):
            special = tarfile.TarInfo("x" * 300)
            special.type, special.linkname = kind, "/etc/passwd"
            tar.addfile(special)
        content = lines({"File": "a.txt", "Entities": []})
        named = tarfile.TarInfo("é" * 300)
        named.size = len(content)
        tar.addfile(named, io.BytesIO(content))
    assert publish(bucket, held.getvalue(), [entry("a.txt")])["Status"] == "COMPLETED"


def test_a_stopped_job_says_so(bucket: Bucket) -> None:
    found = publish(bucket, None, [entry("a.txt")], Job=STOPPED)
    assert (found["Status"], found["Error"]["Code"]) == ("STOPPED", "JobStopped")
    assert found["Counts"]["MissingDocuments"] == 1
    found = publish(bucket, None, [entry("a.txt")], Job=STOPPED, StopCode="JobTimedOut")
    assert (found["Status"], found["Error"]["Code"]) == ("TIMED_OUT", "JobTimedOut")


def test_a_job_that_completed_although_a_stop_was_requested_is_complete(bucket: Bucket) -> None:
    result = {"output": lines({"File": "a.txt", "Entities": []})}
    assert publish(bucket, result, [entry("a.txt")], StopCode="JobTimedOut")["Status"] == "COMPLETED"


def test_offsets_are_compared_with_the_text_in_code_points(bucket: Bucket) -> None:
    text = "\U0001f600 e\u0301 Ada\u2028\rAda Lovelace\r\nAda"
    bucket.objects["input/a.txt"] = text.encode()
    bucket.objects["input/b.txt"] = b"nobody"
    ada = {**PERSON, "BeginOffset": 5, "EndOffset": 8}
    result = lines(
        {"File": "a.txt", "Line": 0, "Entities": [ada]},
        {"File": "a.txt", "Line": 1, "Entities": [{**PERSON, "Text": "Ada"}]},
        {"File": "b.txt", "Line": 0, "Entities": [PERSON]},
    )
    expected = [entry("a.txt", Lines=3), entry("b.txt", Lines=1)]
    counts = publish(bucket, {"output1": result[: result.find(b"\n") + 1]}, expected)["Counts"]
    assert (counts["OffsetSample"], counts["OffsetMismatches"]) == (1, 0)
    members = {str(number): line for number, line in enumerate(result.splitlines())}
    members["3"] = lines({"File": "b.txt", "Line": 7, "Entities": [PERSON]})
    counts = publish(bucket, members, expected)["Counts"]
    assert (counts["OffsetSample"], counts["OffsetMismatches"]) == (2, 0)
    members["0"], members["2"] = members["2"], members["0"]
    counts = publish(bucket, members, expected)["Counts"]
    assert (counts["OffsetSample"], counts["OffsetMismatches"]) == (2, 1)
