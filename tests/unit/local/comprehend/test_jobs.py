"""States, lists, rates, faults, clock and settings of the emulator."""

from __future__ import annotations

from typing import Any

import pytest

from local.comprehend.clock import Clock
from local.comprehend.errors import ServiceError
from local.comprehend.faults import Faults, JobFault, OperationFault
from local.comprehend.jobs import Job
from local.comprehend.listing import page
from local.comprehend.quotas import Rates
from local.comprehend.settings import Settings


def job_of(number: int = 0, *, submitted: float = 0.0, name: str | None = None) -> Job:
    request: dict[str, Any] = {
        "InputDataConfig": {"S3Uri": "s3://in/"},
        "OutputDataConfig": {"S3Uri": "s3://out/"},
        "LanguageCode": "en",
    }
    return Job(
        job_id=f"{number:032x}",
        arn=f"arn:aws:comprehend:us-east-1:000000000000:entities-detection-job/{number:032x}",
        account="000000000000",
        region="us-east-1",
        request=request | ({"JobName": name} if name else {}),
        output_uri="s3://out/x/output/output.tar.gz",
        recognizer=None,
        submit_time=submitted,
        history=[("SUBMITTED", submitted)],
    )


class Seconds:
    """Real seconds that a test lets pass."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_virtual_time_passes_as_often_as_the_scale_says() -> None:
    real = Seconds()
    clock = Clock(0.01, real)
    start = clock.now()
    real.now = 2.0
    assert clock.now() - start == pytest.approx(200)
    clock.change_scale(1.0)
    real.now = 3.0
    assert clock.now() - start == pytest.approx(201)
    clock.advance(99)
    assert clock.now() - start == pytest.approx(300)


def test_a_state_is_a_function_of_time() -> None:
    job = job_of()
    job.begin_run(5.0)
    assert [job.status(now) for now in (0, 4.9, 5, 100)] == ["SUBMITTED", "SUBMITTED", "IN_PROGRESS", "IN_PROGRESS"]
    job.end("COMPLETED", 366.0)
    assert job.status(366.0) == "COMPLETED"
    assert job.properties(400)["EndTime"] == 366.0


@pytest.mark.parametrize(
    ("stop_submitted", "status", "later"),
    [("stop_requested", "STOP_REQUESTED", "STOP_REQUESTED"), ("stopped", "STOPPED", "STOPPED")],
)
def test_a_stop_before_the_run(stop_submitted: Any, status: str, later: str) -> None:
    job = job_of()
    job.begin_run(5.0)
    assert job.request_stop(1.0, Settings(stop_submitted=stop_submitted)) == status
    assert job.status(10.0) == later


def test_a_stop_before_the_run_may_be_refused() -> None:
    with pytest.raises(ServiceError) as caught:
        job_of().request_stop(1.0, Settings(stop_submitted="refused"))
    assert caught.value.code == "InvalidRequestException"


def test_a_stop_of_a_running_stopping_and_ended_job() -> None:
    job = job_of()
    job.begin_run(5.0)
    assert job.request_stop(6.0, Settings()) == "STOP_REQUESTED"
    assert job.request_stop(7.0, Settings()) == "STOP_REQUESTED"
    job.end("STOPPED", 36.0)
    assert job.request_stop(40.0, Settings()) == "STOPPED"
    assert [status for status, _ in job.history] == ["SUBMITTED", "IN_PROGRESS", "STOP_REQUESTED", "STOPPED"]
    for status in ("COMPLETED", "FAILED"):
        ended = job_of()
        ended.end(status, 3.0)
        with pytest.raises(ServiceError, match=status):
            ended.request_stop(4.0, Settings())


def ids(answer: dict[str, Any]) -> list[int]:
    return [int(job["JobId"], 16) for job in answer["EntitiesDetectionJobPropertiesList"]]


def test_lists_are_filtered_and_ordered() -> None:
    jobs = [job_of(number, submitted=float(number), name=f"name-{number % 2}") for number in range(5)]
    jobs[3].end("COMPLETED", 4.0)
    assert ids(page(jobs, {}, 10)) == [4, 3, 2, 1, 0]
    assert ids(page(jobs, {"Filter": {"JobName": "name-1"}}, 10)) == [3, 1]
    assert ids(page(jobs, {"Filter": {"JobStatus": "COMPLETED"}}, 10)) == [3]
    assert ids(page(jobs, {"Filter": {"SubmitTimeBefore": 3}}, 10)) == [0, 1, 2]
    assert ids(page(jobs, {"Filter": {"SubmitTimeAfter": 2}}, 10)) == [4, 3]
    with pytest.raises(ServiceError) as caught:
        page(jobs, {"Filter": {"JobName": "a", "JobStatus": "FAILED"}}, 10)
    assert caught.value.code == "InvalidFilterException"


def test_pages_hold_every_job_once_though_new_ones_come() -> None:
    jobs = [job_of(number, submitted=float(number // 2)) for number in range(7)]
    found, request = [], {"MaxResults": 3}
    while True:
        answer = page(jobs, request, 100)
        found += ids(answer)
        if "NextToken" not in answer:
            break
        request = {"MaxResults": 3, "NextToken": answer["NextToken"]}
        jobs.append(job_of(100 + len(jobs), submitted=50.0))
    assert sorted(found) == list(range(7))


@pytest.mark.parametrize("token", ["nonsense", "W10="])
def test_a_foreign_token_is_refused(token: str) -> None:
    with pytest.raises(ServiceError) as caught:
        page([job_of()], {"NextToken": token}, 10)
    assert caught.value.code == "InvalidRequestException"


def test_a_token_of_another_filter_is_refused() -> None:
    token = page([job_of(1), job_of(2)], {"MaxResults": 1}, 10)["NextToken"]
    with pytest.raises(ServiceError, match="another filter"):
        page([], {"NextToken": token, "Filter": {"JobName": "a"}}, 10)


def test_rates_are_counted_by_operation_and_second() -> None:
    real = Seconds()
    rates, settings = Rates(Clock(1.0, real)), Settings(describes_per_second=2.0, lists_per_second=0.5)

    def call(operation: str) -> None:
        rates.count(operation, "0", "us-east-1", settings)

    call("DescribeEntitiesDetectionJob")
    call("DescribeEntitiesDetectionJob")
    with pytest.raises(ServiceError) as caught:
        call("DescribeEntitiesDetectionJob")
    assert caught.value.code == "ThrottlingException"
    call("ListEntitiesDetectionJobs")
    real.now = 1.01
    call("DescribeEntitiesDetectionJob")
    with pytest.raises(ServiceError):
        call("ListEntitiesDetectionJobs")
    real.now = 2.01
    call("ListEntitiesDetectionJobs")


def test_a_rate_can_be_off() -> None:
    rates = Rates(Clock(1.0, Seconds()))
    for _ in range(50):
        rates.count("StartEntitiesDetectionJob", "0", "us-east-1", Settings(starts_per_second=None))


def test_faults_meet_what_they_are_meant_for_and_no_more() -> None:
    faults = Faults()
    faults.add(OperationFault(operation="StopEntitiesDetectionJob", code="InternalServerException", times=2))
    faults.add(JobFault(job_name="night-.*", message="X: y"))
    assert faults.of_call("StartEntitiesDetectionJob") is None
    assert [faults.of_call("StopEntitiesDetectionJob") is None for _ in range(3)] == [False, False, True]
    assert faults.of_job("day-1") == JobFault()
    assert faults.of_job("night-1").message == "X: y"
    assert faults.of_job("night-1") == JobFault()


def test_a_fault_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="operation: must be one of"):
        OperationFault(operation="DetectEntities", code="X")
    with pytest.raises(ValueError, match="stuck_in: must be"):
        JobFault(stuck_in="COMPLETED")


def test_settings_say_what_is_wrong_with_them() -> None:
    with pytest.raises(ValueError, match="no such setting: speed"):
        Settings().updated({"speed": 1})
    with pytest.raises(ValueError, match="eleventh_start: must be one of refused, queued; got 'error'"):
        Settings().updated({"eleventh_start": "error"})
    with pytest.raises(ValueError, match="clock_scale"):
        Settings(clock_scale=0)
    with pytest.raises(ValueError, match="job_seconds"):
        Settings(job_seconds=())
    changed = Settings().updated({"job_seconds": [10], "failure_messages": {"NO_READ": "A: b"}})
    assert changed.job_seconds == (10,)
    assert changed.failure_messages["NO_READ"] == "A: b"
    assert changed.failure_messages["NO_WRITE"].startswith("NO_WRITE_ACCESS_TO_OUTPUT")


def test_a_restart_of_the_service_costs_a_job_what_was_done() -> None:
    job = job_of()
    job.set_back(100.0, 60.0)
    assert job.delay == 160.0
    job.set_back(200.0, 60.0)
    # It had begun again at 160 and done 40 seconds.
    assert job.delay == 260.0
    job.end("COMPLETED", 700.0)
    job.set_back(800.0, 60.0)
    assert job.delay == 260.0
