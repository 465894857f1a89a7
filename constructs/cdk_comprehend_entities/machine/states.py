"""Parts of the machine's states: tasks with their retries, payloads from variables, waits, conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from entities_job import contracts

from .._payloads import jsonata, payload, read

EXECUTION = payload(
    "each task",
    contracts.Execution,
    {
        "Id": jsonata("$states.context.Execution.Id"),
        "Name": jsonata("$states.context.Execution.Name"),
        "StateMachineArn": jsonata("$states.context.StateMachine.Id"),
        "StartTime": jsonata("$states.context.Execution.StartTime"),
        "RedriveCount": jsonata(
            "$exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0"
        ),
    },
)
"""The execution that runs, as payloads name it."""

# Repeating these changes nothing. All else is repeated, since no list of passing errors could be complete: the
# functions are idempotent, so that repeating one whose end is unknown is safe.
_FINAL = [
    "RequestRefused",
    "ContractNotUnderstood",
    "SlotTaken",
    "NoFreeSlot",
    "InvalidRequestException",
    "TooManyTagsException",
    "ResourceNotFoundException",
]
_THROTTLING = ["TooManyRequestsException", "ThrottlingException", "SlowDown", "Lambda.TooManyRequestsException"]
_TIMED_OUT = ["Sandbox.Timedout"]
_PATIENT = 50
"""With all of the account's concurrency taken, some is free after minutes: sat out for an hour and a half."""


def task(
    scope: Construct,
    name: str,
    function: lambda_.IFunction,
    contract: type,
    given: Mapping[str, object],
    *,
    assign: Mapping[str, object] | None = None,
    outputs: str | None = None,
    patience: int = _PATIENT,
    attempts: int = 8,
    timed_out: int = 8,
) -> tasks.LambdaInvoke:
    """Return a state that calls a function, and repeats it unless its error is final.

    Args:
        scope: where it is defined.
        name: of the state.
        function: what it calls.
        contract: the TypedDict of the payload.
        given: the payload.
        assign: variables that it sets.
        outputs: its output (default: the whole result).
        patience: how often it is repeated when it is throttled.
        attempts: how often it is repeated otherwise.
        timed_out: how often it is repeated after a time-out.

    Raises:
        ValueError: the payload does not fit the contract.
    """
    made = tasks.LambdaInvoke.jsonata(
        scope,
        name,
        lambda_function=function,
        payload=sfn.TaskInput.from_object(payload(name, contract, given)),
        retry_on_service_exceptions=False,
        assign=assign,
        outputs=outputs,
    )
    for errors, tries in ((_FINAL, 0), (_THROTTLING, patience), (_TIMED_OUT, timed_out), (["States.ALL"], attempts)):
        repeat(made, errors, tries)
    return made


def repeat(state: sfn.TaskStateBase | sfn.DistributedMap, errors: Sequence[str], tries: int) -> None:
    """Have a state repeated at some errors: after 2 seconds, then twice as long each time, at most 2 minutes."""
    state.add_retry(
        errors=errors,
        interval=Duration.seconds(2),
        backoff_rate=2,
        max_attempts=tries,
        max_delay=Duration.minutes(2),
        jitter_strategy=sfn.JitterType.FULL,
    )


def wait(scope: Construct, name: str, seconds: str, **assign: object) -> sfn.Wait:
    """Return a state that waits so many seconds, a JSONata expression, and sets variables."""
    return sfn.Wait.jsonata(scope, name, time=sfn.WaitTime.seconds(jsonata(seconds)), assign=assign)


def where(expression: str) -> sfn.Condition:
    """Return the condition of a Choice."""
    return sfn.Condition.jsonata(jsonata(expression))


def caught(job: str) -> str:
    """Return the output of a Catch: the error, and the JSONata of what is known of the job."""
    return jsonata(f"{{'Error': $states.errorOutput, 'Job': {job}}}")


def variables(*keys: str) -> dict[str, str]:
    """Return keys of a payload with the variables of the same names."""
    return {key: jsonata(f"${_variable(key)}") for key in keys}


def answers(contract: type, *keys: str) -> dict[str, object]:
    """Return variables with the keys of the same names in the answer of a task."""
    return {_variable(key): jsonata(read(contract, key)) for key in keys}


def _variable(key: str) -> str:
    return key[0].lower() + key[1:]
