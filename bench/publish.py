"""Publishing archives as the service might write them, beside ``gzip -dc`` and beside the naive way, each on its own.

Every measurement has a process of its own, so that its peak of memory is its own, too; S3 is a folder in place of a
network. The last line is one JSON object.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import resource
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Annotated, Any, NamedTuple
from unittest.mock import patch

import typer
from botocore.exceptions import ClientError
from rich.console import Console
from rich.progress import track
from rich.table import Table

from entities_job.aws import Location
from entities_job.contracts import InventoryEntry, Job, PublishResultInput
from entities_job.handlers import publish_result
from entities_job.publish import inventory
from tests.payloads import RUN, SETTINGS

ARCHIVE = "s3://out/output.tar.gz"
INVENTORY = "s3://out/inventory.jsonl.gz"
DISTINCT = 2_000
"""Documents of different content in an archive; those that follow repeat them under other names."""
TYPES = ("PERSON", "LOCATION", "ORGANIZATION", "COMMERCIAL_ITEM", "EVENT", "DATE", "QUANTITY", "TITLE", "OTHER")
CONTEXT: Any = SimpleNamespace(
    function_name="f",
    memory_limit_in_mb=1,
    invoked_function_arn="a",
    aws_request_id="r",
    get_remaining_time_in_millis=lambda: 900_000,
)


class Case(NamedTuple):
    """An archive to publish: so many documents, how each is made, whether each has a file, and how often to measure."""

    name: str
    documents: int
    entities: int
    out_files: bool = False
    rounds: int = 1
    naive: bool = True


def cases(gigabytes: float) -> dict[str, Case]:
    """The cases, where the main one has so many gigabytes."""
    documents = round(gigabytes * 1e9 / 4_600)
    return {
        "small": Case("documents", documents // 10, 40),
        "main": Case("documents", documents, 40, rounds=3),
        "large": Case("documents", documents * 5, 40, naive=False),
        "tiny": Case("tiny documents", round(gigabytes * 1e6), 1),
        "huge": Case("100,000 entities", 1, 100_000),
        "out": Case(".out files", round(gigabytes * 400), 10, out_files=True),
    }


class Folder:
    """S3 and EventBridge as a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def get_object(self, *, Bucket: str, Key: str, Range: str = "bytes=0-", **_: str) -> dict[str, Any]:
        if not (self._root / Key).exists():
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        body = (self._root / Key).open("rb")
        body.seek(int(Range[6:-1]))
        return {"Body": body, "ETag": "e"}

    def head_object(self, *, Bucket: str, Key: str) -> None:
        if not (self._root / Key).exists():
            raise ClientError({"Error": {"Code": "404"}}, "HeadObject")

    def delete_object(self, *, Bucket: str, Key: str) -> None:
        (self._root / Key).unlink(missing_ok=True)

    def put_object(self, *, Bucket: str, Key: str, Body: Any, **_: str) -> None:
        path = self._root / Key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            shutil.copyfileobj(io.BytesIO(Body) if isinstance(Body, bytes) else Body, file)

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        return {"FailedEntryCount": 0}


def entities(chance: random.Random, count: int) -> list[dict[str, Any]]:
    """So many entities, in the order in which they might stand in a text, with scores as the service gives them."""
    found, at = [], 0
    for _ in range(count):
        text = " ".join("".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))).title() for _ in range(2))
        at += chance.randint(3, 150)
        score = round(1 - chance.random() ** 4 / 2, 16)
        kind = chance.choice(TYPES)
        found.append({"BeginOffset": at, "EndOffset": at + len(text), "Score": score, "Text": text, "Type": kind})
    return found


def results(case: Case) -> Iterator[tuple[str, bytes]]:
    """Names of documents, and what the service says of each."""
    chance = random.Random(case.entities)
    least = 0 if case.documents > 1 else case.entities
    counts = (chance.randint(least, 2 * case.entities - least) for _ in range(min(DISTINCT, case.documents)))
    found = [entities(chance, count) for count in counts]
    if case.out_files:
        heads = [scanned(each) for each in found]
    else:
        heads = [json.dumps({"Entities": each})[:-1].encode() for each in found]
    for number in range(case.documents):
        name = f"document-{number:08}.{'pdf' if case.out_files else 'txt'}"
        yield name, b'%b, "File": "%b"}\n' % (heads[number % len(heads)], name.encode())


def scanned(found: list[dict[str, Any]]) -> bytes:
    """A page of a scanned document, whose Blocks are most of it."""
    corner = {"X": 0.7305145263671875, "Y": 0.05143744498491287}
    place = {"BoundingBox": {"Width": 0.0123, "Height": 0.0456, "Left": 0.1, "Top": 0.2}, "Polygon": [corner] * 4}
    blocks = [
        {"Id": f"{n:036}", "BlockType": "WORD", "Text": "word", "Geometry": place, "Page": 1} for n in range(1_500)
    ]
    references = [{"BlockId": f"{1:036}", "BeginOffset": 0, "EndOffset": 4, "ChildBlocks": []}]
    page = {"Entities": [{**each, "BlockReferences": references} for each in found], "Blocks": blocks}
    return json.dumps(page)[:-1].encode()


