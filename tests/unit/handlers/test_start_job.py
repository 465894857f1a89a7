"""StartJob: the request as it is sent, once however often it is retried."""

from __future__ import annotations

import pytest

from entities_job import aws as functions_aws
from entities_job.contracts import JobRequest, StartJobOutput
from entities_job.errors import ContractNotUnderstood, NoFreeSlot, ServiceError, SlotTaken
from entities_job.handlers import start_job
from entities_job.job import marker
from tests.aws import Aws
from tests.payloads import REQUEST, RUN, SETTINGS
from tests.unit.lambda_context import CONTEXT


def start(request: JobRequest = REQUEST, attempt: int = 1, version: int = 1, waited: float = 0) -> StartJobOutput:
    settings = {**SETTINGS, "ContractVersion": version}
    return start_job.handler(
        {"Request": request, "Settings": settings, "Execution": RUN, "Attempt": attempt, "SlotSeconds": waited},  # type: ignore[typeddict-item]  # a spoiled one, too
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


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException"])
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


def busy(aws: Aws, count: int, **more: str) -> None:
    """Let so many jobs of others be active."""
    for number, status in zip(range(count), ["SUBMITTED", "IN_PROGRESS", "STOP_REQUESTED"] * count, strict=False):
        aws.job(f"other-{number}", "s3://others/", status, JobName=f"theirs-{number}", **more)


def test_a_job_is_started_in_the_last_free_slot(aws: Aws) -> None:
    busy(aws, 9)
    start()
    assert len(aws.jobs) == 10


def test_with_all_slots_taken_a_start_is_tried_again_later_without_a_call(aws: Aws) -> None:
    busy(aws, 10)
    with pytest.raises(SlotTaken):
        start(waited=43_199)
    assert aws.calls["StartEntitiesDetectionJob"] == 0


def test_a_wait_that_was_too_long_names_the_jobs_that_were_active(aws: Aws) -> None:
    busy(aws, 10)
    with pytest.raises(NoFreeSlot, match="within 43,200 seconds; 10 jobs were active: theirs-0, theirs-3"):
        start(waited=43_200)


@pytest.mark.parametrize(("waited", "error"), [(0, SlotTaken), (43_200, NoFreeSlot)])
def test_the_services_own_quota_counts_like_a_list_of_active_jobs(
    aws: Aws, waited: float, error: type[Exception]
) -> None:
    aws.fail("StartEntitiesDetectionJob", "TooManyRequestsException")
    with pytest.raises(error):
        start(waited=waited)


def test_a_start_whose_answer_was_lost_never_waits(aws: Aws) -> None:
    start()
    busy(aws, 9)
    assert start()["Job"]["JobStatus"] == "SUBMITTED"
    assert len(aws.jobs) == 10


def test_where_there_are_uploads_direct_executions_leave_one_slot_to_them(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLOTS_FOR_UPLOADS", "1")
    busy(aws, 9)
    with pytest.raises(SlotTaken):
        start()
    start({**REQUEST, "InputDataConfig": {"S3Uri": "s3://in/staging/batch/documents/"}})


def test_where_there_is_one_slot_only_all_take_turns_in_it(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOTS", "1")
    monkeypatch.setenv("SLOTS_FOR_UPLOADS", "1")
    start()
    assert len(aws.jobs) == 1


def test_the_owner_of_a_folder_that_is_named_by_a_callers_token_is_noted_before_the_start(aws: Aws) -> None:
    # The second one ends like the execution's name.
    for token in ("token", "before-run-1"):
        aws.fail("StartEntitiesDetectionJob", "InternalServerException")
        with pytest.raises(ServiceError):
            start({**REQUEST, "ClientRequestToken": token})
        assert marker.owner(token) == RUN["Id"]
    assert marker.owner("run-1") is None
