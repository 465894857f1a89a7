"""Jobs and functions in a VPC without internet; documents and results that only pass through its S3 endpoint."""

from __future__ import annotations

import os

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_comprehend_entities import EntitiesDetectionWorkflow, Hardening


class PrivateVpc(cdk.Stack):
    """Isolated subnets, VPC endpoints, strict hardening, and two locked buckets.

    Context: ``s3PrefixListId``, if it can't be looked up.
    """

    def __init__(self, scope: Construct, construct_id: str, *, env: cdk.Environment) -> None:
        super().__init__(scope, construct_id, env=env)
        isolated = ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
        vpc = ec2.Vpc(self, "Vpc", max_azs=2, nat_gateways=0, subnet_configuration=[isolated])
        vpc.add_flow_log("FlowLog")

        prefix_list_id = self.node.try_get_context("s3PrefixListId")
        workflow = EntitiesDetectionWorkflow(
            self,
            "Entities",
            language_code="en",
            vpc=vpc,
            s3_prefix_list=(
                ec2.PrefixList.from_prefix_list_id(self, "S3PrefixList", prefix_list_id) if prefix_list_id else None
            ),
            hardening=Hardening.STRICT,
        )
        uploads = workflow.start_on_upload(prefix="uploads/", suffixes=[".txt"])
        s3_endpoint = workflow.add_s3_endpoint()
        workflow.add_interface_endpoints()

        # Whoever puts documents from outside of the VPC, or reads results there, assumes one of these roles.
        uploader = iam.Role(self, "Uploader", assumed_by=iam.AccountRootPrincipal())
        reader = iam.Role(self, "Reader", assumed_by=iam.AccountRootPrincipal())
        uploads.grant_upload(uploader)
        workflow.grant_read_results(reader)
        # AWS does not document whether Comprehend reads all input through the VPC: without its role here a job may
        # fail with NO_READ_ACCESS_TO_INPUT. Take the role out once you have seen that yours does not.
        workflow.lock_buckets(s3_endpoint, except_roles=[uploader, reader, workflow.data_access_role])

        for name, value in {
            "InputBucketName": workflow.input_bucket.bucket_name,
            "ResultsBucketName": workflow.output_bucket.bucket_name,
            "UploaderRoleArn": uploader.role_arn,
            "ReaderRoleArn": reader.role_arn,
            "StateMachineArn": workflow.state_machine.state_machine_arn,
        }.items():
            cdk.CfnOutput(self, name, value=value)


app = cdk.App()
PrivateVpc(
    app,
    "PrivateVpc",
    # Given by the CDK command line; the prefix list of S3 is looked up in them.
    env=cdk.Environment(account=os.environ.get("CDK_DEFAULT_ACCOUNT"), region=os.environ.get("CDK_DEFAULT_REGION")),
)
app.synth()
