"""Faults at one task of one execution, which the execution's name asks for: ``F-<task>-<kind>-<times>-<number>``.

The launcher injects them between Step Functions and the functions, or into EventBridge's answer.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from typing import Any, NamedTuple

FOR_GOOD = 9999
"""Number of times that a permanent fault occurs."""


class Kind(NamedTuple):
    """A failure of a function's call: the error as Step Functions sees it, and whether the function ran before."""

    error: str
    message: str
    after: bool


KINDS = {
    "Throttled": Kind("Lambda.TooManyRequestsException", "Rate Exceeded.", False),
    "ThrottledByService": Kind("ThrottlingException", "Rate exceeded", False),
    "ServerError": Kind("InternalServerException", "An internal server error occurred. Retry your request.", False),
    "Unavailable": Kind("Lambda.ServiceException", "Service unavailable", True),
    "ReadTimeout": Kind("ReadTimeoutError", "Read timeout on endpoint URL", True),
    "CutAnswer": Kind("IncompleteReadError", "0 read, but total bytes expected is 10.", True),
    "AccessDenied": Kind("AccessDeniedException", "User is not authorized to perform the action", False),
    "ExpiredToken": Kind("ExpiredTokenException", "The security token included in the request is expired", False),
    "Crash": Kind("Runtime.ExitError", "RequestId: 1 Error: Runtime exited with error: signal: killed", True),
    "OutOfMemory": Kind("Runtime.OutOfMemory", "RequestId: 1 Error: Runtime exited with error", True),
    "TimedOut": Kind("Sandbox.Timedout", "RequestId: 1 Error: Task timed out", True),
    "Inactive": Kind("Lambda.ResourceNotReadyException", "The function is inactive", False),
}

_NAME = re.compile(r"F-(?P<task>\w+)-(?P<kind>\w+)-(?P<times>\d+)-\d+")


class Failures:
    """The faults that executions' names ask for, as they come.

    A task that knows no execution (PollJob, StopJob) is known by its job, which StartJob's answer names.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done: Counter[str] = Counter()
        self._executions: dict[str, str] = {}
        self._over = False

    def wanted(self, function: str, event: Any) -> Kind | None:
        """Return how this call of a function fails, or None."""
        # The sweep reports what the faults kept from being reported.
        self._over = self._over or "StopOrphans" in function
        found = self._fault(event)
        if not found or found["task"] not in function or found["kind"] not in KINDS:
            return None
        return KINDS[found["kind"]] if self._due(found) else None

    def learn(self, event: Any, result: Any) -> None:
        """Note the job of an execution: of the last one that started it or took it up."""
        job = result.get("Job") if isinstance(result, dict) else None
        if isinstance(job, dict) and "JobId" in job and "Execution" in event:
            found = self._fault(event)
            self._executions[job["JobId"]] = found.group() if found else ""

    def refused(self, body: bytes) -> bytes | None:
        """Return EventBridge's answer to a PutEvents of such an execution that is refused, or None."""
        found = _NAME.search(body.decode("utf-8", "replace"))
        if self._over or not found or found["kind"] != "RefusedEvent" or not self._due(found):
            return None
        entry = {"ErrorCode": "ThrottlingException", "ErrorMessage": "injected"}
        return json.dumps({"FailedEntryCount": 1, "Entries": [entry]}).encode()

    def _fault(self, event: Any) -> re.Match[str] | None:
        if not isinstance(event, dict):
            return None
        named = event.get("Execution") or event.get("detail") or self._executions.get(event.get("JobId", ""), "")
        name = named.get("Name") or named.get("executionArn", "") if isinstance(named, dict) else named
        return _NAME.search(name)

    def _due(self, found: re.Match[str]) -> bool:
        with self._lock:
            self._done[found.group()] += 1
            return self._done[found.group()] <= int(found["times"])
