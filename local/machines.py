"""Differences between MiniStack's Step Functions and SQS and those of AWS that matter to a workflow."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.services import sqs, stepfunctions

_running = threading.local()


def mend() -> None:
    """Mend all of it."""
    stepfunctions._read_map_items = _patient(stepfunctions._read_map_items)
    stepfunctions._execute_task = _timed(stepfunctions._execute_task)
    for name in ("_invoke_resource", "_invoke_resource_with_timeout", "_invoke_with_callback"):
        setattr(stepfunctions, name, _while_running(getattr(stepfunctions, name)))
    stepfunctions._run_parallel_branches = _with_output(stepfunctions._run_parallel_branches)
    stepfunctions._invoke_nested_start_execution_sync = _nested
    sqs._HANDLERS["ListDeadLetterSourceQueues"] = _dead_letter_sources


def _dead_letter_sources(asked: dict[str, Any], _: str) -> dict[str, Any]:
    """MiniStack does not know which queues send their dead letters to one."""
    wanted = sqs._get_q(asked["QueueUrl"])["attributes"]["QueueArn"]
    policies = {url: json.loads(queue["attributes"].get("RedrivePolicy") or "{}") for url, queue in sqs._queues.items()}
    return {"queueUrls": [url for url, policy in policies.items() if policy.get("deadLetterTargetArn") == wanted]}


def _patient(read: Callable[..., Any]) -> Callable[..., Any]:
    """A Distributed Map trips over objects that are put while it lists their bucket.

    Listing a bucket of 100,000 objects takes so long that there is always one, unless other threads wait meanwhile.
    """
    interval = sys.getswitchinterval()

    def patient(*arguments: Any) -> Any:
        for _ in range(100):
            sys.setswitchinterval(1.0)
            try:
                return read(*arguments)
            except RuntimeError:
                continue
            finally:
                sys.setswitchinterval(interval)
        return read(*arguments)

    return patient


def _timed(execute: Callable[..., Any]) -> Callable[..., Any]:
    """A task's TimeoutSeconds may be JSONata and passes on the same scaled clock as Wait does."""

    def timed(state: dict[str, Any], given: Any, execution: Any, context: Any) -> Any:
        _running.execution = execution
        if isinstance(state.get("TimeoutSeconds"), str):
            seconds = stepfunctions._jsonata_state_field(state, "TimeoutSeconds", "number", given, context)
            state = {**state, "TimeoutSeconds": seconds * stepfunctions._SFN_WAIT_SCALE}
        return execute(state, given, execution, context)

    return timed


def _while_running(invoke: Callable[..., Any]) -> Callable[..., Any]:
    """An execution that was aborted while a task waits to be tried again does not call it any more."""

    def while_running(*arguments: Any) -> Any:
        execution = getattr(_running, "execution", None)
        if execution and execution.get("status") == "ABORTED":
            raise stepfunctions._ExecutionError("States.Aborted", "the execution was aborted")
        return invoke(*arguments)

    return while_running


def _with_output(run: Callable[..., Any]) -> Callable[..., Any]:
    """The Output of a Parallel state may be JSONata, too."""

    def with_output(state: dict[str, Any], given: Any, execution: Any, context: Any) -> Any:
        result, following = run(state, given, execution, context)
        if stepfunctions._state_query_language(state, context) == "JSONata":
            result = stepfunctions._apply_jsonata_output(state, given, context, result=result, default=result)
        return result, following

    return with_output


def _nested(resource: str, given: dict[str, Any]) -> dict[str, Any]:
    """A nested execution ends with its parent; one that fails is States.TaskFailed, with all of it as the cause."""
    parent = _running.execution
    started = stepfunctions._invoke_nested_start_execution(resource, given)
    arn = started["ExecutionArn"]
    child = stepfunctions._executions[arn]
    while child["status"] == "RUNNING":
        if parent["status"] == "ABORTED":
            stepfunctions._stop_execution({"executionArn": arn})
        time.sleep(0.02)
    described = {name[0].upper() + name[1:]: value for name, value in child.items() if name != "events"}
    if child["status"] != "SUCCEEDED":
        raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(described, default=str))
    return {**described, "Output": json.loads(child["output"])}
