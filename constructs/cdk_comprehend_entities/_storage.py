"""Buckets, keys, and the prefixes in them: permissions are given on a prefix, never on a bucket.

Sources: Amazon S3 User Guide, using-with-s3-policy-actions (what each call needs), amazon-s3-policy-keys
(``s3:prefix``) and mpuoverview#mpuAndPermissions (keys of multipart uploads).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from aws_cdk import Annotations, CfnResource, Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from ._strict import StandardHardening, StrictHardening, private_bucket, rotating_key
from .rights.access import account_of, allow, known_to_differ, same_account, together, via
from .rights.acknowledged import acknowledge, acknowledging_helpers

_STAGING, _CLAIMS, _WORK = "staging/", "claims/", "work/"
OWN_IN_INPUT, OWN_IN_OUTPUT = (_STAGING, _CLAIMS), ("jobs/", "results/", _WORK)
"""Prefixes that the workflow itself writes, in the bucket of documents, and behind the output prefix."""

_KEPT_DAYS, _CLAIMS_DAYS = 14, 365
_S3_GUIDE = "Amazon S3 User Guide, "
_CALLS = f"{_S3_GUIDE}using-with-s3-policy-actions"


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

    def below(self, path: str) -> Prefix:
        """Return a prefix below this one."""
        return replace(self, path=f"{self.path}{path}")

    def grant_list(
        self,
        grantee: iam.IGrantable,
        *,
        whole_bucket: bool = False,
        source: str = f"{_S3_GUIDE}amazon-s3-policy-keys",
    ) -> iam.Grant:
        """Let ``grantee`` list the keys under the prefix, or all of the bucket's."""
        when = None if whole_bucket else {"StringLike": {"s3:prefix": f"{self.path}*"}}
        arns = [self.bucket.bucket_arn]
        return allow(grantee, "s3:ListBucket", on=arns, when=when, owner=self.bucket, source=source)

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` get objects, and decrypt them."""
        return self._grant(grantee, ["s3:GetObject"], ["kms:Decrypt"])

    def grant_read_versions(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` get every version of objects, and decrypt them."""
        return self._grant(grantee, ["s3:GetObject", "s3:GetObjectVersion"], ["kms:Decrypt"])

    def grant_write(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` put objects, whole or in parts; to join parts S3 must decrypt them."""
        return self._grant(grantee, ["s3:PutObject"], ["kms:GenerateDataKey", "kms:Decrypt"])

    def grant_delete(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` delete objects."""
        objects = [self.bucket.arn_for_objects(f"{self.path}*")]
        return allow(grantee, "s3:DeleteObject", on=objects, owner=self.bucket, wildcard="object-keys", source=_CALLS)

    def grant_see_missing(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let S3 answer ``grantee`` that an object is missing; without it, S3 only answers that access is denied."""
        return self.grant_list(grantee, whole_bucket=True, source="Amazon S3 API Reference, API_GetObject")

    def _grant(self, grantee: iam.IGrantable, actions: list[str], key_actions: list[str]) -> iam.Grant:
        objects = [self.bucket.arn_for_objects(f"{self.path}*")]
        grant = allow(grantee, *actions, on=objects, owner=self.bucket, wildcard="object-keys", source=_CALLS)
        if self.key is None:
            return grant
        source, when = f"{_S3_GUIDE}mpuoverview; AWS KMS Developer Guide, conditions-kms", via("s3", self.bucket)
        # A stack knows no key of another account's stack by its ARN; the key's own policy says which one is meant.
        arn = self.key.key_arn
        elsewhere = not same_account(grantee, account_of(self.key)) and Token.is_unresolved(arn)
        key, wildcard = (["*"], "keys-elsewhere") if elsewhere else ([arn], "")
        # A key policy that named its key would refer to itself.
        own = allow(
            grantee, *key_actions, on=key, when=when, owner=self.key, own_arns=["*"], wildcard=wildcard, source=source
        )
        return together(grant, own)


@dataclass(frozen=True)
class Storage:
    """The keys of a workflow and the prefixes that it uses.

    In the input bucket, which several workflows may share, ``staging`` and ``claims`` are this workflow's own.
    """

    output_key: kms.IKey
    volume_key: kms.IKey
    documents: Prefix
    staging: Prefix
    claims: Prefix
    jobs: Prefix
    results: Prefix
    work: Prefix

    @property
    def bucket_keys(self) -> str:
        """The keys of the buckets, as the functions take them: ``BUCKET_KEYS`` of :mod:`entities_job.aws`."""
        known = {each.bucket.bucket_name: each.key for each in (self.documents, self.jobs) if each.key}
        return " ".join(f"{name}={key.key_arn}" for name, key in known.items())


def storage(
    scope: Construct,
    *,
    service: str,
    input_bucket: s3.IBucket | None,
    input_prefix: str,
    input_key: kms.IKey | None,
    output_bucket: s3.IBucket | None,
    output_prefix: str,
    output_key: kms.IKey | None,
    volume_key: kms.IKey | None,
    removal_policy: RemovalPolicy,
    auto_delete_objects: bool,
    hardening: StandardHardening | StrictHardening,
    longest: Duration,
) -> Storage:
    """Return the given buckets and keys, completed by new ones."""
    output_key = output_key or (output_bucket.encryption_key if output_bucket else None)
    output_key = output_key or rotating_key(scope, "OutputKey", "Results of entity-detection jobs", removal_policy)
    volume_key = volume_key or rotating_key(scope, "VolumeKey", "Volumes of entity-detection jobs", removal_policy)
    removal = {"removal_policy": removal_policy, "auto_delete_objects": auto_delete_objects}
    input_key = input_key or (input_bucket.encryption_key if input_bucket else output_key)
    if not input_bucket:
        kept = Duration.days(_KEPT_DAYS)
        input_bucket = _bucket(scope, "InputBucket", input_key, _STAGING, kept, documents=True, **removal)
        hardening.bucket(input_bucket)
    if not output_bucket:
        work = f"{output_prefix}{_WORK}"
        # As long as an execution may run, and then as long as it may be looked into.
        kept = Duration.days(math.ceil(longest.to_days(integral=False)) + _KEPT_DAYS)
        output_bucket = _bucket(scope, "OutputBucket", output_key, work, kept, documents=False, **removal)
        hardening.bucket(output_bucket)
    return Storage(
        output_key=output_key,
        volume_key=volume_key,
        documents=Prefix(input_bucket, input_prefix, input_key),
        staging=Prefix(input_bucket, f"{_STAGING}{service}/", input_key),
        claims=Prefix(input_bucket, f"{_CLAIMS}{service}/", input_key),
        jobs=Prefix(output_bucket, f"{output_prefix}jobs/", output_key),
        results=Prefix(output_bucket, f"{output_prefix}results/", output_key),
        work=Prefix(output_bucket, f"{output_prefix}{_WORK}", output_key),
    )


def object_created(bucket: s3.IBucket, key: dict[str, str]) -> events.EventPattern:
    """Return the pattern of events of objects that are put; ``key`` is a pattern, as ``{"prefix": "uploads/"}``."""
    detail = {"bucket": {"name": [bucket.bucket_name]}, "object": {"key": [key]}}
    return events.EventPattern(source=["aws.s3"], detail_type=["Object Created"], detail=detail)


def announce_objects(scope: Construct, bucket: s3.IBucket) -> None:
    """Have a given bucket send its events to EventBridge; for one of another account, say what its owner must do."""
    here, there = Stack.of(scope).account, bucket.env.account
    if known_to_differ(here, there):
        text = (
            f"{bucket.node.path} is in account {there}, whose EventBridge gets its events: its owner must turn them "
            f"on, and a rule there must forward them to the default event bus of account {here}"
        )
        Annotations.of(scope).add_warning_v2("cdk-comprehend-entities:uploads-elsewhere", text)
        return
    if isinstance(bucket, s3.Bucket) and not _notifies(bucket):
        Annotations.of(bucket).add_warning_v2(
            "cdk-comprehend-entities:notifications",
            f"CDK now sets all notifications of {bucket.node.path}: the deployment removes those that "
            "were set elsewhere. Define all of them in the bucket's own stack. To remove this warning, set "
            "s3.Bucket(event_bridge_enabled=True) there",
        )
    with acknowledging_helpers(bucket, "notifications-function", "notifications-role"):
        bucket.enable_event_bridge_notification()
    acknowledge(bucket, "notifications-policy")


def _notifies(bucket: s3.Bucket) -> bool:
    """Return whether CDK sets the notifications of a bucket already."""
    resources = [each for each in bucket.node.find_all() if isinstance(each, CfnResource)]
    return any(each.cfn_resource_type == "Custom::S3BucketNotifications" for each in resources)


def _bucket(
    scope: Construct, name: str, key: kms.IKey | None, passing: str, kept: Duration, *, documents: bool, **removal: Any
) -> s3.Bucket:
    """Return a bucket that only its key opens and that announces what is put; objects under ``passing``
    expire when they were ``kept``.

    One for ``documents`` keeps their versions, since a result names the version it comes from.
    """
    with acknowledging_helpers(scope, "auto-delete-function"):
        bucket = private_bucket(
            scope,
            name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            versioned=documents,
            **removal,
        )
    old_kept = Duration.days(1) if documents else None
    bucket.add_lifecycle_rule(
        id="ExpirePassing", prefix=passing, expiration=kept, noncurrent_version_expiration=old_kept
    )
    if documents:
        # Not below what passes: of two rules for one object the shorter wins.
        year = Duration.days(_CLAIMS_DAYS)
        bucket.add_lifecycle_rule(
            id="ExpireClaims", prefix=_CLAIMS, expiration=year, noncurrent_version_expiration=old_kept
        )
    bucket.add_lifecycle_rule(id="AbortIncompleteUploads", abort_incomplete_multipart_upload_after=Duration.days(2))
    # CDK's own way needs one more function, which may change the notifications of every bucket.
    resource: Any = bucket.node.default_child
    resource.add_property_override("NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True)
    return bucket
