"""The API operation that this package runs: no other file spells its names.

Sources: Amazon Comprehend API Reference, StartEntitiesDetectionJob; Service Authorization Reference of Amazon
Comprehend; the recorded outputs in the AWS CLI's examples (the folder of a job's output).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_comprehend import ComprehendClient
    from mypy_boto3_comprehend.type_defs import (
        EntitiesDetectionJobFilterTypeDef,
        EntitiesDetectionJobPropertiesTypeDef,
        StartEntitiesDetectionJobResponseTypeDef,
    )

    from .contracts import JobRequest

START = "StartEntitiesDetectionJob"
DESCRIBE = "DescribeEntitiesDetectionJob"
STOP = "StopEntitiesDetectionJob"
LIST = "ListEntitiesDetectionJobs"

ARN_RESOURCE = "entities-detection-job"
"""The resource type in a job's ARN."""

ARCHIVE = "output/output.tar.gz"
"""Path of the output below the folder of a job."""

_ARCHIVE = re.compile(rf"(?:.*/)?[^/]*-[A-Z]+-(?P<job_id>[^/]+)/{re.escape(ARCHIVE)}")


def job_of_archive(key: str) -> str | None:
    """Return the id of the job whose archive an S3 key names, or None for any other key.

    Example:
        >>> job_of_archive("jobs/run/111122223333-NER-5dfc/output/output.tar.gz")
        '5dfc'
    """
    found = _ARCHIVE.fullmatch(key)
    return found and found["job_id"]


def requested_folder(output_uri: str) -> str:
    """Return the folder that a request named, of the URI that the service shows for it, with or without its own part.

    Example:
        >>> requested_folder("s3://out/jobs/run/111122223333-NER-5dfc/output/output.tar.gz")
        's3://out/jobs/run/'
        >>> requested_folder("s3://out/jobs/run/")
        's3://out/jobs/run/'
    """
    expanded = job_of_archive(output_uri)
    return (output_uri.rsplit("/", 3)[0] if expanded else output_uri.rstrip("/")) + "/"


def start(comprehend: ComprehendClient, request: JobRequest) -> StartEntitiesDetectionJobResponseTypeDef:
    """Start a job."""
    return comprehend.start_entities_detection_job(**request)  # type: ignore[arg-type]  # rules check its literals


def describe(comprehend: ComprehendClient, job_id: str) -> tuple[EntitiesDetectionJobPropertiesTypeDef, datetime]:
    """Return the properties of a job, and the time of the service's answer by its own clock."""
    answer = comprehend.describe_entities_detection_job(JobId=job_id)
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return answer["EntitiesDetectionJobProperties"], parsedate_to_datetime(date) if date else datetime.now(UTC)


def stop(comprehend: ComprehendClient, job_id: str) -> str:
    """Ask for a job's stop; return its status as the service answers it."""
    return comprehend.stop_entities_detection_job(JobId=job_id)["JobStatus"]


def listed(
    comprehend: ComprehendClient, criteria: EntitiesDetectionJobFilterTypeDef
) -> Iterator[EntitiesDetectionJobPropertiesTypeDef]:
    """Yield the jobs of the account and Region that fulfil ``criteria``, a filter of the API."""
    pages = comprehend.get_paginator("list_entities_detection_jobs")
    for page in pages.paginate(Filter=criteria, PaginationConfig={"PageSize": 500}):
        yield from page["EntitiesDetectionJobPropertiesList"]
