"""Records as the service writes them, as it might, and as it should not: published, counted or kept apart."""

from __future__ import annotations

import itertools
import json

import pytest

from entities_job.publish import archive
from tests.unit.publish.publishing import JOB, PERSON, STOPPED, Bucket, entry, lines, publish


def test_records_gain_job_and_source(bucket: Bucket) -> None:
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
    assert bucket.events == [found]


def test_every_date_is_that_of_the_jobs_submission_whenever_it_ends_or_is_published(bucket: Bucket) -> None:
    """A result that moved to another day would be published twice, and be missed by queries of its day."""
    ends = {"SubmitTime": "2026-11-23T23:59:59+00:00", "EndTime": "2026-11-25T00:00:01+00:00"}
    publish(bucket, {"output": lines({"File": "a.txt", "Entities": []}, [])}, [entry("a.txt")], Job={**JOB, **ends})
    kinds = {key.split("/")[1]: key.split("/")[2] for key in bucket.published()}
    assert kinds == dict.fromkeys(("documents", "unparsed", "summaries"), "job_date=2026-11-23")
    dates = [record["JobDate"] for kind in ("documents", "unparsed") for record in bucket.records(kind)]
    assert dates == ["2026-11-23", "2026-11-23"]


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
    assert all(line.endswith(b"," + record[1:] + b"\n") for line, record in zip(bucket.lines(), records, strict=True))
    assert {record["Source"] for record in bucket.records()} == {"s3://in/input/é [1].txt"}


@pytest.mark.parametrize(
    ("record", "types"),
    [
        (b'{"File":"a","Entities":[{"Type":"\\u0050ERSON"},{"Type":"PERSON"}]}', {"PERSON": 2}),
        (b'{"File":"a","Entities":[{"Type":"a\\"b"},{"Type":"a\\\\"}]}', {'a"b': 1, "a\\": 1}),
        (b'{"File":"a","Entities":[{"Type":"X","Entities":[{"Type":"Y","Score":"z"}]}]}', {"X": 1}),
        (
            b'{"File":"a","Entities":[{"Type":"X","Extra":{"a":[1,null,true,{"b":"\\u0000"}]}}],"More":"{[\\\\"}',
            {"X": 1},
        ),
        (b'{"File":"a","Entities":[{"Type":"X","Score":1,"Text":null,"BeginOffset":-1,"EndOffset":null}]}', {"X": 1}),
        (b'{"File":"a","ErrorCode":null,"ErrorMessage":null,"Entities":[{"Type":"X"}],"Line":null}', {"X": 1}),
        (b' \t{ "File" : "a" , "Entities" : [ { "Type" : "\\ud83d\\ude00" } ] } \r', {"\U0001f600": 1}),
        (b'{"File":"a","Entities":[' + b",".join([b'{"Type":"X"}'] * 3000) + b"]}", {"X": 3000}),
        (b'{"File":"a","Entities":[],"X":' + b"[" * 63 + b"]" * 63 + b"}", {}),
        (b'{"File":"a","Entities":[],"X":9223372036854775807,"Y":-9223372036854775808,"Z":1e308}', {}),
        (b'{"File":"a","Entities":[],"DocumentMetadata":{"Pages":1,"PageNumber":1},"BlockType":"X"}', {}),
    ],
)
def test_what_the_service_might_write_is_published(bucket: Bucket, record: bytes, types: dict[str, int]) -> None:
    found = publish(bucket, {"output": record}, [entry("a")])
    assert (found["Status"], found["Counts"]["EntitiesByType"]) == ("COMPLETED", types)
    assert bucket.lines()[0].endswith(b"," + record.strip()[1:] + b"\n")


def test_a_failed_document_may_have_no_entities(bucket: Bucket) -> None:
    result = b'{"File":"a","ErrorCode":"E","Entities":null}\n{"File":"b","ErrorCode":"E","Entities":[{"Type":"X"}]}\n'
    counts = publish(bucket, {"output": result}, [entry("a"), entry("b")])["Counts"]
    assert (counts["DocumentErrors"], counts["Documents"], counts["EntitiesByType"]) == (2, 0, {"X": 1})


