"""Jobs and their states in virtual time, and the table of all jobs."""

from __future__ import annotations

import dataclasses
from threading import Condition
from time import monotonic
from typing import Any

from .clock import Clock
from .errors import ServiceError, usual
from .faults import JobFault
from .recognizers import Recognizer
from .settings import Settings

ECHOED = ("JobName", "LanguageCode", "DataAccessRoleArn", "VolumeKmsKeyId", "VpcConfig")


@dataclasses.dataclass(kw_only=True)
class Job:
    """One job.

    Attributes:
        request: the StartEntitiesDetectionJob request.
        output_uri: S3 URI of the result.
        default_input_format: the InputFormat of a request that has none.
        tags: values by key.
        history: each state with the virtual time at which it begins, which may lie ahead.
        waits: whether the job still waits for a free slot.
        stop_at: virtual time at which a requested stop takes effect.
        refusal: what AWS answered where the data access role lacked a right; the service tells nobody.
        delay: virtual seconds that restarts of the service have cost it.
    """

    job_id: str
    arn: str
    account: str
    region: str
    request: dict[str, Any]
    output_uri: str
    recognizer: Recognizer | None
    default_input_format: str = "ONE_DOC_PER_LINE"
    tags: dict[str, str] = dataclasses.field(default_factory=dict)
    submit_time: float = 0.0
    history: list[tuple[str, float]] = dataclasses.field(default_factory=list)
    fault: JobFault = dataclasses.field(default_factory=JobFault)
    waits: bool = False
    stop_at: float | None = None
    end_time: float | None = None
    message: str | None = None
    refusal: str | None = None
    delay: float = 0.0
    _ended_at: float = dataclasses.field(default=0.0, init=False)

    @property
    def input_data_config(self) -> dict[str, Any]:
        """InputDataConfig, with the InputFormat that holds where the request has none."""
        return {"InputFormat": self.default_input_format, **self.request["InputDataConfig"]}

    def status(self, now: float) -> str:
        """The state at a virtual time."""
        return [status for status, begin in self.history if begin <= now][-1]

    def submit(self, now: float) -> None:
        """Submit the job at a virtual time."""
        self.submit_time, self.history = now, [("SUBMITTED", now)]

    def begin_run(self, begin: float) -> None:
        """Let the job run from a virtual time on."""
        self.waits = False
        if self.fault.stuck_in != "SUBMITTED":
            self.history.append((self.fault.job_status or "IN_PROGRESS", begin))

    def request_stop(self, now: float, settings: Settings) -> str:
        """Stop the job, and give its state after that.

        Raises:
            ServiceError: InvalidRequestException for a job that has ended by itself.
        """
        status = self.status(now)
        if status in ("COMPLETED", "FAILED"):
            text = f"The job {self.job_id} cannot be stopped: its status is {status}."
            raise ServiceError("InvalidRequestException", text)
        if status in ("STOPPED", "STOP_REQUESTED"):
            return status
        if status == "SUBMITTED":
            if settings.stop_submitted == "refused":
                raise ServiceError("InvalidRequestException", f"The job {self.job_id} has not started yet.")
            self.waits = False
            if settings.stop_submitted == "stopped":
                self.end("STOPPED", now)
                return "STOPPED"
        self._cut(now, "STOP_REQUESTED")
        self.stop_at = now + settings.stop_seconds
        return "STOP_REQUESTED"

    def set_back(self, now: float, seconds: float) -> None:
        """Discard progress, and continue after that many seconds: the service restarts."""
        if self.end_time is None and not self.waits:
            self.delay += max(0.0, now - self.submit_time - self.delay) + seconds

    def end(self, status: str, time: float, message: str | None = None) -> None:
        """End the job."""
        self._cut(time, status)
        self.end_time, self.message = time, message
        self._ended_at = monotonic()

    def seen_at(self) -> float:
        """The virtual time of this moment to whoever looks at the ended job, for whom seconds are real since its end;
        infinite before the end.
        """
        return float("inf") if self.end_time is None else self.end_time + monotonic() - self._ended_at

    def _cut(self, time: float, status: str) -> None:
        """Let another state begin; those that lay ahead never come."""
        self.history = [*((name, begin) for name, begin in self.history if begin <= time), (status, time)]

    def properties(self, now: float) -> dict[str, Any]:
        """EntitiesDetectionJobProperties, as Describe and List answer them."""
        known = {
            "JobId": self.job_id,
            "JobArn": self.arn,
            "JobStatus": self.status(now),
            "Message": self.message,
            "SubmitTime": round(self.submit_time, 3),
            "EndTime": self.end_time and round(self.end_time, 3),
            "InputDataConfig": self.input_data_config,
            **{name: self.request.get(name) for name in ECHOED},
            "OutputDataConfig": {**self.request["OutputDataConfig"], "S3Uri": self.output_uri},
            "EntityRecognizerArn": self.recognizer and self.recognizer.arn,
            "FlywheelArn": self.request.get("FlywheelArn"),
        }
        return {name: value for name, value in known.items() if value is not None}


