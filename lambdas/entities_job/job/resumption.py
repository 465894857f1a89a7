"""Taking up a job that exists: an execution with ``{"JobId": ...}`` follows and publishes it, and pays nothing."""

from __future__ import annotations

import json
import os
from typing import cast

from .. import aws, operation
from ..aws import Location
from ..contracts import Inspected, Job, JobRequest
from ..errors import RequestRefused
from .marker import owner, work

FIELD = "JobId"


def job_id(given: object) -> str | None:
    """Return the id of the job that an execution's input resumes, or None if it asks for a new one.

    Raises:
        RequestRefused: beside the id there are other fields, or it is no text.
    """
    if not isinstance(given, dict) or FIELD not in given:
        return None
    if others := sorted(set(given) - {FIELD}):
        raise RequestRefused(f"{FIELD} resumes an existing job, so no other field is allowed; got {', '.join(others)}")
    if not isinstance(given[FIELD], str) or not given[FIELD]:
        raise RequestRefused(f"{FIELD} must be the id of a job, as a string; got {given[FIELD]!r}")
    return cast(str, given[FIELD])


def described(job_id: str, summary_root: Location) -> Job:
    """Return a job that can be resumed, as PollJob returns it.

    Raises:
        RequestRefused: the service does not know it, it writes elsewhere, or it has left nothing to publish.
    """
    comprehend = aws.comprehend()
    try:
        properties, _ = operation.describe(comprehend, job_id)
    except comprehend.exceptions.JobNotFoundException as error:
        raise RequestRefused(f"the service has no job {job_id} in this account and Region (any more)") from error
    except comprehend.exceptions.InvalidRequestException as error:
        raise RequestRefused(f"{FIELD}: {error}") from error
    job = cast(Job, json.loads(json.dumps(properties, default=lambda time: time.isoformat())))
    archive = Location.of(job["OutputDataConfig"]["S3Uri"])
    if not archive.uri.startswith(os.environ["JOBS_URI"]):
        raise RequestRefused(
            f"the job {job_id} writes to {archive.uri}, and this workflow's jobs to {os.environ['JOBS_URI']}"
        )
    published = summary(summary_root, job).exists()
    if job["JobStatus"] == "COMPLETED" and not published and not archive.exists():
        raise RequestRefused(f"the job {job_id} has completed, and its archive {archive.uri} does not exist")
    return job


def summary(results: Location, job: Job) -> Location:
    """Return where the summary of a job is written: the record that it is published."""
    return results / "summaries" / f"job_date={job['SubmitTime'][:10]}" / f"{job['JobId']}.json"


def request(job: Job) -> JobRequest:
    """Return the request of a job, as far as its description has it."""
    names = set(JobRequest.__annotations__)
    return cast(JobRequest, {name: value for name, value in job.items() if name in names})


def inspected(job: Job) -> Inspected | None:
    """Return the inspection of the job's input from before its start, if it is kept."""
    folder = operation.requested_folder(job["OutputDataConfig"]["S3Uri"]).split("/")[-2]
    # A caller's own token names the folder, too; the findings are under the execution's name.
    execution = (owner(folder) or folder).rpartition(":")[2]
    found = (work() / execution / "inspected.json").read_if_there()
    return None if found is None else json.loads(found)
