"""What makes a batch: each content once, within the limits, every upload accounted for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mypy_boto3_sqs.type_defs import MessageTypeDef

from entities_job.contracts import TriggerSettings
from entities_job.uploads.batch import Trigger, Upload, UploadBatch, assemble


def trigger(**changes: Any) -> Trigger:
    """A trigger; ``Limits`` add to its own."""
    settings: TriggerSettings = {
        "QueueUrl": "q",
        "Request": {"LanguageCode": "en"},
        "Suffixes": [],
        "Custom": False,
        "ByLine": False,
        "Limits": {"Documents": 1000, "Bytes": 5 * 1024**3, **changes.pop("Limits", {})},  # type: ignore[typeddict-item]
    }
    return Trigger({**settings, **changes})  # type: ignore[typeddict-item]  # whatever a test changes


def upload(key: str = "uploads/a.txt", *, version: str = "v1", size: int = 1000, sent: float = 0.0) -> Upload:
    return Upload("in", key, version, "etag", "sequencer", size, sent)


def batch(*uploads: Upload, **changes: Any) -> UploadBatch:
    made = assemble("En", trigger(**changes), [(each, {"ReceiptHandle": str(n)}) for n, each in enumerate(uploads)])
    assert made is not None
    return made


def keys(made: UploadBatch) -> list[str]:
    return [entry["Source"].removeprefix("s3://in/") for entry in made.entries]


def message(body: object) -> MessageTypeDef:
    return {"Body": json.dumps(body), "Attributes": {"SentTimestamp": "1795000000000"}}


DETAIL: dict[str, Any] = {
    "bucket": {"name": "in"},
    "object": {"key": "uploads/Grüße + 1.txt", "size": 7, "etag": "e", "version-id": "v", "sequencer": "s"},
}


@pytest.mark.parametrize("body", [DETAIL, {"source": "aws.s3", "detail": DETAIL}])
def test_reads_the_detail_of_an_event_and_the_whole_event_of_a_dead_letter_queue(body: object) -> None:
    assert Upload.of(message(body)) == Upload("in", "uploads/Grüße + 1.txt", "v", "e", "s", 7, 1_795_000_000.0)


@pytest.mark.parametrize("body", [{}, [], "text", {"detail": None}, {"bucket": {"name": "b"}, "object": {"size": 1}}])
def test_fails_on_a_message_that_is_no_upload(body: object) -> None:
    with pytest.raises(ValueError, match="no Object Created event"):
        Upload.of(message(body))


@pytest.mark.parametrize(
    "field",
    [
        {"key": 5},
        {"key": ""},
        {"key": "k" * 200_000},
        {"key": "\ud800"},
        {"key": ["uploads/a"]},
        {"version-id": 7},
        {"etag": {"a": 1}},
        {"sequencer": "\udfff"},
        {"size": -1},
        {"size": "many"},
        {"size": float("inf")},
        {"size": float("nan")},
        {"size": [1]},
    ],
)
def test_fails_on_an_upload_that_can_be_none(field: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Upload.of(message({**DETAIL, "object": {**DETAIL["object"], **field}}))


@pytest.mark.parametrize("text", ["", "{", "[" * 200_000, '{"a":' * 200_000])
def test_fails_on_a_message_that_is_no_json(text: str) -> None:
    with pytest.raises(ValueError):
        Upload.of({"Body": text, "Attributes": {"SentTimestamp": "0"}})


def test_a_name_with_line_ends_and_quotes_makes_one_line_of_the_manifest() -> None:
    hostile = 'uploads/a\n{"Identity": "forged"}\r\u2028\x85"\\.txt'
    (shard,) = batch(upload(hostile), upload("uploads/b")).shards()
    lines = [json.loads(line) for line in shard[1].split(b"\n")]
    assert {line["Source"] for line in lines} == {f"s3://in/{hostile}", "s3://in/uploads/b"}
    assert all(len(line["Identity"]) == 64 for line in lines)


def test_copies_have_unique_names_that_show_the_original() -> None:
    made = batch(
        upload("uploads/a/x y+é.txt"), upload("uploads/b/x y+é.txt"), upload("uploads/b/x y+é.txt", version="v2")
    )
    files = [entry["File"] for entry in made.entries]
    assert len(set(files)) == 3
    assert all(file.endswith("-x y+é.txt") for file in files)


def test_a_copy_of_the_longest_key_fits_into_a_key() -> None:
    (entry,) = batch(upload("uploads/" + "é" * 500)).entries
    assert len(entry["File"].encode()) < 512


def test_the_same_announcement_twice_is_one_document_and_both_messages_are_its_own() -> None:
    made = batch(upload(sent=5.0), upload(sent=9.0))
    assert len(made.entries) == 1
    assert len(made.messages) == 2


def test_without_versions_a_rewritten_object_is_another_document() -> None:
    first = Upload("in", "uploads/a.txt", "", "etag", "1", 10, 0.0)
    made = batch(first, first._replace(sequencer="2"))
    assert [entry["ETag"] for entry in made.entries] == ["etag", "etag"]


def test_the_name_depends_on_the_content_and_not_on_the_order() -> None:
    one, two = upload("uploads/1", sent=1.0), upload("uploads/2", sent=2.0)
    assert batch(one, two).name == batch(two, one).name
    assert batch(one, two).name != batch(one, two._replace(version="v2")).name
    assert batch(one, two).name.startswith("En-19700101T000002-")


def test_what_does_not_fit_is_left_and_told_since_when_it_waits() -> None:
    made = batch(*(upload(f"uploads/{n}", sent=float(n)) for n in (3, 1, 2)), Limits={"Documents": 2, "Bytes": 10**9})
    assert keys(made) == ["uploads/1", "uploads/2"]
    assert (len(made.left), made.left_since) == (1, 3.0)


@pytest.mark.parametrize("limits", [{"Bytes": 2500}, {"CostUsd": 0.0025}])
def test_size_and_price_limit_a_batch(limits: dict[str, float]) -> None:
    assert len(batch(*(upload(f"uploads/{n}") for n in range(9)), Limits=limits).entries) == 2


def test_more_than_a_whole_batch_is_refused_and_does_not_stop_the_rest() -> None:
    made = batch(upload("uploads/huge", size=9000), upload("uploads/small", sent=1.0), Limits={"Bytes": 5000})
    assert [entry.get("ErrorCode") for entry in made.entries] == ["BATCH_LIMIT_EXCEEDED", None]


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        (upload(size=0), "EMPTY_DOCUMENT"),
        (upload(size=1024 * 1024 + 1), "DOCUMENT_SIZE_EXCEEDED"),
        (upload("uploads/a.docx"), "UNEXPECTED_SUFFIX"),
    ],
)
def test_refused_uploads_are_named_in_the_manifest(refused: Upload, code: str) -> None:
    made = batch(refused, upload("uploads/fine.txt"), Suffixes=[".txt", ".text"])
    assert [entry.get("ErrorCode") for entry in made.entries] == [code, None]


def test_a_file_of_lines_may_be_larger_than_a_document() -> None:
    assert "ErrorCode" not in batch(upload(size=10**8), ByLine=True).entries[0]


def test_pdf_files_for_a_custom_recognizer_come_in_batches_of_500() -> None:
    made = batch(
        *(upload(f"uploads/{n}.pdf", size=10**7) for n in range(600)), Custom=True, Limits={"Documents": 10**5}
    )
    assert (len(made.entries), len(made.left)) == (500, 100)


def test_the_manifest_lists_every_entry_in_shards_of_500() -> None:
    made = batch(*(upload(f"uploads/{n}") for n in range(501)), Limits={"Documents": 10**5})
    shards = dict(made.shards())
    assert list(shards) == ["00000.jsonl", "00001.jsonl"]
    lines = [json.loads(line) for body in shards.values() for line in body.splitlines()]
    assert sorted(line["Source"] for line in lines) == sorted(entry["Source"] for entry in made.entries)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2_000_000), st.floats(0, 1e6)), min_size=1, max_size=30))
def test_no_message_is_lost_or_counted_twice(drawn: list[tuple[int, int, float]]) -> None:
    uploads = [upload(f"uploads/{name}", version=str(size), size=size, sent=sent) for name, size, sent in drawn]
    made = batch(*uploads, Limits={"Documents": 4, "Bytes": 3_000_000})
    handles = [each["ReceiptHandle"] for each in (*made.messages, *made.left)]
    assert sorted(handles) == sorted(str(n) for n in range(len(uploads)))
