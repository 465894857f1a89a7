"""Writes a report of 10,000 documents and 500,000 entities, and opens it in a headless Chromium.

The last line is one JSON object: ``documents``, ``entities``, ``megabytes``, ``open_s`` (until the page shows its
jobs), ``search_ms`` (from typing until a search of all entities shows what it found; the page waits for 150 of them)
and ``read_ms`` (until a document's text is marked).
"""

from __future__ import annotations

import gzip
import json
import random
import statistics
import tempfile
from pathlib import Path

import pytest

from bench.chromium import Browser, chromium
from comprehend_entities_cli.aws import Aws
from comprehend_entities_cli.command import Use
from comprehend_entities_cli.console import Screen
from comprehend_entities_cli.published import Choice
from comprehend_entities_cli.report import write_report
from comprehend_entities_cli.tables import opened
from tests.account import Account
from tests.aws import installed

DOCUMENTS, A_DOCUMENT = 10_000, 50
TYPES = ("PERSON", "LOCATION", "ORGANIZATION", "DATE", "QUANTITY", "EVENT", "TITLE", "COMMERCIAL_ITEM", "OTHER")
_DAY, _JOB = "2026-11-23", "5dfc"
_FILES = 10


def publish(account: Account) -> None:
    """Publish a job with texts of some 4,000 characters."""
    lot = random.Random(0)
    words = ["".join(lot.choices("abcdefghijklmnoprstuvwz", k=lot.randint(2, 9))) for _ in range(20_000)]
    names = [f"{lot.choice(words).title()} {lot.choice(words).title()}" for _ in range(60_000)]
    lines: list[list[str]] = [[] for _ in range(_FILES)]
    for number in range(DOCUMENTS):
        text, entities = "", []
        for _ in range(A_DOCUMENT):
            text += " ".join(lot.choices(words, k=10)) + " "
            name = names[min(int(lot.expovariate(1 / 9000)), len(names) - 1)]
            place = {"BeginOffset": len(text), "EndOffset": len(text) + len(name)}
            entities.append({**place, "Score": lot.random(), "Text": name, "Type": TYPES[len(name) % len(TYPES)]})
            text += name + ". "
        source = f"s3://in/input/{number:05}.txt"
        account.put(source, text.encode())
        record = {
            "JobId": _JOB,
            "LanguageCode": "en",
            "Source": source,
            "File": f"{number:05}.txt",
            "Entities": entities,
        }
        lines[number * _FILES // DOCUMENTS].append(json.dumps(record))
    for part, each in enumerate(lines):
        uri = f"s3://out/results/documents/job_date={_DAY}/{_JOB}-{part:05}.jsonl.gz"
        account.put(uri, gzip.compress("\n".join(each).encode(), 1))
    summary = {"Status": "COMPLETED", "ExecutionArn": "arn:x:monday", "Job": {"JobId": _JOB}, "Counts": {}}
    account.put(f"s3://out/results/summaries/job_date={_DAY}/{_JOB}.json", json.dumps(summary).encode())


def main() -> None:
    """Measure and print."""
    chromium()
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        account = Account()
        installed(patch, account)
        publish(account)
        use, path = Use(Aws(), Screen()), Path(folder) / "report.html"
        with opened(use, Choice(), "summaries", "documents") as found:
            told = write_report(use, found, path, texts=True, note="")
        with Browser() as page:
            opened_in = page.open(path.as_uri(), ready="document.querySelector('#view .card')")
            searches = [_search(page, text) for text in ("ada", "st", "xyzzy", "an", "")]
            page.evaluate("location.hash = '#document-9000'")
            read = page.evaluate(_until("document.querySelector('#document-9000 mark')"))
    answer = {
        "documents": told["Documents"],
        "entities": told["Entities"],
        "megabytes": round(told["Bytes"] / 1e6, 1),
        "open_s": round(opened_in, 2),
        "search_ms": round(statistics.median(searches)),
        "read_ms": round(read),
    }
    print(json.dumps(answer))


def _search(page: Browser, text: str) -> float:
    """Return the milliseconds from the end of typing until the rows are shown; the page waits for 150 of them."""
    page.evaluate("location.hash = '#entities'")
    begin = f"const box = document.getElementById('search'); box.value = {json.dumps(text)}; box.oninput();"
    changed = "document.querySelector('[role=status]') !== window.before"
    taken = page.evaluate(
        f"(() => {{ window.before = document.querySelector('[role=status]'); {begin} return {_until(changed)}; }})()"
    )
    return float(taken)


def _until(condition: str) -> str:
    return (
        "new Promise(done => { const begun = performance.now(); const look = () => "
        f"({condition}) ? done(performance.now() - begun) : setTimeout(look, 2); look(); }})"
    )


if __name__ == "__main__":
    main()
