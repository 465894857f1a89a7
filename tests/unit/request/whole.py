"""The least and the fullest request."""

from __future__ import annotations

from typing import Any

RECOGNIZER = "arn:aws:comprehend:us-east-1:111122223333:entity-recognizer/r"
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd"
REQUEST: dict[str, Any] = {
    "LanguageCode": "en",
    "DataAccessRoleArn": "arn:aws:iam::111122223333:role/data",
    "InputDataConfig": {"S3Uri": "s3://in-bucket/in/", "InputFormat": "ONE_DOC_PER_FILE"},
    "OutputDataConfig": {"S3Uri": "s3://out-bucket/jobs/"},
}
WHOLE: dict[str, Any] = {
    **REQUEST,
    "InputDataConfig": {
        **REQUEST["InputDataConfig"],
        "DocumentReaderConfig": {
            "DocumentReadAction": "TEXTRACT_ANALYZE_DOCUMENT",
            "DocumentReadMode": "SERVICE_DEFAULT",
            "FeatureTypes": ["TABLES", "FORMS"],
        },
    },
    "OutputDataConfig": {"S3Uri": "s3://out-bucket/jobs/", "KmsKeyId": KEY},
    "EntityRecognizerArn": RECOGNIZER,
    "ClientRequestToken": "token-1",
    "JobName": "name",
    "VolumeKmsKeyId": KEY,
    "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]},
    "Tags": [{"Key": "a", "Value": "b"}, {"Key": "c"}],
}
