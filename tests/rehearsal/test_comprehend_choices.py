"""Where the service's documentation is silent, the emulator can do either: both behaviours of each setting."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rehearsal.comprehend_fake import (
    ACCOUNT,
    LIST,
    RECOGNIZER,
    REQUEST,
    TEXT,
    Emulator,
    code_of,
)


@pytest.mark.parametrize(
    ("setting", "answer"), [("stop_requested", "STOP_REQUESTED"), ("stopped", "STOPPED"), ("refused", None)]
)
def test_a_stop_in_submitted(emulator: Emulator, setting: str, answer: str | None) -> None:
    emulator.slow_down()
    emulator.admin.configure(stop_submitted=setting)
    job_id = emulator.start()
    if answer is None:
        refused = code_of(lambda: emulator.client.stop_entities_detection_job(JobId=job_id))
        assert refused == ("InvalidRequestException", 400)
        return
    assert emulator.client.stop_entities_detection_job(JobId=job_id)["JobStatus"] == answer
    emulator.admin.advance(1000)
    assert emulator.until(job_id, "STOPPED")
    assert "get_object" not in emulator.aws.calls


def test_one_token_makes_one_job(emulator: Emulator) -> None:
    first = emulator.start(ClientRequestToken="t-1")
    assert emulator.start(ClientRequestToken="t-1") == first
    assert emulator.start(ClientRequestToken="t-2") != first
    other = REQUEST | {"ClientRequestToken": "t-1", "LanguageCode": "es"}
    refused = code_of(lambda: emulator.client.start_entities_detection_job(**other))
    assert refused == ("InvalidRequestException", 400)
    emulator.admin.configure(token_conflict="ResourceInUseException")
    refused = code_of(lambda: emulator.client.start_entities_detection_job(**other))
    assert refused == ("ResourceInUseException", 400)
    emulator.admin.configure(token_conflict="same_job")
    assert emulator.client.start_entities_detection_job(**other)["JobId"] == first


def test_a_token_is_forgotten_after_its_window(emulator: Emulator) -> None:
    emulator.admin.configure(token_window_seconds=1000)
    first = emulator.start(ClientRequestToken="t")
    emulator.admin.advance(1001)
    assert emulator.start(ClientRequestToken="t") != first
    emulator.admin.configure(token_window_seconds=None)
    second = emulator.start(ClientRequestToken="u")
    emulator.admin.advance(10**7)
    assert emulator.start(ClientRequestToken="u") == second


@pytest.mark.parametrize(("setting", "status"), [("current", "COMPLETED"), ("submitted", "SUBMITTED")])
def test_the_answer_to_a_repeated_token(emulator: Emulator, setting: str, status: str) -> None:
    emulator.admin.configure(token_answer=setting)
    emulator.until(emulator.start(ClientRequestToken="t"), "COMPLETED")
    again = emulator.client.start_entities_detection_job(**REQUEST, ClientRequestToken="t")
    assert again["JobStatus"] == status


def test_the_eleventh_job_is_refused(emulator: Emulator) -> None:
    emulator.slow_down()
    jobs = [emulator.start() for _ in range(10)]
    refused = code_of(lambda: emulator.client.start_entities_detection_job(**REQUEST))
    assert refused == ("TooManyRequestsException", 400)
    emulator.admin.configure(active_jobs=None)
    assert emulator.start() not in jobs


def test_the_eleventh_job_may_wait_instead(emulator: Emulator) -> None:
    emulator.slow_down()
    emulator.admin.configure(eleventh_start="queued", active_jobs=2, job_seconds=[400, 500])
    first, second, third = (emulator.start() for _ in range(3))
    emulator.admin.advance(300)
    assert emulator.job(third)["JobStatus"] == "SUBMITTED"
    emulator.admin.configure(clock_scale=0.001)
    for job in (first, second, third):
        assert emulator.until(job, "COMPLETED")
    starts = {job["JobId"]: dict(job["History"]) for job in emulator.admin.jobs()}
    begun = starts.pop(third)["IN_PROGRESS"]
    assert begun >= min(times["COMPLETED"] for times in starts.values())


def test_states_that_hold_no_slot_are_a_setting(emulator: Emulator) -> None:
    emulator.slow_down()
    emulator.admin.configure(active_jobs=1, active_states=["IN_PROGRESS"])
    emulator.start()
    assert emulator.start()


@pytest.mark.parametrize("code", ["ThrottlingException", "TooManyRequestsException"])
def test_rates_are_refused(emulator: Emulator, code: str) -> None:
    emulator.admin.configure(starts_per_second=1.0, rate_error=code, rate_clock="real")
    emulator.start()
    assert code_of(lambda: emulator.client.start_entities_detection_job(**REQUEST)) == (code, 400)


def test_rates_by_virtual_time(emulator: Emulator) -> None:
    emulator.slow_down()
    emulator.admin.configure(starts_per_second=1.0)
    emulator.start()
    assert code_of(lambda: emulator.client.start_entities_detection_job(**REQUEST))[0] == "ThrottlingException"
    emulator.admin.advance(1.1)
    emulator.start()


def test_equal_names(emulator: Emulator) -> None:
    emulator.slow_down()
    emulator.start(JobName="same")
    emulator.start(JobName="same")
    emulator.admin.configure(equal_names="refused")
    refused = code_of(lambda: emulator.client.start_entities_detection_job(**REQUEST, JobName="same"))
    assert refused == ("ResourceInUseException", 400)


def test_records_may_be_forgotten(emulator: Emulator) -> None:
    job_id = emulator.run()["JobId"]
    emulator.admin.advance(10**7)
    assert emulator.job(job_id)["JobStatus"] == "COMPLETED"
    emulator.admin.configure(record_retention_seconds=90 * 86_400)
    refused = code_of(lambda: emulator.client.describe_entities_detection_job(JobId=job_id))
    assert refused == ("JobNotFoundException", 400)


@pytest.mark.parametrize(("setting", "refused"), [("service", False), ("role", True), ("none", False)])
def test_who_checks_the_keys_at_the_start(emulator: Emulator, setting: str, refused: bool) -> None:
    emulator.admin.configure(kms_check=setting)
    emulator.aws.forbidden = {"grant_volume_key"}
    if refused:
        code = code_of(lambda: emulator.client.start_entities_detection_job(**REQUEST, VolumeKmsKeyId="k"))
        assert code == ("KmsKeyValidationException", 400)
    else:
        assert emulator.run(VolumeKmsKeyId="k")["JobStatus"] == "FAILED"


@pytest.mark.parametrize(
    ("setting", "uri", "start"),
    [
        ("slash", "s3://documents/out", f"s3://documents/out/{ACCOUNT}-NER-"),
        ("plain", "s3://documents/out", f"s3://documents/out{ACCOUNT}-NER-"),
        ("plain", "s3://documents", f"s3://documents/{ACCOUNT}-NER-"),
    ],
)
def test_an_output_prefix_without_slash(emulator: Emulator, setting: str, uri: str, start: str) -> None:
    emulator.admin.configure(output_join=setting)
    assert emulator.run(OutputDataConfig={"S3Uri": uri})["OutputDataConfig"]["S3Uri"].startswith(start)


@pytest.mark.parametrize(("setting", "names"), [("base_name", ["a", "a"]), ("path", ["x/a", "y/a"])])
def test_files_of_one_name_under_sub_prefixes(emulator: Emulator, setting: str, names: list[str]) -> None:
    emulator.admin.configure(file_field=setting)
    emulator.aws.objects = {"in/x/a": TEXT, "in/y/a": b"Berlin. " * 10}
    records = emulator.records(emulator.run())
    assert [record["File"] for record in records] == names
    assert records[0]["Entities"][0]["Text"] == "Ada Lovelace"
    assert records[1]["Entities"][0]["Text"] != "Ada Lovelace"


@pytest.mark.parametrize(("setting", "status"), [("failed", "FAILED"), ("completed", "COMPLETED")])
def test_an_empty_prefix(emulator: Emulator, setting: str, status: str) -> None:
    emulator.admin.configure(empty_prefix=setting)
    emulator.aws.objects = {}
    job = emulator.run()
    assert job["JobStatus"] == status
    if status == "COMPLETED":
        assert emulator.records(job) == []
    else:
        assert job["Message"].startswith("NO_INPUT_DOCUMENTS")


@pytest.mark.parametrize(("setting", "status"), [("failed", "FAILED"), ("accepted", "COMPLETED"), ("refused", None)])
def test_less_than_five_hundred_bytes(emulator: Emulator, setting: str, status: str | None) -> None:
    emulator.admin.configure(under_minimum=setting)
    emulator.admin.add_recognizer(RECOGNIZER, LIST)
    emulator.aws.objects = {"in/a.txt": b"London"}
    if status is None:
        refused = code_of(lambda: emulator.client.start_entities_detection_job(**REQUEST))
        assert refused == ("InvalidRequestException", 400)
    else:
        assert emulator.run()["JobStatus"] == status
    assert emulator.run(EntityRecognizerArn=RECOGNIZER)["JobStatus"] == "COMPLETED"


@pytest.mark.parametrize("setting", [False, True])
def test_a_probe_object(emulator: Emulator, setting: bool) -> None:
    emulator.admin.configure(probe_object=setting)
    emulator.run()
    assert ("out/.write_access_check_file.temp" in emulator.aws.objects) is setting


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"maximum_job_bytes": 1000}, "INPUT_TOO_LARGE"),
        ({"maximum_documents": 1}, "TOO_MANY_DOCUMENTS"),
    ],
)
def test_inputs_over_the_limits_fail(emulator: Emulator, limits: dict[str, Any], code: str) -> None:
    emulator.admin.configure(**limits)
    job = emulator.run()
    assert (job["JobStatus"], job["Message"].split(":")[0]) == ("FAILED", code)


def test_messages_of_failures_are_settings(emulator: Emulator) -> None:
    emulator.admin.configure(failure_messages={"NO_READ": "OTHER_CODE: other words"})
    emulator.aws.forbidden = {"get_object"}
    assert emulator.run()["Message"] == "OTHER_CODE: other words"


@pytest.mark.parametrize(("setting", "status"), [("judged", "FAILED"), ("ignored", "COMPLETED")])
def test_rights_in_a_network(emulator: Emulator, setting: str, status: str) -> None:
    emulator.admin.configure(network_rights=setting)
    emulator.aws.forbidden = {"ec2:CreateNetworkInterface"}
    job = emulator.run(VpcConfig={"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]})
    assert job["JobStatus"] == status
