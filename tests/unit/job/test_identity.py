"""What identifies a job: the same for a repeated start, another for a restart, and found from its execution."""

from __future__ import annotations

from entities_job.contracts import JobRequest
from entities_job.job.identity import identified, job_name

ARN = "arn:aws:states:us-east-1:111122223333:execution:Workflow:run-1"
REQUEST: JobRequest = {
    "LanguageCode": "en",
    "DataAccessRoleArn": "arn:aws:iam::111122223333:role/data",
    "InputDataConfig": {"S3Uri": "s3://in-bucket/in/"},
    "OutputDataConfig": {"S3Uri": "s3://out-bucket/jobs/"},
}
OWN: JobRequest = {**REQUEST, "JobName": "mine", "ClientRequestToken": "token"}


def test_a_repeated_start_has_the_same_token_and_name() -> None:
    made = identified(REQUEST, ARN, 1)
    assert made == identified(REQUEST, ARN, 1)
    assert (made["JobName"], len(made["ClientRequestToken"])) == ("Workflow.run-1", 64)


def test_an_executions_jobs_write_into_a_folder_of_its_own() -> None:
    for attempt in (1, 2):
        assert identified(REQUEST, ARN, attempt)["OutputDataConfig"]["S3Uri"] == "s3://out-bucket/jobs/run-1/"


def test_executions_with_one_token_and_name_send_the_same_request() -> None:
    assert identified(OWN, ARN, 1) == identified(OWN, ARN + "0", 1)
    assert identified(OWN, ARN, 2)["OutputDataConfig"]["S3Uri"].endswith("/run-1/")


def test_a_restart_is_another_job_even_if_the_caller_named_the_first() -> None:
    first, again = identified(OWN, ARN, 1), identified(OWN, ARN, 2)
    assert (first["JobName"], first["ClientRequestToken"]) == ("mine", "token")
    assert again["JobName"] == "Workflow.run-1.2"
    assert again["ClientRequestToken"] not in ("token", identified(REQUEST, ARN, 1)["ClientRequestToken"])


def test_characters_that_a_job_name_may_not_have_are_replaced() -> None:
    assert job_name("arn:aws:states:us-east-1:1:execution:M:a~b'c") == "M.a-b-c"
