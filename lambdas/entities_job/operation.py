"""The API operation that this package runs, as values: no other file spells its names.

Sources: Amazon Comprehend API Reference, StartEntitiesDetectionJob; Service Authorization Reference of Amazon
Comprehend; the recorded outputs in the AWS CLI's examples (the folder of a job's output).
"""

from __future__ import annotations

import re

START = "StartEntitiesDetectionJob"
DESCRIBE = "DescribeEntitiesDetectionJob"
STOP = "StopEntitiesDetectionJob"
LIST = "ListEntitiesDetectionJobs"

START_METHOD = "start_entities_detection_job"
"""boto3's name of :data:`START`; the others are :data:`DESCRIBE_METHOD`, :data:`STOP_METHOD`, :data:`LIST_METHOD`."""
DESCRIBE_METHOD = "describe_entities_detection_job"
STOP_METHOD = "stop_entities_detection_job"
LIST_METHOD = "list_entities_detection_jobs"

ARN_RESOURCE = "entities-detection-job"
"""The resource type in a job's ARN."""

ARCHIVE = "output/output.tar.gz"
"""What the service writes below the folder of a job."""

_ARCHIVE = re.compile(rf"(?P<folder>.*/)?[^/]*-NER-(?P<job_id>[^/]+)/{re.escape(ARCHIVE)}")


def job_of_archive(key: str) -> str | None:
    """Return the id of the job whose archive an S3 key names, or None for any other key.

    Example:
        >>> job_of_archive("jobs/run/111122223333-NER-5dfc/output/output.tar.gz")
        '5dfc'
    """
    found = _ARCHIVE.fullmatch(key)
    return found and found["job_id"]
