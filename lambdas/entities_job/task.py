"""The decorator of handlers: logs with context, errors under the services' own names, one version of contracts."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from .aws import logger
from .contracts import CONTRACT_VERSION
from .errors import ContractNotUnderstood, named

In = TypeVar("In")
Out = TypeVar("Out")


def task(function: Callable[[In, LambdaContext], Out]) -> Callable[[In, LambdaContext], Out]:
    """Make a function a handler: its logs carry the context, and a service's error leaves under its own code."""

    @wraps(function)
    def handler(event: In, context: LambdaContext) -> Out:
        _check_contract(event)
        logger.append_keys(**_correlation(event))
        try:
            return function(event, context)
        except ClientError as error:
            raise named(error) from error

    return logger.inject_lambda_context(handler, clear_state=True)


def _correlation(event: object) -> dict[str, str]:
    """Return what all log lines of an invocation have: ``execution``, the execution's name, and ``job_id``."""
    fields: dict[str, Any] = event if isinstance(event, dict) else {}
    execution, job = fields.get("Execution"), fields.get("Job")
    # Of an execution's end, as EventBridge tells it.
    detail = fields.get("detail")
    found = {
        "execution": execution["Name"] if isinstance(execution, dict) else execution,
        "job_id": job.get("JobId") if isinstance(job, dict) else fields.get("JobId"),
    }
    if isinstance(detail, dict):
        found["execution"] = str(detail.get("executionArn")).rpartition(":")[2]
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _check_contract(event: object) -> None:
    """Reject payloads of a definition of another version: a running execution keeps the definition it began with.

    Raises:
        ContractNotUnderstood: the versions differ.
    """
    settings = event.get("Settings") if isinstance(event, dict) else None
    version = settings.get("ContractVersion", 0) if isinstance(settings, dict) else CONTRACT_VERSION
    if version != CONTRACT_VERSION:
        raise ContractNotUnderstood(
            f"the execution's definition is of contract version {version}, and the functions understand version "
            f"{CONTRACT_VERSION}"
        )
