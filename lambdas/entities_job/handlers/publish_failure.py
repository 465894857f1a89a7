"""PublishFailure: reports every end that is no result: failed, refused, aborted."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ..aws import logger, task
from ..handlers.stop_job import stop
from ..hints import hint
from ..job.active import active_jobs, folders
from ..publish.outcome import SCHEMA_VERSION, emit

# The service's own words, and ours: "Value 'xx' at 'languageCode' failed ..." and "- LanguageCode: must be ...".
_FIELD = re.compile(r"(?: at '|^- )([A-Za-z][\w.\[\]]*)", re.MULTILINE)


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Emit the outcome of an execution that failed, or was aborted (then ``event`` is Step Functions' own event).

    Payload and answer: docs/architecture.md, PublishFailure.
    """
    outcome = _aborted(event["detail"]) if event.get("source") == "aws.states" else _failed(event)
    logger.error("execution ended without a result", extra={"status": outcome["Status"], "error": outcome["Error"]})
    emit(outcome)
    return {"Outcome": outcome}


def _failed(event: dict[str, Any]) -> dict[str, Any]:
    job = event.get("Job") or {}
    code, message = _cause(event.get("Error"), job)
    return {
        "SchemaVersion": SCHEMA_VERSION,
        "Status": "REFUSED" if code == "RequestRefused" else "FAILED",
        "ExecutionArn": event["Execution"]["Id"],
        "StateMachineArn": event["Execution"]["StateMachineArn"],
        "Job": job,
        "Error": _error(code, message),
    }


def _cause(error: dict[str, Any] | None, job: dict[str, Any]) -> tuple[str, str]:
    """Code and message of what went wrong: the error that a state caught, or the job's own message."""
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


def _error(code: str, message: str) -> dict[str, str]:
    found, field = hint(code, message), _FIELD.search(message)
    named = {"Field": field[1]} if field else {}
    return {"Code": code, "Message": message, **named, **({"Hint": found} if found else {})}


def _aborted(detail: dict[str, Any]) -> dict[str, Any]:
    arn = detail["executionArn"]
    jobs = _active_jobs(arn, detail.get("input"))
    stopped = [{**job, "JobStatus": stop(job["JobId"], patiently=True)} for job in jobs]
    what = f"its job {stopped[0]['JobId']} was asked to stop" if stopped else "it had no active job"
    status = detail["status"]
    code = detail.get("error") or {"TIMED_OUT": "JobTimedOut"}.get(status, "ExecutionAborted")
    message = f"the execution ended as {status}; {what}" + (f": {detail['cause']}" if detail.get("cause") else "")
    return {
        "SchemaVersion": SCHEMA_VERSION,
        "Status": status,
        "ExecutionArn": arn,
        "StateMachineArn": detail["stateMachineArn"],
        "Job": stopped[0] if stopped else {},
        "Error": _error(code, message),
    }


def _active_jobs(execution_arn: str, given: str | None) -> list[dict[str, Any]]:
    """The jobs of an execution that still run."""
    own = folders(os.environ["JOBS_URI"], execution_arn.rsplit(":", 1)[1], given)
    return [active.job for active in active_jobs() if active.folder in own]