ENTITY = b'{"File":"a","Entities":[%b]}'
REFUSED = {
    b'{"File":"a","Entit': "Unterminated string",
    b"[1]": "is not an object with a File",
    b"plain": "Expecting value",
    b'{"File":1,"Entities":[]}': "is not an object with a File",
    b'{"File":null,"Entities":[]}': "is not an object with a File",
    b'{"File":"a"}': "has neither Entities nor an ErrorCode",
    b'{"File":"a","Entities":null}': "has neither Entities nor an ErrorCode",
    b'{"File":"a","Entities":{}}': "has Entities that is no list",
    b'{"File":"a","Entities":"x"}': "has Entities that is no list",
    b'{"File":"a","Entities":[],"Line":"1"}': "has Line that is no integer",
    b'{"File":"a","Entities":[],"Line":1.0}': "has Line that is no integer",
    b'{"File":"a","Entities":[],"Line":true}': "has Line that is no integer",
    b'{"File":"a","ErrorCode":7}': "has ErrorCode that is no text",
    b'{"File":"a","ErrorCode":"E","ErrorMessage":{}}': "has ErrorMessage that is no text",
    b'{"File":"a","ErrorCode":"E","Errors":{"Page":1}}': "has Errors that is no list",
    b'{"File":"a","ErrorCode":"E","Errors":["x"]}': "has an item of Errors that is no object",
    b'{"File":"a","ErrorCode":"E","Errors":[{"Page":"1"}]}': "has Page that is no integer of 32 bits",
    b'{"File":"a","Entities":[],"entities":[]}': "a field that repeats, or differs in case only",
    b'{"File":"a","Entities":[],"line":1}': "differs from Line in case only",
    b'{"File":"a","Entities":[],"JobId":"x"}': "has a field 'JobId', which publishing adds",
    b'{"File":"a","Entities":[],"sourceversionid":"x"}': "which publishing adds",
    b'{"File":"a","Entities":[],"JOB_DATE":"x"}': "which publishing adds",
    b'{"File":"a","File":"b","Entities":[]}': "a field that repeats",
    b'{"File":"a","Fi\\u006ce":"b","Entities":[]}': "a field that repeats",
    ENTITY % b'{"Type":"X","Type":"Y"}': "a field that repeats",
    ENTITY % b'{"BeginOffset":0,"EndOffset":1,"Score":0.5,"Text":"x","Type":"X","Type":"X"}': "a field that repeats",
    ENTITY % b'{"Type":"X","Z":{"a":1,"A":2}}': "a field that repeats, or differs in case only",
    ENTITY % b'{"Type":"X","Z":1},{"Type":"X","z":1}': "has a field '.Entities.z', which others spell",
    ENTITY % b'{"Text":"x"}': "has an entity without a Type",
    ENTITY % b'{"Type":null}': "has an entity without a Type",
    ENTITY % b"null": "has an entity without a Type",
    ENTITY % b'"x"': "has an item of Entities that is no object",
    ENTITY % b'{"Type":1}': "has Type that is no text",
    ENTITY % (b'{"Type":"%b"}' % (b"x" * 129)): "has a Type of more than 128 characters",
    ENTITY % b'{"Type":"X","Text":["x"]}': "has Text that is no text",
    ENTITY % b'{"Type":"X","Score":"0.9"}': "has Score that is no number",
    ENTITY % b'{"Type":"X","Score":true}': "has Score that is no number",
    ENTITY % b'{"Type":"X","Score":1e999}': "beyond double precision",
    ENTITY % b'{"Type":"X","BeginOffset":2147483648}': "has BeginOffset that is no integer of 32 bits",
    ENTITY % b'{"Type":"X","EndOffset":1.5}': "has EndOffset that is no integer of 32 bits",
    ENTITY % b'{"Type":"X","BlockReferences":[{"BlockId":1}]}': "has BlockId that is no text",
    ENTITY % b'{"Type":"X" "Text":"x"}': "Expecting ',' delimiter",
    ENTITY % b'{"Type":"X","Text":"a\tb"}': "Invalid control character",
    b'{"File":"a","Entities":[],"X":NaN}': "holds NaN",
    b'{"File":"a","Entities":[],"X":-Infinity}': "holds -Infinity",
    b'{"File":"a","Entities":[],"X":9223372036854775808}': "holds an integer beyond 64 bits",
    b'{"File":"a","Entities":[],"X":-9223372036854775809}': "holds an integer beyond 64 bits",
    b'{"File":"a","Entities":[],"X":' + b"9" * 4000 + b"}": "",
    b'{"File":"\\ud800","Entities":[]}': "holds half of a surrogate pair",
    b'{"File":"a","Entities":[],"\\uDFFF":1}': "holds half of a surrogate pair",
    ENTITY % b'{"BeginOffset":0,"EndOffset":1,"Score":0.5,"Text":"\\ud800","Type":"X"}': "half of a surrogate pair",
    b'{"File":"a","Entities":[],"X":' + b"[" * 64 + b"]" * 64 + b"}": "is deeper than 64 levels",
    b'{"File":"a","Entities":[],"X":' + b'{"a":' * 900 + b"1" + b"}" * 901: "",
    b"[" * 100_000: "",
    b'{"File":"a\xff","Entities":[]}': "can't decode byte 0xff",
    b'\xef\xbb\xbf{"File":"a","Entities":[]}': "",
    b'{"File":"\xed\xa0\x80","Entities":[]}': "can't decode",
    '{"File":"a","Entities":[]}'.encode("utf-16-le"): "",
    b'{"File":"a","Entities":[]}{"File":"b","Entities":[]}': "Extra data",
    b"\x00": "Expecting value",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_no_record_is_kept_apart(bucket: Bucket, line: bytes) -> None:
    result = line + b"\n" + lines({"File": "b.txt", "Entities": [PERSON]})
    found = publish(bucket, {"output": result}, [entry("b.txt"), entry("a")])
    assert (found["Status"], found["Counts"]["UnparsedRecords"]) == ("COMPLETED_WITH_ERRORS", 1)
    [kept] = bucket.records("unparsed")
    assert (kept["JobId"], kept["Bytes"]) == ("job1", len(line))
    assert REFUSED[line].lower() in kept["Reason"].lower()
    assert kept["Reason"]
    assert kept["Content"] == line[: 64 * 1024].decode("utf-8", "backslashreplace")
    # The document that it should have been is no result, and is said to be missing.
    assert [(record["File"], record.get("ErrorCode")) for record in bucket.records()] == [
        ("b.txt", None),
        ("a", "NOT_RECEIVED"),
    ]


def test_fields_that_others_spell_differently_are_no_record(bucket: Bucket) -> None:
    """DuckDB reads no file in which two objects at one place have fields that differ in case only."""
    odd = [
        {"File": name, "Entities": [], "Extra": {key: 1}} for name, key in (("a", "Key"), ("b", "key"), ("c", "Key"))
    ]
    found = publish(bucket, {"output": lines(*odd)}, [entry("a"), entry("b"), entry("c")])
    assert (found["Counts"]["Documents"], found["Counts"]["UnparsedRecords"]) == (2, 1)
    assert "'.Extra.key', which others spell '.Extra.Key'" in bucket.records("unparsed")[0]["Reason"]


def test_long_texts_are_cut_where_they_are_listed(bucket: Bucket) -> None:
    failed = {"File": "a.txt", "ErrorCode": "E" * 2000, "ErrorMessage": "m" * 1024**2}
    publish(bucket, {"output": lines(failed)}, [entry("a.txt")])
    assert bucket.records()[0]["ErrorMessage"] == failed["ErrorMessage"]
    [listed] = bucket.summary()["Failed"]
    assert {name: len(value) for name, value in listed.items() if name.startswith("Error")} == {
        "ErrorCode": 1000,
        "ErrorMessage": 1000,
    }


def test_a_thousand_documents_are_listed(bucket: Bucket) -> None:
    found = publish(bucket, {"output": b""}, [entry("a.txt", Lines=1001)])
    assert found["Counts"]["MissingDocuments"] == 1001
    assert [each["Line"] for each in bucket.summary()["Missing"]] == list(range(1000))


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


def test_a_line_that_is_too_long_is_kept_apart(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_BLOCK", 1000)
    monkeypatch.setattr(archive, "MAXIMUM_RECORD_BYTES", 5000)
    record = {"File": "a.txt", "Entities": []}
    long = b"x" * 20_000
    for result in (long + b"\n" + lines(record), lines(record) + long, long + b"\n\n" + lines(record) + long + b"\n"):
        found = publish(bucket, {"output": result}, [entry("a.txt")])
        assert (found["Counts"]["Documents"], found["Counts"]["UnparsedRecords"]) == (1, result.count(long))
        assert {kept["Bytes"] for kept in bucket.records("unparsed")} == {20_000}


def test_a_stopped_job_says_so(bucket: Bucket) -> None:
    found = publish(bucket, None, [entry("a.txt")], Job=STOPPED)
    assert (found["Status"], found["Error"]["Code"]) == ("STOPPED", "JobStopped")
    assert found["Counts"]["MissingDocuments"] == 1
    found = publish(bucket, None, [entry("a.txt")], Job=STOPPED, StopCode="JobTimedOut")
    assert (found["Status"], found["Error"]["Code"]) == ("TIMED_OUT", "JobTimedOut")


def test_a_job_that_completed_although_a_stop_was_requested_is_complete(bucket: Bucket) -> None:
    result = {"output": lines({"File": "a.txt", "Entities": []})}
    assert publish(bucket, result, [entry("a.txt")], StopCode="JobTimedOut", Job=JOB)["Status"] == "COMPLETED"
