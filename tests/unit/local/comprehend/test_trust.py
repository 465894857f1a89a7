"""Trust policies as the emulator judges them."""

from __future__ import annotations

from typing import Any

import pytest

from local.comprehend.trust import trusts

JOB = "arn:aws:comprehend:us-east-1:111122223333:entities-detection-job/0123456789abcdef0123456789abcdef"
ALLOW: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": {"Service": "comprehend.amazonaws.com"},
    "Action": "sts:AssumeRole",
}
DENY = ALLOW | {"Effect": "Deny"}


@pytest.mark.parametrize(
    ("statements", "trusted"),
    [
        ([ALLOW], True),
        ([], False),
        ([ALLOW | {"Principal": {"Service": ["lambda.amazonaws.com", "comprehend.amazonaws.com"]}}], True),
        ([ALLOW | {"Principal": {"Service": "lambda.amazonaws.com"}}], False),
        ([ALLOW | {"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}], False),
        ([ALLOW | {"Principal": "*"}], True),
        ([ALLOW | {"Action": ["sts:TagSession", "sts:*"]}], True),
        ([ALLOW | {"Action": "sts:TagSession"}], False),
        ([ALLOW | {"Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}}], True),
        ([ALLOW | {"Condition": {"StringEquals": {"AWS:SourceAccount": ["1", "111122223333"]}}}], True),
        ([ALLOW | {"Condition": {"StringEquals": {"aws:SourceAccount": "444455556666"}}}], False),
        ([ALLOW | {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:comprehend:*:111122223333:*"}}}], True),
        ([ALLOW | {"Condition": {"ArnEquals": {"aws:SourceArn": JOB[:-32] + "*"}}}], True),
        ([ALLOW | {"Condition": {"StringEquals": {"aws:SourceArn": JOB[:-32] + "*"}}}], False),
        ([ALLOW | {"Condition": {"ArnLike": {"aws:SourceArn": JOB.replace("us-east-1", "eu-west-1")}}}], False),
        ([ALLOW | {"Condition": {"StringEquals": {"sts:ExternalId": "x"}}}], False),
        ([ALLOW | {"Condition": {"StringEqualsIfExists": {"sts:ExternalId": "x"}}}], True),
        ([ALLOW | {"Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}], False),
        ([ALLOW, DENY], False),
        ([ALLOW, DENY | {"Condition": {"StringEquals": {"aws:SourceAccount": "444455556666"}}}], True),
        ([ALLOW, DENY | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}], False),
    ],
)
def test_a_role_trusts_the_service(statements: list[dict[str, Any]], trusted: bool) -> None:
    assert trusts({"Statement": statements}, job_arn=JOB, account="111122223333") is trusted
