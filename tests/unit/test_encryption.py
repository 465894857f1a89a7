"""What the functions write names the key of its bucket: organizations deny what names none."""

from __future__ import annotations

import json

import pytest

from entities_job.aws import Location
from entities_job.handlers import stage
from tests.aws import Aws
from tests.unit.lambda_context import CONTEXT

INPUT_KEY, OUTPUT_KEY = (f"arn:aws:kms:us-east-1:111122223333:key/{name}" for name in ("in", "out"))


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKET_KEYS", f"in={INPUT_KEY} out={OUTPUT_KEY}")


def test_an_object_is_put_under_the_key_of_its_bucket(aws: Aws) -> None:
    Location("in", "a").write(b"a")
    Location("out", "b").write_new(b"b")
    assert aws.keys == {"s3://in/a": INPUT_KEY, "s3://out/b": OUTPUT_KEY}


@pytest.mark.parametrize("keys", ["", f"out={OUTPUT_KEY}"])
def test_a_bucket_whose_key_is_unknown_encrypts_by_its_own_default(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, keys: str
) -> None:
    monkeypatch.setenv("BUCKET_KEYS", keys)
    Location("in", "a").write(b"a")
    assert aws.keys == {}


@pytest.mark.parametrize("versioned", [True, False])
def test_an_upload_is_copied_under_the_key_of_the_bucket(aws: Aws, versioned: bool) -> None:
    if versioned:
        aws.versioned.add("in")
    put = aws.put("s3://in/uploads/a.txt", b"Ada Lovelace " * 50)
    which = {"VersionId": put.id} if versioned else {"ETag": put.etag}
    line = {"Source": "s3://in/uploads/a.txt", "File": "a.txt", "Size": len(put.body), "Identity": "1", **which}
    manifest = Location("in", "staging/Uploads-20261126T120000-1/manifest/00000.jsonl")
    manifest.write(json.dumps(line).encode())
    stage.handler(
        {
            "Shard": manifest.uri,
            "ResultsUri": "s3://out/results/",
            "Execution": "Uploads-20261126T120000-1",
            "ClaimsUri": "s3://in/claims/",
        },
        CONTEXT,
    )
    assert aws.keys["s3://in/staging/Uploads-20261126T120000-1/documents/a.txt"] == INPUT_KEY
