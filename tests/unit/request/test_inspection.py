"""The inspection of an input in memory: what lies under it, and what the service could not read of it."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from botocore.response import StreamingBody

from entities_job.contracts import InputWarning, InventoryEntry, JobRequest
from entities_job.errors import RequestRefused
from entities_job.request.inspection import Inspection
from entities_job.request.limits import MB, Tally
from tests.aws import Aws
from tests.payloads import REQUEST, SETTINGS

RECOGNIZER = "arn:aws:comprehend:us-east-1:111122223333:entity-recognizer/r"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(600)
PDF = b"%PDF-1.7\n" + b"x" * 600
TEXT = b"Ada Lovelace lived in London. " * 20


class Inspected(NamedTuple):
    entries: list[InventoryEntry]
    tally: Tally
    warnings: list[InputWarning]

    @property
    def texts(self) -> list[str]:
        return [warning["Warning"] for warning in self.warnings]


def inspect(
    uri: str = "s3://in/input/", *, by_line: bool = False, custom: bool = False, language: str = "en"
) -> Inspected:
    request: JobRequest = {**REQUEST, "InputDataConfig": {"S3Uri": uri}, "LanguageCode": language}
    request["InputDataConfig"]["InputFormat"] = "ONE_DOC_PER_LINE" if by_line else "ONE_DOC_PER_FILE"
    if custom:
        request["EntityRecognizerArn"] = RECOGNIZER
    with ThreadPoolExecutor(4) as pool:
        inspection = Inspection(request, SETTINGS, pool)
        entries = list(inspection.entries())
        inspection.check()
    return Inspected(entries, inspection.tally, inspection.warnings())


def refusal(uri: str = "s3://in/input/", *, by_line: bool = False, custom: bool = False) -> str:
    with pytest.raises(RequestRefused) as refused:
        inspect(uri, by_line=by_line, custom=custom)
    return str(refused.value)


# --- The listing ---


def test_every_file_below_the_prefix_is_listed_but_no_folder_marker(aws: Aws) -> None:
    for key, body in {"": b"", "b/": b"", "b/2.txt": TEXT, "full/": TEXT, "é 1.txt": TEXT}.items():
        aws.put(f"s3://in/input/{key}", body)
    aws.put("s3://in/inputs", TEXT)
    assert inspect().entries == [
        {"File": "2.txt", "Source": "s3://in/input/b/2.txt", "Size": 600},
        {"File": "", "Source": "s3://in/input/full/", "Size": 600},
        {"File": "é 1.txt", "Source": "s3://in/input/é 1.txt", "Size": 600},
    ]


def test_one_whole_object_may_be_named_but_no_part_of_a_name(aws: Aws) -> None:
    aws.put("s3://in/input/1", TEXT)
    aws.put("s3://in/input/10", TEXT)
    assert "would also match 'input/10'" in refusal("s3://in/input/1")
    assert [entry["File"] for entry in inspect("s3://in/input/10").entries] == ["10"]


@pytest.mark.parametrize("uri", ["s3://in/", "s3://in"])
def test_a_whole_bucket_may_be_the_input(aws: Aws, uri: str) -> None:
    aws.put("s3://in/1.txt", TEXT)
    assert [entry["File"] for entry in inspect(uri).entries] == ["1.txt"]


def test_a_staged_batch_names_the_originals_and_knows_its_padding(aws: Aws) -> None:
    place = "s3://in/staging/Uploads-x-1"
    original = {"File": "ab-1.txt", "Source": "s3://in/uploads/1.txt", "VersionId": "v7", "Size": 5}
    padding = {"File": "padding.txt", "Source": f"{place}/documents/padding.txt", "Size": 600, "Padding": True}
    aws.put(f"{place}/manifest/00000.jsonl", json.dumps({"Identity": "ab", **original}).encode())
    aws.put(f"{place}/manifest/padding.json", json.dumps(padding).encode())
    aws.put(f"{place}/documents/ab-1.txt", b"12345")
    aws.put(f"{place}/documents/padding.txt", b"x" * 600)
    found = inspect(f"{place}/documents/")
    assert found.entries == [original, padding]
    assert (found.tally.documents, found.tally.files) == (1, 2)


@pytest.mark.parametrize("by_line", [False, True])
def test_padding_is_no_document_that_the_service_can_read(aws: Aws, by_line: bool) -> None:
    place = "s3://in/staging/Uploads-x-1"
    padding = {"File": "padding.txt", "Source": f"{place}/documents/padding.txt", "Size": 600, "Padding": True}
    aws.put(f"{place}/manifest/padding.json", json.dumps(padding).encode())
    aws.put(f"{place}/documents/padding.txt", b"x" * 600)
    aws.put(f"{place}/documents/ab-1.txt", PNG)
    assert "is a PNG image" in refusal(f"{place}/documents/", by_line=by_line)


def test_names_that_repeat_below_the_prefix_are_counted(aws: Aws) -> None:
    for key in ("a/1.txt", "b/1.txt", "c/1.txt", "a/2.txt", "b/2.txt", "3.txt"):
        aws.put(f"s3://in/input/{key}", TEXT)
    assert inspect().texts == [
        "5 files share their base name with another file; the service identifies a document by its base name only"
    ]


# --- Lines ---


@pytest.mark.parametrize(
    ("text", "lines"),
    [(b"a\nb\n", 2), (b"a\nb", 2), (b"a\r\nb\r\n", 2), (b"a\rb\r", 2), (b"a\n\nb\n", 3), (b"\xe2\x80\xa8\n", 1)],
)
def test_lines_end_in_lf_cr_or_crlf(aws: Aws, text: bytes, lines: int) -> None:
    aws.put("s3://in/input/0.txt", b"")
    aws.put("s3://in/input/1.txt", text)
    aws.put("s3://in/input/2.txt", TEXT)
    assert [entry["Lines"] for entry in inspect(by_line=True).entries] == [0, lines, 1]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_lines_are_counted_the_same_wherever_the_stream_is_cut(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    whole = StreamingBody.iter_chunks
    monkeypatch.setattr(StreamingBody, "iter_chunks", lambda body, chunk_size: whole(body, size))
    aws.put("s3://in/input/1.txt", "é one\r\ntwo\rthree\n\r\nfive \ufffd".encode() + TEXT)
    found = inspect(by_line=True)
    assert (found.entries[0]["Lines"], found.tally.units, found.texts) == (5, 3 * 4 + 7, [])


@pytest.mark.parametrize("broken", [b"\xff\n", b"\xc3"])
def test_lines_that_are_not_utf8_are_warned_of(aws: Aws, broken: bytes) -> None:
    aws.put("s3://in/input/1.txt", TEXT + b"\n" + broken)
    found = inspect(by_line=True)
    assert found.entries[0]["Lines"] == 2
    assert found.texts == ["is not entirely UTF-8; the service drops all lines after the first invalid one"]


def test_lines_of_no_text_are_refused(aws: Aws) -> None:
    aws.put("s3://in/input/1.txt", PDF)
    assert "1 of 1: is a PDF document: it needs a custom recognizer" in refusal(by_line=True)


# --- Kinds and encodings ---


@pytest.mark.parametrize(
    ("body", "warning"),
    [
        (PDF, "is a PDF document: it needs a custom recognizer"),
        (b"PK\x03\x04" + TEXT, "is a Word document or another ZIP archive: it needs"),
        (PNG, "is a PNG image: it needs"),
        (b"\xff\xd8\xff\xe0" + TEXT, "is a JPEG image: it needs"),
        (b"II*\x00" + TEXT, "is a TIFF image: it needs"),
        (b"MM\x00*" + TEXT, "is a TIFF image: it needs"),
        ("é".encode("latin-1") * 600, "is not UTF-8"),
        ("Ada".encode("utf-16") * 600, "is not UTF-8"),
        (TEXT + "é".encode()[:1], "is not UTF-8"),
    ],
)
def test_a_file_that_the_built_in_model_does_not_read(aws: Aws, body: bytes, warning: str) -> None:
    aws.put("s3://in/input/1.txt", body)
    assert warning in refusal()
    aws.put("s3://in/input/2.txt", TEXT)
    assert inspect().warnings[0]["File"] == "1.txt"
    assert warning in inspect().texts[0]


@pytest.mark.parametrize(("name", "body"), [("1.txt", b"\xff" * 600), ("1.txt", b""), ("1.pdf", b"x" * (50 * MB + 1))])
def test_a_file_that_no_recognizer_reads(aws: Aws, name: str, body: bytes) -> None:
    aws.put(f"s3://in/input/{name}", body)
    assert "must contain a document that the service can read" in refusal(custom=True)


def test_a_recognizer_reads_papers_by_the_suffix_of_their_names(aws: Aws) -> None:
    for name, body in {"1.PDF": PDF, "2.png": PNG, "3.txt": PDF, "4.pdf": TEXT, "5.txt": TEXT}.items():
        aws.put(f"s3://in/input/{name}", body)
    assert inspect(custom=True).warnings == [
        {"File": "3.txt", "Warning": "is a PDF document, but its name does not end in .pdf"},
        {"File": "4.pdf", "Warning": "does not begin as a .pdf file does"},
    ]


def test_a_character_that_the_first_bytes_cut_in_two_is_no_fault(aws: Aws) -> None:
    aws.put("s3://in/input/1.txt", b"x" + "é".encode() * 64 * 1024)
    assert inspect().texts == []


def test_a_file_that_was_deleted_meanwhile_is_no_fault_but_one_that_may_not_be_read(aws: Aws) -> None:
    aws.put("s3://in/input/1.txt", TEXT)
    aws.fail("GetObject", "NoSuchKey")
    assert inspect().texts == []
    aws.fail("GetObject", "AccessDenied")
    with pytest.raises(Exception, match="AccessDenied"):
        inspect()


def test_at_most_5000_files_are_read_drawn_from_all(aws: Aws) -> None:
    # Every other file is of another kind: a sample at regular steps would see one kind only.
    for number in range(5600):
        aws.put(f"s3://in/input/{number:05}.txt", PNG if number % 2 else TEXT)
    found = inspect()
    assert aws.calls["GetObject"] == 5000
    assert found.texts[-1].startswith("and ")
    files = [warning["File"] for warning in found.warnings[:-1]]
    assert files == sorted(files)


def test_files_that_a_minute_was_too_short_for_are_counted(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        aws.put(f"s3://in/input/{number}.txt", TEXT)
    # A clock that every look at it moves on.
    ticks = iter(range(0, 10_000, 10))
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks))
    found = inspect()
    assert aws.calls["GetObject"] == 6
    assert found.texts == ["4 files were not checked for their type and encoding: it took too long"]


# --- Archives ---


@pytest.mark.parametrize("by_line", [False, True])
def test_objects_in_archives_are_refused_and_named(aws: Aws, by_line: bool) -> None:
    aws.put("s3://in/input/0.txt", TEXT)
    for number in range(105):
        archive = "DEEP_ARCHIVE" if number % 2 else "GLACIER"
        aws.put(f"s3://in/input/cold-{number:03}.txt", TEXT, storage_class=archive)
    aws.put("s3://in/input/warm.txt", TEXT, storage_class="GLACIER_IR")
    text = refusal(by_line=by_line)
    assert text.count("input/cold-") == 100
    assert "and 5 more" in text
    assert aws.calls["GetObject"] == 2


@pytest.mark.parametrize("by_line", [False, True])
def test_an_archive_that_only_a_read_finds_out_is_refused(aws: Aws, by_line: bool) -> None:
    aws.put("s3://in/input/1.txt", TEXT, storage_class="INTELLIGENT_TIERING")
    aws.fail("GetObject", "InvalidObjectState")
    assert "archive storage class; restore and copy ['input/1.txt']" in refusal(by_line=by_line)


# --- The sizes of texts ---


def test_refusals_name_all_limits_at_once(aws: Aws) -> None:
    for number in range(501):
        aws.put(f"s3://in/input/{number}.pdf", b"", storage_class="GLACIER")
    text = refusal(custom=True)
    for part in ("at most 500 files", "archive storage class", "can read; all are empty or too large"):
        assert part in text


def test_refusals_stay_short_whatever_the_names(aws: Aws) -> None:
    for number in range(200):
        aws.put(f"s3://in/input/{number:03}{chr(92) * 500}{chr(1) * 500}", TEXT, storage_class="GLACIER")
    text = refusal()
    assert len(json.dumps(text)) < 24 * 1024
    assert "input/000" in text


def test_warnings_take_32_kib_of_json_at_most_and_say_how_many_there_are(aws: Aws) -> None:
    aws.put("s3://in/input/0.txt", TEXT)
    for number in range(200):
        aws.put(f"s3://in/input/{number:03}{chr(1) * 1000}", b"")
    found = inspect(custom=True, language="ja")
    assert len(json.dumps(found.warnings)) <= 32 * 1024
    assert found.texts[0].startswith("LanguageCode: is ignored")
    assert found.texts[-1] == f"and {201 - len(found.warnings[:-1]):,} more warnings"


def test_at_most_100_warnings(aws: Aws) -> None:
    aws.put("s3://in/input/0.txt", TEXT)
    for number in range(200):
        aws.put(f"s3://in/input/e{number}", b"")
    found = inspect()
    assert len(found.warnings) == 100
    assert found.texts[-1] == "and 101 more warnings"


def test_the_listing_ends_behind_the_most_documents_of_a_job(aws: Aws) -> None:
    for number in range(20):
        aws.put(f"s3://in/input/{number:02}.txt", TEXT)
    with ThreadPoolExecutor(1) as pool:
        inspection = Inspection(REQUEST, SETTINGS, pool)
        inspection.tally.documents = 999_990
        assert sum(1 for _ in inspection.entries()) == 11
        with pytest.raises(RequestRefused, match="at most 1,000,000 files, contains 1,000,001"):
            inspection.check()
