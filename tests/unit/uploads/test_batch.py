"""What makes a batch: each content once, within the limits, every upload accounted for."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mypy_boto3_sqs.type_defs import MessageTypeDef

from entities_job.contracts import TriggerSettings
from entities_job.uploads.batch import Gathering, Trigger, Upload, UploadBatch


def trigger(**changes: Any) -> Trigger:
    """A trigger; ``Limits`` add to its own."""
    settings: TriggerSettings = {
        "Prefix": "uploads/",
        "Queue": "q",
        "Request": {"LanguageCode": "en"},
        "Suffixes": [],
        "Custom": False,
        "ByLine": False,
        "Limits": {"Documents": 1000, "Bytes": 5 * 1024**3, **changes.pop("Limits", {})},  # type: ignore[typeddict-item]  # a spread
    }
    return Trigger({**settings, **changes})  # type: ignore[typeddict-item]  # whatever a test changes


def upload(key: str = "uploads/a.txt", *, version: str = "v1", size: int = 1000, sent: float = 0.0) -> Upload:
    return Upload("in", key, version, "etag", size, sent)


def gathered(*uploads: Upload, **changes: Any) -> Gathering:
    made = Gathering("En", trigger(**changes))
    for number, each in enumerate(uploads):
        made.add(each, {"ReceiptHandle": str(number)})
    return made


def batch(*uploads: Upload, **changes: Any) -> UploadBatch:
    made = gathered(*uploads, **changes).batch()
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
    assert Upload.of(message(body)) == Upload("in", "uploads/Grüße + 1.txt", "v", "e", 7, 1_795_000_000.0)


@pytest.mark.parametrize("body", [{}, [], "text", {"detail": None}, {"bucket": {"name": "b"}, "object": {"size": 1}}])
def test_fails_on_a_message_that_is_no_upload(body: object) -> None:
    with pytest.raises(ValueError, match="not an Object Created event"):
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
        {"etag": "", "version-id": "null"},
        {"etag": "\udfff"},
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


def test_a_key_may_be_as_long_as_s3_allows() -> None:
    """An upload that is taken for none goes to the dead letters."""

    def announced(key: str) -> Upload:
        return Upload.of(message({**DETAIL, "object": {**DETAIL["object"], "key": key}}))

    longest = "é" * 512
    assert announced(longest).key == longest
    with pytest.raises(ValueError, match="not an S3 object"):
        announced(f"{longest}x")


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


@pytest.mark.parametrize(
    ("name", "extension"),
    [("x y+é.TXT", ".txt"), ("a.tar.gz", ".gz"), ("README", ""), ("a.t x", ""), ("%2e.é", ""), ("e\u0301.Pdf", ".pdf")],
)
def test_copies_have_plain_and_unique_names_that_keep_the_extension(name: str, extension: str) -> None:
    places = [upload(f"uploads/a/{name}"), upload(f"uploads/b/{name}"), upload(f"uploads/b/{name}", version="v2")]
    made = batch(*places)
    files = [entry["File"] for entry in made.entries]
    assert len(set(files)) == 3
    assert all(re.fullmatch(r"[0-9a-f]{64}" + re.escape(extension), file) for file in files)
    assert keys(made) == [each.key for each in places]


def test_the_same_announcement_twice_is_one_document_and_both_messages_are_its_own() -> None:
    made = batch(upload(sent=5.0), upload(sent=9.0))
    assert len(made.entries) == 1
    assert len(made.messages) == 2


@pytest.mark.parametrize("version", [None, "", "null"])
def test_without_versions_the_etag_tells_one_content_from_another(version: str | None) -> None:
    def announced(etag: str, sequencer: str) -> Upload:
        item = {**DETAIL["object"], "version-id": version, "etag": etag, "sequencer": sequencer}
        return Upload.of(message({**DETAIL, "object": item}))

    made = batch(announced("one", "1"), announced("two", "2"), announced('"one"', "3"))
    assert [(entry["ETag"], "VersionId" in entry) for entry in made.entries] == [("one", False), ("two", False)]
    assert len(made.messages) == 3


def test_a_version_id_that_only_begins_like_null_is_one() -> None:
    assert Upload.of(message({**DETAIL, "object": {**DETAIL["object"], "version-id": "null7"}})).version == "null7"


def test_the_name_depends_on_the_content_and_not_on_the_order() -> None:
    one, two = upload("uploads/1", sent=1.0), upload("uploads/2", sent=2.0)
    assert batch(one, two).name == batch(two, one).name
    assert batch(one, two).name != batch(one, two._replace(version="v2")).name
    assert batch(one, two).name.startswith("En-19700101T000002-")


def test_what_does_not_fit_is_left_and_told_since_when_it_waits() -> None:
    made = gathered(*(upload(f"uploads/{n}", sent=float(n)) for n in (1, 2, 3)), Limits={"Documents": 2})
    kept = made.batch()
    assert kept is not None
    assert keys(kept) == ["uploads/1", "uploads/2"]
    assert [each["ReceiptHandle"] for each in made.left] == ["2"]
    # What was not read waits about as long.
    assert kept.left_since == 2.0
    assert batch(upload(sent=1.0)).left_since is None


@pytest.mark.parametrize("limits", [{"Bytes": 2500}, {"CostUsd": 0.0025}])
def test_size_and_price_limit_a_batch(limits: dict[str, float]) -> None:
    made = gathered(*(upload(f"uploads/{n}") for n in range(9)), Limits=limits)
    assert made.wanted() == 0
    assert len(made.left) == 7


@pytest.mark.parametrize("limits", [{"Documents": 2}, {"Bytes": 2000}, {"CostUsd": 0.002}])
def test_a_batch_that_is_exactly_at_a_limit_is_whole(limits: dict[str, float]) -> None:
    made = gathered(*(upload(f"uploads/{n}") for n in range(3)), Limits=limits)
    kept = made.batch()
    assert kept is not None
    assert keys(kept) == ["uploads/0", "uploads/1"]
    assert [each["ReceiptHandle"] for each in made.left] == ["2"]


@pytest.mark.parametrize(
    ("limits", "size"), [({"Documents": 100}, 1000), ({"CostUsd": 0.1}, 1000), ({"Bytes": 10**7}, 10**5)]
)
def test_no_more_than_the_messages_of_one_call_are_read_in_vain(limits: dict[str, float], size: int) -> None:
    made, count = gathered(Limits={"Documents": 10**5, **limits}), 0
    while wanted := made.wanted():
        for _ in range(min(wanted, 320)):
            made.add(upload(f"uploads/{count}", size=size + 37 * count % 300), {"ReceiptHandle": "r"})
            count += 1
    assert count > 80
    assert len(made.left) <= 10


def test_a_small_number_of_documents_is_never_exceeded_by_refused_ones() -> None:
    made = gathered(*(upload(f"uploads/{n}.bin") for n in range(9)), Suffixes=[".txt"], Limits={"Documents": 4})
    assert (made.wanted(), len(made.left)) == (0, 5)


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
    pdfs = [upload(f"uploads/{n}.pdf", size=10**7) for n in range(600)]
    made = gathered(*pdfs, Custom=True, Limits={"Documents": 10**5})
    assert (made.wanted(), len(made.left)) == (0, 100)


def test_the_manifest_lists_every_entry_in_shards_of_500() -> None:
    made = batch(*(upload(f"uploads/{n}") for n in range(501)), Limits={"Documents": 10**5})
    shards = dict(made.shards())
    assert list(shards) == ["00000.jsonl", "00001.jsonl"]
    lines = [json.loads(line) for body in shards.values() for line in body.splitlines()]
    assert sorted(line["Source"] for line in lines) == sorted(entry["Source"] for entry in made.entries)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2_000_000), st.floats(0, 1e6)), min_size=1, max_size=30))
def test_no_message_is_lost_or_counted_twice(drawn: list[tuple[int, int, float]]) -> None:
    uploads = [upload(f"uploads/{name}", version=str(size), size=size, sent=sent) for name, size, sent in drawn]
    made = gathered(*uploads, Limits={"Documents": 4, "Bytes": 3_000_000})
    kept = made.batch()
    assert kept is not None
    handles = [each["ReceiptHandle"] for each in (*kept.messages, *made.left)]
    assert sorted(handles) == sorted(str(n) for n in range(len(uploads)))
