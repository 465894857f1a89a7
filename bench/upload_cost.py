"""The price of running uploads beside their analysis, for 1,000 documents, by the size of a batch.

Calls are counted while the real dispatcher and staging work on an account in memory; states are counted from the
machine's path, with completion events. Prices are those of us-east-1, first tier.
"""

from __future__ import annotations

import json

import pytest
from rich.console import Console
from rich.table import Table

from entities_job.contracts import DispatcherSettings, QueueRecord, StageInput
from entities_job.handlers import dispatch_uploads, stage
from entities_job.request.limits import USD_PER_UNIT, units
from entities_job.uploads import account
from entities_job.uploads.batch import SHARD_DOCUMENTS
from tests.aws import MACHINE, installed
from tests.unit.lambda_context import CONTEXT

SIZES = (1, 10, 100, 1_000, 10_000)
PRICES = {
    "S3 writes, copies and lists": 0.005 / 1000,
    "S3 reads": 0.0004 / 1000,
    "S3 data events": 1.00 / 1e6,
    "SQS requests": 0.40 / 1e6,
    "state transitions": 0.025 / 1000,
    "Lambda invocations": 0.20 / 1e6,
    "Lambda GB-seconds": 0.0000133334,
}
"""US dollars for one of each."""
S3_WRITES, S3_READS = ("PutObject", "CopyObject"), ("GetObject",)
SQS = (
    "ReceiveMessage",
    "DeleteMessageBatch",
    "ChangeMessageVisibilityBatch",
    "GetQueueAttributes",
    "SendMessage",
)
BEFORE_THE_JOB = ("BatchOfUploads", "StageBatch", "AnythingStaged", "InspectInput", "StartJob")
STATES_A_JOB = (*BEFORE_THE_JOB, "PublishResult", "Published", "JobEnded")
STATES_A_LOOK = ("WaitForJob", "PollJob", "JobStatus")
LOOKS_A_JOB = 2
"""The early one, and the one that the event of the output asks for (docs/completion.md)."""

SECONDS_A_CALL, THREADS = 0.03, 16
"""Assumed: what a call takes, and how many are made at once where there are many."""
GB = {"large": 1.769, "small": 0.25}


def calls(documents: int) -> dict[str, int]:
    """Calls that one batch causes in the dispatcher and in staging."""
    settings: DispatcherSettings = {
        "StateMachineArn": MACHINE,
        "StagingUri": "s3://in/staging/",
        "ClaimsUri": "s3://in/claims/",
        "WakeQueueUrl": "wake",
        "MaximumActiveJobs": 10,
        "Triggers": {
            "Uploads": {
                "Prefix": "uploads/",
                "Queue": "q",
                "Request": {},
                "Suffixes": [],
                "Custom": False,
                "ByLine": False,
                "Limits": {"Documents": 100_000, "Bytes": 5 * 1024**3},
            }
        },
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPLOADS", json.dumps(settings))
        aws = installed(patch)
        aws.versioned.add("in")
        for number in range(documents):
            version = aws.put(f"s3://in/uploads/{number}.txt", b"x" * 1000).id
            item = {"key": f"uploads/{number}.txt", "size": 1000, "version-id": version}
            aws.send("q", json.dumps({"bucket": {"name": "in"}, "object": item}))
        patch.setattr(account.time, "time", lambda: aws.clock)
        wake: QueueRecord = {
            "messageId": "1",
            "body": json.dumps({"Trigger": "Uploads"}),
            "attributes": {"SentTimestamp": str(int(aws.clock * 1000))},
        }
        for _ in range(3):
            # The first look, the one that starts the batch, and the one that finds nothing left.
            dispatch_uploads.handler({"Records": [wake]}, CONTEXT)
            aws.clock += 20
        for uri in [uri for uri in aws.uris("s3://in/staging/") if "/manifest/" in uri]:
            given: StageInput = {
                "Shard": uri,
                "Execution": uri.split("/")[4],
                "ClaimsUri": "s3://in/claims/",
                "ResultsUri": "s3://out/results/",
            }
            stage.handler(given, CONTEXT)
        return dict(aws.calls)


def quantities(documents: int) -> dict[str, float]:
    """Everything that is paid for in one batch."""
    counted, shards = calls(documents), -(-documents // SHARD_DOCUMENTS)
    writes = sum(counted.get(name, 0) for name in S3_WRITES)
    reads = sum(counted.get(name, 0) for name in S3_READS)
    # Two messages an upload, and the wakes' own way through the event source, ten in a request.
    sqs = sum(counted.get(name, 0) for name in SQS) + 2 * documents + 2 * -(-documents // 10)
    seconds = (sum(counted.values()) + shards + documents / 1000) * SECONDS_A_CALL / min(THREADS, max(1, documents))
    # AwaitOutput runs twice: it keeps the token, and wakes the execution with it.
    invocations = 3 + shards + 3 + LOOKS_A_JOB + 2
    return {
        # What the service lists and reads is its own; ours are lists, publishing and the token.
        "S3 writes, copies and lists": writes + 5 + 2 * -(-documents // 1000),
        "S3 reads": reads + shards + 5,
        # Both buckets send an event of every object to EventBridge, which bills them as opt-in data events.
        "S3 data events": documents + writes + 5,
        "SQS requests": sqs,
        "state transitions": len(STATES_A_JOB) + shards + LOOKS_A_JOB * len(STATES_A_LOOK),
        "Lambda invocations": invocations,
        "Lambda GB-seconds": seconds * GB["large"] + (invocations - 3 - shards) * 0.5 * GB["small"],
    }


def main() -> None:
    """Print the table of docs/uploads.md."""
    table = Table("US dollars for 1,000 documents", *(f"{size:,} a batch" for size in SIZES))
    used = [quantities(size) for size in SIZES]
    rows = {
        name: [each[name] * price / size * 1000 for each, size in zip(used, SIZES, strict=True)]
        for name, price in PRICES.items()
    }
    for name, row in rows.items():
        table.add_row(name, *(f"{value:.4f}" for value in row))
    totals = [sum(column) for column in zip(*rows.values(), strict=True)]
    table.add_row("[bold]all of it", *(f"{value:.4f}" for value in totals))
    analysis = units(300) * USD_PER_UNIT["built-in"] * 1000
    table.add_row("analysis, at least", *(f"{analysis:.4f}" for _ in SIZES))
    Console(width=120).print(table)
    print(
        json.dumps(
            {f"usd_per_1000_documents_{size}": round(total, 5) for size, total in zip(SIZES, totals, strict=True)}
        )
    )


if __name__ == "__main__":
    main()
