"""What every function shares: its logger, its AWS clients, and the shape of a handler."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import ClientError

from .errors import named

logger = Logger()

# boto3's default retry mode never retries Comprehend's TooManyRequestsException; standard mode does.
# Connections for the dispatcher's 32 threads; with fewer, each further call would open one of its own.
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, max_pool_connections=32)

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


@cache
def client(name: str, *, patiently: bool = False) -> Any:
    """The boto3 client of one service, in standard retry mode, made once a process and only when used.

    One that calls ``patiently`` tries for minutes: many jobs that must stop at once meet one call a second.
    """
    retries: dict[str, Any] = {"retries": {"mode": "standard", "total_max_attempts": 16}} if patiently else {}
    return boto3.client(name, config=_CONFIG.merge(Config(**retries)))  # type: ignore[call-overload]  # any service


def task(function: Handler) -> Handler:
    """Make a function a state's handler: logs carry its context, and a service's error leaves under its own code."""

    @wraps(function)
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        try:
            return function(event, context)
        except ClientError as error:
            raise named(error) from error

    return logger.inject_lambda_context(handler)
