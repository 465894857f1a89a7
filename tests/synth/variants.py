"""The uses of the construct that checkers look at, from the smallest to the strictest."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from cdk_comprehend_entities import DocumentReader, EntitiesDetectionWorkflow, Hardening, Recognizer

Build = Callable[[cdk.Stack], object]

RECOGNIZER = "arn:aws:comprehend:us-east-1:111122223333:entity-recognizer/drugs"
PACKS = ["AwsSolutions", "Serverless"]
STRICT_PACKS = [*PACKS, "HIPAASecurity", "NIST80053R5", "PCIDSS321"]


def smallest(stack: cdk.Stack) -> None:
    EntitiesDetectionWorkflow(stack, "Entities")


def everything(stack: cdk.Stack, **props: Any) -> None:
    workflow = EntitiesDetectionWorkflow(
        stack,
        "Entities",
        recognizer=Recognizer.from_arn(RECOGNIZER),
        document_reader=DocumentReader.detect_text(),
        tags={"project": "drugs"},
        allow_overrides=["Tags", "EntityRecognizerArn"],
        stop_jobs_on_delete=True,
        vpc=own_vpc(stack),
        s3_prefix_list=prefix_list(stack),
        **props,
    )
    endpoint = workflow.add_s3_endpoint()
    if "hardening" in props:
        workflow.add_interface_endpoints()
        workflow.lock_buckets(endpoint)
    workflow.start_on_upload(suffixes=[".txt"])
    workflow.start_on_upload("Spanish", prefix="uploads-es/", language_code="es")
    reader = iam.Role(stack, "Reader", assumed_by=iam.AccountRootPrincipal())
    workflow.grant_read_results(reader)
    workflow.grant_upload(reader)
    workflow.grant_start_execution(reader)
    workflow.add_results_catalog().grant_query(reader)
    workflow.monitor(daily_cost_usd=20)
    of_the_user(reader, "IAMNoInlinePolicy")


def strict(stack: cdk.Stack) -> None:
    everything(stack, hardening=Hardening.STRICT)


def destroyed(stack: cdk.Stack) -> None:
    policy = cdk.RemovalPolicy.DESTROY
    EntitiesDetectionWorkflow(stack, "Entities", removal_policy=policy, auto_delete_objects=True)


def imported(stack: cdk.Stack, **props: Any) -> None:
    """Buckets with keys of their own, of this account and of another, an existing role, a VPC with given subnets."""
    role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/given")
    workflow = EntitiesDetectionWorkflow(
        stack,
        "Entities",
        input_bucket=s3.Bucket.from_bucket_name(stack, "In", "given-in"),
        input_key=given_key(stack, "InKey", "111122223333"),
        output_bucket=s3.Bucket.from_bucket_name(stack, "Out", "given-out"),
        output_key=given_key(stack, "OutKey", "999988887777"),
        volume_key=given_key(stack, "VolumeKey", "999988887777"),
        data_access_role=role,
        vpc=given_vpc(stack),
        vpc_subnets=ec2.SubnetSelection(availability_zones=["us-east-1a"]),
        security_groups=[ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-0123456789abcdef0")],
        s3_prefix_list=prefix_list(stack),
        **props,
    )
    workflow.start_on_upload()
    workflow.add_results_catalog()
    of_the_user(role, "IAMNoInlinePolicy")


def strict_imported(stack: cdk.Stack) -> None:
    imported(stack, hardening=Hardening.STRICT)


def own_vpc(stack: cdk.Stack) -> ec2.Vpc:
    isolated = ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    vpc = ec2.Vpc(stack, "Vpc", max_azs=2, nat_gateways=0, subnet_configuration=[isolated])
    of_the_user(vpc, "VPCFlowLogsEnabled", "VPCDefaultSecurityGroupClosed")
    return vpc


def given_vpc(stack: cdk.Stack) -> ec2.IVpc:
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-0123456789abcdef0",
        availability_zones=["us-east-1a", "us-east-1b"],
        isolated_subnet_ids=["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        isolated_subnet_route_table_ids=["rtb-0123456789abcdef0", "rtb-0123456789abcdef1"],
    )


def prefix_list(stack: cdk.Stack) -> ec2.IPrefixList:
    return ec2.PrefixList.from_prefix_list_id(stack, "S3PrefixList", "pl-63a5400a")


def given_key(stack: cdk.Stack, name: str, account: str) -> kms.IKey:
    return kms.Key.from_key_arn(
        stack, name, f"arn:aws:kms:us-east-1:{account}:key/11111111-2222-3333-4444-555555555555"
    )


def of_the_user(scope: Any, *rules: str) -> None:
    """Acknowledge what packs find of a resource that is the user's, not the workflow's."""
    if not hasattr(cdk, "Validations"):
        return
    packs = ("HIPAA.Security", "NIST.800.53.R5", "PCI.DSS.321")
    for rule in ("AwsSolutions-VPC7", *(f"{pack}-{rule}" for pack in packs for rule in rules)):
        cdk.Validations.of(scope).acknowledge(cdk.Acknowledgment(id=rule, reason="the user's, not the workflow's"))


BUILDS: dict[str, Build] = {
    build.__name__: build for build in (smallest, everything, imported, strict, strict_imported, destroyed)
}
Variants = Callable[[str], "Variant"]


@dataclass(frozen=True)
class Variant:
    """One use, synthesized once, with what plug-ins of the synthesis say of it."""

    template: dict[str, Any]
    findings: list[str]


def synthesized(build: Build, outdir: Path, packs: list[str]) -> Variant:
    """A use under packs of cdk-nag and CDK's own rules; CDK_VALIDATION must be true."""
    # Only here: `make test-bounds` has a CDK that cdk-nag does not work with.
    import cdk_nag

    app = cdk.App(outdir=str(outdir), context={"@aws-cdk/core:validateAgainstDefaultRules": True})
    build(cdk.Stack(app, "Stack"))
    cdk.Validations.of(app).add_plugins(*(getattr(cdk_nag, f"{pack}Checks")(verbose=True) for pack in packs))
    failed = ""
    try:
        app.synth()
    except RuntimeError as error:
        failed = str(error)
    reports = json.loads((outdir / "validation-report.json").read_text())["pluginReports"]
    findings = [
        f"{violation['ruleName']}: {construct.get('constructPath')}"
        for report in reports
        for violation in report["violations"]
        for construct in violation["violatingConstructs"]
    ]
    assert bool(failed) <= bool(findings), failed
    return Variant(json.loads((outdir / "Stack.template.json").read_text()), findings)
