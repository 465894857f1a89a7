"""Buckets, keys, and the prefixes in them: who may do what is always said of a prefix, never of a bucket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Stack, Token, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

STAGING = "staging/"
JOBS, RESULTS, WORK = "jobs/", "results/", "work/"
_WORK_DAYS = 14


@dataclass(frozen=True)
class Prefix:
    """The objects under a prefix of a bucket, and the key they are encrypted with (None: not known)."""

    bucket: s3.IBucket
    path: str
    key: kms.IKey | None

    @property
    def uri(self) -> str:
        """The prefix as ``s3://bucket/path``."""
        return f"s3://{self.bucket.bucket_name}/{self.path}"

    @property
    def judged_uri(self) -> str:
        """The same with a stand-in for a bucket name not known yet, so that two prefixes of one bucket still compare."""
        name = self.bucket.bucket_name
        return f"s3://{self.bucket.node.addr if Token.is_unresolved(name) else name}/{self.path}"

    def grant_list(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` list the keys under the prefix."""
        conditions = {"StringLike": {"s3:prefix": f"{self.path}*"}}
        return self._grant(grantee, ["s3:ListBucket"], self.bucket.bucket_arn, conditions)

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` get objects, and decrypt them."""
        return self._grant_objects(grantee, ["s3:GetObject"], ["kms:Decrypt"])

    def grant_write(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` put objects, whole or in parts; S3 needs kms:Decrypt to join the parts."""
        return self._grant_objects(
            grantee, ["s3:PutObject", "s3:AbortMultipartUpload"], ["kms:GenerateDataKey", "kms:Decrypt"]
        )

    def grant_put(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` put objects, and nothing else of :meth:`grant_write`."""
        return self._grant_objects(grantee, ["s3:PutObject"], ["kms:GenerateDataKey", "kms:Decrypt"])

    def grant_delete(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` delete objects."""
        return self._grant_objects(grantee, ["s3:DeleteObject"], [])

    def _grant_objects(self, grantee: iam.IGrantable, actions: list[str], key_actions: list[str]) -> iam.Grant:
        grant = self._grant(grantee, actions, self.bucket.arn_for_objects(f"{self.path}*"))
        if self.key is None or not key_actions:
            return grant
        via_s3 = {"StringEquals": {"kms:ViaService": f"s3.{Stack.of(self.bucket).region}.amazonaws.com"}}
        on_key = iam.Grant.add_to_principal_or_resource(
            grantee=grantee,
            actions=key_actions,
            resource_arns=[self.key.key_arn],
            resource_self_arns=["*"],
            resource=self.key,
            conditions=via_s3,
        )
        return grant.combine(on_key)

    def _grant(
        self,
        grantee: iam.IGrantable,
        actions: list[str],
        resource_arn: str,
        conditions: Mapping[str, Mapping[str, str]] | None = None,
    ) -> iam.Grant:
        return iam.Grant.add_to_principal_or_resource(
            grantee=grantee, actions=actions, resource_arns=[resource_arn], resource=self.bucket, conditions=conditions
        )


@dataclass(frozen=True)
class Storage:
    """The buckets and keys of a workflow, given or made, and the prefixes that it uses."""

    output_key: kms.IKey
    volume_key: kms.IKey
    documents: Prefix
    staging: Prefix
    jobs: Prefix
    results: Prefix
    work: Prefix

    @classmethod
    def of(
        cls,
        scope: Construct,
        *,
        input_bucket: s3.IBucket | None,
        input_prefix: str,
        input_key: kms.IKey | None,
        output_bucket: s3.IBucket | None,
        output_prefix: str,
        output_key: kms.IKey | None,
        volume_key: kms.IKey | None,
        removal_policy: RemovalPolicy,
    ) -> Storage:
        """What is given, completed by what has to be made.

        Raises:
            ValueError: a prefix or key that can't be used.
        """
        _check_prefix("input_prefix", input_prefix)
        _check_prefix("output_prefix", output_prefix)
        for name, given in (("input_key", input_key), ("output_key", output_key), ("volume_key", volume_key)):
            _check_no_alias(name, given)
        if output_key is None and output_bucket:
            output_key = output_bucket.encryption_key
        output_key = output_key or _key(scope, "OutputKey", "Results of entity-detection jobs", removal_policy)
        volume_key = volume_key or _key(scope, "VolumeKey", "Volumes of entity-detection jobs", removal_policy)
        if input_bucket:
            input_key = input_key or input_bucket.encryption_key
        else:
            input_key = input_key or output_key
            input_bucket = _input_bucket(scope, input_key, removal_policy)
        output_bucket = output_bucket or _output_bucket(scope, output_key, output_prefix, removal_policy)
        return cls(
            output_key,
            volume_key,
            Prefix(input_bucket, input_prefix, input_key),
            Prefix(input_bucket, STAGING, input_key),
            *(Prefix(output_bucket, f"{output_prefix}{name}", output_key) for name in (JOBS, RESULTS, WORK)),
        )


def _check_prefix(name: str, value: str) -> None:
    if not Token.is_unresolved(value) and value and (not value.endswith("/") or value.startswith("/")):
        raise ValueError(
            f"{name} must end in / and not begin with it, or be empty, because the service takes it for the beginning "
            f"of a key and would also read its neighbours; got {value!r}"
        )


def _check_no_alias(name: str, given: kms.IKey | None) -> None:
    if given and not Token.is_unresolved(given.key_id) and given.key_id.startswith("alias/"):
        raise ValueError(
            f"{name} must be a key, not an alias, because IAM grants no rights on an alias; got {given.key_id!r}; "
            "import the key itself with kms.Key.from_lookup or from_key_arn"
        )


def _key(scope: Construct, construct_id: str, description: str, removal_policy: RemovalPolicy) -> kms.Key:
    return kms.Key(
        scope, construct_id, description=description, enable_key_rotation=True, removal_policy=removal_policy
    )


def _input_bucket(scope: Construct, encryption_key: kms.IKey, removal_policy: RemovalPolicy) -> s3.Bucket:
    """Keeps what is overwritten or deleted, since a result names the version it comes from."""
    bucket = _bucket(scope, "InputBucket", encryption_key, removal_policy, versioned=True)
    bucket.add_lifecycle_rule(
        id="ExpireStaging",
        prefix=STAGING,
        expiration=Duration.days(_WORK_DAYS),
        noncurrent_version_expiration=Duration.days(1),
    )
    return bucket


def _output_bucket(scope: Construct, encryption_key: kms.IKey, prefix: str, removal_policy: RemovalPolicy) -> s3.Bucket:
    bucket = _bucket(scope, "OutputBucket", encryption_key, removal_policy, versioned=False)
    bucket.add_lifecycle_rule(id="ExpireWork", prefix=f"{prefix}{WORK}", expiration=Duration.days(_WORK_DAYS))
    return bucket


def _bucket(
    scope: Construct, construct_id: str, encryption_key: kms.IKey, removal_policy: RemovalPolicy, *, versioned: bool
) -> s3.Bucket:
    bucket = s3.Bucket(
        scope,
        construct_id,
        encryption=s3.BucketEncryption.KMS,
        encryption_key=encryption_key,
        bucket_key_enabled=True,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        versioned=versioned,
        removal_policy=removal_policy,
    )
    bucket.add_lifecycle_rule(id="AbortIncompleteUploads", abort_incomplete_multipart_upload_after=Duration.days(2))
    Validations.of(bucket).acknowledge(
        Acknowledgment(
            id="AwsSolutions-S1",
            reason="access logs need a log bucket, which belongs to the account's own logging; give a bucket that has one",
        )
    )
    return bucket
