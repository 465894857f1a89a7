"""AWS for all functions: logger, clients, and S3 by :class:`Location`.

No other file calls S3 to get, put or list objects.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import cache
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_comprehend import ComprehendClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectVersionTypeDef
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

logger = Logger()

# boto3's default retry mode never retries Comprehend's TooManyRequestsException; standard mode does.
# Connections for the dispatcher's 32 threads; with fewer, each further call would open one of its own.
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, max_pool_connections=32)
_PATIENT = _CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 16}))

_CHUNK = 1024**2
_RECONNECTIONS = 5
# What ends a connection early, wherever it is noticed. HTTPClientError: time-outs, and streams that break off.
_BROKEN = (HTTPClientError, IncompleteReadError, OSError)
_PASSING = re.compile("SlowDown|Throttl|TooMany|Internal|Unavailable|Timeout|ExpiredToken|Conflict|Aborted|5..$")

Markers = tuple[str, str]
"""The start of a page of a listing: key and version id of the last version before it."""


@cache
def comprehend(*, patiently: bool = False) -> ComprehendClient:
    """Return the client of Amazon Comprehend, made once a process, as all clients here are.

    A patient one tries for minutes: many jobs that must stop at once meet a quota of one call a second.
    """
    return boto3.client("comprehend", config=_PATIENT if patiently else _CONFIG)


@cache
def events() -> EventBridgeClient:
    """Return the client of Amazon EventBridge."""
    return boto3.client("events", config=_CONFIG)


@cache
def s3() -> S3Client:
    """Return the client of Amazon S3."""
    return boto3.client("s3", config=_CONFIG)


@cache
def sqs() -> SQSClient:
    """Return the client of Amazon SQS."""
    return boto3.client("sqs", config=_CONFIG)


@cache
def stepfunctions() -> SFNClient:
    """Return the client of AWS Step Functions."""
    return boto3.client("stepfunctions", config=_CONFIG)


def error_code(error: ClientError) -> str:
    """Return the service's own code of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def passes(error: ClientError) -> bool:
    """Return whether an error is the service's own and passes: what is asked is not to blame, and is asked again."""
    return bool(_PASSING.search(error_code(error)))


class Listed(NamedTuple):
    """An object as a listing shows it."""

    location: Location
    size: int
    storage_class: str


class Streamed(NamedTuple):
    """An object that is being read."""

    body: StreamingBody
    etag: str


