"""Takes the steps of a plan on the local AWS, and brings everything to rest afterwards."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console
from rich.progress import track

from bench.chaos.plan import JOB_FAULTS, Step
from bench.load_uploads import redrive
from entities_job.job.active import ACTIVE
from local.failures import FOR_GOOD
from local.rehearsal import Rehearsal
from local.waiting import wait_until

AT_ONCE = 6
PATIENCE_SECONDS = 900
SWEEP_SECONDS = 15
"""Real seconds between two sweeps, whose schedules a scaled clock does not reach."""
_BUSY = ("TooManyRequestsException", "ThrottlingException", "ServiceUnavailableException")
TEXT = "Ada Lovelace wrote to Charles Babbage from London in 1843. "


class Drive:
    """One run.

    Attributes:
        outputs: those of the stack.
        disturbances: what was done from outside, by kind.
        documents: the URIs of the documents of each execution that was to have a result, by its name.
        by_hand: ids of the jobs that were started by hand.
    """

    def __init__(self, rehearsal: Rehearsal, outputs: Mapping[str, str], clock_scale: float) -> None:
        self.rehearsal, self.outputs = rehearsal, outputs
        self.disturbances: Counter[str] = Counter()
        self.documents: dict[str, set[str]] = {}
        self.by_hand: set[str] = set()
        self._scale = clock_scale
        self._s3, self._sqs = rehearsal.client("s3"), rehearsal.client("sqs")
        self._functions = rehearsal.client("stepfunctions")
        self._lambda = rehearsal.client("lambda", patience_seconds=PATIENCE_SECONDS)
        self._comprehend = rehearsal.client("comprehend")
        names = [each["FunctionName"] for each in self._lambda.list_functions()["Functions"]]
        self._sweeper, self._dispatcher = (
            next(name for name in names if part in name) for part in ("StopOrphans", "DispatchUploads")
        )
        queues = self._sqs.list_queues()["QueueUrls"]
        self._wakes = next(url for url in queues if "WakeQueue" in url)
        self.unreported = next(url for url in queues if "Unreported" in url)
        for url in queues:
            # What was read by a function that was killed comes again after this time.
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "30"})

    def run(self, steps: Sequence[Step]) -> None:
        """Take all steps, several at once, and sweep meanwhile as the schedules do."""
        for step in steps:
            self._spoil(step)
        with ThreadPoolExecutor(1) as sweeps, ThreadPoolExecutor(AT_ONCE) as pool:
            done: list[bool] = []
            sweeping = sweeps.submit(self._sweep_until, done)
            try:
                taken = pool.map(self._take, steps)
                list(track(taken, "Steps", total=len(steps), console=Console(stderr=True), transient=True))
            finally:
                done.append(True)
            sweeping.result()

    def settle(self) -> None:
        """Wait until nothing runs or waits; then do what people would: backfill, and redrive."""
        self.rehearsal.comprehend.configure(active_jobs=10)
        self._rest()
        for name in ("English", "Spanish"):
            self._invoke(self._dispatcher, {"Backfill": {"Trigger": name}})
        self._rest()

    def redrive(self) -> int:
        """Put dead letters back, and wait until nothing runs or waits; return how many there were."""
        count = redrive(self._sqs)
        self._rest()
        return count

    def take_up(self, job_id: str) -> str:
        """Run an execution that takes up a job; return its ARN."""
        arn = self._start("Machine", f"again-{job_id}", {"JobId": job_id})
        self.rehearsal.ended_execution(arn, patience_seconds=PATIENCE_SECONDS)
        return arn

    def sweep(self) -> None:
        """Call what schedules call."""
        with suppress(RuntimeError):
            self._invoke(self._sweeper, {"StateMachineArn": self.outputs["Machine"]})
        self._sqs.send_message(QueueUrl=self._wakes, MessageBody=json.dumps({"Sweep": True}))

    def _sweep_until(self, done: list[bool]) -> None:
        while not done:
            self.sweep()
            with suppress(TimeoutError):
                wait_until(lambda: done, awaited="the last step", seconds=SWEEP_SECONDS, pause=0.5)

    def _spoil(self, step: Step) -> None:
        fault = JOB_FAULTS.get(step.disturbance)
        if fault and step.kind in ("direct", "lines"):
            self.disturbances[f"job {step.disturbance}"] += 1
            self.rehearsal.comprehend.spoil_jobs(times=FOR_GOOD, job_name=rf".*[.]{step.name}([.]\d)?", **fault)

    def _take(self, step: Step) -> None:
        actions: dict[str, Callable[[Step], None]] = {
            "direct": self._direct,
            "lines": self._direct,
            "refused": self._refused,
            "parent": self._parent,
            "by-hand": self._by_hand,
            "uploads": self._upload,
            "restart": self._restart,
            "quota": self._quota,
        }
        actions[step.kind](step)

    def _direct(self, step: Step) -> None:
        self._follow(step, self._start("Machine", step.name, self._request(step)), step.name)

    def _refused(self, step: Step) -> None:
        given = {"InputDataConfig": {"S3Uri": f"s3://elsewhere/{step.number}/"}, "LanguageCode": "xx"}
        self._wait(self._start("Machine", step.name, given))

    def _parent(self, step: Step) -> None:
        machine = ("JSONPATHParent", "JSONATAParent")[step.number % 2]
        self._follow(step, self._start(machine, step.name, self._request(step)), None)

    def _by_hand(self, step: Step) -> None:
        """Start a job as people do by hand, and let one or two executions take it up."""
        key, bucket = self.outputs["OutputKey"], self.outputs["Output"]
        asked = {
            **self._request(step),
            "JobName": step.name,
            "LanguageCode": "en",
            "DataAccessRoleArn": self.outputs["Role"],
            "OutputDataConfig": {"S3Uri": f"s3://{bucket}/jobs/{step.name}/", "KmsKeyId": key},
            "ClientRequestToken": step.name,
        }
        asked["InputDataConfig"]["InputFormat"] = "ONE_DOC_PER_FILE"

        def started() -> str:
            try:
                return str(self._comprehend.start_entities_detection_job(**asked)["JobId"])
            except ClientError as error:
                if error.response["Error"]["Code"] not in _BUSY:
                    raise
            return ""

        job_id = wait_until(started, awaited="a slot for a job by hand", seconds=PATIENCE_SECONDS, pause=0.5)
        self.by_hand.add(job_id)
        names = [step.name, f"{step.name}-too"][: 2 if step.disturbance == "twice" else 1]
        del self.documents[step.name]
        arns = [self._start("Machine", name, {"JobId": job_id}) for name in names]
        self._follow(step, arns[0], step.name)
        for arn in arns[1:]:
            self._wait(arn)

    def _upload(self, step: Step) -> None:
        prefix = ("english", "spanish")[step.number % 2]
        for number in range(step.documents):
            body = b"" if (step.number + number) % 40 == 7 else (TEXT * (2 + number)).encode()
            suffix = ".bin" if (step.number + number) % 50 == 3 else ".txt"
            self._s3.put_object(Bucket=self.outputs["Input"], Key=f"{prefix}/{step.number}/{number}{suffix}", Body=body)
        time.sleep(step.pause)

    def _restart(self, step: Step) -> None:
        self.disturbances["service restarted"] += 1
        self.rehearsal.comprehend.restart(step.pause / self._scale)

    def _quota(self, step: Step) -> None:
        self.disturbances["quota taken by others"] += 1
        self.rehearsal.comprehend.configure(active_jobs=2)
        time.sleep(5 * step.pause)
        self.rehearsal.comprehend.configure(active_jobs=10)

    def _request(self, step: Step) -> dict[str, Any]:
        bucket, prefix = self.outputs["Input"], f"input/{step.name}/"
        keys = [f"{prefix}d{number}.txt" for number in range(step.documents)]
        for key in keys:
            self._s3.put_object(Bucket=bucket, Key=key, Body=("\n".join([TEXT * 10] * 3)).encode())
        self.documents[step.name] = {f"s3://{bucket}/{key}" for key in keys}
        data = {"S3Uri": f"s3://{bucket}/{prefix}"}
        if step.kind == "lines":
            data["InputFormat"] = "ONE_DOC_PER_LINE"
        return {"InputDataConfig": data}

    def _start(self, machine: str, name: str, given: Mapping[str, Any]) -> str:
        started = self._functions.start_execution(
            stateMachineArn=self.outputs[machine], name=name, input=json.dumps(given)
        )
        return str(started["executionArn"])

    def _follow(self, step: Step, arn: str, job: str | None) -> None:
        """Disturb an execution, if the step says so, and wait for its end."""
        if step.disturbance == "abort":
            time.sleep(2 * step.pause)
            # It may have ended before.
            with suppress(ClientError):
                self._functions.stop_execution(executionArn=arn)
                self.disturbances["execution aborted"] += 1
        if step.disturbance == "stop" and job:
            self._stop_job_of(job)
        self._wait(arn)

    def _stop_job_of(self, name: str) -> None:
        def found() -> list[str]:
            jobs = self.rehearsal.comprehend.jobs()
            return [each["JobId"] for each in jobs if each.get("JobName", "").rpartition(".")[2] == name]

        with suppress(TimeoutError, ClientError):
            [job_id, *_] = wait_until(found, awaited=f"the job of {name}", seconds=15)
            self._comprehend.stop_entities_detection_job(JobId=job_id)
            self.disturbances["job stopped"] += 1

    def _wait(self, arn: str) -> None:
        self.rehearsal.ended_execution(arn, patience_seconds=PATIENCE_SECONDS)

    def _invoke(self, function: str, payload: Mapping[str, Any]) -> None:
        answer = self._lambda.invoke(FunctionName=function, Payload=json.dumps(payload))
        if "FunctionError" in answer:
            raise RuntimeError(answer["Payload"].read().decode())

    def _rest(self) -> None:
        """Wait until no execution runs, no upload waits, and no job that an execution follows is active."""
        swept = 0.0

        def busy() -> str:
            nonlocal swept
            if time.monotonic() - swept > SWEEP_SECONDS:
                self.sweep()
                swept = time.monotonic()
            running = sum(1 for name in ("Machine", "JSONPATHParent", "JSONATAParent") for _ in self.executions(name))
            waiting = sum(self.messages(self.outputs[f"Queue{name}"]) for name in ("English", "Spanish"))
            jobs = sum(job["JobStatus"] in ACTIVE for job in self.rehearsal.comprehend.jobs())
            wakes = self.messages(self._wakes)
            unreported = sum(map(self._exists, self._opened()))
            text = f"{running} executions run, {unreported} ends are not reported, {jobs} jobs are active"
            text += f", {waiting} uploads and {wakes} wakes wait"
            return text if running or unreported or waiting or wakes else ""

        def twice() -> str:
            # What one look finds at rest may be on its way to the next.
            first = busy()
            time.sleep(1)
            return first or busy()

        with suppress(TimeoutError):
            wait_until(twice, lambda text: not text, awaited="rest", seconds=PATIENCE_SECONDS, pause=2)
        self.sweep()

    def _opened(self) -> Iterator[str]:
        """Yield the executions that have a marker."""
        bucket = self.outputs["Output"]
        for item in self._s3.list_objects_v2(Bucket=bucket, Prefix="work/open/").get("Contents", []):
            with suppress(self._s3.exceptions.NoSuchKey):
                marker = self._s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
                yield json.loads(marker)["Execution"]

    def _exists(self, arn: str) -> bool:
        """Whether an execution was started: a dispatcher may be killed between a batch's marker and its start."""
        try:
            return bool(self._functions.describe_execution(executionArn=arn))
        except self._functions.exceptions.ExecutionDoesNotExist:
            return False

    def executions(self, machine: str, status: str = "RUNNING") -> Iterator[str]:
        """Yield the ARNs of executions of a machine with a status."""
        pages = self._functions.get_paginator("list_executions")
        for page in pages.paginate(stateMachineArn=self.outputs[machine], statusFilter=status):
            yield from (each["executionArn"] for each in page["executions"])

    def messages(self, queue: str) -> int:
        """Return how many messages are in a queue, those that are being read among them, and those for later not."""
        names = [f"ApproximateNumberOfMessages{part}" for part in ("", "NotVisible")]
        found = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(int(value) for value in found.values())
