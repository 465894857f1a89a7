"""Documents go into a bucket; which document names whom comes out of a DynamoDB table, and of SQL."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_comprehend_entities import EntitiesDetectionWorkflow, ExecutionLimits

HERE = Path(__file__).parent


class UploadPipeline(cdk.Stack):
    """Bucket -> entities -> EventBridge -> your function -> DynamoDB."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        workflow = EntitiesDetectionWorkflow(self, "Entities", language_code="en", limits=ExecutionLimits(cost_usd=5))
        workflow.start_on_upload(prefix="uploads/", suffixes=[".txt"])
        catalog = workflow.add_results_catalog()

        index = dynamodb.TableV2(
            self,
            "Index",
            partition_key=dynamodb.Attribute(name="Entity", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="Mention", type=dynamodb.AttributeType.STRING),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
        )
        # An event that was delivered, but that the function failed to index three times, waits here for you.
        failed = sqs.Queue(self, "NotIndexed", enforce_ssl=True, retention_period=cdk.Duration.days(14))
        indexer = lambda_.Function(
            self,
            "IndexEntities",
            description="Writes the entities of each published result into the table",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_asset(str(HERE / "index_entities"), exclude=["__pycache__"]),
            environment={"TABLE_NAME": index.table_name},
            memory_size=512,
            timeout=cdk.Duration.minutes(15),
            on_failure=destinations.SqsDestination(failed),
        )
        workflow.grant_read_results(indexer)
        index.grant(indexer, "dynamodb:BatchWriteItem")
        # One that can't be delivered to the function waits there as well.
        workflow.on_job_completed("Index", target=targets.LambdaFunction(indexer, dead_letter_queue=failed))

        for name, value in {
            "InputBucketName": workflow.input_bucket.bucket_name,
            "IndexTableName": index.table_name,
            "NotIndexedQueueUrl": failed.queue_url,
            "IndexerName": indexer.function_name,
            "StateMachineArn": workflow.state_machine.state_machine_arn,
            "DatabaseName": catalog.database_name,
            "WorkGroupName": catalog.work_group.name,
        }.items():
            cdk.CfnOutput(self, name, value=value)


app = cdk.App()
UploadPipeline(app, "UploadPipeline")
app.synth()
