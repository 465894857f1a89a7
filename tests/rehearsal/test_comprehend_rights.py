"""The Comprehend emulator judges a data access role as the service does, on an AWS that checks IAM."""

from __future__ import annotations

import copy
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.rehearsal import Rehearsal
from local.waiting import wait_until

ACCOUNT = "000000000000"
READ = "NO_READ_ACCESS_TO_INPUT"
WRITE = "NO_WRITE_ACCESS_TO_OUTPUT"
TRUST: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "comprehend.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
                "ArnLike": {"aws:SourceArn": f"arn:aws:comprehend:us-east-1:{ACCOUNT}:entities-detection-job/*"},
            },
        }
    ],
}


class World:
    """An account with an input bucket, an output bucket, two keys and a role for the service."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.comprehend = rehearsal.client("comprehend")
        self.s3 = rehearsal.client("s3")
        self.iam = rehearsal.client("iam")
        kms = rehearsal.client("kms")
        self.output_key = kms.create_key()["KeyMetadata"]["Arn"]
        self.volume_key = kms.create_key()["KeyMetadata"]["Arn"]
        for bucket in ("rights-input", "rights-output"):
            self.s3.create_bucket(Bucket=bucket)
        text = b"Ada Lovelace met Charles Babbage in London on 5 June 1833.\n" * 10
        self.s3.put_object(Bucket="rights-input", Key="in/a.txt", Body=text)
        self.role = self.iam.create_role(RoleName="Data", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        self.rights: dict[str, tuple[list[str], list[str]]] = {
            "list": (["s3:ListBucket"], ["arn:aws:s3:::rights-input"]),
            "get": (["s3:GetObject"], ["arn:aws:s3:::rights-input/in/*"]),
            "put": (["s3:PutObject"], ["arn:aws:s3:::rights-output/out/*"]),
            "output key": (["kms:GenerateDataKey", "kms:Decrypt"], [self.output_key]),
            "volume key": (["kms:CreateGrant"], [self.volume_key]),
        }

    def give(self, *, without: str | None = None) -> None:
        """Give the role all rights but one."""
        statements = [
            {"Effect": "Allow", "Action": actions, "Resource": resources}
            for name, (actions, resources) in self.rights.items()
            if name != without
        ]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.iam.put_role_policy(RoleName="Data", PolicyName="rights", PolicyDocument=policy)

    def run(self, **changes: Any) -> dict[str, Any]:
        """Run a job to its end, and give its properties."""
        request = {
            "InputDataConfig": {"S3Uri": "s3://rights-input/in/", "InputFormat": "ONE_DOC_PER_FILE"},
            "OutputDataConfig": {"S3Uri": "s3://rights-output/out/", "KmsKeyId": self.output_key},
            "DataAccessRoleArn": self.role,
            "LanguageCode": "en",
            "VolumeKmsKeyId": self.volume_key,
        }
        job_id = self.comprehend.start_entities_detection_job(**(request | changes))["JobId"]
        job: dict[str, Any] = wait_until(
            lambda: self.comprehend.describe_entities_detection_job(JobId=job_id)["EntitiesDetectionJobProperties"],
            lambda job: job["JobStatus"] in ("COMPLETED", "FAILED"),
            awaited="the job's end",
        )
        return job


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """An AWS on loopback that judges IAM, with the emulator in it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Rehearsal(Path(folder), clock_scale=0.002, authorization=True) as running,
    ):
        yield World(running)


def test_a_role_with_all_rights_gets_a_result(world: World) -> None:
    world.give()
    job = world.run()
    assert job["JobStatus"] == "COMPLETED"
    bucket, _, key = job["OutputDataConfig"]["S3Uri"].removeprefix("s3://").partition("/")
    packed = world.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        content = tar.extractfile("output")
        assert content is not None
        [record] = [json.loads(line) for line in content]
    assert record["File"] == "a.txt"
    assert {"Text": "London", "Type": "LOCATION"}.items() <= record["Entities"][2].items()


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ("list", READ),
        ("get", READ),
        ("put", WRITE),
        ("output key", WRITE),
        ("volume key", "NO_ACCESS_TO_VOLUME_KMS_KEY"),
    ],
)
def test_each_right_is_needed(world: World, missing: str, code: str) -> None:
    world.give(without=missing)
    job = world.run()
    assert job["JobStatus"] == "FAILED"
    assert job["Message"].split(":")[0] == code


@pytest.mark.parametrize(
    ("operator", "key", "value"),
    [
        ("StringEquals", "aws:SourceAccount", "111122223333"),
        ("ArnLike", "aws:SourceArn", f"arn:aws:comprehend:us-east-1:{ACCOUNT}:pii-entities-detection-job/*"),
        ("StringEquals", "aws:PrincipalTag/team", "x"),
    ],
)
def test_a_role_must_trust_the_service_for_the_job(world: World, operator: str, key: str, value: str) -> None:
    world.give()
    policy = copy.deepcopy(TRUST)
    policy["Statement"][0]["Condition"][operator] = {key: value}
    world.iam.update_assume_role_policy(RoleName="Data", PolicyDocument=json.dumps(policy))
    try:
        job = world.run()
    finally:
        world.iam.update_assume_role_policy(RoleName="Data", PolicyDocument=json.dumps(TRUST))
    assert (job["JobStatus"], job["Message"].split(":")[0]) == ("FAILED", READ)


def test_an_unknown_role_shows_only_when_the_job_runs(world: World) -> None:
    job = world.run(DataAccessRoleArn=f"arn:aws:iam::{ACCOUNT}:role/Nobody")
    assert (job["JobStatus"], job["Message"].split(":")[0]) == ("FAILED", READ)


@pytest.mark.parametrize("field", ["OutputDataConfig", "VolumeKmsKeyId"])
def test_an_unknown_key_is_refused_at_the_start(world: World, field: str) -> None:
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000"
    value: Any = key if field == "VolumeKmsKeyId" else {"S3Uri": "s3://rights-output/out/", "KmsKeyId": key}
    with pytest.raises(world.comprehend.exceptions.KmsKeyValidationException):
        world.run(**{field: value})


def test_a_job_with_a_network_needs_rights_to_make_interfaces(world: World) -> None:
    world.give()
    network = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    job = world.run(VpcConfig=network)
    assert (job["JobStatus"], job["Message"].split(":")[0]) == ("FAILED", "NO_ACCESS_TO_VPC")
    world.rights["network"] = (["ec2:*NetworkInterface*", "ec2:Describe*"], ["*"])
    world.give()
    assert world.run(VpcConfig=network)["JobStatus"] == "COMPLETED"
