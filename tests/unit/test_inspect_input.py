"""InspectInput against a bucket in memory: what lies under the prefix, counted and judged before the start."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.response import StreamingBody

from entities_job import aws
from entities_job.errors import RequestRefused
from entities_job.handlers import inspect_input
from tests.unit.lambda_context import CONTEXT

SETTINGS: dict[str, Any] = {
    "Request": {
        "LanguageCode": "en",
        "DataAccessRoleArn": "arn:aws:iam::111122223333:role/data",
        "InputDataConfig": {"InputFormat": "ONE_DOC_PER_FILE"},
        "OutputDataConfig": {"S3Uri": "s3://out-bucket/jobs/"},
    },
    "InputUris": ["s3://in-bucket/input/", "s3://in-bucket/staging/"],
    "StagingUri": "s3://in-bucket/staging/",
    "WorkUri": "s3://out-bucket/work/",
    "AllowedOverrides": ["EntityRecognizerArn"],
    "AcceptedValues": [],
    "Limits": {},
}
RECOGNIZER = "arn:aws:comprehend:us-east-1:111122223333:entity-recognizer/r"


class Bucket:
    """The two buckets in one: listing in pages of two, objects as streams."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_objects_v2"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        found = [{"Key": k, "Size": len(v)} for k, v in sorted(self.objects.items()) if k.startswith(Prefix)]
        for begin in range(0, max(1, len(found)), 2):
            yield {"Contents": found[begin : begin + 2]} if found else {}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        body = self.objects[Key]
        return {"Body": StreamingBody(io.BytesIO(body), len(body))}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:
        self.objects[Key] = Body


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    made = Bucket()
    monkeypatch.setattr(aws, "s3", lambda: made)
    return made


def inspect(bucket: Bucket, key: str = "input/a/", **request: Any) -> dict[str, Any]:
    data = {"S3Uri": f"s3://in-bucket/{key}", **request.pop("data", {})}
    event = {"Input": {"InputDataConfig": data, **request}, "Settings": SETTINGS, "Execution": {"Name": "run"}}
    return inspect_input.handler(event, CONTEXT)


def listed(bucket: Bucket) -> list[dict[str, Any]]:
    body = bucket.objects["work/run/inventory.jsonl.gz"]
    return [json.loads(line) for line in gzip.decompress(body).splitlines()]


def test_every_file_below_the_prefix_is_in_the_inventory(bucket: Bucket) -> None:
    bucket.objects = {"input/a/": b"", "input/a/é 1.txt": b"x" * 400, "input/a/b/2.txt": b"y" * 1000, "input/ab": b"z"}
    found = inspect(bucket)
    assert found["Inventory"] == {
        "Uri": "s3://out-bucket/work/run/inventory.jsonl.gz",
        "Documents": 2,
        "Files": 2,
        "Bytes": 1400,
    }
    assert found["Estimate"] == {"Units": 14, "CostUsd": 0.0014}
    assert listed(bucket) == [
        {"File": "2.txt", "Source": "s3://in-bucket/input/a/b/2.txt", "Size": 1000},
        {"File": "é 1.txt", "Source": "s3://in-bucket/input/a/é 1.txt", "Size": 400},
    ]


def test_one_whole_object_may_be_named_but_no_part_of_a_name(bucket: Bucket) -> None:
    bucket.objects = {"input/a/1": b"x" * 600, "input/a/10": b"x" * 600}
    with pytest.raises(RequestRefused, match="would also take input/a/10"):
        inspect(bucket, "input/a/1")
    assert inspect(bucket, "input/a/10")["Inventory"]["Documents"] == 1


