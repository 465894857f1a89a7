"""A stack of yours: your bucket and key, the workflow of the library, and your queue for what it finds."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_comprehend_entities import EntitiesDetectionWorkflow, ExecutionLimits


class YourStack(cdk.Stack):
    """Letters go in; one message for each result comes out."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        key = kms.Key(self, "Key", enable_key_rotation=True)
        letters = s3.Bucket(
            self, "Letters", encryption_key=key, enforce_ssl=True, versioned=True, event_bridge_enabled=True
        )
        undelivered = sqs.Queue(self, "Undelivered", enforce_ssl=True)
        found = sqs.Queue(self, "Found", enforce_ssl=True)

        workflow = EntitiesDetectionWorkflow(
            self,
            "Entities",
            language_code="en",
            input_bucket=letters,
            output_key=key,
            limits=ExecutionLimits(cost_usd=5),
        )
        workflow.start_on_upload(prefix="letters/", suffixes=[".txt"])
        workflow.on_job_completed("ToQueue", target=targets.SqsQueue(found, dead_letter_queue=undelivered))

        cdk.CfnOutput(
            self, "LettersBucketName", value=letters.bucket_name, description="Put letters/<name>.txt into it"
        )
        cdk.CfnOutput(self, "FoundQueueUrl", value=found.queue_url, description="A message for each published result")
        cdk.CfnOutput(self, "StateMachineArn", value=workflow.state_machine.state_machine_arn)
        cdk.CfnOutput(self, "ResultsBucketName", value=workflow.output_bucket.bucket_name)


app = cdk.App()
YourStack(app, "YourStack")
app.synth()
