"""Many executions at once, and many uploads, on the local AWS.

``python -m bench.load [executions] [uploads]`` starts the executions together, under the service's quota of 10 active
jobs, and waits for the last one; then it puts the uploads under a trigger, and waits until each has a published
record. ``peak_mb`` is the memory of the largest process: MiniStack, the Comprehend emulator, or a function. The last
line is one JSON object.
"""

from __future__ import annotations

import gzip
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

from cdk_comprehend_entities import EntitiesDetectionWorkflow, ExecutionLimits
from local.rehearsal import Rehearsal
from local.waiting import wait_until

EXECUTIONS, UPLOADS = 1_000, 100_000
CLOCK_SCALE = 0.25
"""Two cores run the functions of all executions within the pauses between their attempts to start.

At 0.04, beside a test run, the local AWS rejected so many calls of functions that some executions had no retries left.
"""
JOB_SECONDS = 24.0
TEXT = b"Ada Lovelace wrote to Charles Babbage from London in 1843. " * 10
PATIENCE_SECONDS = 2 * 3600


def assembly(folder: Path) -> Path:
    """The synthesized stack."""
    app = cdk.App(outdir=str(folder))
    stack = cdk.Stack(app, "Load")
    # The last of them waits for longer than the default of 12 hours, on the emulator's clock.
    limits = ExecutionLimits(slot_duration=cdk.Duration.days(10))
    workflow = EntitiesDetectionWorkflow(stack, "Entities", limits=limits, removal_policy=cdk.RemovalPolicy.DESTROY)
    workflow.start_on_upload()
    cdk.CfnOutput(stack, "Machine", value=workflow.state_machine.state_machine_arn)
    cdk.CfnOutput(stack, "Input", value=workflow.input_bucket.bucket_name)
    cdk.CfnOutput(stack, "Output", value=workflow.output_bucket.bucket_name)
    app.synth()
    return folder


class Load:
    """The deployed workflow, and what is put on it."""

    def __init__(self, rehearsal: Rehearsal, outputs: dict[str, str], progress: Progress) -> None:
        self._s3, self._states = rehearsal.client("s3"), rehearsal.client("stepfunctions")
        self._outputs, self._progress = outputs, progress

    def executions(self, count: int) -> Counter[str]:
        """Start so many executions, wait for their ends, and count their outcomes by status."""
        bucket, machine = self._outputs["Input"], self._outputs["Machine"]
        self._s3.put_object(Bucket=bucket, Key="input/ada.txt", Body=TEXT)
        asked = json.dumps({"InputDataConfig": {"S3Uri": f"s3://{bucket}/input/"}})
        arns = [
            self._states.start_execution(stateMachineArn=machine, input=asked)["executionArn"] for _ in range(count)
        ]
        self._follow("executions", count, lambda: sum(status != "RUNNING" for status in self._statuses()))
        ended = (self._states.describe_execution(executionArn=arn) for arn in arns)
        return Counter(json.loads(each.get("output") or "{}").get("Status", each["status"]) for each in ended)

    def uploads(self, count: int) -> tuple[int, int]:
        """Put so many objects; return how many have a record, and how many have more than one."""
        before = sum(self._documents())
        with ThreadPoolExecutor(4) as pool:
            put = pool.map(self._put, range(count))
            for _ in self._progress.track(put, total=count, description="put"):
                pass
        self._follow("published", count, lambda: sum(self._documents()) - before)
        times = Counter(self._sources())
        return len(times), sum(number > 1 for number in times.values())

    def _put(self, number: int) -> None:
        self._s3.put_object(Bucket=self._outputs["Input"], Key=f"uploads/{number % 100}/{number}.txt", Body=TEXT)

    def _statuses(self) -> Iterator[str]:
        pages = self._states.get_paginator("list_executions").paginate(stateMachineArn=self._outputs["Machine"])
        return (each["status"] for page in pages for each in page["executions"])

    def _documents(self) -> Iterator[int]:
        """Numbers of documents, by job."""
        return (json.loads(body)["Counts"]["Documents"] for body in self._published("summaries"))

    def _sources(self) -> Iterator[str]:
        """The upload of each record."""
        records = (
            json.loads(line) for body in self._published("documents") for line in gzip.decompress(body).splitlines()
        )
        return (record["Source"] for record in records if "/uploads/" in record["Source"])

    def _published(self, folder: str) -> Iterator[bytes]:
        bucket = self._outputs["Output"]
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"results/{folder}/")
        for item in (item for page in pages for item in page.get("Contents", [])):
            yield self._s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()

    def _follow(self, description: str, total: int, done: Callable[[], int]) -> None:
        """Show how many are done until all are, or patience ends."""
        task = self._progress.add_task(description, total=total)

        def left() -> int:
            self._progress.update(task, completed=(now := done()))
            return total - now

        with suppress(TimeoutError):
            wait_until(left, lambda left: left <= 0, awaited=description, seconds=PATIENCE_SECONDS, pause=10)


def main(executions: int = EXECUTIONS, uploads: int = UPLOADS) -> None:
    """Run both, and print what they took."""
    answer: dict[str, Any] = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "executions": executions, "uploads": uploads}
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory() as folder,
        Progress(*columns, console=Console(stderr=True)) as progress,
        Rehearsal(Path(folder) / "aws", clock_scale=CLOCK_SCALE) as rehearsal,
    ):
        load = Load(rehearsal, rehearsal.stacks.deploy(assembly(Path(folder) / "cdk.out"), "Load"), progress)
        rehearsal.comprehend.configure(job_seconds=[JOB_SECONDS])
        begun = time.monotonic()
        ended = load.executions(executions)
        answer |= {"completed": ended["COMPLETED"], "executions_minutes": _minutes(begun)}
        begun = time.monotonic()
        found, twice = load.uploads(uploads)
        answer |= {"results": found, "published_twice": twice, "uploads_minutes": _minutes(begun)}
    # Linux counts kilobytes, macOS bytes.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps(answer | {"peak_mb": round(peak / (1 << 20 if sys.platform == "darwin" else 1024))}))


def _minutes(begun: float) -> float:
    return round((time.monotonic() - begun) / 60, 1)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