def make(case: Case, root: Path) -> int:
    """Make a case's archive and the inventory of its job; returns the bytes of its records."""
    names: list[str] = []
    size = 0
    level = 6 if case.naive else 1
    with (
        tempfile.TemporaryFile(dir=root) as held,
        gzip.open(root / "output.tar.gz", "wb", level) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        for name, content in results(case):
            names.append(name)
            size += len(content)
            if case.out_files:
                tar.addfile(member(f"{name}_ScannedPDF.out", len(content)), io.BytesIO(content))
            else:
                held.write(content)
        if not case.out_files:
            held.seek(0)
            tar.addfile(member("output", size), held)
    entries: Iterator[InventoryEntry] = (
        {"File": name, "Source": f"s3://in/input/{name}", "Size": 5_000} for name in names
    )
    with patch("boto3.client", lambda *_, **__: Folder(root)):
        inventory.write(Location.of(INVENTORY), entries)
    return size


def member(name: str, size: int) -> tarfile.TarInfo:
    """The header of a file in an archive."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def published(case: Case, root: Path) -> None:
    """Publish the archive as the function does."""
    job: Job = {
        "JobId": "0123456789abcdef0123456789abcdef",
        "JobStatus": "COMPLETED",
        "SubmitTime": "2026-01-01T00:00:00+00:00",
        "LanguageCode": "en",
        "InputDataConfig": {"S3Uri": "s3://in/input/"},
        "OutputDataConfig": {"S3Uri": ARCHIVE},
    }
    event: PublishResultInput = {
        "Job": job,
        "Inventory": {"Uri": INVENTORY, "Documents": case.documents, "Files": case.documents, "Bytes": 0},
        "Estimate": {"Units": 1, "CostUsd": 0.0001},
        "Warnings": [],
        "Settings": SETTINGS,
        "Execution": RUN,
        "Polls": 1,
        "LagSeconds": 1.0,
        "StopCode": None,
    }
    os.environ.update(EVENT_BUS_NAME="default", POWERTOOLS_METRICS_DISABLED="true", WORK_URI="s3://out/work/")
    # As if no round before had published it.
    shutil.rmtree(root / "results", ignore_errors=True)
    shutil.rmtree(root / "work", ignore_errors=True)
    with patch("boto3.client", lambda *_, **__: Folder(root)):
        outcome = publish_result.handler(event, CONTEXT)["Outcome"]
    assert (outcome["Status"], outcome["Counts"]["Documents"]) == ("COMPLETED", case.documents), outcome


def naive(case: Case, root: Path) -> None:
    """Download, extract, load all records, write them with their job's fields."""
    shutil.copy(root / "output.tar.gz", root / "copy.tar.gz")
    with tarfile.open(root / "copy.tar.gz") as tar:
        tar.extractall(root / "extracted", filter="data")
    records = []
    for path in sorted((root / "extracted").iterdir()):
        with path.open(encoding="utf-8") as file:
            records += [json.loads(line) for line in file]
    assert len(records) == case.documents
    with gzip.open(root / "naive.jsonl.gz", "wt", 1, encoding="utf-8") as packed:
        for record in records:
            packed.write(json.dumps({"JobId": "x", "Source": f"s3://in/input/{record['File']}", **record}) + "\n")


def measured(way: Callable[[Case, Path], None], case: Case, root: Path) -> tuple[float, float]:
    """Seconds that a way takes, and the megabytes that this process has needed at most."""
    begun = time.perf_counter()
    way(case, root)
    return time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def alone(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call in a process of its own."""
    # Forked off a process that has only imported this module: its peak is that of the work, as if it were spawned.
    with ProcessPoolExecutor(1, mp_context=get_context("forkserver")) as process:
        return process.submit(call, *arguments).result()


def gzip_seconds(root: Path) -> float:
    """Time and memory of ``gzip -dc``."""
    begun = time.perf_counter()
    subprocess.run(["gzip", "-dc", root / "output.tar.gz"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def measure(case: Case, root: Path) -> dict[str, float]:
    """The figures of a case; of several rounds the medians, and the highest peak."""
    size = alone(make, case, root) / 1e6
    figures = {"megabytes": size}
    for prefix, way, count in (("", published, case.rounds), ("naive_", naive, int(case.naive))):
        rounds = []
        for _ in range(count):
            before = gzip_seconds(root)
            seconds, peak = alone(measured, way, case, root)
            rounds.append((size / seconds, (before + gzip_seconds(root)) / 2 / seconds, peak))
        if rounds:
            speeds, ratios, peaks = zip(*rounds, strict=True)
            figures[f"{prefix}mb_per_second"], figures[f"{prefix}ratio_to_gzip"] = median(speeds), median(ratios)
            figures[f"{prefix}peak_mb"] = max(peaks)
    return figures


def main(gigabytes: Annotated[float, typer.Option(help="of records in the main case")] = 1.0) -> None:
    """Measure publishing at every size."""
    columns = "archive of", "MB", "MB/s", "to gzip", "peak MB", "naive MB/s", "to gzip", "peak MB"
    table = Table(*columns, title="Publishing, its ratio to gzip -dc, and the naive way")
    found: dict[str, dict[str, float]] = {}
    for name, case in track(cases(gigabytes).items(), "Publishing", console=Console(stderr=True), transient=True):
        with tempfile.TemporaryDirectory() as folder:
            figures = found[name] = measure(case, Path(folder))
        table.add_row(case.name, *(f"{value:,.2f}" if value < 10 else f"{value:,.0f}" for value in figures.values()))
    Console().print(table)
    names = "ratio_to_gzip", "peak_mb", "naive_ratio_to_gzip", "naive_peak_mb"
    last = {name: found["main"][name] for name in names} | {"peak_mb_5gb": found["large"]["peak_mb"]}
    print(json.dumps({name: round(value, 3) for name, value in last.items()}))


if __name__ == "__main__":
    typer.run(main)
