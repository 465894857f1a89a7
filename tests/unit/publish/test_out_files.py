"""Result files of PDF, Word and image documents: an object, or an array of pages, of any shape."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.publish.publishing import Bucket, entry, publish

OUT = {"Text": "Ada", "Type": "PIONEER", "BlockReferences": [{"BlockId": "1", "BeginOffset": 0, "EndOffset": 3}]}
BLOCK = {
    "Id": "1",
    "BlockType": "LINE",
    "Text": '"Entities": [{"Type": "NONE"}] \\',
    "Geometry": {"Polygon": [{"X": 1}]},
}
PAGE = {"File": "x.pdf", "Entities": [OUT], "Blocks": [BLOCK], "DocumentType": "NativePDF", "Version": "2021-04-30"}


def published_out(bucket: Bucket, *contents: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Counts and records of ``.out`` files."""
    members = {f"{n}_NativePDF.out": content for n, content in enumerate(contents)}
    packed = {
        n: content if isinstance(content, bytes) else json.dumps(content).encode() for n, content in members.items()
    }
    return publish(bucket, packed, [entry("x.pdf"), entry("y.pdf")])["Counts"], bucket.received()


def test_out_files_object_and_array(bucket: Bucket) -> None:
    failed = {**PAGE, "File": "y.pdf", "Errors": [{"Page": 1, "ErrorCode": "TEXTRACT_BAD_PAGE", "ErrorMessage": "m"}]}
    numbered = [{**PAGE, "DocumentMetadata": {"Pages": 1, "PageNumber": [number]}} for number in (1, 2)]
    counts, (first, second) = published_out(bucket, numbered, failed, b'{"File": "z.pdf", "Entities": [')
    assert counts["EntitiesByType"] == {"PIONEER": 3}
    assert (counts["Documents"], counts["DocumentErrors"], counts["UnparsedRecords"]) == (1, 1, 1)
    assert (len(first["Entities"]), first["DocumentMetadata"]) == (2, {"Pages": 2, "PageNumber": [1, 2]})
    assert (second["ErrorCode"], len(second["Entities"])) == ("TEXTRACT_BAD_PAGE", 1)
    assert not any("Blocks" in record for record in (first, second))


@pytest.mark.parametrize(
    ("metadata", "joined"),
    [
        ([{"PageNumber": 1, "Pages": 2}, {"PageNumber": 2, "Pages": 2}], {"Pages": 2, "PageNumber": [1, 2]}),
        ([{"PageNumber": 2, "Pages": 2}, None], {"Pages": 2, "PageNumber": [2]}),
        ([None, {"PageNumber": [2]}], {"Pages": 1, "PageNumber": [2]}),
        ([{"PageNumber": None}, {}], {"Pages": 0, "PageNumber": []}),
        ([None, None], None),
        (["x", 1], "x"),
    ],
)
def test_metadata_of_pages_is_joined_whatever_it_is(bucket: Bucket, metadata: list[Any], joined: Any) -> None:
    counts, [record] = published_out(bucket, [{**PAGE, "DocumentMetadata": each} for each in metadata])
    assert (counts["Documents"], record["DocumentMetadata"]) == (1, joined)


def test_pages_without_metadata_have_none(bucket: Bucket) -> None:
    counts, [record] = published_out(bucket, [PAGE, PAGE])
    assert (counts["Entities"], "DocumentMetadata" in record) == (2, False)


@pytest.mark.parametrize(
    ("errors", "code", "unparsed"),
    [
        (None, None, 0),
        ([], None, 0),
        ([{"Page": 1}], None, 0),
        ([{"Page": 1, "ErrorCode": "E"}], "E", 0),
        ({"Page": 1, "ErrorCode": "E"}, None, 1),
        ("text", None, 1),
        (["text"], None, 1),
        ([{"ErrorCode": 7}], None, 1),
    ],
)
def test_errors_of_pages_of_any_shape(bucket: Bucket, errors: Any, code: str | None, unparsed: int) -> None:
    counts, records = published_out(bucket, {**PAGE, "Errors": errors})
    assert counts["UnparsedRecords"] == unparsed
    assert [record.get("ErrorCode") for record in records] == [code] * (1 - unparsed)
    assert counts["DocumentErrors"] == bool(code)


def test_each_document_of_an_out_file_is_one(bucket: Bucket) -> None:
    odd = {**PAGE, "Entities": None}
    counts, records = published_out(bucket, [PAGE, {**PAGE, "File": "y.pdf", "Entities": {}}, odd])
    assert (counts["Documents"], counts["UnparsedRecords"], counts["Entities"]) == (1, 1, 1)
    assert [record["File"] for record in records] == ["x.pdf"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"[[]]",
        b"null",
        b'"x"',
        b'{"File":"x.pdf","Entities":[],"BlockType":"LINE"}',
        b'{"File":"x.pdf","Entities":[],"X":NaN}',
        b'{"File":"x.pdf","Entities":[],"Entities":[]}',
        b'[{"File":"x.pdf","Entities":[]},{"Entities":[]}]',
        b'{"File":"x.pdf","Entities":[],"X":"\\ud800"}',
        b'{"File":"x.pdf\xff","Entities":[]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_out_file_is_kept_apart(bucket: Bucket, content: bytes) -> None:
    counts, records = published_out(bucket, content)
    assert (counts["UnparsedRecords"], counts["MissingDocuments"], records) == (1, 2, [])
