"""Every task of an execution fails in every way, once, twice and for good, on the local AWS with a scaled clock.

``python -m bench.rehearse_failures [--every N]`` runs the cases (or each Nth), each an execution of its own whose name
asks for its fault (:mod:`local.failures`). Each must end as documented, with one outcome and no job that runs on
unnamed; what was paid for and not published is taken up by ``{"JobId": ...}``. The last line is one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import aws_cdk as cdk
import typer
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from rich.console import Console
from rich.progress import track
from rich.table import Table

from cdk_comprehend_entities import EntitiesDetectionWorkflow, ExecutionLimits
from local.failures import FOR_GOOD, KINDS
from local.rehearsal import Rehearsal
from local.waiting import wait_until

CLOCK_SCALE = 0.004
AT_ONCE = 8
TASKS = ("InspectInput", "StartJob", "PollJob", "StopJob", "PublishResult", "PublishFailure", "AwaitOutput")
ACTIVE = ("SUBMITTED", "IN_PROGRESS", "STOP_REQUESTED")
TEXT = b"Ada Lovelace wrote to Charles Babbage from London in 1843. " * 10


class Case(NamedTuple):
    """A fault at a task, and how often it comes."""

    task: str
    kind: str
    times: int
    number: int

    @property
    def name(self) -> str:
        """The execution's name, by which the fault is injected."""
        return f"F-{self.task}-{self.kind}-{self.times}-{self.number}"

    @property
    def expected(self) -> tuple[str, str | None]:
        """Status and error code of the outcome, as docs/architecture.md has them."""
        usual = {"StopJob": ("TIMED_OUT", "JobTimedOut"), "PublishFailure": ("FAILED", "INTERNAL_ERROR")}
        code = KINDS[self.kind].error if self.kind in KINDS else "EventNotAccepted"
        # An outcome that was written but not told is told by the sweep; where none was, it has the execution's error.
        sweeps = self.task == "PublishFailure" and (self.kind == "RefusedEvent" or KINDS[self.kind].after)
        if self.times < FOR_GOOD or self.task == "AwaitOutput" or sweeps:
            return usual.get(self.task, ("COMPLETED", None))
        # The result stands, and so does its outcome; only its event is late.
        stands = self.task == "PublishResult" and (self.kind == "RefusedEvent" or KINDS[self.kind].after)
        return ("COMPLETED", None) if stands else ("FAILED", code)


def cases() -> Iterator[Case]:
    """All cases."""
    numbers = count(1)
    for task in TASKS:
        refused = ["RefusedEvent"] if task.startswith("Publish") else []
        for kind in (*KINDS, *refused):
            for times in (1, 2, FOR_GOOD):
                yield Case(task, kind, times, next(numbers))


def assembly(folder: Path) -> Path:
    """The synthesized stack."""
    app = cdk.App(outdir=str(folder))
    stack = cdk.Stack(app, "Failures")
    limits = ExecutionLimits(duration=cdk.Duration.minutes(30), queue_duration=cdk.Duration.minutes(20))
    workflow = EntitiesDetectionWorkflow(stack, "Entities", limits=limits, removal_policy=cdk.RemovalPolicy.DESTROY)
    ended = sqs.Queue(stack, "Ended")
    workflow.on_job_ended("ToQueue", target=targets.SqsQueue(ended))
    for name, value in {
        "Machine": workflow.state_machine.state_machine_arn,
        "Bucket": workflow.input_bucket.bucket_name,
        "Queue": ended.queue_url,
    }.items():
        cdk.CfnOutput(stack, name, value=value)
    app.synth()
    return folder


