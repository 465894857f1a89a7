"""Each log line of a function tells of which execution and job it is."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest

from entities_job.aws import logger
from entities_job.task import task
from tests.payloads import RUN


@task
def handler(event: dict[str, Any], context: Any) -> None:
    logger.info("here")


class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    stream = StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


def logged(event: dict[str, Any], written: StringIO) -> dict[str, Any]:
    handler(event, Context())  # type: ignore[arg-type]  # as much of a context as the logger reads
    return dict(json.loads(written.getvalue().splitlines()[-1]))


@pytest.mark.parametrize(
    ("event", "execution", "job_id"),
    [
        ({"Execution": RUN, "JobId": "job1"}, "run-1", "job1"),
        ({"Execution": RUN, "Job": {"JobId": "job2"}}, "run-1", "job2"),
        ({"Execution": RUN, "Job": {"JobStatus": "NOT_STARTED"}}, "run-1", None),
        ({"Execution": "batch-1", "Shard": "s3://in/x"}, "batch-1", None),
        ({"detail": {"executionArn": RUN["Id"], "status": "ABORTED"}}, "run-1", None),
        ({"Records": []}, None, None),
    ],
)
def test_by_execution_and_job(
    event: dict[str, Any], execution: str | None, job_id: str | None, written: StringIO
) -> None:
    line = logged(event, written)
    assert (line.get("execution"), line.get("job_id")) == (execution, job_id)


def test_one_invocation_does_not_tell_of_the_one_before(written: StringIO) -> None:
    logged({"Execution": RUN, "JobId": "job1"}, written)
    assert "job_id" not in logged({"Execution": RUN}, written)
