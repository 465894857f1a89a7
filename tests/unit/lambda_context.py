"""What Lambda tells a function of its invocation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

CONTEXT: Any = SimpleNamespace(
    function_name="f",
    memory_limit_in_mb=128,
    invoked_function_arn="arn:aws:lambda:x",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 300_000,
)
