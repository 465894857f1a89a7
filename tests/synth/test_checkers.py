"""What well-known checkers say of the templates; a finding that is meant to be is acknowledged beside the code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template
from cdk_nag import AwsSolutionsChecks, ServerlessChecks
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]

from cdk_comprehend_entities import DocumentReader, EntitiesDetectionWorkflow, Recognizer

Build = Callable[[cdk.Stack], object]

# CDK orders a role before what uses it, though the reference to the role does so already.
NOT_OURS = ["W3005"]


def smallest(stack: cdk.Stack) -> None:
    EntitiesDetectionWorkflow(stack, "Entities")


def everything(stack: cdk.Stack) -> None:
    isolated = ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    vpc = ec2.Vpc(stack, "Vpc", max_azs=2, nat_gateways=0, subnet_configuration=[isolated])
    cdk.Validations.of(vpc).acknowledge(
        cdk.Acknowledgment(id="AwsSolutions-VPC7", reason="the network is the user's, not the workflow's")
    )
    workflow = EntitiesDetectionWorkflow(
        stack,
        "Entities",
        recognizer=Recognizer.from_arn("arn:aws:comprehend:us-east-1:111122223333:entity-recognizer/drugs"),
        document_reader=DocumentReader.detect_text(),
        tags={"project": "drugs"},
        allow_overrides=["Tags", "EntityRecognizerArn"],
        vpc=vpc,
        s3_prefix_list=ec2.PrefixList.from_prefix_list_id(stack, "S3PrefixList", "pl-1234"),
    )
    workflow.add_s3_endpoint()
    workflow.start_on_upload(suffixes=[".txt"])
    workflow.start_on_upload("Spanish", prefix="uploads-es/", language_code="es")
    reader = iam.Role(stack, "Reader", assumed_by=iam.AccountRootPrincipal())
    workflow.grant_read_results(reader)
    workflow.grant_upload(reader)
    workflow.grant_start_execution(reader)
    workflow.add_results_catalog().grant_query(reader)


def everything_given(stack: cdk.Stack) -> None:
    key = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"
    workflow = EntitiesDetectionWorkflow(
        stack,
        "Entities",
        input_bucket=s3.Bucket.from_bucket_name(stack, "In", "given-in"),
        input_key=kms.Key.from_key_arn(stack, "InKey", key),
        output_bucket=s3.Bucket.from_bucket_name(stack, "Out", "given-out"),
        output_key=kms.Key.from_key_arn(stack, "OutKey", key),
        volume_key=kms.Key.from_key_arn(stack, "VolKey", key),
        data_access_role=iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/given"),
    )
    workflow.start_on_upload()
    workflow.add_results_catalog()


BUILDS = [smallest, everything, everything_given]


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("pack", [AwsSolutionsChecks, ServerlessChecks])
def test_cdk_nag_finds_nothing_without_a_reason(
    build: Build, pack: type[AwsSolutionsChecks] | type[ServerlessChecks]
) -> None:
    checked(build, pack)


def test_cdk_nag_would_say_so() -> None:
    with pytest.raises(RuntimeError, match="AwsSolutions-S1"):
        checked(lambda stack: s3.Bucket(stack, "Bucket"), AwsSolutionsChecks)


def checked(build: Build, pack: type[AwsSolutionsChecks] | type[ServerlessChecks]) -> None:
    app = cdk.App()
    build(cdk.Stack(app, "Stack"))
    cdk.Validations.of(app).add_plugins(pack(verbose=True))
    app.synth()


@pytest.mark.parametrize("build", BUILDS)
def test_cfn_lint_finds_nothing(build: Build) -> None:
    assert linted(build) == []


def test_cfn_lint_would_say_so() -> None:
    assert linted(lambda stack: cdk.CfnResource(stack, "Odd", type="AWS::S3::Bucket", properties={"Name": "x"}))


def linted(build: Build) -> list[str]:
    stack = cdk.Stack(cdk.App(), "Stack")
    build(stack)
    text = json.dumps(Template.from_stack(stack).to_json())
    return [str(found) for found in lint(text, config=ManualArgs(ignore_checks=NOT_OURS, regions=["us-east-1"]))]


@pytest.mark.parametrize("build", BUILDS)
def test_cdk_finds_no_error_in_the_template(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reported(build, tmp_path, monkeypatch) == []


def test_cdk_would_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(stack: cdk.Stack) -> None:
        cdk.CfnResource(stack, "Odd", type="AWS::S3::Bucket", properties={"BucketName": 7, "Name": "x"})

    with pytest.raises(RuntimeError, match="ValidationFailed"):
        reported(build, tmp_path, monkeypatch)


def reported(build: Build, outdir: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    monkeypatch.setenv("CDK_VALIDATION", "true")
    app = cdk.App(outdir=str(outdir), context={"@aws-cdk/core:validateAgainstDefaultRules": True})
    build(cdk.Stack(app, "Stack"))
    app.synth()
    reports: list[object] = json.loads((outdir / "validation-report.json").read_text())["pluginReports"]
    return reports
