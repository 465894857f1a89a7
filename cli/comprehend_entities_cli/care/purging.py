"""Resources that a deleted stack has kept: buckets with data, keys and logs; shown, then emptied and removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..aws import Aws, CommandError, error_code

KINDS = {"AWS::S3::Bucket": "bucket", "AWS::KMS::Key": "key", "AWS::Logs::LogGroup": "log group"}
"""Kinds of resources that hold data or cost money by themselves, in words, by their CloudFormation type."""

_MACHINE = "AWS::StepFunctions::StateMachine"
_KEY_DAYS = 30
_AT_ONCE = 1000


class Kept(NamedTuple):
    """A resource that is still there: its kind in words, its name, and how much it holds."""

    kind: str
    name: str
    holds: str


def kept_by(aws: Aws, stack: str) -> list[Kept]:
    """Return the resources that a deleted stack of this workflow kept; ``stack`` is its name or id.

    Raises:
        CommandError: the stack still stands, is not known, or had no workflow.
    """
    client = aws.client("cloudformation")
    deleted: list[str] = []
    for page in client.get_paginator("list_stacks").paginate():
        for each in page["StackSummaries"]:
            if stack not in (each["StackName"], each["StackId"]):
                continue
            if each["StackStatus"] != "DELETE_COMPLETE":
                raise CommandError(f"The stack {stack} still exists.", f"Delete it first: npx cdk destroy {stack}")
            deleted.append(each["StackId"])
    if not deleted:
        raise CommandError(
            f"No deleted stack {stack!r} was found.",
            "CloudFormation lists deleted stacks for 90 days; after that, give its id.",
        )
    found: dict[tuple[str, str], None] = {}
    workflow = False
    for stack_id in deleted:
        for page in client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
            for event in page["StackEvents"]:
                workflow = workflow or event["ResourceType"] == _MACHINE
                if event.get("ResourceStatus") == "DELETE_SKIPPED" and event["ResourceType"] in KINDS:
                    found[event["ResourceType"], event["PhysicalResourceId"]] = None
    if not workflow:
        raise CommandError(f"The stack {stack} had no state machine, so it was not a stack of this workflow.")
    return [made for kind, name in found if (made := still_there(aws, KINDS[kind], name))]


def remove(aws: Aws, kept: Kept) -> str:
    """Remove one resource and its content; return a description of the removal."""
    if kept.kind == "bucket":
        number = empty(aws, kept.name)
        aws.client("s3").delete_bucket(Bucket=kept.name)
        return f"removed {kept.name} and {number:,} versions of objects"
    if kept.kind == "key":
        aws.client("kms").schedule_key_deletion(KeyId=kept.name, PendingWindowInDays=_KEY_DAYS)
        undo = f"aws kms cancel-key-deletion --key-id {kept.name}"
        return f"{kept.name} will be deleted in {_KEY_DAYS} days; until then, this command keeps it: {undo}"
    aws.client("logs").delete_log_group(logGroupName=kept.name)
    return f"removed {kept.name}"


def still_there(aws: Aws, kind: str, name: str) -> Kept | None:
    """Return a bucket, key or log group as far as it is there and not about to be deleted."""
    try:
        if kind == "bucket":
            aws.client("s3").head_bucket(Bucket=name)
            first = aws.client("s3").list_object_versions(Bucket=name, MaxKeys=_AT_ONCE)
            number = len(first.get("Versions", [])) + len(first.get("DeleteMarkers", []))
            return Kept(kind, name, f"{number:,}{' or more' if first.get('IsTruncated') else ''} versions of objects")
        if kind == "key":
            state = aws.client("kms").describe_key(KeyId=name)["KeyMetadata"]["KeyState"]
            return None if state == "PendingDeletion" else Kept(kind, name, "data that it encrypted will be lost")
        groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return next(
            (
                Kept(kind, name, f"{each.get('storedBytes', 0):,} bytes")
                for each in groups
                if each["logGroupName"] == name
            ),
            None,
        )
    except Exception as error:
        if error_code(error) not in ("404", "NoSuchBucket", "NotFoundException"):
            raise
        return None


def empty(aws: Aws, bucket: str) -> int:
    """Delete all versions of all objects of a bucket; return how many.

    Raises:
        CommandError: an object can't be deleted.
    """
    s3, number = aws.client("s3"), 0
    for upload in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket).search("Uploads[]"):
        if upload:
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    for versions in _pages(s3, bucket):
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True})
        if errors := answer.get("Errors"):
            first = errors[0]
            raise CommandError(
                f"{bucket}: {first.get('Key')} can't be deleted: {first.get('Code')}", "Nothing else was."
            )
        number += len(versions)
    return number


def _pages(s3: Any, bucket: str) -> Iterator[list[dict[str, str]]]:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if found:
            yield [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
