"""Hardening of the workflow's resources: by default, and with ``hardening="strict"``.

Both kinds of hardening have the same methods, which the makers of functions, log groups, buckets and queues call. The
strict one adds what the rules of HIPAA, NIST 800-53 and PCI DSS ask for; the other gives checkers the reasons.
Sources: AWS Lambda Developer Guide, configuration-vpc; Amazon CloudWatch Logs User Guide, encrypt-log-data-kms;
Amazon S3 User Guide, enable-server-access-logging; Amazon SQS Developer Guide, sqs-key-management.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration, PhysicalName, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct

from ._values import Hardening
from .network.job import JobNetwork
from .rights.access import let_events_use, service, statement
from .rights.acknowledged import acknowledge
from .rights.functions import grant_vpc

KEPT = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
"""Data outlives the stack, and a first deployment that fails leaves nothing behind."""

# PCI DSS asks for a year (requirement 10.7).
_ACCESS_LOGS_KEPT = Duration.days(400)
_OLD_VERSIONS_KEPT = Duration.days(90)


def hardened(
    scope: Construct, hardening: Hardening | str, network: JobNetwork | None
) -> StandardHardening | StrictHardening:
    """Return the hardening of a workflow's parts; the strict one needs its network."""
    if hardening != Hardening.STRICT or network is None:
        return StandardHardening()
    acknowledge(scope, "inline-policies")
    return StrictHardening(scope, "Hardening", network=network)


class StandardHardening:
    """Adds nothing, and gives checkers the reason."""

    def function(self, function: lambda_.Function) -> None:
        """Leave a function outside of a VPC, and its environment with the key of Lambda."""
        for name in ("function-outside-vpc", "function-environment"):
            acknowledge(function, name)

    def log_group(self, log_group: logs.LogGroup) -> None:
        """Leave a log group with the key of CloudWatch."""
        acknowledge(log_group, "log-group-key")

    def bucket(self, bucket: s3.Bucket) -> None:
        """Leave a bucket without access logs."""
        acknowledge(bucket, "bucket-access-logs")
        if _resource(bucket).versioning_configuration is None:
            acknowledge(bucket, "bucket-versions")

    def queue(self, queue: sqs.Queue) -> None:
        """Leave a queue with the key of SQS."""
        acknowledge(queue, "queue-key")


class StrictHardening(Construct):
    """Puts functions into the network of the jobs, encrypts logs with a separate key, and logs accesses."""

    def __init__(self, scope: Construct, construct_id: str, *, network: JobNetwork) -> None:
        super().__init__(scope, construct_id)
        self._network, self._group = network, network.admit_functions()
        self._key = self._log_key()
        self._access_logs = self._access_log_bucket()

    def _log_key(self) -> kms.Key:
        stack = Stack.of(self)
        key = rotating_key(self, "Key", "Logs of functions for entity-detection jobs", KEPT)
        # The names of log groups are made when they are.
        log_groups = stack.format_arn(service="logs", resource="log-group:*")
        of_groups = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}}
        principal = iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com", conditions=of_groups)
        actions = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")
        guide = "Amazon CloudWatch Logs User Guide, encrypt-log-data-kms"
        key.add_to_resource_policy(statement(*actions, on=["*"], to=principal, source=guide))
        let_events_use(key)
        return key

    def _access_log_bucket(self) -> s3.Bucket:
        encryption = s3.BucketEncryption.S3_MANAGED
        bucket = private_bucket(self, "AccessLogs", encryption=encryption, versioned=True, removal_policy=KEPT)
        bucket.add_lifecycle_rule(
            id="Expire", expiration=_ACCESS_LOGS_KEPT, noncurrent_version_expiration=_OLD_VERSIONS_KEPT
        )
        for name in ("bucket-replication", "access-logs-key", "access-logs"):
            acknowledge(bucket, name)
        return bucket

    def function(self, function: lambda_.Function) -> None:
        """Put a function into the VPC, and encrypt its environment."""
        resource = _resource(function)
        resource.kms_key_arn = self._key.key_arn
        resource.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
            security_group_ids=[self._group.security_group_id],
            subnet_ids=[subnet.subnet_id for subnet in self._network.subnets],
        )
        grant_vpc(function, self._key)
        # Deleted before the endpoints that it needs to answer CloudFormation.
        function.node.add_dependency(self._network.endpoints)

    def log_group(self, log_group: logs.LogGroup) -> None:
        """Encrypt a log group, and protect it from being deleted, by a deployment that fails as well."""
        log_group.apply_removal_policy(RemovalPolicy.RETAIN)
        resource = _resource(log_group)
        resource.kms_key_id = self._key.key_arn
        # By its own name: CDK before 2.240 does not know it.
        resource.add_property_override("DeletionProtectionEnabled", True)

    def bucket(self, bucket: s3.Bucket) -> None:
        """Log accesses of a bucket, and keep old versions of its objects."""
        resource, logs_of_bucket = _resource(bucket), f"{bucket.node.id}/"
        resource.logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
            destination_bucket_name=self._access_logs.bucket_name, log_file_prefix=logs_of_bucket
        )
        delivery = service(bucket, "logging.s3.amazonaws.com", bucket.bucket_arn)
        objects, guide = [self._access_logs.arn_for_objects(f"{logs_of_bucket}*")], "enable-server-access-logging"
        put = statement("s3:PutObject", on=objects, to=delivery, source=f"Amazon S3 User Guide, {guide}")
        self._access_logs.add_to_resource_policy(put)
        acknowledge(bucket, "bucket-replication")
        if resource.versioning_configuration is None:
            resource.versioning_configuration = s3.CfnBucket.VersioningConfigurationProperty(status="Enabled")
            bucket.add_lifecycle_rule(id="ExpireOldVersions", noncurrent_version_expiration=_OLD_VERSIONS_KEPT)

    def queue(self, queue: sqs.Queue) -> None:
        """Encrypt a queue that has the key of SQS."""
        resource = _resource(queue)
        resource.sqs_managed_sse_enabled = None
        resource.kms_master_key_id = self._key.key_arn


def rotating_key(scope: Construct, construct_id: str, description: str, removal_policy: RemovalPolicy) -> kms.Key:
    """Return a new key that rotates."""
    return kms.Key(
        scope, construct_id, description=description, enable_key_rotation=True, removal_policy=removal_policy
    )


def private_bucket(scope: Construct, construct_id: str, **options: Any) -> s3.Bucket:
    """Return a new bucket that is private and takes only TLS; ``options`` are further ones of ``s3.Bucket``."""
    return s3.Bucket(
        scope,
        construct_id,
        # A name only if the stack of another account needs one.
        bucket_name=PhysicalName.GENERATE_IF_NEEDED,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        **options,
    )


def _resource(node: IConstruct) -> Any:
    return node.node.default_child
