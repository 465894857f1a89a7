"""Threads that record the states of jobs and the events of executions while the checks run."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from entities_job import operation

from ..aws import Aws

_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass
class Seen:
    """A job: its newest description, and when each state was first seen, with the output URI that was shown then."""

    properties: dict[str, Any]
    states: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """Its newest status."""
        return str(self.properties["JobStatus"])

    @property
    def ended(self) -> bool:
        """True after it has ended."""
        return self.status in ("COMPLETED", "FAILED", "STOPPED")


class Watch:
    """Lists jobs and receives events until it is stopped; a context."""

    def __init__(self, aws: Aws, queue_url: str, *, pause: float) -> None:
        self._aws, self._queue, self._pause = aws, queue_url, pause
        self._begun = datetime.now(UTC)
        self._lock = threading.Lock()
        self._jobs: dict[str, Seen] = {}
        self._events: dict[str, list[dict[str, Any]]] = {}
        self._stopping = threading.Event()
        # A signal that comes before the context is entered must not leave threads that keep the process alive.
        self._threads = [
            threading.Thread(target=self._repeat, args=(each,), daemon=True) for each in (self._list, self._receive)
        ]
        self.error: Exception | None = None

    def __enter__(self) -> Watch:
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """Let the threads end."""
        self._stopping.set()

    def __exit__(self, *_: object) -> None:
        self.stop()
        for thread in self._threads:
            thread.join()

    def job(self, job_id: str) -> Seen | None:
        """Return a job, if it was seen."""
        with self._lock:
            return self._jobs.get(job_id)

    def jobs(self) -> dict[str, Seen]:
        """Return all jobs of the account and Region that were submitted since this began, by id."""
        with self._lock:
            return dict(self._jobs)

    def named(self, name: str) -> list[Seen]:
        """Return the jobs of a JobName."""
        return [each for each in self.jobs().values() if each.properties.get("JobName") == name]

    def events(self, execution_arn: str) -> list[dict[str, Any]]:
        """Return the events of an execution's end that were received, with the time of their receipt."""
        with self._lock:
            return list(self._events.get(execution_arn, ()))

    def _repeat(self, step: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            try:
                step()
            except Exception as error:
                # The next call may succeed; a check that waits in vain shows the error.
                self.error = error
            self._stopping.wait(self._pause)

    def _list(self) -> None:
        since, now = self._begun - _CLOCKS_DIFFER, datetime.now(UTC).isoformat()
        for properties in operation.listed(self._aws.client("comprehend"), {"SubmitTimeAfter": since}):
            shown = {"At": now, "S3Uri": properties["OutputDataConfig"]["S3Uri"]}
            with self._lock:
                seen = self._jobs.setdefault(properties["JobId"], Seen(dict(properties)))
                seen.properties = dict(properties)
                seen.states.setdefault(properties["JobStatus"], shown)

    def _receive(self) -> None:
        sqs = self._aws.client("sqs")
        answer = sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            event = {**json.loads(message["Body"]), "ReceivedAt": time.time()}
            with self._lock:
                self._events.setdefault(event["detail"]["ExecutionArn"], []).append(event)
            sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
