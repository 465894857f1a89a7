"""Resources of one's own: used as they are, and warned of where CDK can't change them."""

from __future__ import annotations

from collections.abc import Iterable

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from cdk_comprehend_entities import EntitiesDetectionWorkflow
from tests.synth.reading import OWN, Synthesized

ACCOUNT, REGION = "111122223333", "eu-west-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
OTHER_KEY = f"arn:aws:kms:{REGION}:999988887777:key/66666666-2222-3333-4444-555555555555"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/given-for-comprehend"
VIA_S3 = f"StringEquals kms:ViaService s3.{REGION}.amazonaws.com"


@pytest.fixture(scope="module")
def imported() -> Synthesized:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        return EntitiesDetectionWorkflow(
            stack,
            "Entities",
            input_bucket=s3.Bucket.from_bucket_name(stack, "In", "given-in"),
            output_bucket=s3.Bucket.from_bucket_name(stack, "Out", "given-out"),
            output_key=kms.Key.from_key_arn(stack, "OutKey", KEY),
            volume_key=kms.Key.from_key_arn(stack, "VolKey", OTHER_KEY),
            data_access_role=iam.Role.from_role_arn(stack, "DataRole", ROLE),
            notification_topic=sns.Topic.from_topic_arn(stack, "Topic", f"arn:aws:sns:{REGION}:{ACCOUNT}:given"),
        )

    return Synthesized(build, env=cdk.Environment(account=ACCOUNT, region=REGION))


def test_nothing_is_made_that_was_given(imported: Synthesized) -> None:
    for kind in ("AWS::S3::Bucket", "AWS::KMS::Key"):
        assert imported.of_type(kind) == {}
    assert "DataAccessRole" not in imported.of_type("AWS::IAM::Role")


def test_rights_on_what_was_given_are_the_same(imported: Synthesized) -> None:
    assert imported.rights("given-for-comprehend") == {
        ("s3:ListBucket", "arn:<AWS::Partition>:s3:::given-in", ""),
        ("s3:GetObject", "arn:<AWS::Partition>:s3:::given-in/input/*", ""),
        ("s3:GetObject", f"arn:<AWS::Partition>:s3:::given-in/staging/{OWN}/*", ""),
        ("s3:PutObject", "arn:<AWS::Partition>:s3:::given-out/jobs/*", ""),
        ("kms:GenerateDataKey", KEY, VIA_S3),
        ("kms:Decrypt", KEY, VIA_S3),
        ("kms:CreateGrant", OTHER_KEY, ""),
    }


@pytest.mark.parametrize(
    ("resource", "asked"),
    [
        ("Stack/In ", "if it is encrypted with a KMS key, give that as input_key"),
        ("Stack/Out ", "objects under work/ and incomplete multipart uploads should expire"),
        ("Stack/OutKey ", "its key policy must delegate to IAM policies of this account"),
        ("Stack/VolKey ", "a key of another account must allow the data-access role"),
        ("Stack/DataRole ", "it must trust comprehend.amazonaws.com"),
        ("Stack/Topic ", "let events.amazonaws.com publish"),
    ],
)
def test_the_owner_is_told_what_to_add(imported: Synthesized, resource: str, asked: str) -> None:
    (warning,) = [text for text in imported.warnings() if text.startswith(resource)]
    assert asked in warning


def test_nothing_is_asked_of_whoever_gives_resources_of_the_same_app(default: Synthesized) -> None:
    assert default.warnings() == []
    own = Synthesized(
        lambda stack: EntitiesDetectionWorkflow(
            stack,
            "Entities",
            input_bucket=s3.Bucket(stack, "In"),
            output_key=kms.Key(stack, "Key"),
            data_access_role=iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("comprehend.amazonaws.com")),
        )
    )
    assert own.warnings() == []


def keys_of(rights: Iterable[tuple[str, str, str]], action: str) -> set[str]:
    return {resource for right, resource, _ in rights if right == action}


def test_the_key_of_a_given_bucket_is_found() -> None:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        return EntitiesDetectionWorkflow(
            stack,
            "Entities",
            input_bucket=s3.Bucket(stack, "In", encryption_key=kms.Key(stack, "InKey")),
            output_bucket=s3.Bucket(stack, "Out", encryption_key=kms.Key(stack, "OutKey")),
        )

    given = Synthesized(build)
    rights = given.rights("<DataAccessRole>")
    assert set(given.of_type("AWS::KMS::Key")) == {"InKey", "OutKey", "VolumeKey"}
    assert keys_of(rights, "kms:Decrypt") == {"<InKey.Arn>", "<OutKey.Arn>"}
    assert keys_of(rights, "kms:GenerateDataKey") == {"<OutKey.Arn>"}


def test_an_input_key_of_its_own() -> None:
    given = Synthesized(lambda stack: EntitiesDetectionWorkflow(stack, "Entities", input_key=kms.Key(stack, "InKey")))
    bucket = given.one("AWS::S3::Bucket", "InputBucket")["BucketEncryption"]
    assert "InKey" in str(bucket)
    assert keys_of(given.rights("<InspectInputRole>"), "kms:Decrypt") == {"<InKey.Arn>", "<OutputKey.Arn>"}
    assert keys_of(given.rights("<PublishResultRole>"), "kms:Decrypt") == {"<OutputKey.Arn>"}


def test_two_workflows_live_in_one_stack() -> None:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        EntitiesDetectionWorkflow(stack, "Other")
        return EntitiesDetectionWorkflow(stack, "Entities")

    both = Synthesized(build)
    names = {
        function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for function in both.of_type("AWS::Lambda::Function").values()
    }
    assert len(names) == 2


def test_what_nobody_here_can_grant_is_said() -> None:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        bucket = s3.Bucket.from_bucket_name(stack, "Out", "given-out")
        workflow = EntitiesDetectionWorkflow(stack, "Entities", output_bucket=bucket)
        workflow.grant_read_results(iam.AccountPrincipal("999988887777"))
        return workflow

    warnings = Synthesized(build).warnings()
    assert any("s3:GetObject could not be granted: CDK can change neither policy" in text for text in warnings)
