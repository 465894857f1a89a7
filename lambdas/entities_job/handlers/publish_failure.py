"""PublishFailure: reports every end that is no result: failed, refused, aborted."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress

from aws_lambda_powertools.utilities.typing import LambdaContext

from ..aws import logger, task
from ..contracts import (
    CaughtError,
    Execution,
    ExecutionEnded,
    ExecutionStatusChange,
    Job,
    Outcome,
    OutcomeError,
    OutcomeOutput,
    PublishFailureInput,
    Status,
)
from ..job.active import active_jobs, stop
from ..job.identity import folders
from ..publish.outcome import emit, outcome, problem

# The service's own words, and ours: "Value 'xx' at 'languageCode' failed ..." and "- LanguageCode: must be ...".
_FIELD = re.compile(r"(?: at '|^- )([A-Za-z][\w.\[\]]*)", re.MULTILINE)


@task
def handler(event: PublishFailureInput | ExecutionStatusChange, context: LambdaContext) -> OutcomeOutput:
    """Emit the outcome of an execution that failed, or was aborted (then ``event`` is Step Functions' own event)."""
    made = _aborted(event["detail"]) if "detail" in event else _failed(event)
    logger.error("execution ended without a result", extra={"status": made["Status"], "error": made["Error"]})
    emit(made)
    return {"Outcome": made}


def _failed(event: PublishFailureInput) -> Outcome:
    code, message = _cause(event["Error"], event["Job"])
    status: Status = "REFUSED" if code == "RequestRefused" else "FAILED"
    return outcome(event["Execution"], status, event["Job"], _problem(code, message))


def _cause(error: CaughtError | None, job: Job) -> tuple[str, str]:
    """Return code and message of what went wrong: the error that a state caught, or the job's own message."""
    if error:
        cause = error.get("Cause") or ""
        # A Lambda function's error comes as JSON text of its own.
        with suppress(ValueError, KeyError, TypeError):
            cause = json.loads(cause)["errorMessage"]
        return error["Error"], cause
    if job.get("JobStatus") != "FAILED":
        return "UnknownJobStatus", f"the job {job.get('JobId')} has the status {job.get('JobStatus')!r}"
    message = job.get("Message") or "the service gave no reason"
    code, separator, _ = message.partition(":")
    return (code if separator and code.isupper() else "JobFailed"), message


def _problem(code: str, message: str) -> OutcomeError:
    field = _FIELD.search(message)
    return problem(code, message, field=field and field[1])


def _aborted(detail: ExecutionEnded) -> Outcome:
    arn, status = detail["executionArn"], detail["status"]
    name = arn.rsplit(":", 1)[1]
    own = folders(os.environ["JOBS_URI"], name, detail.get("input"))
    stopped: list[Job] = [
        {**active.job, "JobStatus": stop(active.job["JobId"], patiently=True)}
        for active in active_jobs()
        if active.folder in own
    ]
    what = f"its job {stopped[0]['JobId']} was asked to stop" if stopped else "it had no active job"
    cause = detail.get("cause")
    message = f"the execution ended as {status}; {what}" + (f": {cause}" if cause else "")
    code = detail.get("error") or {"TIMED_OUT": "JobTimedOut"}.get(status, "ExecutionAborted")
    execution: Execution = {"Id": arn, "Name": name, "StateMachineArn": detail["stateMachineArn"]}
    ends: dict[str, Status] = {"ABORTED": "ABORTED", "TIMED_OUT": "TIMED_OUT"}
    return outcome(execution, ends.get(status, "FAILED"), stopped[0] if stopped else {}, _problem(code, message))
