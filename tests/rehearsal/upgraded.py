"""The stack that test_upgrade.py deploys from two versions of the library: it uses only what both have.

``python upgraded.py FOLDER`` synthesizes it with the library that PYTHONPATH names.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs

from cdk_comprehend_entities import EntitiesDetectionWorkflow, ExecutionLimits

# An update takes minutes on a busy machine, and the emulator's clock runs 250 times as fast as ours.
LIMITS = ExecutionLimits(
    duration=cdk.Duration.days(20), queue_duration=cdk.Duration.days(10), slot_duration=cdk.Duration.days(10)
)


def synthesize(folder: Path, name: str, given: Mapping[str, str] | None = None, **props: Any) -> Path:
    """Synthesize a stack with a workflow into ``folder``.

    Args:
        folder: gets the assembly.
        name: of the stack.
        given: outputs of an earlier stack, whose buckets and keys are taken (default: new ones).
        props: of the workflow.
    """
    app = cdk.App(outdir=str(folder), context={"@aws-cdk/aws-iam:minimizePolicies": True})
    stack = cdk.Stack(app, name)
    if given:
        props |= {
            "input_bucket": s3.Bucket.from_bucket_name(stack, "In", given["InputBucket"]),
            "output_bucket": s3.Bucket.from_bucket_name(stack, "Out", given["OutputBucket"]),
            "input_key": kms.Key.from_key_arn(stack, "InKey", given["OutputKeyArn"]),
            "output_key": kms.Key.from_key_arn(stack, "OutKey", given["OutputKeyArn"]),
            "volume_key": kms.Key.from_key_arn(stack, "VolumeKey", given["VolumeKeyArn"]),
            "completion_events": True,
        }
    workflow = EntitiesDetectionWorkflow(stack, "Entities", limits=LIMITS, **props)
    workflow.start_on_upload(prefix="uploads/", suffixes=[".txt"])
    ended = sqs.Queue(stack, "Ended")
    workflow.on_job_ended("ToQueue", target=targets.SqsQueue(ended))
    for output, value in {
        "InputBucket": workflow.input_bucket.bucket_name,
        "OutputBucket": workflow.output_bucket.bucket_name,
        "OutputKeyArn": workflow.output_key.key_arn,
        "VolumeKeyArn": workflow.volume_key.key_arn,
        "StateMachineArn": workflow.state_machine.state_machine_arn,
        "QueueUrl": ended.queue_url,
    }.items():
        cdk.CfnOutput(stack, output, value=value)
    app.synth()
    return folder


if __name__ == "__main__":
    synthesize(Path(sys.argv[1]), "Upgraded")
