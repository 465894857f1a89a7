"""AwaitOutput: whoever comes first, the token or the output, an execution is woken once."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from entities_job.handlers import await_output
from tests.unit.lambda_context import CONTEXT

OUTPUT = "jobs/run-1/111122223333-NER-abc/output/output.tar.gz"


class NoSuchKey(Exception):
    """Of the stand-in for S3."""


class TaskDoesNotExist(Exception):
    """Of the stand-in for Step Functions."""


class Services:
    """S3 and Step Functions in memory."""

    exceptions = SimpleNamespace(
        NoSuchKey=NoSuchKey, TaskDoesNotExist=TaskDoesNotExist, TaskTimedOut=type("TaskTimedOut", (Exception,), {})
    )

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.waiting: set[str] = set()
        self.woken: list[str] = []

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:
        self.objects[f"{Bucket}/{Key}"] = Body

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        if f"{Bucket}/{Key}" not in self.objects:
            raise NoSuchKey
        return {"Body": io.BytesIO(self.objects[f"{Bucket}/{Key}"])}

    def head_object(self, *, Bucket: str, Key: str) -> None:
        if f"{Bucket}/{Key}" not in self.objects:
            raise ClientError({"Error": {"Code": "404"}}, "HeadObject")

    def send_task_success(self, *, taskToken: str, output: str) -> None:
        if taskToken not in self.waiting:
            raise TaskDoesNotExist
        self.waiting.remove(taskToken)
        self.woken.append(taskToken)


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Services:
    made = Services()
    monkeypatch.setattr(await_output, "client", lambda name: made)
    monkeypatch.setenv("WAITING_URI", "s3://out/work/waiting/")
    return made


def wait(services: Services, token: str = "token") -> None:
    services.waiting.add(token)
    task = {"Token": token, "JobId": "abc", "OutputUri": f"s3://out/{OUTPUT}"}
    await_output.handler(task, CONTEXT)


def announce(key: str = OUTPUT) -> bool:
    event = {"source": "aws.s3", "detail": {"bucket": {"name": "out"}, "object": {"key": key}}}
    woken: bool = await_output.handler(event, CONTEXT)["Woken"]
    return woken


def test_the_output_wakes_the_execution_that_waits_for_it(services: Services) -> None:
    wait(services)
    assert services.woken == []
    assert announce()
    assert services.woken == ["token"]


def test_an_output_that_is_there_before_the_token_wakes_at_once(services: Services) -> None:
    services.put_object(Bucket="out", Key=OUTPUT, Body=b"")
    assert not announce()
    wait(services)
    assert services.woken == ["token"]


def test_an_event_that_comes_twice_wakes_once(services: Services) -> None:
    wait(services)
    assert [announce(), announce()] == [True, False]
    assert services.woken == ["token"]


def test_a_wait_that_timed_out_is_replaced_by_the_next(services: Services) -> None:
    wait(services, "first")
    services.waiting.clear()
    wait(services, "second")
    assert announce()
    assert services.woken == ["second"]


@pytest.mark.parametrize("key", ["jobs/run-1/other.tar.gz", OUTPUT.replace("abc", "xyz"), OUTPUT + "/x"])
def test_other_objects_wake_nobody(services: Services, key: str) -> None:
    wait(services)
    assert not announce(key)


def test_tokens_lie_where_readers_of_results_may_not_look(services: Services) -> None:
    wait(services)
    assert services.objects == {"out/work/waiting/abc": b"token"}


def test_an_error_that_is_not_a_missing_output_is_not_swallowed(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(**_: str) -> None:
        raise ClientError({"Error": {"Code": "403", "Message": "no"}}, "HeadObject")

    monkeypatch.setattr(services, "head_object", denied)
    with pytest.raises(Exception, match="403"):
        wait(services)
