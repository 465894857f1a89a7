"""Lag of executions on the local AWS: 100 jobs of random length, with events as they may come.

``python -m bench.rehearse_completion [jobs]`` deploys one workflow with completion events and one without, on a clock
that runs ten times as fast as ours, and lets events come as they do, not at all (never looked for, or lost at random),
twice, or late. Lag is in seconds of the service: what the rehearsal itself takes counts tenfold. Then one job over
1,000 documents shows how long it takes from its end to the event of its outcome. The last line is one JSON object.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cdk_comprehend_entities import EntitiesDetectionWorkflow
from local.rehearsal import Rehearsal

JOBS = 100
DOCUMENTS = 1_000
CLOCK_SCALE = 0.1
SHORTEST_SECONDS, LONGEST_SECONDS = 360, 1000
TEXT = b"Ada Lovelace wrote to Charles Babbage from London in 1843. " * 10
MODES = {
    "events on": "On",
    "events off": "Off",
    "every event twice": "On",
    "events up to a minute late": "On",
    "one event of ten lost": "On",
}


def assembly(folder: Path) -> Path:
    """The synthesized stack: the workflows On and Off."""
    app = cdk.App(outdir=str(folder))
    stack = cdk.Stack(app, "Completion")
    for name in ("On", "Off"):
        workflow = EntitiesDetectionWorkflow(
            stack, name, completion_events=name == "On", removal_policy=cdk.RemovalPolicy.DESTROY
        )
        cdk.CfnOutput(stack, f"{name}Machine", value=workflow.state_machine.state_machine_arn)
        cdk.CfnOutput(stack, f"{name}Bucket", value=workflow.input_bucket.bucket_name)
        ended = sqs.Queue(stack, f"{name}Ended")
        workflow.on_job_ended("ToQueue", target=targets.SqsQueue(ended))
        cdk.CfnOutput(stack, f"{name}Queue", value=ended.queue_url)
    app.synth()
    return folder


class Messenger(threading.Thread):
    """Brings events of outputs in EventBridge's place: twice, late, or not always."""

    def __init__(self, rehearsal: Rehearsal, mode: str) -> None:
        super().__init__(daemon=True)
        self._rehearsal, self._mode, self._chance = rehearsal, mode, random.Random(7)
        self._functions = rehearsal.client("lambda")
        (self._function,) = (
            each["FunctionName"]
            for page in self._functions.get_paginator("list_functions").paginate()
            for each in page["Functions"]
            if "AwaitOutput" in each["FunctionName"]
        )
        self.ended = threading.Event()

    def run(self) -> None:
        """Look for outputs until told to end."""
        told: set[str] = set()
        while not self.ended.wait(0.05):
            for job in self._rehearsal.comprehend.jobs():
                if job["JobStatus"] == "COMPLETED" and job["JobId"] not in told:
                    told.add(job["JobId"])
                    delay = self._chance.uniform(0, 60 * CLOCK_SCALE) if "late" in self._mode else 0
                    for _ in range(self._times()):
                        threading.Timer(delay, self._tell, [job["OutputDataConfig"]["S3Uri"]]).start()

    def _times(self) -> int:
        if "lost" in self._mode:
            return int(self._chance.random() >= 0.1)
        return 2 if "twice" in self._mode else 1

    def _tell(self, uri: str) -> None:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        event = {"source": "aws.s3", "detail": {"bucket": {"name": bucket}, "object": {"key": key}}}
        self._functions.invoke(FunctionName=self._function, InvocationType="Event", Payload=json.dumps(event))


