"""Published results: their files in S3, copied to this machine to be read, and the summaries of jobs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .aws import Aws, error_code

_THREADS = 16


class Place(NamedTuple):
    """A bucket and a key."""

    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> Place:
        """Take ``s3://bucket/key`` apart."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return cls(bucket, key)


@dataclass(frozen=True)
class Choice:
    """A choice of results; all without any field.

    Attributes:
        job_ids: of these jobs only.
        since: the first day, as ``2026-11-23``.
        until: the last day.
    """

    job_ids: tuple[str, ...] = ()
    since: str = ""
    until: str = ""

    def takes(self, key: str) -> bool:
        """Return whether an object below a table's folder is meant: ``job_date=2026-11-23/<JobId>...``."""
        folder, _, name = key.rpartition("/")
        day = folder.rpartition("job_date=")[2]
        if (self.since and day < self.since) or (self.until and day > self.until):
            return False
        return not self.job_ids or name.startswith(self.job_ids)


def keys(aws: Aws, uri: str) -> Iterator[tuple[str, int]]:
    """Yield the key and the size of every object under a URI."""
    place = Place.of(uri)
    for page in aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=place.key):
        for item in page.get("Contents", []):
            yield item["Key"], item["Size"]


def read(aws: Aws, place: Place, version_id: str | None = None) -> bytes:
    """Return an object, or a version of it."""
    version = {"VersionId": version_id} if version_id else {}
    body: bytes = aws.client("s3").get_object(Bucket=place.bucket, Key=place.key, **version)["Body"].read()
    return body


def copy(
    aws: Aws, results_uri: str, table: str, choice: Choice, *, folder: Path, told: Callable[[int, int], None]
) -> list[Path]:
    """Copy the files of one table (``documents``, ``summaries``, ...) below a folder; return them.

    ``told`` gets the bytes copied until now, and all.
    """
    root = Place.of(results_uri)
    chosen = [item for item in keys(aws, f"{results_uri}{table}/") if choice.takes(item[0])]
    whole, done = sum(each for _, each in chosen), 0

    def one(item: tuple[str, int]) -> tuple[Path, int]:
        key, length = item
        path = folder / key.removeprefix(root.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        aws.client("s3").download_file(root.bucket, key, str(path))
        return path, length

    found = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for path, length in pool.map(one, chosen):
            done += length
            found.append(path)
            told(done, whole)
    return found


def summary(aws: Aws, outcome: Any) -> dict[str, Any] | None:
    """Return the summary of an outcome's job, or None if there is none or it may not be read."""
    uri = (outcome or {}).get("Result", {}).get("SummaryUri")
    if not uri:
        return None
    try:
        found: dict[str, Any] = json.loads(read(aws, Place.of(uri)))
    except Exception as error:
        if error_code(error) not in ("AccessDenied", "NoSuchKey"):
            raise
        return None
    return found
