"""Logger and AWS clients of the functions, each made once a process and only when used."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

logger = Logger()

# boto3's default retry mode never retries Comprehend's TooManyRequestsException; standard mode does.
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5)


@cache
def client(name: str) -> Any:
    """The boto3 client of one service, in standard retry mode."""
    return boto3.client(name, config=_CONFIG)  # type: ignore[call-overload]