class JobTable:
    """All jobs. Whoever reads or changes jobs holds the lock ``changed``.

    Attributes:
        changed: the lock; it is notified when a job or the clock has changed.
    """

    def __init__(self, clock: Clock) -> None:
        self.changed = Condition()
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._tokens: dict[tuple[str, str, str], Job] = {}

    def add(self, job: Job) -> None:
        """Keep a new job, and its ClientRequestToken if it has one."""
        self._jobs[job.job_id] = job
        if token := job.request.get("ClientRequestToken"):
            self._tokens[job.account, job.region, token] = job

    def clear(self) -> None:
        """Forget all jobs; their threads end."""
        with self.changed:
            self._jobs.clear()
            self._tokens.clear()
            self.changed.notify_all()

    def __contains__(self, job: Job) -> bool:
        return job.job_id in self._jobs

    def every(self) -> list[Job]:
        """The jobs of all accounts and Regions, oldest first."""
        return list(self._jobs.values())

    def known(self, account: str, region: str, settings: Settings) -> list[Job]:
        """The jobs of an account in a Region that are not forgotten yet, oldest first."""
        keep, now = settings.record_retention_seconds, self._clock.now()
        return [
            job
            for job in self._jobs.values()
            if (job.account, job.region) == (account, region)
            and (keep is None or job.end_time is None or now < job.end_time + keep)
        ]

    def find(self, job_id: str, account: str, region: str, settings: Settings) -> Job:
        """One job.

        Raises:
            ServiceError: JobNotFoundException.
        """
        for job in self.known(account, region, settings):
            if job.job_id == job_id:
                return job
        raise usual("JobNotFoundException")

    def tagged(self, arn: str, account: str, region: str, settings: Settings) -> Job:
        """The job of an ARN.

        Raises:
            ServiceError: ResourceNotFoundException.
        """
        for job in self.known(account, region, settings):
            if job.arn == arn:
                return job
        raise usual("ResourceNotFoundException")

    def active(self, account: str, region: str, settings: Settings) -> list[Job]:
        """The jobs that hold a slot."""
        now = self._clock.now()
        jobs = self.known(account, region, settings)
        return [
            job
            for job in jobs
            if not job.waits and job.status(now) in (*settings.active_states, job.fault.job_status or "")
        ]

    def of_token(self, request: dict[str, Any], account: str, region: str, settings: Settings) -> Job | None:
        """The job that an earlier request with the same ClientRequestToken has started.

        Raises:
            ServiceError: the earlier request was another one.
        """
        job = self._tokens.get((account, region, request.get("ClientRequestToken", "")))
        window = settings.token_window_seconds
        if job is None or (window is not None and self._clock.now() >= job.submit_time + window):
            return None
        if job.request != request and settings.token_conflict != "same_job":
            text = "The ClientRequestToken was used before with other parameters."
            raise ServiceError(settings.token_conflict, text)
        return job
