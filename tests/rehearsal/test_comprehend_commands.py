"""The Comprehend emulator as a command, and driven by the AWS CLI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.comprehend_fake import REQUEST, Emulator


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--aws-endpoint", "https://kms.us-east-1.amazonaws.com"], "must be on loopback"),
        (["--aws-endpoint", "http://127.0.0.1:1", "--settings", '{"clock_scale": 0}'], "must be greater than 0"),
        (["--aws-endpoint", "http://127.0.0.1:1", "--port", "IN_USE"], "cannot be used (Address already in use)"),
    ],
)
def test_a_wrong_start_says_what_is_wrong(emulator: Emulator, arguments: list[str], problem: str) -> None:
    port = emulator.url.rpartition(":")[2]
    command = [sys.executable, "-m", "local.comprehend", *(port if part == "IN_USE" else part for part in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert problem in done.stderr


def test_the_aws_command_line(emulator: Emulator) -> None:
    def aws(*arguments: str) -> tuple[int, Any]:
        environment = os.environ | {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": emulator.url,
        }
        done = subprocess.run(
            [Path(sys.executable).with_name("aws"), "comprehend", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    request = [
        "start-entities-detection-job",
        "--input-data-config",
        "S3Uri=s3://documents/in/,InputFormat=ONE_DOC_PER_FILE",
        "--output-data-config",
        "S3Uri=s3://documents/out/",
        "--data-access-role-arn",
        REQUEST["DataAccessRoleArn"],
    ]
    code, started = aws(*request, "--language-code", "en", "--job-name", "by hand")
    assert (code, started["JobStatus"]) == (0, "SUBMITTED")
    emulator.until(started["JobId"], "COMPLETED")
    code, described = aws("describe-entities-detection-job", "--job-id", started["JobId"])
    assert described["EntitiesDetectionJobProperties"]["JobName"] == "by hand"
    code, listed = aws("list-entities-detection-jobs", "--filter", "JobStatus=COMPLETED")
    assert [job["JobId"] for job in listed["EntitiesDetectionJobPropertiesList"]] == [started["JobId"]]
    code, error = aws(*request, "--language-code", "xx")
    assert code != 0
    assert "(InvalidRequestException)" in error
    assert "at 'languageCode' failed to satisfy constraint" in error
    code, error = aws("stop-entities-detection-job", "--job-id", started["JobId"])
    assert code != 0
    assert "(InvalidRequestException)" in error
