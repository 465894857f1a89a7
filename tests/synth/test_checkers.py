"""What well-known checkers say of the templates; a finding that is meant to be is acknowledged beside the code."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]  # it has no types

from tests.synth.variants import BUILDS, STRICT_PACKS, Build, Variants, synthesized

# CDK orders a role before what uses it, though the reference to the role does so already.
NOT_OURS = ["W3005"]
CHECKOV = Path(__file__).parents[2] / ".rehearsal" / "checkov" / "bin" / "checkov"


@pytest.mark.parametrize("name", BUILDS)
def test_cdk_and_cdk_nag_find_nothing_without_a_reason(variants: Variants, name: str) -> None:
    assert variants(name).findings == []


def test_cdk_and_cdk_nag_would_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(stack: cdk.Stack) -> None:
        s3.Bucket(stack, "Bucket")
        cdk.CfnResource(stack, "Odd", type="AWS::S3::Bucket", properties={"BucketName": 7, "Name": "x"})

    monkeypatch.setenv("CDK_VALIDATION", "true")
    found = {finding.split(":")[0] for finding in synthesized(build, tmp_path, STRICT_PACKS).findings}
    logged = {f"{pack}-S3BucketLoggingEnabled" for pack in ("HIPAA.Security", "NIST.800.53.R5", "PCI.DSS.321")}
    assert {"AwsSolutions-S1", "F3002", *logged} <= found


@pytest.mark.parametrize("name", BUILDS)
def test_cfn_lint_finds_nothing(variants: Variants, name: str) -> None:
    assert linted(variants(name).template) == []


def test_cfn_lint_would_say_so() -> None:
    def build(stack: cdk.Stack) -> None:
        cdk.CfnResource(stack, "Odd", type="AWS::S3::Bucket", properties={"Name": "x"})

    assert linted(made(build))


def linted(template: dict[str, Any]) -> list[str]:
    return [
        str(found)
        for found in lint(json.dumps(template), config=ManualArgs(ignore_checks=NOT_OURS, regions=["us-east-1"]))
    ]


def test_checkov_finds_nothing_without_a_reason(variants: Variants, tmp_path: Path) -> None:
    assert checkov({name: variants(name).template for name in BUILDS}, tmp_path) == []


def test_checkov_would_say_so(tmp_path: Path) -> None:
    found = checkov({"odd": made(lambda stack: s3.Bucket(stack, "Bucket"))}, tmp_path)
    assert any(line.startswith("CKV_AWS_18 ") for line in found)


def checkov(templates: dict[str, Any], folder: Path) -> list[str]:
    """Findings of checkov, which runs in an environment of its own: it pins an old boto3."""
    for name, template in templates.items():
        (folder / f"{name}.template.json").write_text(json.dumps(template))
    options = ["--framework", "cloudformation", "--output", "json", "--compact", "--quiet", "--skip-download"]
    run = subprocess.run(
        [str(CHECKOV), "--directory", str(folder), *options],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )
    report = json.loads(run.stdout)
    assert report["summary"]["resource_count"] > 0, run.stderr
    assert report["summary"]["parsing_errors"] == 0
    failed = report.get("results", {}).get("failed_checks", [])
    return [f"{found['check_id']} {found['file_path']} {found['resource']}" for found in failed]


def made(build: Build) -> dict[str, Any]:
    stack = cdk.Stack(cdk.App(), "Stack")
    build(stack)
    return dict(Template.from_stack(stack).to_json())
