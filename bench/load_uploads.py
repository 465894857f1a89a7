"""A burst of uploads on the local AWS, with the quota of 10 jobs enforced and calls that fail at random.

``python -m bench.load_uploads [uploads]`` deploys a workflow with three triggers on a bucket with versions, and two
workflows, limited by cost and by bytes, on one bucket without. It puts the objects (empty, too large, overwritten,
deleted, unreadable, twice announced ones and folder markers among them), has jobs fail and aborts an execution, waits
for the last one, redrives the failed batches, and compares every version put with every published record and every
named refusal of each workflow. The last line is one JSON object.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3

from cdk_comprehend_entities import EntitiesDetectionWorkflow, ExecutionLimits
from local.rehearsal import Rehearsal
from local.waiting import wait_until

UPLOADS = 10_000
STACK = "Load"
FOLDER = Path(__file__).parents[1] / ".rehearsal" / "load"
UNREADABLE = "locked"
FAULTS = {
    "calls": {"s3": 0.01, "sqs": 0.01, "states": 0.01, "comprehend": 0.05},
    "invocations": 0.01,
    "unreadable": UNREADABLE,
}
"""Shares of the functions' calls and of invocations that fail: :func:`local.chaos.inject`."""
LANGUAGES = ("en", "es", "fr")
WORKFLOWS = ("", "Cost", "Size")
"""Names of the workflows' outputs begin with these."""
SPOILED = 3
"""Jobs that fail by a fault of the service."""
PATIENCE_SECONDS = 3600
OVER_A_MEGABYTE = b"too much " * 120_000

Version = tuple[str, str, str | None]
"""The workflow that analyses it, an object's URI, and its version id."""


