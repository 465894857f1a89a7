"""The operations, as the service answers them."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from .aws import AccessDenied
from .checks import check_region, check_start, partition_of
from .clock import Clock
from .errors import ServiceError, usual
from .faults import OPERATIONS, Faults
from .jobs import Job, JobTable
from .listing import page
from .quotas import Rates
from .recognizers import Recognizer, Registry
from .runner import JobFailure, list_input
from .schema import check, without_nulls
from .settings import Settings
from .tagging import list_tags, tag, untag
from .worker import Roles, Worker


class Answer(NamedTuple):
    """An answer, and the virtual time at which it is given: its Date header."""

    body: dict[str, Any]
    time: float


_Operation = Callable[[dict[str, Any], str, str], Answer]


class Account(Roles, Protocol):
    """Calls that the service makes to AWS: see :class:`.aws.Aws`."""

    def check_key(self, key_id: str, account: str, region: str) -> None: ...


class Comprehend:
    """The emulated service.

    Args:
        settings: how it behaves.
        aws: where roles, keys and buckets are.

    Attributes:
        settings: how it behaves now.
        clock: its time.
        jobs: all jobs.
        recognizers: custom recognizers and flywheels.
        faults: faults that wait to happen.
    """

    def __init__(self, settings: Settings, aws: Account) -> None:
        self.settings = settings
        self.clock = Clock(settings.clock_scale)
        self.jobs = JobTable(self.clock)
        self.recognizers = Registry()
        self.faults = Faults()
        self._aws = aws
        self._rates = Rates(self.clock)
        self._worker = Worker(self.jobs, self.clock, aws, lambda: self.settings)
        self._first_settings = settings
        self._down_until = 0.0

    def change_settings(self, settings: Settings) -> None:
        """Behave otherwise from now on."""
        if settings.clock_scale != self.settings.clock_scale:
            self.clock.change_scale(settings.clock_scale)
        self.settings = settings
        self.wake()

    def wake(self) -> None:
        """Let running jobs read clock and settings again."""
        with self.jobs.changed:
            self.jobs.changed.notify_all()

    def restart(self, seconds: float) -> None:
        """Answer no call for virtual seconds; jobs that run lose what was done, and begin again after that."""
        now = self.clock.now()
        self._down_until = now + seconds
        with self.jobs.changed:
            for job in self.jobs.every():
                job.set_back(now, seconds)

    def reset(self) -> None:
        """Forget jobs, recognizers, faults and changes of settings."""
        self.jobs.clear()
        self.recognizers.clear()
        self.faults.clear()
        self._rates.clear()
        self._down_until = 0.0
        self.change_settings(self._first_settings)

    def call(self, operation: str, body: Any, account: str, region: str) -> Answer:
        """Answer one call.

        Args:
            operation: its name in the API.
            body: the request.
            account: of the caller.
            region: of the endpoint.

        Raises:
            ServiceError: the service's error answer.
        """
        if operation not in OPERATIONS:
            raise ServiceError("UnknownOperationException", "")
        if self.clock.now() < self._down_until:
            raise ServiceError("ServiceUnavailableException", usual("ServiceUnavailableException").message, 503)
        fault = self.faults.of_call(operation)
        error = fault and ServiceError(fault.code, fault.message or usual(fault.code).message, fault.status)
        if fault and error and not fault.after:
            raise error
        settings, request = self.settings, without_nulls(body)
        check_region(region)
        self._rates.count(operation, account, region, settings)
        check(operation, request, settings.constraint_error)
        answers: dict[str, _Operation] = {
            "StartEntitiesDetectionJob": self._start,
            "DescribeEntitiesDetectionJob": self._describe,
            "StopEntitiesDetectionJob": self._stop,
            "ListEntitiesDetectionJobs": self._list,
            "TagResource": self._of_tags(tag),
            "UntagResource": self._of_tags(untag),
            "ListTagsForResource": self._of_tags(list_tags),
        }
        answer = answers[operation](request, account, region)
        if error:
            raise error
        return answer

    def _start(self, request: dict[str, Any], account: str, region: str) -> Answer:
        settings = self.settings
        check_start(request, settings)
        model = request.get("EntityRecognizerArn") or request.get("FlywheelArn")
        recognizer = self.recognizers.find(model, settings.untrained_recognizer) if model else None
        job = self._new_job(request, account, region, recognizer)
        self._check_keys(job)
        self._check_size(job)
        with self.jobs.changed:
            known = self.jobs.of_token(request, account, region, settings)
            if known is None:
                self._admit(job)
                self.jobs.add(job)
                self._worker.start(job)
            answered = known or job
            now = self.clock.now()
            repeated = known is not None and settings.token_answer == "current"
            answer = {
                "JobId": answered.job_id,
                "JobArn": answered.arn,
                "JobStatus": answered.status(now) if repeated else "SUBMITTED",
            }
        return Answer(answer | ({"EntityRecognizerArn": recognizer.arn} if recognizer else {}), now)

    def _new_job(self, request: dict[str, Any], account: str, region: str, recognizer: Recognizer | None) -> Job:
        token = request.get("ClientRequestToken")
        if token and self.settings.job_ids == "seeded":
            job_id = hashlib.sha256(token.encode()).hexdigest()[:32]
        else:
            job_id = uuid.uuid4().hex
        uri = request["OutputDataConfig"]["S3Uri"]
        if not uri.endswith("/") and (self.settings.output_join == "slash" or uri.count("/") == 2):
            uri += "/"
        return Job(
            job_id=job_id,
            arn=f"arn:{partition_of(region)}:comprehend:{region}:{account}:entities-detection-job/{job_id}",
            account=account,
            region=region,
            request=request,
            output_uri=f"{uri}{account}-NER-{job_id}/output/output.tar.gz",
            recognizer=recognizer,
            default_input_format=self.settings.default_input_format,
            tags={each["Key"]: each.get("Value", "") for each in request.get("Tags", [])},
        )

    def _check_keys(self, job: Job) -> None:
        output_key = job.request["OutputDataConfig"].get("KmsKeyId")
        volume_key = job.request.get("VolumeKmsKeyId")
        keys = [key for key in (output_key, volume_key) if key is not None]
        if not keys or self.settings.kms_check == "none":
            return
        for key in keys:
            self._aws.check_key(key, job.account, job.region)
        if self.settings.kms_check == "role":
            try:
                access = self._aws.assume_role(job)
                if output_key is not None:
                    access.use_output_key(output_key)
                if volume_key is not None:
                    access.grant_volume_key(volume_key)
            except AccessDenied as error:
                raise usual("KmsKeyValidationException") from error

    def _check_size(self, job: Job) -> None:
        if self.settings.under_minimum != "refused" or job.recognizer is not None:
            return
        try:
            list_input(job, self._aws.assume_role(job), self.settings)
        except AccessDenied:
            return
        except JobFailure as failure:
            if str(failure) == "UNDER_MINIMUM":
                text = f"The input is smaller than {self.settings.minimum_job_bytes} bytes."
                raise ServiceError("InvalidRequestException", text) from failure

    def _admit(self, job: Job) -> None:
        """Give a new job its slot, or let it wait for one.

        Raises:
            ServiceError: all slots are taken, or its name.
        """
        settings = self.settings
        active = self.jobs.active(job.account, job.region, settings)
        name = job.request.get("JobName")
        if settings.equal_names == "refused" and name and any(other.request.get("JobName") == name for other in active):
            raise usual("ResourceInUseException")
        if settings.active_jobs is not None and len(active) >= settings.active_jobs:
            if settings.eleventh_start == "refused":
                raise usual("TooManyRequestsException")
            job.waits = True
        # Only now: the time that the emulator itself took for its checks is not the job's.
        job.submit(self.clock.now())
        job.fault = self.faults.of_job(name or "")
        if not job.waits:
            job.begin_run(job.submit_time + settings.submitted_seconds)

    def _describe(self, request: dict[str, Any], account: str, region: str) -> Answer:
        with self.jobs.changed:
            job, now = self.jobs.find(request["JobId"], account, region, self.settings), self.clock.now()
            time = min(now, job.seen_at()) if self.settings.ended_clock == "real" else now
            return Answer({"EntitiesDetectionJobProperties": job.properties(now)}, time)

    def _stop(self, request: dict[str, Any], account: str, region: str) -> Answer:
        with self.jobs.changed:
            job = self.jobs.find(request["JobId"], account, region, self.settings)
            now = self.clock.now()
            status = job.request_stop(now, self.settings)
            self.jobs.changed.notify_all()
            return Answer({"JobId": job.job_id, "JobStatus": status}, now)

    def _list(self, request: dict[str, Any], account: str, region: str) -> Answer:
        with self.jobs.changed:
            now = self.clock.now()
            return Answer(page(self.jobs.known(account, region, self.settings), request, now), now)

    def _of_tags(self, operation: Callable[[Job, dict[str, Any]], dict[str, Any]]) -> _Operation:
        def answer(request: dict[str, Any], account: str, region: str) -> Answer:
            with self.jobs.changed:
                job = self.jobs.tagged(request["ResourceArn"], account, region, self.settings)
                return Answer(operation(job, request), self.clock.now())

        return answer


def caller(authorization: str, settings: Settings) -> tuple[str, str]:
    """Account and Region of a request, from its Authorization header. Signatures are not judged here."""
    scope = re.search(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/", authorization)
    if scope is None:
        return settings.account_id, settings.region
    key, region = scope.groups()
    return (key if re.fullmatch(r"\d{12}", key) else settings.account_id), region
