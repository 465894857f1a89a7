"""StopJob: a job that runs is asked to stop, one that has ended is left as it is."""

from __future__ import annotations

import pytest

from entities_job.handlers import stop_job
from tests.aws import Aws
from tests.unit.lambda_context import CONTEXT


@pytest.mark.parametrize(
    ("status", "answered"),
    [
        ("IN_PROGRESS", "STOP_REQUESTED"),
        ("STOP_REQUESTED", "STOP_REQUESTED"),
        ("STOPPED", "STOPPED"),
        ("COMPLETED", "ENDED"),
        ("FAILED", "ENDED"),
    ],
)
def test_stop_answers_the_services_status(aws: Aws, status: str, answered: str) -> None:
    aws.job("j", status=status)
    assert stop_job.handler({"JobId": "j"}, CONTEXT) == {"JobStatus": answered}
