"""StartJob: the request as it is sent, once however often it is retried."""

from __future__ import annotations

import pytest

from entities_job import aws as functions_aws
from entities_job.contracts import JobRequest, StartJobOutput
from entities_job.errors import ContractNotUnderstood, ServiceError
from entities_job.handlers import start_job
from tests.aws import Aws
from tests.payloads import REQUEST, RUN, SETTINGS
from tests.unit.lambda_context import CONTEXT


def start(request: JobRequest = REQUEST, attempt: int = 1, version: int = 1) -> StartJobOutput:
    settings = {**SETTINGS, "ContractVersion": version}
    return start_job.handler(
        {"Request": request, "Settings": settings, "Execution": RUN, "Attempt": attempt},  # type: ignore[typeddict-item]  # a spoiled one, too
        CONTEXT,
    )


def test_a_retried_start_is_the_same_job(aws: Aws) -> None:
    first = start()
    assert start() == first
    [job] = aws.jobs.values()
    assert first == {
        "Job": {
            "JobId": job["JobId"],
            "JobArn": job["JobArn"],
            "JobStatus": "SUBMITTED",
            "JobName": "Workflow.run-1",
        },
        "WaitSeconds": 20,
    }
    assert job["JobName"] == "Workflow.run-1"
    assert job["OutputDataConfig"]["S3Uri"].startswith("s3://out/jobs/run-1/")


def test_a_name_in_use_is_changed_once(aws: Aws) -> None:
    aws.fail("StartEntitiesDetectionJob", "ResourceInUseException")
    start({**REQUEST, "JobName": "mine"})
    [job] = aws.jobs.values()
    assert job["JobName"].startswith("mine.")


@pytest.mark.parametrize("code", ["TooManyRequestsException", "ThrottlingException", "AccessDeniedException"])
def test_a_services_error_leaves_under_its_own_name(aws: Aws, code: str) -> None:
    aws.fail("StartEntitiesDetectionJob", code)
    with pytest.raises(ServiceError, match=code) as raised:
        start()
    assert type(raised.value).__name__ == code


@pytest.mark.parametrize("version", [0, 2])
def test_a_definition_of_another_version_is_told_so_before_anything_is_paid(aws: Aws, version: int) -> None:
    with pytest.raises(ContractNotUnderstood, match=f"version {version}"):
        start(version=version)
    assert aws.jobs == {}


@pytest.mark.parametrize(("patiently", "attempts"), [(False, 4), (True, 16)])
def test_clients_retry_in_standard_mode(aws: Aws, patiently: bool, attempts: int) -> None:
    made = functions_aws.comprehend.__wrapped__(patiently=patiently)
    retries = vars(made.meta.config)["_user_provided_options"]["retries"]
    assert retries == {"mode": "standard", "total_max_attempts": attempts}
