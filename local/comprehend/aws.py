"""Calls of the emulated service to AWS: all calls of a job use credentials of its data-access role."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import IO, Any, NamedTuple

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import ClientError

from .errors import usual
from .jobs import Job
from .trust import trusts


class AccessDenied(Exception):
    """The data access role may not do what the job needs."""


class StoredObject(NamedTuple):
    """Key and size of an object."""

    key: str
    size: int


@contextmanager
def _denials() -> Iterator[None]:
    """Turn refusals into AccessDenied; whatever else goes wrong stays as it is."""
    try:
        yield
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise
        raise AccessDenied(str(error)) from error


class Aws:
    """AWS at one endpoint, as the service sees it.

    Args:
        endpoint: URL that answers for STS, IAM, S3 and KMS.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._session: Any = Session()
        # Sessions are not safe to share between threads, the clients that they make are.
        self._lock = Lock()

    def _client(self, service: str, account: str, region: str, credentials: dict[str, str] | None = None) -> Any:
        # An account's number as access key is its root in the rehearsal: it stands for the service itself.
        chosen = credentials or {"AccessKeyId": account, "SecretAccessKey": "rehearsal"}
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 3},
            connect_timeout=5,
            s3={"addressing_style": "path"},
            max_pool_connections=16,
        )
        with self._lock:
            return self._session.client(
                service,
                region_name=region,
                endpoint_url=self._endpoint,
                aws_access_key_id=chosen["AccessKeyId"],
                aws_secret_access_key=chosen["SecretAccessKey"],
                aws_session_token=chosen.get("SessionToken"),
                config=config,
            )

    def check_key(self, key_id: str, account: str, region: str) -> None:
        """See whether a KMS key exists, is enabled and is symmetric.

        Raises:
            ServiceError: KmsKeyValidationException.
        """
        try:
            key = self._client("kms", account, region).describe_key(KeyId=key_id)["KeyMetadata"]
        except ClientError as error:
            raise usual("KmsKeyValidationException") from error
        if key["KeyState"] != "Enabled" or key.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
            raise usual("KmsKeyValidationException")

    def assume_role(self, job: Job) -> RoleAccess:
        """Take the job's data access role, if its trust policy lets the service.

        Raises:
            AccessDenied: the role does not exist or does not trust the service for this job.
        """
        arn = job.request["DataAccessRoleArn"]
        iam = self._client("iam", job.account, job.region)
        with _denials():
            role = iam.get_role(RoleName=arn.rsplit("/", 1)[-1])["Role"]
        document = role["AssumeRolePolicyDocument"]
        policy = json.loads(document) if isinstance(document, str) else document
        if role["Arn"] != arn or not trusts(policy, job_arn=job.arn, account=job.account):
            raise AccessDenied(f"{arn} does not trust comprehend.amazonaws.com for {job.arn}")
        sts = self._client("sts", job.account, job.region)
        with _denials():
            credentials = sts.assume_role(
                RoleArn=arn, RoleSessionName=f"comprehend-{job.job_id}", ExternalId=job.arn, DurationSeconds=3600
            )["Credentials"]

        def client(service: str) -> Any:
            return self._client(service, job.account, job.region, credentials)

        return RoleAccess(arn, client, iam)


class RoleAccess:
    """The AWS calls of one job, each made with credentials of its data access role."""

    def __init__(self, role_arn: str, client: Callable[[str], Any], iam: Any) -> None:
        self._role_arn = role_arn
        self._client = client
        self._iam = iam
        self._s3 = client("s3")

    def list_objects(self, bucket: str, prefix: str) -> list[StoredObject]:
        """All objects whose key begins with the prefix, in the order of their keys.

        Raises:
            AccessDenied: the role may not list, or there is no such bucket.
        """
        with _denials():
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            return [StoredObject(item["Key"], item["Size"]) for page in pages for item in page.get("Contents", [])]

    def get_object(self, bucket: str, key: str) -> tuple[bytes, dict[str, str]]:
        """Content and user metadata of an object.

        Raises:
            AccessDenied: the role may not read it.
        """
        with _denials():
            answer = self._s3.get_object(Bucket=bucket, Key=key)
            return answer["Body"].read(), answer["Metadata"]

    def check_write(self, bucket: str, key: str) -> None:
        """See whether the role may write an object, without leaving one or an event.

        Raises:
            AccessDenied: it may not, or there is no such bucket.
        """
        with _denials():
            self._s3.create_multipart_upload(Bucket=bucket, Key=key)

    def put_object(self, bucket: str, key: str, content: IO[bytes] | bytes, kms_key_id: str | None = None) -> None:
        """Write an object.

        Raises:
            AccessDenied: the role may not.
        """
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
        with _denials():
            self._s3.put_object(Bucket=bucket, Key=key, Body=content, **encryption)

    def use_output_key(self, key_id: str) -> None:
        """Use the output key as S3 does for a multipart object: a data key is made and decrypted.

        Raises:
            AccessDenied: the role or the key's policy forbids it.
        """
        kms = self._client("kms")
        with _denials():
            data_key = kms.generate_data_key(KeyId=key_id, KeySpec="AES_256")
            kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"], KeyId=key_id)

    def grant_volume_key(self, key_id: str) -> None:
        """Create the grant with which the job's storage volume is encrypted.

        Raises:
            AccessDenied: the role or the key's policy forbids it.
        """
        with _denials():
            self._client("kms").create_grant(
                KeyId=key_id,
                GranteePrincipal=self._role_arn,
                RetiringPrincipal=self._role_arn,
                Operations=["Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "DescribeKey"],
            )

    def check_actions(self, actions: list[str]) -> None:
        """Judge actions that the emulator does not really do, on every resource.

        Raises:
            AccessDenied: the role's policies do not allow one of them.
        """
        with _denials():
            results = self._iam.simulate_principal_policy(
                PolicySourceArn=self._role_arn, ActionNames=actions, ResourceArns=["*"]
            )["EvaluationResults"]
        denied = [item["EvalActionName"] for item in results if item["EvalDecision"] != "allowed"]
        if denied:
            raise AccessDenied(f"{self._role_arn} is not allowed {', '.join(denied)}")
