"""Documents whose base names repeat, with ``unique_names=True``: each keeps its source, and uploads go on as before."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.rehearsal import Rehearsal
from tests.rehearsal.conftest import CLOCK_SCALE
from tests.rehearsal.deployed import TEXT, Deployed, synthesize
from tests.rehearsal.test_uploads import eventually, published


@pytest.fixture(scope="module")
def unique() -> Iterator[Deployed]:
    """A workflow with unique names."""
    with tempfile.TemporaryDirectory() as folder, Rehearsal(Path(folder), clock_scale=CLOCK_SCALE) as running:
        app = synthesize(Path(folder) / "cdk.out", name="Unique", props=lambda stack: {"unique_names": True})
        yield Deployed(running, running.stacks.deploy(app, "Unique"))


def test_repeated_base_names_keep_their_source_and_uploads_go_on(unique: Deployed) -> None:
    uri = unique.put({"a/README.md": TEXT * 9, "b/README.md": TEXT * 8, "c/é + %2e.txt": TEXT * 7})
    ended = unique.run({"InputDataConfig": {"S3Uri": uri}})
    assert ended.output["Status"] == "COMPLETED", ended.output
    records = unique.records(ended.output)
    found = sorted(record["Source"].removeprefix(uri) for record in records)
    assert found == ["a/README.md", "b/README.md", "c/é + %2e.txt"]
    bucket = unique.outputs["InputBucket"]
    unique.rehearsal.client("s3").put_object(Bucket=bucket, Key="uploads/beside/one.txt", Body=TEXT * 9)
    eventually(lambda: published(unique, "documents", "uploads/beside/"), count=1)
