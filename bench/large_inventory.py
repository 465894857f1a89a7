"""The inventory of 1,000,000 objects, listed as S3 answers it, within the memory and time of the functions.

``python -m bench.large_inventory [objects]`` has InspectInput's own code list, count and check an input of so many
objects, and PublishResult's own code open the inventory, each in a process of its own as a function runs. botocore
parses the XML of each page; only the network is left out. Seconds are those of the processor. The last line is one
JSON object.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import re
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

OBJECTS = 1_000_000
PAGE = 1000
MEMORY_MEGABYTES = {"InspectInput": 1769, "PublishResult": 3008}
"""What the functions have (constructs/cdk_comprehend_entities/_functions.py)."""
SECONDS = 900
TEXT = b"Ada Lovelace wrote to Charles Babbage from London in 1843. " * 5


class Bucket:
    """S3 as it answers botocore: a listing of many objects, their heads, and what is put."""

    def __init__(self, objects: int) -> None:
        self._objects = objects
        self.put: dict[str, bytes] = {}

    def answer(self, request: Any, **_: Any) -> Any:
        """Answer a request before it is sent (botocore's event ``before-send``)."""
        from botocore.awsrequest import AWSResponse, HeadersDict

        parts = urlsplit(request.url)
        key = parts.path.rpartition("/")[2]
        body, status = b"", 200
        if request.method == "PUT":
            given: Any = request.body
            self.put[key] = given if isinstance(given, bytes) else given.read()
        elif "list-type" in parts.query:
            body = self._page(parse_qs(parts.query))
        else:
            body, status = (self.put[key], 200) if key in self.put else (TEXT, 206)
        headers: Any = HeadersDict({"Content-Length": str(len(body)), "Content-Type": "application/xml", "ETag": '"1"'})
        return AWSResponse(request.url, status, headers, _Raw(body))

    def _page(self, query: dict[str, list[str]]) -> bytes:
        start = int(query.get("continuation-token", ["0"])[0])
        end = min(start + PAGE, self._objects)
        items = "".join(
            f"<Contents><Key>input/{number // 1000:04}/letter-{number:07}.txt</Key>"
            f'<LastModified>2026-11-26T12:00:00.000Z</LastModified><ETag>"{number:032x}"</ETag>'
            f"<Size>{len(TEXT)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for number in range(start, end)
        )
        more = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < self._objects else ""
        cut = str(end < self._objects).lower()
        return f"<ListBucketResult><IsTruncated>{cut}</IsTruncated>{more}{items}</ListBucketResult>".encode()


class _Raw(io.BytesIO):
    def stream(self, *_: object, **__: object) -> list[bytes]:
        """Return the body, as urllib3 streams it."""
        return [self.read()]


def _connected(bucket: Bucket) -> None:
    import os

    os.environ |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    # Otherwise what is put comes in the chunks of a checksum.
    os.environ["AWS_REQUEST_CHECKSUM_CALCULATION"] = "when_required"
    from entities_job import aws

    aws.s3().meta.events.register("before-send.s3", bucket.answer)


def inspect(objects: int, folder: Path) -> int:
    """List, count and check the input; keep the inventory. Return how many documents there are."""
    from entities_job.aws import Location
    from entities_job.publish import inventory
    from entities_job.request.inspection import THREADS, Inspection
    from tests.payloads import SETTINGS

    bucket = Bucket(objects)
    _connected(bucket)
    request = {**SETTINGS["Request"], "InputDataConfig": {"S3Uri": "s3://in/input/", "InputFormat": "ONE_DOC_PER_FILE"}}
    with ThreadPoolExecutor(THREADS) as pool:
        inspection = Inspection(request, SETTINGS, pool)  # type: ignore[arg-type]  # a spread
        inventory.write(Location("out", "inventory.jsonl.gz"), inspection.entries())
        inspection.check()
    (folder / "inventory.jsonl.gz").write_bytes(bucket.put["inventory.jsonl.gz"])
    return inspection.tally.documents


def publish(objects: int, folder: Path) -> int:
    """Open the inventory and account for every document, in another order. Return how many there are."""
    from entities_job.aws import Location
    from entities_job.publish.inventory import opened

    bucket = Bucket(objects)
    bucket.put["inventory.jsonl.gz"] = (folder / "inventory.jsonl.gz").read_bytes()
    _connected(bucket)
    with opened(Location("out", "inventory.jsonl.gz")) as inventory:
        for number in reversed(range(0, objects, 7)):
            inventory.claim(f"letter-{number:07}.txt", None)
        missing = sum(1 for _ in inventory.missing())
    return missing + len(range(0, objects, 7))


def _measured(step: str, objects: int, folder: Path, told: Connection) -> None:
    begun = time.process_time()
    documents = {"InspectInput": inspect, "PublishResult": publish}[step](objects, folder)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told.send((documents, time.process_time() - begun, kilobytes / 1024))


def main() -> None:
    """Run both steps, and print seconds and megabytes of each."""
    import tempfile

    objects = int(sys.argv[1]) if len(sys.argv) > 1 else OBJECTS
    figures: dict[str, float] = {"objects": objects}
    fits = True
    with tempfile.TemporaryDirectory() as folder:
        for step, memory in MEMORY_MEGABYTES.items():
            ours, theirs = multiprocessing.Pipe()
            process = multiprocessing.get_context("spawn").Process(
                target=_measured, args=(step, objects, Path(folder), theirs)
            )
            process.start()
            # Whoever holds the other end ends the wait.
            theirs.close()
            documents, seconds, megabytes = ours.recv()
            process.join()
            print(f"{step}: {documents:,} documents, {seconds:.0f} of {SECONDS} s, {megabytes:,.0f} of {memory:,} MB")
            name = re.sub("([a-z])([A-Z])", r"\1_\2", step).lower()
            figures |= {f"{name}_seconds": round(seconds, 1), f"{name}_megabytes": round(megabytes)}
            fits = fits and documents == objects and seconds < SECONDS and megabytes < memory
    print(json.dumps({**figures, "fits": fits}))
    sys.exit(not fits)


if __name__ == "__main__":
    main()
