"""Copies of a direct execution's documents under unique names, since results name a document by its base name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import cast

from ..aws import Location
from ..contracts import Execution, InventoryEntry, ManifestLine
from .batch import SHARD_DOCUMENTS, copy_name

USD_PER_COPY = 0.000005
"""Price of one copy in S3 Standard (Amazon S3 pricing, COPY requests)."""


def place(execution: Execution, staging: Location) -> Location:
    """Return what the manifest and the copies of an execution lie under: the same each time it is asked."""
    begun = datetime.fromisoformat(execution["StartTime"])
    return staging / f"Direct-{begun:%Y%m%dT%H%M%S}-{hashlib.sha256(execution['Id'].encode()).hexdigest()[:16]}"


def renamed(entries: Iterable[InventoryEntry], target: Location) -> Iterator[InventoryEntry]:
    """Yield the entries under the names of their copies, and write the manifest of those; they need no claims."""
    left, number = iter(entries), 0
    while part := list(islice(left, SHARD_DOCUMENTS)):
        lines: list[ManifestLine] = []
        for entry in part:
            identity = hashlib.sha256(entry["Source"].encode()).hexdigest()
            line = cast(ManifestLine, {**entry, "File": copy_name(identity, entry["Source"]), "Identity": ""})
            lines.append(line)
        body = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
        (target / "manifest" / f"{number:05}.jsonl").write(body.encode())
        number += 1
        yield from lines