@pytest.mark.parametrize(
    ("text", "lines"),
    [(b"a\nb\n", 2), (b"a\nb", 2), (b"a\r\nb\r\n", 2), (b"a\rb\r", 2), (b"a\n\nb\n", 3), (b"\xe2\x80\xa8\n", 1)],
)
def test_lines_end_in_lf_cr_or_crlf(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, text: bytes, lines: int) -> None:
    bucket.objects = {"input/a/1.txt": text, "input/a/2.txt": b"x" * 600}
    inspect(bucket, data={"InputFormat": "ONE_DOC_PER_LINE"})
    assert [entry["Lines"] for entry in listed(bucket)] == [lines, 1]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_lines_are_counted_the_same_wherever_the_stream_is_cut(bucket: Bucket, size: int) -> None:
    text = "é one\r\ntwo\rthree\n\r\nfive".encode()
    body = StreamingBody(io.BytesIO(text), len(text))
    chunks = body.iter_chunks(size)
    cut = SimpleNamespace(get_object=lambda **_: {"Body": SimpleNamespace(iter_chunks=lambda _: chunks)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspect_input, "client", lambda name: cut)
        tally = inspect_input.Tally(custom=False, by_line=True)
        assert inspect_input._lines("b", "k", tally) == (5, 15)
    assert tally.warnings == []


def test_what_is_not_utf8_is_warned_of(bucket: Bucket) -> None:
    bucket.objects = {"input/a/1.txt": "é".encode("latin-1") * 600}
    assert "is not UTF-8" in inspect(bucket)["Warnings"][0]["Warning"]
    lines = inspect(bucket, data={"InputFormat": "ONE_DOC_PER_LINE"})
    assert "is not UTF-8 throughout" in lines["Warnings"][0]["Warning"]


def test_a_character_that_the_spot_check_cuts_in_two_is_no_fault(bucket: Bucket) -> None:
    bucket.objects = {"input/a/1.txt": b"x" + "é".encode() * 64 * 1024}
    assert inspect(bucket)["Warnings"] == []


def test_a_custom_recognizer_has_its_own_price_and_no_least_size(bucket: Bucket) -> None:
    bucket.objects = {"input/a/1.txt": b"x" * 100}
    assert inspect(bucket, EntityRecognizerArn=RECOGNIZER)["Estimate"] == {"Units": 3, "CostUsd": 0.0015}


def test_a_staged_batch_names_the_originals_and_knows_its_padding(bucket: Bucket) -> None:
    place = "staging/Uploads-x-1/"
    original = {"File": "ab-1.txt", "Source": "s3://in-bucket/uploads/1.txt", "VersionId": "v7", "Size": 5}
    padding = {
        "File": "padding.txt",
        "Source": f"s3://in-bucket/{place}documents/padding.txt",
        "Size": 600,
        "Padding": True,
    }
    bucket.objects = {
        f"{place}manifest/00000.jsonl": json.dumps(original).encode(),
        f"{place}manifest/padding.json": json.dumps(padding).encode(),
        f"{place}documents/ab-1.txt": b"12345",
        f"{place}documents/padding.txt": b"x" * 600,
    }
    found = inspect(bucket, f"{place}documents/")
    assert (found["Inventory"]["Documents"], found["Inventory"]["Files"]) == (1, 2)
    assert listed(bucket) == [original, padding]


def test_refusals_name_all_limits_at_once(bucket: Bucket) -> None:
    bucket.objects = {f"input/a/{number}.pdf": b"x" for number in range(501)}
    with pytest.raises(RequestRefused, match="at most 500 files"):
        inspect(bucket, EntityRecognizerArn=RECOGNIZER)


def test_a_million_objects_are_listed_in_little_memory(monkeypatch: pytest.MonkeyPatch, bucket: Bucket) -> None:
    def pages(Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        for page in range(1000):
            yield {"Contents": [{"Key": f"input/a/{page:04}-{n:03}.txt", "Size": 300} for n in range(1000)]}

    monkeypatch.setattr(inspect_input, "_SPOT_CHECKS", 0)
    monkeypatch.setattr(bucket, "_pages", pages)
    assert inspect(bucket)["Inventory"]["Documents"] == 1_000_000
    assert len(bucket.objects["work/run/inventory.jsonl.gz"]) < 30_000_000
