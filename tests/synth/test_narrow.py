"""No right is wider than IAM can say it, with every setting; what stays wide has its reason here."""

from __future__ import annotations

import re

import pytest

from bench.iam_rights import Right
from bench.prove_iam import every_right, templates

IN_THE_TEMPLATE = r"<\w+(\.Arn)?>"
EC2 = r"arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>"
WIDE_RESOURCES = {
    r"(xray|textract):\w+ \*": "IAM knows no resources for them",
    r"comprehend:ListEntitiesDetectionJobs \*": "IAM knows no resources for it",
    r"ec2:Describe\w+ \*": "IAM knows no resources for them",
    r"logs:\w+(Delivery|Deliveries|ResourcePolicy|ResourcePolicies|LogGroups) \*": "IAM knows no resources for them",
    r"comprehend:\w+ arn:\S+:entities-detection-job/\*": "a job's number is made by the service",
    rf"ec2:\w+ {EC2}:network-interface/\*": "an interface is made by the service",
    rf"s3:\w+ {IN_THE_TEMPLATE}/(input|staging|claims|uploads|jobs|results|work)/(\S+/)?\*": "unknown keys",
    rf"lambda:InvokeFunction {IN_THE_TEMPLATE}:\*": "the Lambda task may call any version of its one function",
    r"states:\w+ arn:\S+:execution:<StateMachine>\S*\*": "a Distributed Map follows its child executions",
}
CONDITIONS = {
    "s3:ListBucket": ["s3:prefix"],
    "kms:Decrypt": ["kms:ViaService"],
    "kms:GenerateDataKey": ["kms:ViaService"],
    "kms:CreateGrant": ["kms:ViaService"],
    "kms:DescribeKey": ["kms:ViaService"],
    "iam:PassRole": ["iam:PassedToService"],
    "comprehend:StartEntitiesDetectionJob": [
        "comprehend:VolumeKmsKey",
        "comprehend:OutputKmsKey",
        "comprehend:VpcSubnets",
        "comprehend:VpcSecurityGroupIds",
    ],
    "events:PutEvents": ["events:source", "events:detail-type"],
    "ec2:CreateNetworkInterfacePermission": ["ec2:Subnet"],
    "ec2:DeleteNetworkInterface": ["ec2:Subnet"],
    "ec2:DeleteNetworkInterfacePermission": ["ec2:Subnet"],
}
"""The condition keys that an action is pinned by."""
WITHOUT_CONDITION = {
    r"(InspectInput|Publish\w+|CompletionAwaitOutput|OrphanedJobs\w+|Stage|UploadDispatcher\w+)Role s3:ListBucket": (
        "S3 tells of a missing object whoever may list without a prefix"
    ),
    "StateMachineRole s3:ListBucket": "CDK gives it to the reader of a Distributed Map, and no condition can be set",
    "DataAccessRole kms:CreateGrant": "the service's guide shows no condition for the volume key",
}


@pytest.fixture(scope="module")
def role_rights(tmp_path_factory: pytest.TempPathFactory) -> list[Right]:
    known = [right for _, right in every_right(templates(tmp_path_factory.mktemp("narrow")))]
    return [each for each in known if each.holder.endswith("Role") and each.action != "sts:AssumeRole"]


def test_no_action_is_wide(role_rights: list[Right]) -> None:
    assert role_rights
    assert not [str(right) for right in role_rights if "*" in right.action or right.action.startswith("Deny")]


def test_every_wide_resource_has_its_reason(role_rights: list[Right]) -> None:
    wide = [f"{right.action} {right.resource}" for right in role_rights if "*" in right.resource]
    assert not [text for text in wide if not any(re.fullmatch(pattern, text) for pattern in WIDE_RESOURCES)]
    assert not [pattern for pattern in WIDE_RESOURCES if not any(re.fullmatch(pattern, text) for text in wide)]


def test_every_action_is_pinned_by_the_conditions_that_iam_knows_for_it(role_rights: list[Right]) -> None:
    loose = {
        f"{right.holder} {right.action}"
        for right in role_rights
        if any(key not in right.condition for key in CONDITIONS.get(right.action, ()))
    }
    assert not {text for text in loose if not any(re.fullmatch(pattern, text) for pattern in WITHOUT_CONDITION)}
    assert not {pattern for pattern in WITHOUT_CONDITION if not any(re.fullmatch(pattern, text) for text in loose)}