class Location(NamedTuple):
    """A bucket and a key, or a key prefix, in it.

    Example:
        >>> (Location.of("s3://out/work/") / "run" / "inventory.jsonl.gz").uri
        's3://out/work/run/inventory.jsonl.gz'
    """

    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> Location:
        """Take ``s3://bucket/key`` apart. The key may be empty.

        Raises:
            ValueError: the text is no S3 URI.
        """
        scheme, _, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not bucket:
            raise ValueError(f"not an S3 URI: {uri!r}; expected s3://bucket/key")
        return cls(bucket, key)

    @property
    def uri(self) -> str:
        """The location as ``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        """The part of the key after the last slash."""
        return self.key.rsplit("/", 1)[-1]

    def __truediv__(self, name: str) -> Location:
        """Return the location of ``name`` below this one."""
        return Location(self.bucket, f"{self.key.rstrip('/')}/{name}".lstrip("/"))

    def read(self) -> bytes:
        """Return the whole object.

        Raises:
            ClientError: the service's own, ``NoSuchKey`` if there is no object.
        """
        return b"".join(self.chunks())

    def read_if_there(self) -> bytes | None:
        """Return the whole object, or None if there is none."""
        try:
            return self.read()
        except ClientError as error:
            if error_code(error) != "NoSuchKey":
                raise
        return None

    def head(self, size: int) -> bytes:
        """Return the object's first bytes, at most ``size``.

        Raises:
            ClientError: the service's own; ``InvalidRange`` if the object is empty.
        """
        part = f"bytes=0-{size - 1}"
        return s3().get_object(Bucket=self.bucket, Key=self.key, Range=part)["Body"].read()

    def stream(self, start: int = 0, *, if_match: str = "") -> Streamed:
        """Begin to read the object from a byte on, only if it is still the one with the ETag ``if_match``.

        Raises:
            ClientError: the service's own; ``InvalidRange`` if ``start`` is behind the last byte.
        """
        part: dict[str, Any] = {"Range": f"bytes={start}-"} if start else {}
        condition: dict[str, Any] = {"IfMatch": if_match} if if_match else {}
        answer = s3().get_object(Bucket=self.bucket, Key=self.key, **part, **condition)
        return Streamed(answer["Body"], answer["ETag"])

    def chunks(self) -> Iterator[bytes]:
        """Yield the object's bytes. A connection that ends early is made again where it broke, for the same object.

        Raises:
            ClientError: the service's own; ``PreconditionFailed`` if the object was replaced meanwhile.
            HTTPClientError, IncompleteReadError, OSError: the connection broke five times without a byte in between.
        """
        position = broken = 0
        etag = ""
        while True:
            try:
                body, etag = self.stream(position, if_match=etag)
                with closing(body):
                    while chunk := body.read(_CHUNK):
                        position, broken = position + len(chunk), 0
                        yield chunk
                return
            except ClientError as error:
                # All bytes came, and the connection broke behind the last one.
                if position and error_code(error) == "InvalidRange":
                    return
                raise
            except _BROKEN as error:
                broken += 1
                if broken > _RECONNECTIONS:
                    raise
                logger.warning("reading goes on", extra={"uri": self.uri, "position": position, "why": str(error)})

    def read_marked(self) -> tuple[bytes, str]:
        """Return the whole object and its ETag, or nothing and an empty ETag if there is none."""
        try:
            body, etag = self.stream()
        except ClientError as error:
            if error_code(error) != "NoSuchKey":
                raise
            return b"", ""
        with closing(body):
            return body.read(), etag

    @property
    def encryption(self) -> Mapping[str, Any]:
        """The key of the bucket, as parameters of calls that write: organizations deny those that name none.

        The functions get the keys as ``BUCKET_KEYS``: ``<bucket>=<key ARN>``, separated by spaces.
        """
        keys = dict(pair.split("=", 1) for pair in os.environ.get("BUCKET_KEYS", "").split())
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": keys[self.bucket]} if self.bucket in keys else {}

    def write(self, body: bytes | IO[bytes]) -> None:
        """Put the object, whatever stood there."""
        s3().put_object(Bucket=self.bucket, Key=self.key, Body=body, **self.encryption)

    def write_new(self, body: bytes) -> bool:
        """Put the object if none stands there yet; return whether it was put."""
        return self.write_if(body, "")

    def write_if(self, body: bytes, etag: str) -> bool:
        """Put the object if the one with that ETag stands there, none if it is empty; return whether it was put."""
        condition: dict[str, Any] = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        try:
            s3().put_object(Bucket=self.bucket, Key=self.key, Body=body, **condition, **self.encryption)
        except ClientError as error:
            # NoSuchKey: it was deleted meanwhile. ConditionalRequestConflict: another writes at the same moment.
            if error_code(error) not in ("PreconditionFailed", "NoSuchKey", "ConditionalRequestConflict"):
                raise
            return False
        return True

    def delete(self) -> None:
        """Delete the object, if it is there."""
        s3().delete_object(Bucket=self.bucket, Key=self.key)

    def exists(self) -> bool:
        """Return whether the object is there."""
        return self.modified() is not None

    def modified(self) -> datetime | None:
        """Return when the object was written, or None if there is none."""
        try:
            return s3().head_object(Bucket=self.bucket, Key=self.key)["LastModified"]
        except ClientError as error:
            if error_code(error) != "404":
                raise
        return None

    def list(self) -> Iterator[Listed]:
        """Yield all objects whose keys begin with this key, in the order of their keys."""
        for page in s3().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.key):
            for item in page.get("Contents", []):
                yield Listed(Location(self.bucket, item["Key"]), item["Size"], item.get("StorageClass", "STANDARD"))

    def versions(self, after: Markers) -> Iterator[tuple[Sequence[ObjectVersionTypeDef], Markers | None]]:
        """Yield pages of the versions of all objects below this key, each with where the next page begins.

        Args:
            after: where an earlier page said that the next one begins, or two empty texts.
        """
        begin: Markers | None = after
        while begin:
            given: dict[str, Any] = {
                name: each for name, each in zip(("KeyMarker", "VersionIdMarker"), begin, strict=True) if each
            }
            page = s3().list_object_versions(Bucket=self.bucket, Prefix=self.key, **given)
            begin = (page["NextKeyMarker"], page.get("NextVersionIdMarker", "")) if page["IsTruncated"] else None
            yield page.get("Versions", []), begin
