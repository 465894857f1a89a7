"""app.py: what its context settings change, and that a plain checkout is enough to synthesize it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CONTEXT: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]


def synthesized(outdir: Path, **context: Any) -> dict[str, Any]:
    """The template, with cdk.json's context and what differs from it, as the CDK command line hands it over."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(
        [sys.executable, str(ROOT / "app.py")],
        check=True,
        capture_output=True,
        cwd=outdir,
        text=True,
        env={
            **environment,
            "CDK_VALIDATION": "false",
            "CDK_OUTDIR": str(outdir),
            "CDK_CONTEXT_JSON": json.dumps({**CONTEXT, **context}),
        },
    )
    template: dict[str, Any] = json.loads((outdir / "EntitiesDetection.template.json").read_text())
    return template


def test_cdk_json_deploys_everything_new_with_an_upload_trigger(tmp_path: Path) -> None:
    template = synthesized(tmp_path)
    assert set(template["Outputs"]) == {
        "BackfillCommand",
        "DatabaseName",
        "EventBusName",
        "InputBucketName",
        "InputPrefix",
        "OutputBucketName",
        "ResultsPrefix",
        "StateMachineArn",
        "UploadPrefix",
        "WorkGroupName",
    }
    assert all(output["Description"] for output in template["Outputs"].values())
    values = {name: template["Outputs"][name]["Value"] for name in ("InputPrefix", "ResultsPrefix", "UploadPrefix")}
    assert values == {"InputPrefix": "input/", "ResultsPrefix": "results/", "UploadPrefix": "uploads/"}
    # Custom resources would be code that is not this repository's.
    assert not [item for item in template["Resources"].values() if item["Type"].startswith("Custom::")]


def test_context_names_what_exists_already(tmp_path: Path) -> None:
    key = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"
    template = synthesized(
        tmp_path,
        inputBucket="given-in",
        outputBucket="given-out",
        outputKeyArn=key,
        volumeKeyArn=key,
        inputPrefix="texts/",
        uploadTrigger=False,
    )
    made = {resource["Type"] for resource in template["Resources"].values()}
    assert not made & {"AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Lambda::EventSourceMapping"}
    assert "UploadPrefix" not in template["Outputs"]
    assert template["Outputs"]["InputBucketName"]["Value"] == "given-in"
    assert template["Outputs"]["InputPrefix"]["Value"] == "texts/"


def test_destroy_deletes_what_new_buckets_hold(tmp_path: Path) -> None:
    resources = synthesized(tmp_path, removalPolicy="destroy", inputBucket="given-in")["Resources"].values()
    holding = ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Logs::LogGroup")
    assert {item["DeletionPolicy"] for item in resources if item["Type"] in holding} == {"Delete"}
    (emptied,) = [item for item in resources if item["Type"] == "Custom::S3AutoDeleteObjects"]
    assert emptied["Properties"]["BucketName"]["Ref"].startswith("EntitiesOutputBucket")


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"language": "xx"}, "language_code (LanguageCode): must be one of en, es, fr"),
        ({"removalPolicy": "snapshot"}, "removalPolicy is retain or destroy"),
    ],
)
def test_fails_with_a_setting_that_makes_no_sense(tmp_path: Path, context: dict[str, str], message: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        synthesized(tmp_path, **context)
    assert message in failed.value.stderr
