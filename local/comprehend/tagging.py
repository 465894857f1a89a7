"""TagResource, UntagResource and ListTagsForResource: a job's tags. No other resource of the emulator has any."""

from __future__ import annotations

from typing import Any

from .checks import MAXIMUM_TAGS, check_tags
from .errors import usual
from .jobs import Job


def tag(job: Job, request: dict[str, Any]) -> dict[str, Any]:
    """Add tags to a job; those of the same keys are replaced.

    Raises:
        ServiceError: a key is repeated or reserved, or the job would have too many tags.
    """
    check_tags(request["Tags"])
    tags = job.tags | {each["Key"]: each.get("Value", "") for each in request["Tags"]}
    if len(tags) > MAXIMUM_TAGS:
        raise usual("TooManyTagsException")
    job.tags = tags
    return {}


def untag(job: Job, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags from a job; keys that it does not have change nothing.

    Raises:
        ServiceError: TooManyTagKeysException.
    """
    if len(request["TagKeys"]) > MAXIMUM_TAGS:
        raise usual("TooManyTagKeysException")
    job.tags = {key: value for key, value in job.tags.items() if key not in request["TagKeys"]}
    return {}


def list_tags(job: Job, request: dict[str, Any]) -> dict[str, Any]:
    """Return a job's tags."""
    return {"ResourceArn": job.arn, "Tags": tag_list(job)}


def tag_list(job: Job) -> list[dict[str, str]]:
    """Return a job's tags in the API's form."""
    return [{"Key": key, "Value": value} for key, value in job.tags.items()]
