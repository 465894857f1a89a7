"""PDF, Word and image documents go into a bucket; the entities of your own model come out."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_comprehend_entities import DocumentReader, EntitiesDetectionWorkflow, ExecutionLimits, Recognizer

READABLE = [".pdf", ".docx", ".jpg", ".jpeg", ".png", ".tif", ".tiff"]


class CustomRecognizerPdf(cdk.Stack):
    """Uploads are read by a trained custom recognizer; failed jobs and unreadable documents are announced.

    Context: ``recognizerArn``, the ARN of a trained recognizer version for PDF, in the stack's account and Region.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        recognizer_arn = self.node.try_get_context("recognizerArn")
        if not recognizer_arn:
            raise ValueError(
                "recognizerArn is missing; give the ARN of your trained recognizer: cdk deploy "
                "-c recognizerArn=arn:aws:comprehend:<Region>:<account>:entity-recognizer/<name>/version/<version>"
            )
        workflow = EntitiesDetectionWorkflow(
            self,
            "Entities",
            recognizer=Recognizer.from_arn(recognizer_arn),
            # Scans and images go through Amazon Textract; digital PDF and Word files are read by Comprehend itself.
            document_reader=DocumentReader.detect_text(),
            limits=ExecutionLimits(documents=500, cost_usd=20),
        )
        workflow.start_on_upload(prefix="papers/", suffixes=READABLE)
        catalog = workflow.add_results_catalog()

        attention = sns.Topic(self, "Attention", enforce_ssl=True)
        undelivered = sqs.Queue(self, "Undelivered", enforce_ssl=True, retention_period=cdk.Duration.days(14))
        announce = targets.SnsTopic(attention, dead_letter_queue=undelivered)
        workflow.on_job_failed("Failed", target=announce)
        workflow.on_job_ended("WithErrors", statuses=["COMPLETED_WITH_ERRORS"], target=announce)

        for name, value in {
            "InputBucketName": workflow.input_bucket.bucket_name,
            "AttentionTopicArn": attention.topic_arn,
            "UndeliveredQueueUrl": undelivered.queue_url,
            "StateMachineArn": workflow.state_machine.state_machine_arn,
            "DatabaseName": catalog.database_name,
            "WorkGroupName": catalog.work_group.name,
        }.items():
            cdk.CfnOutput(self, name, value=value)


app = cdk.App()
CustomRecognizerPdf(app, "CustomRecognizerPdf")
app.synth()
