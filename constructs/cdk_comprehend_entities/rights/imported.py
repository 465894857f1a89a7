"""Warnings of imported resources, which CDK can't change: what their owners must see to."""

from __future__ import annotations

from aws_cdk import Annotations, Resource
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct, IConstruct

from entities_job import operation

from .._storage import Storage

_PREFIX = "cdk-comprehend-entities"


def warn_of_imported(
    scope: Construct, storage: Storage, data_access_role: iam.IRole, notification_topic: sns.ITopic | None
) -> None:
    """Warn of each imported resource, with what its owner must add. Acknowledge a warning by its id, once done."""
    documents, jobs = storage.documents, storage.jobs
    key_policy = (
        "its key policy must delegate to IAM policies of this account, as the default key policy does; a key of "
        f"another account must allow the data-access role and the functions' roles of {scope.node.path}"
    )
    bucket_policy = (
        "its policy must not deny the data-access role and the functions, and should deny requests without TLS; "
        "objects under {} and incomplete multipart uploads should expire"
    )
    unknown_key = "" if documents.key else "; if it is encrypted with a KMS key, give that as input_key"
    claims = f", and objects under {storage.claims.path} after a year"
    _warn(documents.bucket, "input-bucket", bucket_policy.format(storage.staging.path) + claims + unknown_key)
    _warn(jobs.bucket, "output-bucket", bucket_policy.format(storage.work.path))
    _warn(storage.output_key, "output-key", key_policy)
    _warn(storage.volume_key, "volume-key", key_policy)
    if documents.key:
        _warn(documents.key, "input-key", key_policy)
    _warn(
        data_access_role,
        "data-access-role",
        "it must trust comprehend.amazonaws.com, in one statement with the conditions StringEquals aws:SourceAccount "
        f"and ArnLike aws:SourceArn arn:<partition>:comprehend:<region>:<account>:{operation.ARN_RESOURCE}/*",
    )
    if notification_topic:
        publish = "its policy must let events.amazonaws.com publish (sns:Publish)"
        _warn(notification_topic, "notification-topic", publish)


def _warn(resource: IConstruct, name: str, text: str) -> None:
    if not Resource.is_owned_resource(resource):
        Annotations.of(resource).add_warning_v2(
            f"{_PREFIX}:{name}", f"{resource.node.path} is imported, so CDK can't change it: {text}"
        )
