"""Runs books and many small documents through the Comprehend emulator's own code, and says how much memory that takes.

The last line is one JSON object: ``peak_mb`` of the larger run (the limit is 1,536), ``documents_per_s`` of 5,000 small
documents, and ``megabytes_per_s`` of 30 MB of books.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import IO, Any

from local.comprehend.aws import StoredObject
from local.comprehend.jobs import Job
from local.comprehend.runner import analyze, write_result
from local.comprehend.settings import Settings

SAMPLES = Path(__file__).parents[1] / "local" / "samples" / "en"
MB = 1024 * 1024


class _Access:
    """A role's access to documents that are made when they are read."""

    def __init__(self, body: Callable[[str], bytes]) -> None:
        self._body = body
        self.written = 0

    def get_object(self, bucket: str, key: str) -> tuple[bytes, dict[str, str]]:
        return self._body(key), {}

    def put_object(self, bucket: str, key: str, content: IO[bytes] | bytes, kms_key_id: str | None = None) -> None:
        self.written = len(content) if isinstance(content, bytes) else content.seek(0, 2)


def book(key: str, size: int) -> bytes:
    """Return a text of about so many bytes: sentences of the samples, in another order for each key."""
    lot = random.Random(key)
    sentences = [part for path in sorted(SAMPLES.iterdir()) for part in path.read_text("utf-8").split(". ")]
    text, length = [], 0
    while length < size:
        text.append(lot.choice(sentences) + lot.choice((". ", ". ", ".\n\n")))
        length += len(text[-1].encode())
    return "".join(text).encode()[:size].decode("utf-8", "ignore").encode()


def run(documents: int, size: int) -> tuple[float, float]:
    """Analyse so many documents of a size in a process of its own; return its peak in MB, and the seconds."""
    with get_context("spawn").Pool(1) as pool:
        peak, seconds = pool.apply(_measured, (documents, size))
    return peak, seconds


def _measured(documents: int, size: int) -> tuple[float, float]:
    request: dict[str, Any] = {
        "LanguageCode": "en",
        "InputDataConfig": {"S3Uri": "s3://in/input/", "InputFormat": "ONE_DOC_PER_FILE"},
        "OutputDataConfig": {"S3Uri": "s3://out/jobs/"},
    }
    job = Job(
        job_id="1",
        arn="arn",
        account="111122223333",
        region="us-east-1",
        request=request,
        output_uri="s3://out/jobs/1/output/output.tar.gz",
        recognizer=None,
    )
    access: Any = _Access(lambda key: book(key, size))
    objects = [StoredObject(f"input/{number}.txt", size) for number in range(documents)]
    begun = time.monotonic()
    result = analyze(job, access, objects, Settings())
    write_result(job, access, result, result.documents)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kilobytes, macOS bytes.
    return peak / (MB if sys.platform == "darwin" else 1024), time.monotonic() - begun


def main(books: int = 30, documents: int = 5000) -> None:
    """Measure and print."""
    book_peak, book_seconds = run(books, MB)
    small_peak, small_seconds = run(documents, 1000)
    answer = {
        "peak_mb": round(max(book_peak, small_peak)),
        "documents_per_s": round(documents / small_seconds, 1),
        "megabytes_per_s": round(books / book_seconds, 3),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
