"""Executions as Step Functions describes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from .. import aws
from ..contracts import Execution

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.literals import ExecutionStatusType
    from mypy_boto3_stepfunctions.type_defs import DescribeExecutionOutputTypeDef

_UNSUCCESSFUL: tuple[ExecutionStatusType, ...] = ("FAILED", "TIMED_OUT", "ABORTED")
_LONGEST = timedelta(days=14)
"""Older executions are not looked through for those that ended lately: their first function has left a marker."""


def described(arn: str) -> DescribeExecutionOutputTypeDef | None:
    """Return the description of an execution, or None if there is none: its record is kept for 90 days."""
    functions = aws.stepfunctions()
    try:
        return functions.describe_execution(executionArn=arn)
    except functions.exceptions.ExecutionDoesNotExist:
        return None


def runs(arn: str) -> bool:
    """Return whether an execution is running."""
    found = described(arn)
    return found is not None and found["status"] == "RUNNING"


def last_state(arn: str) -> str:
    """Return the name of the state that an execution entered last, or an empty text if it entered none."""
    pages = aws.stepfunctions().get_paginator("get_execution_history")
    for page in pages.paginate(executionArn=arn, reverseOrder=True, includeExecutionData=False):
        for event in page["events"]:
            if "stateEnteredEventDetails" in event:
                return event["stateEnteredEventDetails"]["name"]
    return ""


def reference(found: DescribeExecutionOutputTypeDef) -> Execution:
    """Return an execution as the state machine's own payloads name it."""
    return {
        "Id": found["executionArn"],
        "Name": found["name"],
        "StateMachineArn": found["stateMachineArn"],
        "StartTime": found["startDate"].astimezone(UTC).isoformat(),
        "RedriveCount": found.get("redriveCount") or 0,
    }


def execution_arn(machine_arn: str, name: str) -> str:
    """Return the ARN of the execution of that name.

    Example:
        >>> execution_arn("arn:aws:states:us-east-1:111122223333:stateMachine:M", "run-1")
        'arn:aws:states:us-east-1:111122223333:execution:M:run-1'
    """
    return f"{machine_arn.replace(':stateMachine:', ':execution:')}:{name}"


def unsuccessful(machine_arn: str, since: datetime) -> Iterator[str]:
    """Yield the ARNs of executions that have ended without success since a time."""
    pages = aws.stepfunctions().get_paginator("list_executions")
    for status in _UNSUCCESSFUL:
        for page in pages.paginate(stateMachineArn=machine_arn, statusFilter=status):
            executions = page["executions"]
            yield from (each["executionArn"] for each in executions if each.get("stopDate", since) >= since)
            # The latest start comes first.
            if executions and executions[-1]["startDate"] < since - _LONGEST:
                break
