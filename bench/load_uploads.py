"""A burst of uploads on the rehearsal, with the quota of 10 jobs enforced and calls that fail at random.

``python -m bench.load_uploads [uploads]`` deploys a workflow with two triggers, puts the objects (empty, too large,
overwritten, deleted and twice announced ones among them), waits for the last execution and compares every version put
with every published record and every named refusal. The last line is one JSON object.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from cdk_comprehend_entities import EntitiesDetectionWorkflow
from local.rehearsal import Rehearsal
from local.waiting import wait_until

UPLOADS = 10_000
STACK = "Load"
FOLDER = Path(__file__).parents[1] / ".rehearsal" / "load"
FAULTS = {"s3": 0.01, "sqs": 0.01, "states": 0.01, "comprehend": 0.05, "lambda": 0.01}
"""Shares of calls that fail, half of them after they took effect; ``lambda`` is for invocations."""
PATIENCE_SECONDS = 3600
OVER_A_MEGABYTE = b"too much " * 120_000

Version = tuple[str, str]
"""An object's URI and version id."""


class Burst:
    """The uploads, and what became of them."""

    def __init__(self, rehearsal: Rehearsal, outputs: dict[str, str]) -> None:
        self._s3, self._sqs = rehearsal.client("s3"), rehearsal.client("sqs")
        self._states = rehearsal.client("stepfunctions")
        self._outputs = outputs
        for url in self._sqs.list_queues()["QueueUrls"]:
            # What was read when a call failed comes again after this time; the rest of the clock runs faster, too.
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "60"})
        self.put: set[Version] = set()

    def upload(self, count: int) -> None:
        """Put ``count`` versions of objects, and announce some of them twice."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._upload_one, range(count)))
        # A put whose answer was lost is made again, and leaves a version that nobody heard of.
        pages = self._s3.get_paginator("list_object_versions").paginate(
            Bucket=self._outputs["InputBucket"], Prefix="uploads/"
        )
        for item in (item for page in pages for item in page.get("Versions", [])):
            self.put.add((f"s3://{self._outputs['InputBucket']}/{item['Key']}", item["VersionId"]))

    def _upload_one(self, number: int) -> None:
        language = "es" if number % 4 == 0 else "en"
        # One of 50 is an overwriting of the upload before it.
        name = number - 1 if number % 50 == 3 else number
        suffix = ".bin" if number % 100 == 1 else ".txt"
        key = f"uploads/{language}/{name % 7}/Größe {name} + 1{suffix}"
        body = f"Upload {number} was written in Paris in May 2026. ".encode() * (1 + number % 9)
        body = b"" if number % 100 == 11 else OVER_A_MEGABYTE if number % 500 == 12 else body
        version = self._s3.put_object(Bucket=self._outputs["InputBucket"], Key=key, Body=body)["VersionId"]
        self.put.add((f"s3://{self._outputs['InputBucket']}/{key}", version))
        if number % 50 == 13:
            self._announce_again(key, version, len(body), self._outputs[f"Queue{language}"])
        if number % 100 == 14:
            self._s3.delete_object(Bucket=self._outputs["InputBucket"], Key=key, VersionId=version)

    def _announce_again(self, key: str, version: str, size: int, queue: str) -> None:
        item = {"key": key, "version-id": version, "size": size, "etag": "", "sequencer": ""}
        detail = {"bucket": {"name": self._outputs["InputBucket"]}, "object": item}
        self._sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(detail))

    def wait(self) -> None:
        """Until no upload waits and no execution runs, or patience ends."""
        shown = ""

        def left() -> int:
            nonlocal shown
            waiting = sum(self._messages(self._outputs[name]) for name in ("Queueen", "Queuees"))
            states = Counter(status for _, status in self._executions())
            if (text := f"{waiting:,} uploads wait, executions: {dict(states)}") != shown:
                print(text, flush=True)
                shown = text
            return waiting + states["RUNNING"]

        with suppress(TimeoutError):
            wait_until(left, lambda left: not left, awaited="all uploads", seconds=PATIENCE_SECONDS, pause=5)

    def _messages(self, queue: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(int(value) for value in found.values())

    def _executions(self) -> Iterator[tuple[str, str]]:
        pages = self._states.get_paginator("list_executions").paginate(stateMachineArn=self._outputs["StateMachine"])
        for page in pages:
            yield from ((execution["name"], execution["status"]) for execution in page["executions"])

    def records(self, folder: str) -> list[Version]:
        """The versions that the files under ``results/<folder>/`` name, one for each record."""
        bucket = self._outputs["OutputBucket"]
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"results/{folder}/")
        found = []
        for item in (item for page in pages for item in page.get("Contents", [])):
            body = gzip.decompress(self._s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())
            found += [self._version(json.loads(line)) for line in body.splitlines()]
        return found

    @staticmethod
    def _version(record: dict[str, Any]) -> Version:
        return record["Source"], record["SourceVersionId"]


def assembly() -> Path:
    """The synthesized stack."""
    app = cdk.App(outdir=str(FOLDER / "cdk.out"))
    stack = cdk.Stack(app, STACK)
    workflow = EntitiesDetectionWorkflow(stack, "Entities", removal_policy=cdk.RemovalPolicy.DESTROY)
    english = workflow.start_on_upload("English", prefix="uploads/en/", suffixes=[".txt"], maximum_documents=500)
    spanish = workflow.start_on_upload(
        "Spanish", prefix="uploads/es/", suffixes=[".txt"], language_code="es", maximum_documents=500
    )
    outputs = {
        "InputBucket": workflow.input_bucket.bucket_name,
        "OutputBucket": workflow.output_bucket.bucket_name,
        "StateMachine": workflow.state_machine.state_machine_arn,
        "Queueen": english.queue.queue_url,
        "Queuees": spanish.queue.queue_url,
    }
    for name, value in outputs.items():
        cdk.CfnOutput(stack, name, value=value)
    app.synth()
    return FOLDER / "cdk.out"


def main() -> None:
    """Run the burst and print the balance."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else UPLOADS
    FOLDER.mkdir(parents=True, exist_ok=True)
    os.environ["REHEARSAL_FAULTS"] = json.dumps(FAULTS)
    os.environ["CDK_VALIDATION"] = "false"
    with Rehearsal(FOLDER) as rehearsal:
        burst = Burst(rehearsal, rehearsal.deploy_assembly(assembly(), STACK))
        burst.upload(count)
        burst.wait()
        results, refused = burst.records("documents"), burst.records("refused")
    times = Counter(results) + Counter(refused)
    balance = {
        "uploads": len(burst.put),
        "results": len(set(results)),
        "refused": len(set(refused)),
        "lost": len(burst.put - times.keys()),
        "published_twice": sum(1 for number in times.values() if number > 1),
    }
    print(json.dumps(balance))


if __name__ == "__main__":
    main()