def run(rehearsal: Rehearsal, outputs: dict[str, str], mode: str, jobs: int) -> Iterator[dict[str, Any]]:
    """The outcomes of so many executions at once."""
    chance = random.Random(1)
    seconds = [chance.uniform(SHORTEST_SECONDS, LONGEST_SECONDS) for _ in range(jobs)]
    rehearsal.comprehend.configure(job_seconds=seconds, active_jobs=None, starts_per_second=None)
    rehearsal.comprehend.configure(describes_per_second=None)
    events, functions = rehearsal.client("events"), rehearsal.client("stepfunctions")
    (rule,) = (each["Name"] for each in events.list_rules()["Rules"] if "Outputs of" in each.get("Description", ""))
    own = mode not in ("events on", "events off")
    (events.disable_rule if own else events.enable_rule)(Name=rule)
    workflow, messenger = MODES[mode], Messenger(rehearsal, mode)
    if own:
        messenger.start()
    given = json.dumps({"InputDataConfig": {"S3Uri": f"s3://{outputs[workflow + 'Bucket']}/input/"}})
    arns = []
    for _ in range(jobs):
        started = functions.start_execution(stateMachineArn=outputs[f"{workflow}Machine"], input=given)
        arns.append(started["executionArn"])
        time.sleep(0.2)
    for arn in arns:
        ended = rehearsal.ended_execution(arn, patience_seconds=600)
        if ended["status"] != "SUCCEEDED":
            raise RuntimeError(f"{arn} {ended['status']}: {ended.get('error')}: {ended.get('cause')}")
        yield json.loads(ended["output"])
    messenger.ended.set()


def to_the_event(rehearsal: Rehearsal, outputs: dict[str, str]) -> dict[str, float]:
    """Seconds from the end of a job over 1,000 documents to its event: of the service's clock, and of ours."""
    s3, queue, bucket = rehearsal.client("s3"), rehearsal.client("sqs"), outputs["OnBucket"]
    rehearsal.comprehend.configure(job_seconds=[SHORTEST_SECONDS])
    for number in range(DOCUMENTS):
        s3.put_object(Bucket=bucket, Key=f"input/many/{number}.txt", Body=TEXT)
    queue.purge_queue(QueueUrl=outputs["OnQueue"])
    given = json.dumps({"InputDataConfig": {"S3Uri": f"s3://{bucket}/input/many/"}})
    rehearsal.client("stepfunctions").start_execution(stateMachineArn=outputs["OnMachine"], input=given)
    messages: list[Any] = []
    while not messages:
        answer = queue.receive_message(QueueUrl=outputs["OnQueue"], WaitTimeSeconds=1)
        messages = answer.get("Messages", [])
    now = rehearsal.comprehend.health()["VirtualTime"]
    outcome = json.loads(messages[0]["Body"])["detail"]
    if outcome["Counts"]["Documents"] != DOCUMENTS:
        raise RuntimeError(f"not all documents have a result: {outcome}")
    seconds = now - datetime.fromisoformat(outcome["Job"]["EndTime"]).timestamp()
    return {"service_s": round(seconds, 1), "own_s": round(seconds * CLOCK_SCALE, 2)}


def main() -> None:
    """Run every mode, and print the table and the last line."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else JOBS
    console, figures = Console(), {}
    table = Table("", "median lag s", "p95 lag s", "polls", title=f"{jobs} jobs of 6 to 17 minutes")
    with tempfile.TemporaryDirectory() as folder, Progress(console=console) as progress:
        task = progress.add_task("Running jobs", total=jobs * len(MODES))
        with Rehearsal(Path(folder) / "aws", clock_scale=CLOCK_SCALE) as rehearsal:
            outputs = rehearsal.stacks.deploy(assembly(Path(folder) / "cdk.out"), "Completion")
            for name in ("On", "Off"):
                bucket = outputs[f"{name}Bucket"]
                rehearsal.client("s3").put_object(Bucket=bucket, Key="input/ada.txt", Body=TEXT)
            for mode in MODES:
                outcomes = []
                for outcome in run(rehearsal, outputs, mode, jobs):
                    outcomes.append(outcome)
                    progress.advance(task)
                lags = [outcome["LagSeconds"] for outcome in outcomes]
                found = (median(lags), quantiles(lags, n=20)[-1], fmean(outcome["Polls"] for outcome in outcomes))
                figures[mode.replace(" ", "_")] = dict(
                    zip(("median_lag_s", "p95_lag_s", "polls"), (round(value, 2) for value in found), strict=True)
                )
                table.add_row(mode, *(f"{value:.1f}" for value in found))
            figures["documents_1000_end_to_event"] = to_the_event(rehearsal, outputs)
    console.print(table)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
