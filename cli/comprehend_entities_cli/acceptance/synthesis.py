"""The stack that ``accept`` deploys, synthesized by a process of its own: the command line itself needs no CDK.

``python -m comprehend_entities_cli.acceptance.synthesis FOLDER STACK [RECOGNIZER_ARN]`` writes a cloud assembly.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_comprehend_entities import EntitiesDetectionWorkflow, Recognizer


class Acceptance(cdk.Stack):
    """One workflow with default permissions, and further resources that its checks need.

    - ``Narrow``: a workflow with ``narrow_permissions`` in the same buckets.
    - ``Custom``: one with a custom recognizer, if there is one.
    - Roles that Comprehend may assume, which can't read the input, or can't write the output: their jobs fail.
    - A key that the workflow has no rights on, for an upload that it can't read.
    """

    def __init__(self, scope: Construct, construct_id: str, recognizer: str | None) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Checks of comprehend-entities accept; it is removed when they end",
            synthesizer=cdk.DefaultStackSynthesizer(),
        )
        workflow = EntitiesDetectionWorkflow(
            self, "Entities", tags={"acceptance": construct_id}, removal_policy=cdk.RemovalPolicy.DESTROY
        )
        trigger, catalog = workflow.start_on_upload(), workflow.add_results_catalog()
        ended = sqs.Queue(
            self,
            "Ended",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        workflow.on_job_ended("ToQueue", target=targets.SqsQueue(ended))
        foreign = kms.Key(
            self, "Foreign", removal_policy=cdk.RemovalPolicy.DESTROY, pending_window=cdk.Duration.days(7)
        )
        reads_nothing, writes_nothing = self._role("ReadsNothing"), self._role("WritesNothing")
        workflow.output_bucket.grant_put(reads_nothing)
        workflow.input_bucket.grant_read(writes_nothing)
        self._outputs(
            {
                "InputBucket": workflow.input_bucket.bucket_name,
                "OutputBucket": workflow.output_bucket.bucket_name,
                "StateMachineArn": workflow.state_machine.state_machine_arn,
                "DataAccessRoleArn": workflow.data_access_role.role_arn,
                "OutputKeyArn": workflow.output_key.key_arn,
                "VolumeKeyArn": workflow.volume_key.key_arn,
                "ForeignKeyArn": foreign.key_arn,
                "ReadsNothingRoleArn": reads_nothing.role_arn,
                "WritesNothingRoleArn": writes_nothing.role_arn,
                "EndedQueueUrl": ended.queue_url,
                "UploadQueueUrl": trigger.queue.queue_url,
                "DatabaseName": catalog.database_name,
                "WorkGroupName": catalog.work_group.name,
            }
        )
        self._beside("Narrow", workflow, narrow_permissions=True)
        if recognizer:
            self._beside("Custom", workflow, recognizer=Recognizer.from_arn(recognizer))

    def _beside(self, name: str, first: EntitiesDetectionWorkflow, **settings: object) -> None:
        """Define another workflow in the buckets of the first one, which tells no end to the first one's queue."""
        workflow = EntitiesDetectionWorkflow(
            self,
            name,
            input_bucket=first.input_bucket,
            input_prefix=f"{name.lower()}/",
            output_bucket=first.output_bucket,
            output_prefix=f"{name.lower()}/",
            output_key=first.output_key,
            volume_key=first.volume_key,
            removal_policy=cdk.RemovalPolicy.DESTROY,
            **settings,  # type: ignore[arg-type]  # the workflow checks them
        )
        self._outputs({f"{name}StateMachineArn": workflow.state_machine.state_machine_arn})

    def _role(self, name: str) -> iam.Role:
        return iam.Role(self, name, assumed_by=iam.ServicePrincipal("comprehend.amazonaws.com"))

    def _outputs(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            cdk.CfnOutput(self, name, value=value)


def main(folder: str, stack: str, recognizer: str | None = None) -> None:
    """Write the cloud assembly of the stack into a folder."""
    app = cdk.App(outdir=folder, context={"@aws-cdk/aws-iam:minimizePolicies": True}, analytics_reporting=False)
    Acceptance(app, stack, recognizer)
    app.synth()


if __name__ == "__main__":
    main(*sys.argv[1:])
