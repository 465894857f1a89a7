"""Payloads as the construct makes them, for tests of the functions."""

from __future__ import annotations

from entities_job.contracts import CONTRACT_VERSION, Execution, JobRequest, Settings
from entities_job.job.schedule import PollSchedule
from tests.aws import EXECUTION, MACHINE, REGION

REQUEST: JobRequest = {
    "LanguageCode": "en",
    "DataAccessRoleArn": "arn:aws:iam::111122223333:role/data",
    "InputDataConfig": {"S3Uri": "s3://in/input/", "InputFormat": "ONE_DOC_PER_FILE"},
    "OutputDataConfig": {"S3Uri": "s3://out/jobs/", "KmsKeyId": f"arn:aws:kms:{REGION}:111122223333:key/output"},
    "VolumeKmsKeyId": f"arn:aws:kms:{REGION}:111122223333:key/volume",
}
SETTINGS: Settings = {
    "ContractVersion": CONTRACT_VERSION,
    "Request": REQUEST,
    "AcceptedValues": {},
    "AllowedOverrides": [],
    "InputUris": ["s3://in/input/"],
    "StagingUri": "s3://in/staging/",
    "ResultsUri": "s3://out/results/",
    "Limits": {},
    "MaximumSlotSeconds": 43_200,
    "MaximumQueueSeconds": 1800,
    "CompletionEvents": True,
    "Schedule": PollSchedule.service_grid().settings(),
}
RUN: Execution = {
    "Id": f"{EXECUTION}:run-1",
    "Name": "run-1",
    "StateMachineArn": MACHINE,
    "StartTime": "2026-11-18T12:00:00.000Z",
    "RedriveCount": 0,
}
