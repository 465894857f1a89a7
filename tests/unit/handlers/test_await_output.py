"""AwaitOutput: whoever comes first, the token or the output, an execution is woken once."""

from __future__ import annotations

import pytest

from entities_job.handlers import await_output
from tests.aws import Aws
from tests.unit.lambda_context import CONTEXT

OUTPUT = "jobs/run-1/111122223333-NER-abc/output/output.tar.gz"


def wait(aws: Aws, token: str = "token", execution: str = "run-1") -> None:
    aws.waiting.add(token)
    await_output.handler(
        {"Token": token, "Execution": execution, "JobId": "abc", "OutputUri": f"s3://out/{OUTPUT}"}, CONTEXT
    )


def announce(key: str = OUTPUT) -> bool:
    return await_output.handler({"detail": {"object": {"key": key}}}, CONTEXT)["Woken"]


def test_the_output_wakes_the_execution_that_waits_for_it(aws: Aws) -> None:
    wait(aws)
    assert aws.woken == []
    assert announce()
    assert aws.woken == ["token"]


def test_an_output_that_is_there_before_the_token_wakes_at_once(aws: Aws) -> None:
    aws.put(f"s3://out/{OUTPUT}", b"")
    assert not announce()
    wait(aws)
    assert aws.woken == ["token"]


def test_all_who_follow_a_job_are_woken(aws: Aws) -> None:
    wait(aws, "first")
    wait(aws, "second", "another-run")
    assert announce()
    assert sorted(aws.woken) == ["first", "second"]


def test_an_event_that_comes_twice_wakes_once(aws: Aws) -> None:
    wait(aws)
    assert [announce(), announce()] == [True, False]
    assert aws.woken == ["token"]


def test_a_wait_that_timed_out_is_replaced_by_the_next(aws: Aws) -> None:
    wait(aws, "first")
    aws.waiting.clear()
    wait(aws, "second")
    assert announce()
    assert aws.woken == ["second"]


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist"])
def test_a_wait_that_is_over_keeps_no_other_execution_from_being_woken(aws: Aws, code: str) -> None:
    wait(aws, "first", "a-run")
    wait(aws, "second", "b-run")
    aws.fail("SendTaskSuccess", code)
    assert announce()
    assert aws.woken == ["second"]


@pytest.mark.parametrize("key", ["jobs/run-1/other.tar.gz", OUTPUT.replace("abc", "xyz"), OUTPUT + "/x"])
def test_other_objects_wake_no_execution(aws: Aws, key: str) -> None:
    wait(aws)
    assert not announce(key)


def test_tokens_lie_where_readers_of_results_may_not_look(aws: Aws) -> None:
    wait(aws)
    assert {uri: aws.get(uri) for uri in aws.uris()} == {"s3://out/work/waiting/abc/run-1": b"token"}


def test_an_error_that_is_not_a_missing_output_is_not_swallowed(aws: Aws) -> None:
    aws.fail("HeadObject", "403")
    with pytest.raises(Exception, match="403"):
        wait(aws)
