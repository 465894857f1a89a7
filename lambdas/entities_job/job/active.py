"""The jobs of a workflow that run at this moment, and so cost money."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..aws import Location, client


class ActiveJob(NamedTuple):
    """A job that is SUBMITTED or IN_PROGRESS.

    Attributes:
        folder: what its output lies under (:func:`folder`).
        job: JobId, JobArn, JobName and JobStatus.
    """

    folder: str
    job: dict[str, Any]


def folder(jobs_uri: str, name: str) -> str:
    """Where the jobs of an execution of that name, or of a caller's ClientRequestToken, write.

    By it they are found, whatever JobName their caller gave them.
    """
    return (Location.of(jobs_uri) / name).uri + "/"


def folders(jobs_uri: str, execution_name: str, given: str | None) -> set[str]:
    """All folders that the jobs of an execution may write into; ``given`` is its input as JSON, if known."""
    request = json.loads(given or "{}")
    request = request if isinstance(request, dict) else {}
    output, token = request.get("OutputDataConfig"), request.get("ClientRequestToken")
    own = str(output.get("S3Uri")) if isinstance(output, dict) else ""
    uris = [jobs_uri, *([own] if re.match("s3://[^/]", own) else [])]
    return {folder(uri, name) for uri in uris for name in (execution_name, token) if name}


def active_jobs() -> Iterator[ActiveJob]:
    """Every active job of the account and Region, each once."""
    seen = set()
    # In the order of a job's life: one that moves on between the two listings is seen in the second.
    for status in ("SUBMITTED", "IN_PROGRESS"):
        pages = (
            client("comprehend").get_paginator("list_entities_detection_jobs").paginate(Filter={"JobStatus": status})
        )
        for page in pages:
            for job in page["EntitiesDetectionJobPropertiesList"]:
                if job["JobId"] not in seen:
                    seen.add(job["JobId"])
                    # The service adds <account>-NER-<job>/output/output.tar.gz to what the request said.
                    place = job["OutputDataConfig"]["S3Uri"].rsplit("/", 3)[0] + "/"
                    named = ("JobId", "JobArn", "JobName", "JobStatus")
                    yield ActiveJob(place, {name: job[name] for name in named if name in job})
