"""Stacks of other people: with and without env, of other stacks and accounts, nested; none is warned for nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template

from cdk_comprehend_entities import EntitiesDetectionWorkflow
from tests.synth.reading import Synthesized, shown, told
from tests.synth.variants import PACKS, given_key, prefix_list, synthesized

ACCOUNT, OTHER, REGION = "111122223333", "999988887777", "us-east-1"
HERE, THERE = (cdk.Environment(account=account, region=REGION) for account in (ACCOUNT, OTHER))
FOREIGN_ROLE = f"arn:aws:iam::{OTHER}:role/given"
BY_COMPREHEND = iam.ServicePrincipal("comprehend.amazonaws.com")


class App:
    """An app of a workflow's stack and others, with what its synthesis says."""

    def __init__(self, env: cdk.Environment | None = HERE) -> None:
        # Without the flag, CDK warns of each reference to another stack, whoever makes it.
        self.app = cdk.App(context={"@aws-cdk/core:defaultCrossStackReferences": "strong"})
        self.env, self.stack = env, cdk.Stack(self.app, "Stack", env=env)

    def other(self, env: cdk.Environment | None = None) -> cdk.Stack:
        return cdk.Stack(self.app, "Other", env=env or self.env)

    def workflow(self, **props: Any) -> EntitiesDetectionWorkflow:
        return EntitiesDetectionWorkflow(self.stack, "Entities", **props)

    def messages(self) -> list[str]:
        self.app.synth()
        return told(self.app)


def bucket_of(stack: cdk.Stack, **props: Any) -> s3.Bucket:
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    return s3.Bucket(stack, "Bucket", encryption_key=key, enforce_ssl=True, **props)


@pytest.mark.parametrize("env", [None, HERE])
def test_nothing_is_warned_of_with_or_without_an_environment(env: cdk.Environment | None) -> None:
    app = App(env)
    workflow = app.workflow(vpc=ec2.Vpc(app.stack, "Vpc"), **network(app.stack))
    workflow.start_on_upload()
    workflow.add_results_catalog().grant_query(iam.Role(app.stack, "Reader", assumed_by=iam.AccountRootPrincipal()))
    assert app.messages() == []


def network(stack: cdk.Stack) -> dict[str, Any]:
    chosen = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
    return {"vpc_subnets": chosen, "s3_prefix_list": prefix_list(stack)}


@pytest.mark.parametrize("env", [None, HERE])
def test_of_an_imported_key_of_this_account_only_its_policy_is_warned_of(env: cdk.Environment | None) -> None:
    app = App(env)
    app.workflow(output_key=given_key(app.stack, "Key", ACCOUNT))
    messages = app.messages()
    assert messages
    assert not [text for text in messages if "its key policy must delegate to IAM policies" not in text]


@pytest.mark.parametrize("env", [None, HERE])
def test_buckets_and_keys_of_another_stack(env: cdk.Environment | None) -> None:
    app = App(env)
    bucket = bucket_of(app.other())
    app.workflow(input_bucket=bucket, output_bucket=bucket, output_prefix="entities/").start_on_upload()
    # Only of what CDK does to a bucket that others may have set notifications of.
    [message] = app.messages()
    assert "CDK now sets all notifications of Other/Bucket" in message


def in_a_nested_stack(stack: cdk.Stack) -> None:
    nested, bucket = cdk.NestedStack(stack, "Nested"), bucket_of(stack)
    workflow = EntitiesDetectionWorkflow(nested, "Entities", input_bucket=bucket, output_bucket=bucket)
    workflow.start_on_upload()


def around_a_nested_stack(stack: cdk.Stack) -> None:
    bucket = bucket_of(cdk.NestedStack(stack, "Nested"))
    EntitiesDetectionWorkflow(stack, "Entities", input_bucket=bucket, output_bucket=bucket).start_on_upload()


def beside_another_stack(stack: cdk.Stack) -> None:
    bucket = bucket_of(cdk.Stack(stack.node.root, "Other"))  # type: ignore[arg-type]  # the root is an app
    EntitiesDetectionWorkflow(stack, "Entities", input_bucket=bucket, output_bucket=bucket).start_on_upload()


