"""A trial: the deployed stack, what is started in it, and what the checks read of it."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar

from entities_job import operation

from ..aws import Aws, error_code
from ..deployment import Deployment, described
from ..executions import Run, look, start
from ..published import Place, keys, read
from .stack import resources
from .terms import BUSY, CheckFailed, Observed, Options, Stopped
from .watching import Seen, Watch

T = TypeVar("T")


class Trial:
    """The deployed stack and its scenarios; a context that starts nothing more after its end."""

    def __init__(self, aws: Aws, stack: str, account: str, outputs: Mapping[str, str], options: Options) -> None:
        self.aws, self.stack, self.account, self.outputs, self.options = aws, stack, account, outputs, options
        self.watch = Watch(aws, outputs["EndedQueueUrl"], pause=options.pause)
        self.rule_is_on = threading.Event()
        self.began = datetime.now(UTC)
        self._deployed = time.monotonic()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(options.at_once)
        self._futures: dict[str, Future[Observed]] = {}
        self._starting = threading.Lock()

    def __enter__(self) -> Trial:
        try:
            self.watch.__enter__()
        except BaseException:
            self.watch.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # First all are told to end, then waited for: a signal may interrupt the waiting.
        self._stopping.set()
        self.watch.stop()
        self._pool.shutdown(cancel_futures=True)
        self.watch.__exit__()

    # --- what is deployed ---

    @cached_property
    def deployment(self) -> Deployment:
        """The workflow with default permissions, as the command line finds it."""
        return described(self.aws, self.outputs["StateMachineArn"])

    @property
    def partition(self) -> str:
        """The partition of the account, such as aws."""
        return self.outputs["StateMachineArn"].split(":")[1]

    @property
    def begun(self) -> set[str]:
        """The names of the started scenarios."""
        return set(self._futures)

    @cached_property
    def parts(self) -> list[tuple[str, str, str]]:
        """Type, logical id and physical id of each resource of the stack."""
        return list(resources(self.aws, self.stack))

    def physical(self, kind: str, part: str = "", *, of: str = "Entities") -> list[str]:
        """Return the physical ids of a workflow's resources of a type whose logical id holds a text."""
        return [
            physical
            for each, logical, physical in self.parts
            if each == kind and logical.startswith(of) and part in logical
        ]

    def input_uri(self, below: str) -> str:
        """Return a URI in the input bucket."""
        return f"s3://{self.outputs['InputBucket']}/{below}"

    def output_uri(self, below: str) -> str:
        """Return a URI in the output bucket."""
        return f"s3://{self.outputs['OutputBucket']}/{below}"

    # --- what is started ---

    def begin(self, name: str, scenario: Callable[[Trial], Observed]) -> None:
        """Start a scenario in the background, unless it was started."""
        if name not in self._futures:
            self._futures[name] = self._pool.submit(scenario, self)

    def observed(self, name: str) -> Observed:
        """Return the observation of a scenario, after it has ended; each caller gets the same error."""
        return self._futures[name].result()

    def settle(self) -> None:
        """Wait until all started scenarios have ended, with or without success."""
        for each in self._futures.values():
            each.exception()

    def put(self, below: str, documents: Mapping[str, str], **more: Any) -> str:
        """Put documents below a prefix of the input bucket; return its URI."""
        for name, text in documents.items():
            self.aws.client("s3").put_object(
                Bucket=self.outputs["InputBucket"], Key=f"{below}{name}", Body=text.encode(), **more
            )
        return self.input_uri(below)

    def execute(self, name: str, given: dict[str, Any], *, machine: str = "StateMachineArn") -> str:
        """Start an execution; return its ARN."""
        deployment = self.deployment if machine == "StateMachineArn" else described(self.aws, self.outputs[machine])
        return start(self.aws, deployment, given, name)

    def start_job(self, name: str, uri: str, **more: Any) -> dict[str, Any]:
        """Start a job as a user would by hand, once a slot is free; return the service's answer."""
        request = self.request(name, uri, **more)
        self.pause(max(0.0, self._deployed + self.options.propagation - time.monotonic()))

        def started() -> dict[str, Any]:
            try:
                return dict(operation.start(self.aws.client("comprehend"), request))
            except Exception as error:
                if error_code(error) not in BUSY:
                    raise
                return {}

        # One at a time: the service takes one start a second.
        with self._starting:
            return self.wait(started, f"a free slot for the job {name}")

    def request(self, name: str, uri: str, **more: Any) -> Any:
        """Return the request of a job that is started by hand; a field that is given as None is left out."""
        fields = {
            "JobName": f"{self.stack}.{name}",
            "LanguageCode": "en",
            "DataAccessRoleArn": self.outputs["DataAccessRoleArn"],
            "InputDataConfig": {"S3Uri": uri, "InputFormat": "ONE_DOC_PER_FILE"},
            "OutputDataConfig": {"S3Uri": self.output_uri(f"jobs/{name}/"), "KmsKeyId": self.outputs["OutputKeyArn"]},
            "VolumeKmsKeyId": self.outputs["VolumeKeyArn"],
            **more,
        }
        return {name: value for name, value in fields.items() if value is not None}

    # --- what is waited for ---

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            Stopped: the trial ends.
        """
        if self._stopping.wait(seconds):
            raise Stopped

    def wait(self, find: Callable[[], T], awaited: str, *, seconds: float | None = None) -> T:
        """Look again and again until something is found, and return it.

        Raises:
            CheckFailed: it was not found in time.
            Stopped: the trial ends.
        """
        patience = self.options.patience if seconds is None else seconds
        until = time.monotonic() + patience
        while True:
            late = time.monotonic() > until
            if found := find():
                return found
            if late:
                also = f"; the last error of a poll was {self.watch.error}" if self.watch.error else ""
                raise CheckFailed(f"waited {patience:.0f} s for {awaited}{also}")
            self.pause(self.options.pause)

    def wait_for_events_of_s3(self) -> None:
        """Wait until S3 sends its events, some minutes after they were turned on."""
        self.pause(max(0.0, self._deployed + self.options.settling - time.monotonic()))

    def ended(self, arn: str) -> Run:
        """Return an execution when it has ended."""

        client = self.aws.client("stepfunctions")

        def ended() -> bool:
            return bool(client.describe_execution(executionArn=arn)["status"] != "RUNNING")

        self.wait(ended, f"the end of the execution {arn.rpartition(':')[2]}")
        return look(self.aws, arn)

    def job_ended(self, job_id: str) -> Seen:
        """Return a job when it has ended."""
        return self.job_when(lambda: self.watch.job(job_id), lambda seen: seen.ended, f"the end of the job {job_id}")

    def job_of(self, arn: str, *statuses: str) -> Seen:
        """Return the job of an execution once it has one of the statuses, or whatever it has."""
        name = ".".join(arn.split(":")[-2:])

        def find() -> Seen | None:
            return next(iter(self.watch.named(name)), None)

        what = f"the job {name} to become {' or '.join(statuses)}" if statuses else f"the job {name}"
        return self.job_when(find, lambda seen: not statuses or seen.status in statuses, what)

    def job_when(self, find: Callable[[], Seen | None], met: Callable[[Seen], bool], awaited: str) -> Seen:
        """Return a job once it is found and meets a condition."""

        def seen() -> Seen | None:
            found = find()
            return found if found and met(found) else None

        found = self.wait(seen, awaited)
        assert found is not None
        return found

    def event(self, arn: str) -> dict[str, Any]:
        """Return the event of an execution's end."""
        return self.wait(
            lambda: self.watch.events(arn),
            f"the event of {arn.rpartition(':')[2]}",
            seconds=min(self.options.patience, 600),
        )[0]

    # --- what was published ---

    def records(self, uri: str) -> list[dict[str, Any]]:
        """Return the records of all objects below a URI."""
        bucket = Place.of(uri).bucket
        found: list[dict[str, Any]] = []
        for key, _ in keys(self.aws, uri):
            body = gzip.decompress(read(self.aws, Place(bucket, key)))
            found += [json.loads(line) for line in body.split(b"\n") if line]
        return found

    def head(self, uri: str) -> dict[str, Any]:
        """Return the metadata of an object in S3."""
        place = Place.of(uri)
        answer: dict[str, Any] = self.aws.client("s3").head_object(Bucket=place.bucket, Key=place.key)
        return answer
