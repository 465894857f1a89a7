"""No right is wider than AWS's guides show it, with every setting; what stays wide has its reason here."""

from __future__ import annotations

import re

import pytest

from bench.iam_rights import Right
from bench.prove_iam import every_right, templates
from cdk_comprehend_entities import EntitiesDetectionWorkflow
from tests.synth.reading import OWN, Synthesized

IN_THE_TEMPLATE = r"<\w+(\.Arn)?>"
WIDE_RESOURCES = {
    r"(xray|textract):\w+ \*": "IAM knows no resources for them",
    r"comprehend:ListEntitiesDetectionJobs \*": "IAM knows no resources for it",
    r"ec2:\w+ \*": "the service's guide shows them so",
    r"logs:\w+(Delivery|Deliveries|ResourcePolicy|ResourcePolicies|LogGroups) \*": "IAM knows no resources for them",
    r"comprehend:\w+ arn:\S+:entities-detection-job/\*": "a job's number is made by the service",
    rf"s3:\w+ {IN_THE_TEMPLATE}/(input|staging|claims|uploads|jobs|results|work)/(\S+/)?\*": "unknown keys",
    rf"lambda:InvokeFunction {IN_THE_TEMPLATE}:\*": "the Lambda task may call any version of its one function",
    r"states:\w+ arn:\S+:execution:<StateMachine>\S*\*": "a Distributed Map follows its child executions",
}
CONDITIONS = {
    "s3:ListBucket": ["s3:prefix"],
    "kms:Decrypt": ["kms:ViaService"],
    "kms:GenerateDataKey": ["kms:ViaService"],
    "iam:PassRole": ["iam:PassedToService"],
    "comprehend:StartEntitiesDetectionJob": [
        "comprehend:VolumeKmsKey",
        "comprehend:OutputKmsKey",
    ],
    "events:PutEvents": ["events:source", "events:detail-type"],
}
"""The condition keys that an action is pinned by."""
WITHOUT_CONDITION = {
    r"(InspectInput|Publish\w+|CompletionAwaitOutput|OrphanedJobs\w+|Stage|UploadDispatcher\w+)Role s3:ListBucket": (
        "S3 tells of a missing object whoever may list without a prefix"
    ),
    "StateMachineRole s3:ListBucket": "CDK gives it to the reader of a Distributed Map, and no condition can be set",
    "DataAccessRole s3:ListBucket": "the service's guide shows no condition",
    "StartJobRole comprehend:StartEntitiesDetectionJob": "the condition keys belong to jobs, not to the model beside",
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


def test_narrow_permissions_are_narrower_than_the_guide_in_these_only(default: Synthesized) -> None:
    narrow = Synthesized(lambda stack: EntitiesDetectionWorkflow(stack, "Entities", narrow_permissions=True))
    via = "StringEquals kms:ViaService comprehend.<AWS::Region>.amazonaws.com"
    no_network = " and Null comprehend:VpcSubnets true and Null comprehend:VpcSecurityGroupIds true"
    added, dropped = {}, {}
    for role in default.of_type("AWS::IAM::Role"):
        documented, narrowed = (each.rights(f"<{role}>") for each in (default, narrow))
        if documented != narrowed:
            added[role], dropped[role] = narrowed - documented, documented - narrowed
    assert added.keys() == {"DataAccessRole", "StartJobRole"}
    assert added["DataAccessRole"] == {
        ("s3:ListBucket", "<InputBucket.Arn>", f"StringLike s3:prefix {path}/*") for path in ("input", f"staging/{OWN}")
    }
    assert dropped["DataAccessRole"] == {("s3:ListBucket", "<InputBucket.Arn>", "")}
    (start,) = [right for right in added["StartJobRole"] if right[0].startswith("comprehend:")]
    assert start[2].endswith(no_network)
    assert {right for right in added["StartJobRole"] if right != start} == {
        (action, "<VolumeKey.Arn>", via) for action in ("kms:CreateGrant", "kms:DescribeKey")
    }
