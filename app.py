"""Deploys one workflow with the settings of cdk.json's context; ``cdk deploy -c language=es`` overrides one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

# First of all: once the package `constructs` is imported, Python no longer looks into a folder of that name.
sys.path.insert(0, str(Path(__file__).resolve().parent / "lambdas"))
sys.path.insert(0, str(Path(__file__).resolve().parent / "constructs"))

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_comprehend_entities import EntitiesDetectionWorkflow


class EntitiesDetection(cdk.Stack):
    """One workflow, and what somebody needs to use it as outputs.

    Context: ``language``; ``inputBucket``, ``outputBucket`` (names), ``outputKeyArn``, ``volumeKeyArn``, ``vpcId`` of
    what exists already; ``inputPrefix``; ``uploadTrigger``, ``uploadPrefix``; ``removalPolicy`` (retain, or destroy
    with all objects in new buckets).
    """

    def __init__(self, scope: Construct, construct_id: str, **options: object) -> None:
        super().__init__(scope, construct_id, **options)  # type: ignore[arg-type]  # props of a stack, as CDK names them
        input_prefix = self._setting("inputPrefix") or "input/"
        upload_prefix = self._setting("uploadPrefix") or "uploads/"
        vpc_id = self._setting("vpcId")
        workflow = EntitiesDetectionWorkflow(
            self,
            "Entities",
            language_code=self._setting("language") or "en",
            input_bucket=self._bucket("InputBucket", "inputBucket"),
            input_prefix=input_prefix,
            output_bucket=self._bucket("OutputBucket", "outputBucket"),
            output_key=self._key("OutputKey", "outputKeyArn"),
            volume_key=self._key("VolumeKey", "volumeKeyArn"),
            vpc=ec2.Vpc.from_lookup(self, "Vpc", vpc_id=vpc_id) if vpc_id else None,
            **self._removal(),
        )
        if self._setting("uploadTrigger") in {"True", "true"}:
            trigger = workflow.start_on_upload(prefix=upload_prefix)
            self._output("UploadPrefix", upload_prefix, "What is put under it, in the input bucket, is analysed")
            old = "Analyses what lay under UploadPrefix before, or was put in the first five minutes after deployment"
            self._output("BackfillCommand", trigger.backfill_command, old)
        catalog = workflow.add_results_catalog()
        self._output("InputBucketName", workflow.input_bucket.bucket_name, "Holds the documents")
        self._output("InputPrefix", input_prefix, "Documents of the executions that you start lie under it")
        self._output("OutputBucketName", workflow.output_bucket.bucket_name, "Holds the results")
        self._output("ResultsPrefix", workflow.results_prefix, "Published results lie under it")
        self._output("DatabaseName", catalog.database_name, "Its tables and views are the published results")
        self._output("WorkGroupName", catalog.work_group.name, "Athena's workgroup for queries of them")
        self._output("StateMachineArn", workflow.state_machine.state_machine_arn, "Start an execution of it for a job")
        self._output("EventBusName", workflow.event_bus.event_bus_name, "Gets an event for each execution that ends")

    def _removal(self) -> dict[str, Any]:
        match self._setting("removalPolicy"):
            case None | "retain":
                return {}
            case "destroy":
                return {"removal_policy": cdk.RemovalPolicy.DESTROY, "auto_delete_objects": True}
            case name:
                raise ValueError(f"the context value removalPolicy is retain or destroy; got {name!r}")

    def _setting(self, name: str) -> str | None:
        value = self.node.try_get_context(name)
        return str(value) if value else None

    def _bucket(self, construct_id: str, name: str) -> s3.IBucket | None:
        given = self._setting(name)
        return s3.Bucket.from_bucket_name(self, construct_id, given) if given else None

    def _key(self, construct_id: str, name: str) -> kms.IKey | None:
        given = self._setting(name)
        return kms.Key.from_key_arn(self, construct_id, given) if given else None

    def _output(self, name: str, value: str, description: str) -> None:
        cdk.CfnOutput(self, name, value=value, description=description)


app = cdk.App()
EntitiesDetection(
    app,
    "EntitiesDetection",
    description="Amazon Comprehend entity-detection jobs",
    # Given by the CDK command line; without them the template fits any account and Region.
    env=cdk.Environment(account=os.environ.get("CDK_DEFAULT_ACCOUNT"), region=os.environ.get("CDK_DEFAULT_REGION")),
)
app.synth()
