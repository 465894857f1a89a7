"""Identity of an execution's job: token, name, and the folder that it writes into."""

from __future__ import annotations

import hashlib
import re

from ..aws import Location
from ..contracts import JobRequest


def job_name(execution_arn: str, attempt: int = 1) -> str:
    """Return the JobName of an execution's job, ``<state machine>.<execution>``: each can be found from the other."""
    state_machine, execution = execution_arn.split(":")[-2:]
    name = f"{state_machine}.{execution}" + (f".{attempt}" if attempt > 1 else "")
    # Execution names may hold characters that job names may not.
    return re.sub(r"[^\w.:/=+\-%@ ]", "-", name)


def identified(request: JobRequest, execution_arn: str, attempt: int) -> JobRequest:
    """Return the request with a ClientRequestToken, a JobName and an output folder that derive from the execution.

    A caller's own token and name hold for the first attempt; a restart is another job and needs others. Executions with
    one token ask for the same job: theirs writes into a folder named by the token.
    """
    given = request.get("ClientRequestToken") if attempt == 1 else None
    output = request["OutputDataConfig"]
    place = folder(output["S3Uri"], given or execution_arn.rsplit(":", 1)[1])
    request = {**request, "OutputDataConfig": {**output, "S3Uri": place}}
    token = hashlib.sha256(f"{execution_arn}#{attempt}".encode()).hexdigest()
    name = job_name(execution_arn, attempt)
    if attempt == 1:
        token, name = request.get("ClientRequestToken", token), request.get("JobName", name)
    return {**request, "ClientRequestToken": token, "JobName": name}


def folder(jobs_uri: str, name: str) -> str:
    """Return where the jobs of an execution of that name, or of a caller's ClientRequestToken, write.

    By it they are found, whatever JobName their caller gave them.
    """
    return (Location.of(jobs_uri) / name).uri + "/"


def folders(jobs_uri: str, execution_name: str, given: object) -> set[str]:
    """Return all folders that the jobs of an execution may write into; ``given`` is its input, of any shape."""
    request = given if isinstance(given, dict) else {}
    output, token = request.get("OutputDataConfig"), request.get("ClientRequestToken")
    own = str(output.get("S3Uri")) if isinstance(output, dict) else ""
    uris = [jobs_uri, *([own] if re.match("s3://[^/]", own) else [])]
    return {folder(uri, name) for uri in uris for name in (execution_name, token) if name and isinstance(name, str)}