class Burst:
    """The uploads, and what became of them."""

    def __init__(self, rehearsal: Rehearsal, outputs: dict[str, str]) -> None:
        self._s3, self._sqs = rehearsal.client("s3"), rehearsal.client("sqs")
        self._states = rehearsal.client("stepfunctions")
        self._outputs = outputs
        self._queues = [value for name, value in outputs.items() if "Queue" in name]
        self._aborted = False
        for url in self._sqs.list_queues()["QueueUrls"]:
            # What was read when a call failed comes again after this time; the rest of the clock runs faster, too.
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "60"})
        self.put: set[Version] = set()

    def upload(self, count: int) -> None:
        """Put ``count`` versions of objects, a tenth of them for two workflows, and announce some of them twice."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._upload_one, range(count)))
        # A put whose answer was lost is made again, and leaves a version that nobody heard of.
        bucket = self._outputs["InputBucket"]
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix="uploads/")
        for item in (item for page in pages for item in page.get("Versions", [])):
            if not item["Key"].endswith("/"):
                self.put.add(("", f"s3://{bucket}/{item['Key']}", item["VersionId"]))

    def _upload_one(self, number: int) -> None:
        body = f"Upload {number} was written in Paris in May 2026. ".encode() * (1 + number % 9)
        if number % 10 == 5:
            bucket, key = self._outputs["SharedBucket"], f"shared/{number % 7}/{number}.txt"
            self._s3.put_object(Bucket=bucket, Key=key, Body=body)
            self.put |= {(workflow, f"s3://{bucket}/{key}", None) for workflow in WORKFLOWS[1:]}
            return
        bucket, language = self._outputs["InputBucket"], LANGUAGES[number % 4 % 3]
        if number % 200 == 16:
            self._s3.put_object(Bucket=bucket, Key=f"uploads/{language}/folder {number}/")
            return
        # One of 50 is an overwriting of the upload before it.
        name = number - 1 if number % 50 == 3 else number
        suffix = ".bin" if number % 100 == 1 else ".txt"
        locked = UNREADABLE if number % 500 == 17 else ""
        key = f"uploads/{language}/{name % 7}/Größe {name} + 1{locked}{suffix}"
        body = b"" if number % 100 == 11 else OVER_A_MEGABYTE if number % 500 == 12 else body
        version = self._s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"]
        self.put.add(("", f"s3://{bucket}/{key}", version))
        if number % 50 == 13:
            self._announce_again(key, version, len(body), self._outputs[f"Queue{language}"])
        if number % 100 == 14:
            self._s3.delete_object(Bucket=bucket, Key=key, VersionId=version)

    def _announce_again(self, key: str, version: str, size: int, queue: str) -> None:
        item = {"key": key, "version-id": version, "size": size, "etag": "", "sequencer": ""}
        detail = {"bucket": {"name": self._outputs["InputBucket"]}, "object": item}
        self._sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(detail))

    def wait(self) -> None:
        """Until no upload waits and no execution runs, or patience ends; one execution is aborted."""
        shown = ""

        def left() -> int:
            nonlocal shown
            waiting = sum(map(self._messages, self._queues))
            executions = list(self._executions())
            states = Counter(status for _, status in executions)
            running = [arn for arn, status in executions if status == "RUNNING"]
            if running and not self._aborted:
                self._aborted = True
                self._states.stop_execution(executionArn=running[0])
            if (text := f"{waiting:,} uploads wait, executions: {dict(states)}") != shown:
                print(text, flush=True)
                shown = text
            return waiting + len(running)

        with suppress(TimeoutError):
            wait_until(left, lambda left: not left, awaited="all uploads", seconds=PATIENCE_SECONDS, pause=5)

    def _messages(self, queue: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(int(value) for value in found.values())

    def _executions(self) -> Iterator[tuple[str, str]]:
        for workflow in WORKFLOWS:
            machine = self._outputs[f"{workflow}StateMachine"]
            for page in self._states.get_paginator("list_executions").paginate(stateMachineArn=machine):
                yield from ((execution["executionArn"], execution["status"]) for execution in page["executions"])

    def dead_uploads(self) -> int:
        """Return the number of dead letters that are uploads, which are all valid. Failed batches are redriven."""
        found = 0
        for queue in (value for name, value in self._outputs.items() if "Dead" in name):
            given = {"QueueUrl": queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": 30}
            while messages := self._sqs.receive_message(**given).get("Messages"):
                found += sum("Batch" not in json.loads(message["Body"]) for message in messages)
        return found

    def records(self, folder: str) -> list[Version]:
        """The versions that the files under ``results/<folder>/`` name, one for each record of each workflow."""
        found = []
        for workflow in WORKFLOWS:
            bucket = self._outputs[f"{workflow}OutputBucket"]
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"results/{folder}/")
            for item in (item for page in pages for item in page.get("Contents", [])):
                body = gzip.decompress(self._s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())
                found += [self._version(workflow, json.loads(line)) for line in body.splitlines()]
        return found

    @staticmethod
    def _version(workflow: str, record: dict[str, Any]) -> Version:
        return workflow, record["Source"], record.get("SourceVersionId")


def assembly() -> Path:
    """The synthesized stack."""
    app = cdk.App(outdir=str(FOLDER / "cdk.out"))
    stack = cdk.Stack(app, STACK)
    shared = s3.Bucket(stack, "Shared")
    limits = (ExecutionLimits(), ExecutionLimits(cost_usd=0.1), ExecutionLimits(size=cdk.Size.kibibytes(100)))
    outputs = {"SharedBucket": shared.bucket_name}
    for name, most in zip(WORKFLOWS, limits, strict=True):
        workflow = EntitiesDetectionWorkflow(
            stack,
            f"{name}Entities",
            limits=most,
            input_bucket=shared if name else None,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        outputs[f"{name}StateMachine"] = workflow.state_machine.state_machine_arn
        outputs[f"{name}OutputBucket"] = workflow.output_bucket.bucket_name
        if name:
            triggers = {name: workflow.start_on_upload(prefix="shared/")}
        else:
            outputs["InputBucket"] = workflow.input_bucket.bucket_name
            triggers = {
                language: workflow.start_on_upload(
                    f"Trigger{language}",
                    prefix=f"uploads/{language}/",
                    suffixes=[".txt"],
                    language_code=language,
                    maximum_documents=500,
                )
                for language in LANGUAGES
            }
        for key, trigger in triggers.items():
            outputs[f"Queue{key}"] = trigger.queue.queue_url
            outputs[f"Dead{key}"] = trigger.dead_letter_queue.queue_url
    for name, value in outputs.items():
        cdk.CfnOutput(stack, name, value=value)
    app.synth()
    return FOLDER / "cdk.out"


def redrive(sqs: Any) -> int:
    """Put all dead letters of upload triggers back into their queues; returns how many."""
    count = 0
    for target in sqs.get_paginator("list_queues").paginate().search("QueueUrls[]"):
        attributes = sqs.get_queue_attributes(QueueUrl=target, AttributeNames=["RedrivePolicy"]).get("Attributes", {})
        if "RedrivePolicy" not in attributes:
            continue
        name = json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"].rpartition(":")[2]
        source = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        while messages := sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10, WaitTimeSeconds=1).get(
            "Messages"
        ):
            for message in messages:
                sqs.send_message(QueueUrl=target, MessageBody=message["Body"])
                sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
                count += 1
    return count


def main() -> None:
    """Run the burst and print the balance."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else UPLOADS
    FOLDER.mkdir(parents=True, exist_ok=True)
    os.environ["REHEARSAL_FAULTS"] = json.dumps(FAULTS)
    os.environ["CDK_VALIDATION"] = "false"
    with Rehearsal(FOLDER) as rehearsal:
        burst = Burst(rehearsal, rehearsal.stacks.deploy(assembly(), STACK))
        rehearsal.comprehend.spoil_jobs(SPOILED, message="INTERNAL_SERVER_ERROR: injected")
        burst.upload(count)
        burst.wait()
        dead = burst.dead_uploads()
        # What was just counted is visible again then.
        time.sleep(35)
        print(f"{redrive(rehearsal.client('sqs'))} dead letters redriven", flush=True)
        burst.wait()
        results, refused = burst.records("documents"), burst.records("refused")
    times = Counter(results) + Counter(refused)
    balance = {
        "uploads": len(burst.put),
        "results": len(set(results)),
        "refused": len(set(refused)),
        "dead_letters_valid": dead,
        "lost": len(burst.put - times.keys()),
        "published_twice": sum(1 for number in times.values() if number > 1),
    }
    print(json.dumps(balance))


if __name__ == "__main__":
    main()
