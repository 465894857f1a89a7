"""PublishFailure: reports every end without a result: failed, rejected, aborted, or nothing to do."""

from __future__ import annotations

import json
import re
from contextlib import suppress

from aws_lambda_powertools.utilities.typing import LambdaContext

from ..aws import logger
from ..contracts import (
    CaughtError,
    ExecutionStatusChange,
    Outcome,
    OutcomeError,
    OutcomeOutput,
    PublishFailureInput,
    Status,
)
from ..publish.ending import advised, end, report, stop_running
from ..publish.outcome import NOTHING, nothing, outcome, problem
from ..task import task

# The service's own words, and ours: "Value 'xx' at 'languageCode' failed ..." and "- LanguageCode: must be ...".
_FIELD = re.compile(r"(?: at '|^- )([A-Za-z][\w.\[\]]*)", re.MULTILINE)

_STATUSES: dict[str, Status] = {"RequestRefused": "REFUSED", "NoFreeSlot": "TIMED_OUT", "JobNotStopped": "TIMED_OUT"}


@task
def handler(event: PublishFailureInput | ExecutionStatusChange, context: LambdaContext) -> OutcomeOutput | None:
    """Report an execution that failed, or that Step Functions' own event says ended; None: it was reported before."""
    if "detail" in event:
        reported = end(event["detail"]["executionArn"])
        return {"Outcome": reported} if reported else None
    made = report(event["Execution"], _failed(event))
    logger.error("execution ended without a result", extra={"status": made["Status"], "error": made.get("Error")})
    return {"Outcome": made}


def _failed(event: PublishFailureInput) -> Outcome:
    execution, code, message = event["Execution"], event["Error"]["Error"], _message(event["Error"])
    if code in NOTHING:
        return nothing(execution, code, message)
    job, told = stop_running(execution, event["Job"], code)
    error = advised(_problem(code, "; ".join(filter(None, (message, told)))), job)
    return outcome(execution, _STATUSES.get(code, "FAILED"), job, error)


def _message(error: CaughtError) -> str:
    """Return the message of a caught error; that of a Lambda function comes as JSON text of its own."""
    cause = error.get("Cause") or ""
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(cause)["errorMessage"])
    return cause


def _problem(code: str, message: str) -> OutcomeError:
    field = _FIELD.search(message)
    return problem(code, message, field=field and field[1])