@pytest.mark.parametrize("build", [in_a_nested_stack, around_a_nested_stack, beside_another_stack])
def test_cdk_nag_finds_nothing_in_the_construct(
    build: Callable[[cdk.Stack], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDK_VALIDATION", "true")
    findings = synthesized(build, tmp_path, PACKS).findings
    assert [finding for finding in findings if "/Entities/" in finding] == []


@pytest.mark.parametrize("env", [None, HERE])
def test_a_role_of_another_stack_gets_its_policy_in_this_one(env: cdk.Environment | None) -> None:
    app = App(env)
    app.workflow(data_access_role=iam.Role(app.other(), "Role", assumed_by=BY_COMPREHEND))
    assert app.messages() == []
    policies = Template.from_stack(app.stack).find_resources("AWS::IAM::Policy").values()
    texts = [str(policy["Properties"]) for policy in policies]
    assert [text for text in texts if "ExportsOutputRefRole" in text and "s3:ListBucket" in text]


@pytest.mark.parametrize("imported", [True, False])
def test_a_role_that_cdk_may_not_change_is_warned_of(imported: bool) -> None:
    app = App()
    role = iam.Role(app.stack, "Role", assumed_by=BY_COMPREHEND)
    given = iam.Role.from_role_arn(app.stack, "Given", f"arn:aws:iam::{ACCOUNT}:role/given", mutable=False)
    app.workflow(data_access_role=given if imported else role.without_policy_updates())
    assert [
        text
        for text in app.messages()
        if "its owner must add the permissions of DataAccessRole in docs/permissions.md" in text
    ]


def test_a_role_of_another_account_is_said_to_start_no_job() -> None:
    app = App()
    app.workflow(data_access_role=iam.Role.from_role_arn(app.stack, "Role", FOREIGN_ROLE))
    assert [text for text in app.messages() if "IAM passes no role to a service there" in text]


def test_uploads_to_a_bucket_of_another_account_are_said_to_need_its_events() -> None:
    app = App()
    bucket = s3.Bucket.from_bucket_attributes(app.stack, "In", bucket_name="theirs", account=OTHER)
    app.workflow(input_bucket=bucket).start_on_upload()
    assert [text for text in app.messages() if f"forward them to the default event bus of account {ACCOUNT}" in text]
    assert not Template.from_stack(app.stack).find_resources("Custom::S3BucketNotifications")


@pytest.mark.parametrize("name", ["input_bucket", "output_bucket", "input_key", "output_key", "volume_key"])
def test_fails_with_what_is_in_another_region(name: str) -> None:
    app = App(cdk.Environment(account=ACCOUNT, region="eu-west-1"))
    bucket = s3.Bucket.from_bucket_attributes(app.stack, "Bucket", bucket_name="far", region=REGION)
    given = bucket if name.endswith("bucket") else given_key(app.stack, "Key", ACCOUNT)
    with pytest.raises(ValueError, match=f"{name}: must be in the Region of the jobs, eu-west-1; got 'us-east-1'"):
        app.workflow(**{name: given})


def test_fails_with_a_vpc_without_isolated_subnets() -> None:
    app = App()
    with pytest.raises(ValueError, match=r"vpc_subnets: there are no such subnets .* choose others"):
        app.workflow(vpc=ec2.Vpc(app.stack, "Vpc"), s3_prefix_list=prefix_list(app.stack))


@pytest.mark.parametrize(
    "principal", [iam.AccountPrincipal(OTHER), iam.OrganizationPrincipal("o-1234567890"), iam.AccountPrincipal(ACCOUNT)]
)
def test_grants_to_accounts_and_organizations_tell_what_they_did(principal: iam.IPrincipal) -> None:
    app = App()
    workflow = app.workflow()
    assert workflow.grant_upload(principal).success
    assert workflow.grant_read_results(principal).success
    assert app.messages() == []
    # What has no policy of its own can't be granted so.
    assert not workflow.grant_start_execution(principal).success
    assert not workflow.add_results_catalog().grant_query(principal).success


GRANTS: dict[str, Callable[[EntitiesDetectionWorkflow, iam.IGrantable], iam.Grant]] = {
    "grant_start_execution did nothing": lambda workflow, grantee: workflow.grant_start_execution(grantee),
    "grant_query gave no permissions": lambda workflow, grantee: workflow.add_results_catalog().grant_query(grantee),
}


@pytest.mark.parametrize("warning", GRANTS)
@pytest.mark.parametrize("principal", ["account", "role", "own"])
def test_only_principals_of_the_account_start_executions_and_query(principal: str, warning: str) -> None:
    app = App()
    principals: dict[str, Callable[[], iam.IGrantable]] = {
        "account": lambda: iam.AccountPrincipal(OTHER),
        "role": lambda: iam.Role.from_role_arn(app.stack, "Starter", FOREIGN_ROLE),
        "own": lambda: iam.Role(app.stack, "Starter", assumed_by=iam.AccountRootPrincipal()),
    }
    granted = GRANTS[warning](app.workflow(), principals[principal]())
    assert granted.success == (principal == "own")
    assert any(warning in text for text in app.messages()) == (principal != "own")


def test_a_grant_that_nobody_can_make_is_no_success() -> None:
    app = App()
    given = s3.Bucket.from_bucket_name(app.stack, "Out", "given-out")
    assert not app.workflow(output_bucket=given).grant_read_results(iam.AccountPrincipal(OTHER)).success


def test_another_accounts_stack_reads_results_of_buckets_that_get_names_for_it() -> None:
    app = App()
    workflow, there = app.workflow(), app.other(THERE)
    assert workflow.grant_read_results(iam.Role(there, "Reader", assumed_by=iam.AccountRootPrincipal(), role_name="r"))
    template = Template.from_stack(app.stack)
    named = [bucket["Properties"].get("BucketName") for bucket in template.find_resources("AWS::S3::Bucket").values()]
    # Only the output bucket has a name, since only it needs one.
    assert sorted(map(bool, named)) == [False, True]
    (policy,) = Template.from_stack(there).find_resources("AWS::IAM::Policy").values()
    statements = {each["Action"]: each for each in policy["Properties"]["PolicyDocument"]["Statement"]}
    assert statements["kms:Decrypt"]["Resource"] == "*"
    assert statements["kms:Decrypt"]["Condition"] == {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    (key,) = [key for key in template.find_resources("AWS::KMS::Key").values() if "role/r" in str(key)]
    assert "kms:Decrypt" in str(key)


def test_a_bucket_of_another_accounts_stack_names_roles_that_get_names_for_it() -> None:
    app = App()
    there = app.other(THERE)
    app.workflow(input_bucket=bucket_of(there, bucket_name="theirs"))
    (policy,) = Template.from_stack(there).find_resources("AWS::S3::BucketPolicy").values()
    roles = Template.from_stack(app.stack).find_resources("AWS::IAM::Role").values()
    named = {role["Properties"]["RoleName"] for role in roles if "RoleName" in role["Properties"]}
    assert len(named) >= 3
    assert not [name for name in named if name not in str(policy)]


def test_functions_are_told_the_keys_of_the_buckets(default: Synthesized) -> None:
    told = {
        shown(function["Environment"]["Variables"]["BUCKET_KEYS"])
        for function in default.of_type("AWS::Lambda::Function").values()
    }
    assert told == {"<InputBucket>=<OutputKey.Arn> <OutputBucket>=<OutputKey.Arn>"}


def test_the_key_of_a_bucket_that_has_none_that_is_known_is_not_told() -> None:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        return EntitiesDetectionWorkflow(
            stack, "Entities", input_bucket=s3.Bucket.from_bucket_name(stack, "In", "given-in")
        )

    told = Synthesized(build).one("AWS::Lambda::Function", "StartJob")["Environment"]["Variables"]["BUCKET_KEYS"]
    assert shown(told) == "<OutputBucket>=<OutputKey.Arn>"