class Run:
    """The executions on one rehearsal, and the events that told their ends."""

    def __init__(self, rehearsal: Rehearsal, outputs: dict[str, str]) -> None:
        self._rehearsal, self._outputs = rehearsal, outputs
        self._functions, self._sqs = rehearsal.client("stepfunctions"), rehearsal.client("sqs")
        self.events: defaultdict[str, set[str]] = defaultdict(set)
        data = {"S3Uri": f"s3://{outputs['Bucket']}/input/"}
        rehearsal.client("s3").put_object(Bucket=outputs["Bucket"], Key="input/ada.txt", Body=TEXT)
        self._given = json.dumps({"InputDataConfig": data})
        comprehend = rehearsal.comprehend
        comprehend.spoil_jobs(times=FOR_GOOD, job_name=".*[.]F-StopJob-.*", seconds=20_000)
        message = "INTERNAL_ERROR: The job failed because of an internal error."
        comprehend.spoil_jobs(times=FOR_GOOD, job_name=".*[.]F-PublishFailure-.*", message=message)

    def execute(self, name: str, given: str | None = None) -> str:
        """Run an execution to its end; returns its ARN."""
        started = self._functions.start_execution(
            stateMachineArn=self._outputs["Machine"], name=name, input=given or self._given
        )
        self._rehearsal.ended_execution(started["executionArn"], patience_seconds=600)
        return str(started["executionArn"])

    def sweep(self) -> None:
        """Call StopOrphans as its schedule does."""
        functions = self._rehearsal.client("lambda")
        names = [each["FunctionName"] for each in functions.list_functions()["Functions"]]
        [sweep] = [name for name in names if "StopOrphans" in name]
        payload = json.dumps({"StateMachineArn": self._outputs["Machine"]})
        answer = functions.invoke(FunctionName=sweep, Payload=payload)
        if "FunctionError" in answer:
            raise RuntimeError(answer["Payload"].read().decode())

    def outcomes(self, arn: str) -> list[dict[str, Any]]:
        """The different outcomes that events have told of an execution."""
        while messages := self._sqs.receive_message(
            QueueUrl=self._outputs["Queue"], MaxNumberOfMessages=10, WaitTimeSeconds=0
        ).get("Messages"):
            for message in messages:
                detail = json.loads(message["Body"])["detail"]
                self.events[detail["ExecutionArn"]].add(json.dumps(detail, sort_keys=True))
                self._sqs.delete_message(QueueUrl=self._outputs["Queue"], ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(text) for text in self.events[arn]]

    def running(self) -> set[str]:
        """The jobs that are active."""
        return {job["JobId"] for job in self._rehearsal.comprehend.jobs() if job["JobStatus"] in ACTIVE}


def run(rehearsal: Rehearsal, outputs: dict[str, str], chosen: list[Case]) -> tuple[dict[str, int], list[str]]:
    """Run the cases; returns the figures and what went wrong, in words."""
    runs, wrong = Run(rehearsal, outputs), []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ended = pool.map(lambda case: runs.execute(case.name), chosen)
        arns = list(track(ended, "Executions", total=len(chosen), console=Console(stderr=True), transient=True))
    # Those that could not report themselves are reported by the sweep, whose own fault is over by then.
    runs.sweep()
    figures = {"cases": len(chosen), "ends_as_documented": 0, "one_outcome": 0}
    paid: list[str] = []
    named: set[str] = set()
    for case, arn in zip(chosen, arns, strict=True):
        told = runs.outcomes(arn)
        found = [(each["Status"], each.get("Error", {}).get("Code")) for each in told]
        figures["one_outcome"] += len(found) == 1
        figures["ends_as_documented"] += found == [case.expected]
        if found != [case.expected]:
            wrong.append(f"{case.name}: {found}, expected {case.expected}")
        for each in told:
            named.add(each["Job"].get("JobId", ""))
            if "JobId" in each["Job"] and "Result" not in each and each["Job"]["JobStatus"] != "FAILED":
                paid.append(each["Job"]["JobId"])
    wait_until(runs.running, lambda ids: not ids - named, awaited="jobs to stop", seconds=60)
    figures["jobs_left_running"] = len(runs.running() - named)
    figures["paid_results_lost"] = 0
    for number, job_id in enumerate(paid):
        arn = runs.execute(f"taken-up-{number}", json.dumps({"JobId": job_id}))
        lost = not any("Result" in each for each in runs.outcomes(arn))
        figures["paid_results_lost"] += lost
        if lost:
            wrong.append(f"{job_id} was taken up in vain: {runs.outcomes(arn)}")
    figures["taken_up"] = len(paid)
    return figures, wrong


def main(every: Annotated[int, typer.Option(help="run each such case only")] = 1) -> None:
    """Run the cases on a rehearsal of their own, and print what went wrong and the last line."""
    chosen = list(cases())[::every]
    os.environ["REHEARSAL_FAILURES"] = "1"
    with tempfile.TemporaryDirectory() as folder, Rehearsal(Path(folder) / "aws", clock_scale=CLOCK_SCALE) as rehearsal:
        outputs = rehearsal.stacks.deploy(assembly(Path(folder) / "cdk.out"), "Failures")
        figures, wrong = run(rehearsal, outputs, chosen)
    table = Table("not as documented", show_edge=False)
    for text in wrong:
        table.add_row(text)
    if wrong:
        Console(stderr=True).print(table)
    print(json.dumps(figures))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    typer.run(main)
