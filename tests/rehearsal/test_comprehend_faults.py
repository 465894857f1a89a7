"""Faults that the Comprehend emulator can be told to show."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.comprehend_fake import (
    LIST,
    RECOGNIZER,
    REQUEST,
    START,
    TEXT,
    Emulator,
    code_of,
)


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        (START, lambda client: client.start_entities_detection_job(**REQUEST)),
        ("DescribeEntitiesDetectionJob", lambda client: client.describe_entities_detection_job(JobId="0" * 32)),
        ("StopEntitiesDetectionJob", lambda client: client.stop_entities_detection_job(JobId="0" * 32)),
        ("ListEntitiesDetectionJobs", lambda client: client.list_entities_detection_jobs()),
    ],
)
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ThrottlingException", 400),
        ("TooManyRequestsException", 400),
        ("InternalServerException", 500),
        ("AccessDeniedException", 403),
        ("ResourceUnavailableException", 400),
        ("ResourceInUseException", 400),
        ("KmsKeyValidationException", 400),
        ("JobNotFoundException", 400),
        ("InvalidRequestException", 400),
        ("SomethingNewException", 400),
    ],
)
def test_any_error_of_any_operation_can_be_injected(
    emulator: Emulator, operation: str, call: Callable[[Any], Any], code: str, status: int
) -> None:
    emulator.admin.inject(operation, code, times=2, message="told to")
    assert [code_of(lambda: call(emulator.client)) for _ in range(2)] == [(code, status)] * 2
    if operation in (START, "ListEntitiesDetectionJobs"):
        assert call(emulator.client)
    else:
        with pytest.raises(ClientError, match="JobNotFoundException") as unharmed:
            call(emulator.client)
        assert "told to" not in str(unharmed.value)


def test_a_lost_answer_is_repaired_by_the_token(emulator: Emulator) -> None:
    emulator.admin.inject(START, "InternalServerException", after=True)
    assert code_of(lambda: emulator.start(ClientRequestToken="t"))[1] == 500
    [job] = emulator.admin.jobs()
    assert emulator.start(ClientRequestToken="t") == job["JobId"]


def test_a_job_fails_with_a_given_message(emulator: Emulator) -> None:
    emulator.admin.spoil_jobs(job_name="bad", message="CODE: words")
    assert emulator.run(JobName="good")["JobStatus"] == "COMPLETED"
    job = emulator.run(JobName="bad")
    assert (job["JobStatus"], job["Message"]) == ("FAILED", "CODE: words")


@pytest.mark.parametrize("status", ["SUBMITTED", "IN_PROGRESS", "STOP_REQUESTED", "PONDERING"])
def test_a_job_can_be_stuck_in_a_state(emulator: Emulator, status: str) -> None:
    fault: dict[str, Any] = {"job_status": status} if status == "PONDERING" else {"stuck_in": status}
    emulator.admin.configure(job_seconds=[20])
    emulator.admin.spoil_jobs(**fault)
    job_id = emulator.start()
    if status == "STOP_REQUESTED":
        emulator.until(job_id, "IN_PROGRESS")
        emulator.client.stop_entities_detection_job(JobId=job_id)
    emulator.until(job_id, status)
    emulator.admin.advance(10_000)
    # Time enough for a whole job is not enough for this one.
    assert emulator.run()["JobStatus"] == "COMPLETED"
    assert emulator.job(job_id)["JobStatus"] == status
    if status != "STOP_REQUESTED":
        emulator.client.stop_entities_detection_job(JobId=job_id)
        assert emulator.until(job_id, "STOPPED")


def test_documents_can_fail_go_missing_or_be_garbled(emulator: Emulator) -> None:
    emulator.aws.objects["in/c.txt"] = TEXT
    emulator.admin.spoil_jobs(document_errors={"a.txt": ["SOME_CODE", "words"]}, missing_documents=["b.txt"])
    by_file = {record["File"]: record for record in emulator.records(emulator.run())}
    assert by_file["a.txt"] == {"File": "a.txt", "ErrorCode": "SOME_CODE", "ErrorMessage": "words"}
    assert by_file.keys() == {"a.txt", "c.txt"}
    emulator.admin.spoil_jobs(garbled_records=1)
    first, *rest = emulator.result(emulator.run())["output"].splitlines()
    with pytest.raises(json.JSONDecodeError):
        json.loads(first)
    assert [json.loads(line)["File"] for line in rest] == ["b.txt", "c.txt"]


def test_a_restart_answers_nothing_for_a_while_and_jobs_begin_again(emulator: Emulator) -> None:
    emulator.admin.configure(job_seconds=[400])
    emulator.slow_down()
    job_id = emulator.start()
    emulator.admin.advance(300)
    emulator.admin.restart(60)
    assert code_of(emulator.client.list_entities_detection_jobs) == ("ServiceUnavailableException", 503)
    emulator.admin.advance(200)
    assert emulator.client.list_entities_detection_jobs()["EntitiesDetectionJobPropertiesList"]
    assert emulator.job(job_id)["JobStatus"] == "IN_PROGRESS"
    emulator.admin.advance(400)
    emulator.until(job_id, "COMPLETED")


def test_ids_that_derive_from_the_token_are_the_same_again(emulator: Emulator) -> None:
    emulator.admin.configure(job_ids="seeded")
    first = emulator.start(ClientRequestToken="t")
    emulator.admin.reset()
    emulator.admin.configure(job_ids="seeded")
    assert emulator.start(ClientRequestToken="t") == first
    assert emulator.start(ClientRequestToken="u") != first


def test_reset_forgets_everything(emulator: Emulator) -> None:
    emulator.admin.add_recognizer(RECOGNIZER, LIST)
    emulator.admin.inject(START, "InternalServerException")
    emulator.admin.configure(active_jobs=1, clock_scale=5.0)
    emulator.admin.reset()
    assert emulator.admin.settings()["clock_scale"] == 0.001
    emulator.start()
    emulator.admin.reset()
    assert (emulator.admin.jobs(), emulator.admin.recognizers()) == ([], {})
