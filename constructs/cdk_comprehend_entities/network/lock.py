"""Buckets whose objects only pass through an endpoint.

Source: Amazon S3 User Guide, example-bucket-policies-vpc-endpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Annotations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from ..rights.access import Conditions, statement

_DENIED = ("s3:AbortMultipartUpload", "s3:DeleteObject*", "s3:GetObject*", "s3:ListBucket*", "s3:PutObject*")


def lock_bucket(bucket: s3.IBucket, endpoint: ec2.IVpcEndpoint, except_roles: Sequence[iam.IRole]) -> None:
    """Deny everyone but ``except_roles`` the objects of a bucket, unless they come through ``endpoint``.

    Only calls on objects are denied: administrators and CloudFormation keep the bucket itself, and its policy.
    """
    elsewhere: Conditions = {
        "StringNotEquals": {"aws:SourceVpce": endpoint.vpc_endpoint_id},
        "ArnNotEquals": {"aws:PrincipalArn": [role.role_arn for role in except_roles]},
    }
    on, sid, deny = [bucket.bucket_arn, bucket.arn_for_objects("*")], "ObjectsThroughTheEndpointOnly", iam.Effect.DENY
    source = "Amazon S3 User Guide, example-bucket-policies-vpc-endpoint"
    lock = statement(*_DENIED, on=on, to=iam.AnyPrincipal(), effect=deny, when=elsewhere, sid=sid, source=source)
    if not bucket.add_to_resource_policy(lock).statement_added:
        text = f"{bucket.node.path} is imported, so CDK can't lock it to {endpoint.node.path}: its owner must"
        Annotations.of(bucket).add_warning_v2("cdk-comprehend-entities:not-locked", text)
