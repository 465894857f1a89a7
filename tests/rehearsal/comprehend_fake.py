"""A running Comprehend emulator for tests, with boto3 on one side and an AWS in memory on the other."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import IO, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.comprehend.admin import Admin
from local.comprehend.aws import AccessDenied, StoredObject
from local.comprehend.errors import usual
from local.comprehend.jobs import Job
from local.comprehend.server import Server
from local.comprehend.service import Comprehend
from local.comprehend.settings import Settings
from local.waiting import wait_until

ACCOUNT = "000000000000"
TEXT = b"Ada Lovelace met Charles Babbage in London on 5 June 1833.\n" * 10
RECOGNIZER = f"arn:aws:comprehend:us-east-1:{ACCOUNT}:entity-recognizer/pioneers/version/1"
FLYWHEEL = f"arn:aws:comprehend:us-east-1:{ACCOUNT}:flywheel/pioneers"
LIST = "Text,Type\nAda Lovelace,PIONEER\nLondon,CITY\n"
REQUEST: dict[str, Any] = {
    "InputDataConfig": {"S3Uri": "s3://documents/in/", "InputFormat": "ONE_DOC_PER_FILE"},
    "OutputDataConfig": {"S3Uri": "s3://documents/out/"},
    "DataAccessRoleArn": f"arn:aws:iam::{ACCOUNT}:role/Data",
    "LanguageCode": "en",
}
START = "StartEntitiesDetectionJob"
ENDED = ("COMPLETED", "FAILED", "STOPPED")


class FakeAws:
    """Buckets in memory, and a role that may do all but what a test forbids."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin again with two documents."""
        self.objects: dict[str, bytes] = {"in/a.txt": TEXT, "in/b.txt": TEXT}
        self.metadata: dict[str, dict[str, str]] = {}
        self.forbidden: set[str] = set()
        self.calls: list[str] = []

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.forbidden:
            raise AccessDenied(name)

    def check_key(self, key_id: str, account: str, region: str) -> None:
        if key_id == "no-such-key":
            raise usual("KmsKeyValidationException")

    def assume_role(self, job: Job) -> FakeAws:
        self._call("assume_role")
        return self

    def list_objects(self, bucket: str, prefix: str) -> list[StoredObject]:
        self._call("list_objects")
        keys = sorted(key for key in self.objects if key.startswith(prefix))
        return [StoredObject(key, len(self.objects[key])) for key in keys]

    def get_object(self, bucket: str, key: str) -> tuple[bytes, dict[str, str]]:
        self._call("get_object")
        return self.objects[key], self.metadata.get(key, {})

    def check_write(self, bucket: str, key: str) -> None:
        self._call("check_write")

    def put_object(self, bucket: str, key: str, content: IO[bytes] | bytes, kms_key_id: str | None = None) -> None:
        self._call("put_object")
        self.objects[key] = content if isinstance(content, bytes) else content.read()

    def use_output_key(self, key_id: str) -> None:
        self._call("use_output_key")

    def grant_volume_key(self, key_id: str) -> None:
        self._call("grant_volume_key")

    def check_actions(self, actions: list[str]) -> None:
        for name in actions:
            self._call(name)


class Emulator:
    """A running emulator with its client."""

    def __init__(self, url: str, aws: FakeAws) -> None:
        self.url = url
        self.aws = aws
        self.admin = Admin(url)
        self.client = self.client_of("us-east-1")

    def fresh(self) -> Emulator:
        """The same emulator as if it had just been started."""
        self.admin.reset()
        self.aws.clear()
        return self

    def client_of(self, region: str, key: str = "test") -> Any:
        return boto3.client(
            "comprehend",
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=key,
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )

    def start(self, **changes: Any) -> str:
        job_id: str = self.client.start_entities_detection_job(**(REQUEST | changes))["JobId"]
        return job_id

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.client.describe_entities_detection_job(JobId=job_id)
        properties: dict[str, Any] = answer["EntitiesDetectionJobProperties"]
        return properties

    def until(self, job_id: str, *statuses: str) -> dict[str, Any]:
        return wait_until(
            lambda: self.job(job_id),
            lambda job: job["JobStatus"] in statuses,
            awaited=" or ".join(statuses),
            seconds=20,
            pause=0.01,
        )

    def run(self, **changes: Any) -> dict[str, Any]:
        return self.until(self.start(**changes), *ENDED)

    def slow_down(self) -> None:
        """Let time pass only where a test advances it."""
        self.admin.configure(clock_scale=10_000.0)

    def result(self, job: dict[str, Any]) -> dict[str, bytes]:
        key = job["OutputDataConfig"]["S3Uri"].removeprefix("s3://documents/")
        with tarfile.open(fileobj=io.BytesIO(self.aws.objects[key])) as tar:
            return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]  # files

    def records(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.result(job)["output"].splitlines()]


@contextmanager
def running_emulator() -> Iterator[Emulator]:
    """An emulator whose jobs take less than a second, without request rates."""
    rates = ("starts_per_second", "stops_per_second", "describes_per_second", "lists_per_second")
    settings = Settings(clock_scale=0.001).updated(dict.fromkeys(rates, None))
    aws = FakeAws()
    server = Server(Comprehend(settings, aws))
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    emulator = Emulator(server.url, aws)
    try:
        yield emulator
    finally:
        emulator.client.close()
        emulator.admin.reset()
        server.shutdown()
        thread.join()
        server.server_close()


def code_of(call: Callable[[], Any]) -> tuple[str, int]:
    """Error code and HTTP status of a call that is refused."""
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
