"""The state machine's definition: start, wait, poll through the job's states, publish.

Payloads of the tasks: :mod:`entities_job.contracts`, shown in docs/architecture.md, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from entities_job import contracts

from .._payloads import INPUT, RESULT, jsonata, payload, read

if TYPE_CHECKING:
    from .._functions import Functions
    from .completion import CompletionEvents

_EXECUTION = payload(
    "each task",
    contracts.Execution,
    {
        "Id": jsonata("$states.context.Execution.Id"),
        "Name": jsonata("$states.context.Execution.Name"),
        "StateMachineArn": jsonata("$states.context.StateMachine.Id"),
    },
)

_JOB_ID = jsonata(read(contracts.Job, "JobId", of="$job"))

# What stands for the job in the outcome of an execution that never started one.
_NO_JOB = "{'JobStatus': 'NOT_STARTED'}"

# What any task meets now and then. The functions are idempotent, so that repeating one whose end is unknown is safe.
_TROUBLE = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.Unknown",
    "InternalServerException",
    "InternalFailure",
    "InternalError",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "ConnectionClosedError",
    "ConnectTimeoutError",
    "EndpointConnectionError",
    "ReadTimeoutError",
]
_THROTTLING = ["TooManyRequestsException", "ThrottlingException", "SlowDown", "Lambda.TooManyRequestsException"]
_TIMED_OUT = ["Sandbox.Timedout"]
_NOT_READY = ["ResourceUnavailableException", "KmsKeyValidationException"]


class Definition:
    """The states, wired; :attr:`start` is the first one, :attr:`publish_failure` where all errors end."""

    def __init__(
        self, scope: Construct, functions: Functions, settings: contracts.Settings, completion: CompletionEvents | None
    ) -> None:
        self._scope = scope
        self._settings = settings
        self.publish_failure = self._failure(functions.publish_failure)
        inspect = self._inspect_input(functions.inspect_input)
        start_job = self._start_job(functions.start_job)
        wait = sfn.Wait.jsonata(scope, "WaitForJob", time=sfn.WaitTime.seconds(jsonata("$waitSeconds")))
        poll = self._poll_job(functions.poll_job)
        stop = self._stop_job(functions.stop_job)
        publish = self._publish_result(functions.publish_result)
        restart = sfn.Wait.jsonata(
            scope,
            "WaitBeforeRestart",
            time=sfn.WaitTime.seconds(jsonata("$attempt * 60")),
            assign={"attempt": jsonata("$attempt + 1"), "looks": 0},
        )
        self.start: sfn.IChainable = inspect.next(start_job).next(wait).next(poll)
        restart.next(start_job)
        stop.next(wait)
        output = completion.state(poll=poll.id, without=wait.id).next(poll) if completion else None
        poll.next(self._job_status(wait=wait, output=output, stop=stop, publish=publish, restart=restart))

    def _inspect_input(self, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        return self._task(
            "InspectInput",
            function,
            contracts.InspectInputInput,
            {"Input": jsonata(INPUT), "Settings": self._settings, "Execution": _EXECUTION},
            assign={
                **_answers(contracts.InspectInputOutput, "Request", "Inventory", "Estimate", "Warnings"),
                **{"settings": self._settings, "attempt": 1, "polls": 0, "looks": 0},
                **{"stopCode": jsonata("null"), "job": jsonata(_NO_JOB)},
            },
            job_when_it_fails=_NO_JOB,
        )

    def _start_job(self, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        given = {"Execution": _EXECUTION, **_variables("Request", "Settings", "Attempt")}
        assign = _answers(contracts.StartJobOutput, "Job", "WaitSeconds")
        task = self._task("StartJob", function, contracts.StartJobInput, given, assign=assign)
        # A recognizer that is just being made ready, or a key policy that has not propagated yet.
        _retry(task, _NOT_READY, seconds=30, attempts=4, maximum=Duration.minutes(2))
        return task

    def _poll_job(self, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        size = jsonata(read(contracts.InventoryReference, "Bytes", of="$inventory"))
        given = {"JobId": _JOB_ID, "InputBytes": size, **_variables("Settings", "Polls", "Attempt", "Looks")}
        assign = _answers(contracts.PollJobOutput, "Job", "Polls", "Looks", "LagSeconds", "WaitSeconds")
        task = self._task("PollJob", function, contracts.PollJobInput, given, assign=assign, outputs=jsonata(RESULT))
        # Read after write: the service may not know a job at once that it has just accepted.
        _retry(task, ["JobNotFoundException"], seconds=5, attempts=3, maximum=Duration.minutes(1))
        return task

    def _stop_job(self, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        assign = {"stopCode": jsonata(read(contracts.PollJobOutput, "Overdue", of=INPUT))}
        return self._task("StopJob", function, contracts.StopJobInput, {"JobId": _JOB_ID}, assign=assign)

    def _job_status(
        self,
        *,
        wait: sfn.IChainable,
        output: sfn.IChainable | None,
        stop: sfn.IChainable,
        publish: sfn.IChainable,
        restart: sfn.IChainable,
    ) -> sfn.Choice:
        def status(name: str, and_: str | None = None) -> sfn.Condition:
            also = f" and $boolean({read(contracts.PollJobOutput, and_, of=INPUT)})" if and_ else ""
            is_it = f"{read(contracts.PollJobOutput, 'JobStatus', of=INPUT)} = '{name}'"
            return sfn.Condition.jsonata(jsonata(f"{is_it}{also}"))

        choice = sfn.Choice.jsonata(self._scope, "JobStatus")
        for running in ("SUBMITTED", "IN_PROGRESS"):
            choice.when(status(running, and_="Overdue"), stop)
            if output:
                choice.when(status(running, and_="Await"), output)
            choice.when(status(running), wait)
        return (
            choice.when(status("STOP_REQUESTED"), wait)
            .when(status("COMPLETED"), publish)
            .when(status("STOPPED"), publish)
            .when(status("FAILED", and_="Restartable"), restart)
            .when(status("FAILED"), self.publish_failure)
            # A status that the API doesn't document: PublishFailure names it an error of its own.
            .otherwise(self.publish_failure)
        )

    def _publish_result(self, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        names = ("Job", "Inventory", "Estimate", "Warnings", "Settings", "Polls", "LagSeconds", "StopCode")
        given = {"Execution": _EXECUTION, **_variables(*names)}
        contract = contracts.PublishResultInput
        task = self._task("PublishResult", function, contract, given, outputs=jsonata(RESULT), timed_out=1)
        outcome = read(contracts.OutcomeOutput, "Outcome", of=INPUT)
        timed_out = f"{read(contracts.OutcomeOutput, 'Outcome.Status', of=INPUT)} = 'TIMED_OUT'"
        ended = sfn.Succeed.jsonata(self._scope, "JobEnded", outputs=jsonata(outcome))
        published = sfn.Choice.jsonata(self._scope, "Published")
        published.when(sfn.Condition.jsonata(jsonata(timed_out)), self._fail("JobTimedOut")).otherwise(ended)
        task.next(published)
        return task

    def _failure(self, function: lambda_.IFunction) -> sfn.IChainable:
        task = tasks.LambdaInvoke.jsonata(
            self._scope,
            "PublishFailure",
            lambda_function=function,
            payload=_payload(
                "PublishFailure",
                contracts.PublishFailureInput,
                {
                    "Error": jsonata(f"$exists({INPUT}.Error) ? {INPUT} : null"),
                    # A staging that fails has no job yet.
                    "Job": jsonata(f"$exists({INPUT}.Job) ? {INPUT}.Job : {{}}"),
                    "Execution": _EXECUTION,
                },
            ),
            retry_on_service_exceptions=False,
            outputs=jsonata(RESULT),
        )
        _retry(task, [*_TROUBLE, *_TIMED_OUT, *_THROTTLING], seconds=2, attempts=8, maximum=Duration.minutes(2))
        return task.next(self._fail("JobFailed"))

    def _fail(self, name: str) -> sfn.Fail:
        code, message, hint = (
            read(contracts.OutcomeOutput, f"Outcome.Error.{field}", of=INPUT) for field in ("Code", "Message", "Hint")
        )
        cause = f"{message} & ($exists({hint}) ? ' | ' & {hint} : '')"
        return sfn.Fail.jsonata(self._scope, name, error=jsonata(code), cause=jsonata(cause))

    def _task(
        self,
        name: str,
        function: lambda_.IFunction,
        contract: type,
        given: Mapping[str, object],
        *,
        assign: Mapping[str, object] | None = None,
        outputs: str | None = None,
        job_when_it_fails: str = "$job",
        timed_out: int = 8,
    ) -> tasks.LambdaInvoke:
        task = tasks.LambdaInvoke.jsonata(
            self._scope,
            name,
            lambda_function=function,
            payload=_payload(name, contract, given),
            retry_on_service_exceptions=False,
            assign=assign,
            outputs=outputs,
        )
        _retry(task, _TROUBLE, seconds=2, attempts=8, maximum=Duration.minutes(2))
        _retry(task, _TIMED_OUT, seconds=2, attempts=timed_out, maximum=Duration.minutes(2))
        # With all of the account's slots taken, one is free after minutes: sat out for an hour and a half.
        # A failed poll is never a failed job, either: the job runs on.
        _retry(task, _THROTTLING, seconds=2, attempts=50, maximum=Duration.minutes(2))
        error = jsonata(f"$merge([$states.errorOutput, {{'Job': {job_when_it_fails}}}])")
        task.add_catch(self.publish_failure, errors=["States.ALL"], outputs=error)
        return task


def _variables(*keys: str) -> dict[str, str]:
    """Return keys of a payload with the variables of the same names."""
    return {key: jsonata(f"${_variable(key)}") for key in keys}


def _answers(contract: type, *keys: str) -> dict[str, object]:
    """Return variables with the keys of the same names in the answer of a task."""
    return {_variable(key): jsonata(read(contract, key)) for key in keys}


def _variable(key: str) -> str:
    return key[0].lower() + key[1:]


def _payload(name: str, contract: type, given: Mapping[str, object]) -> sfn.TaskInput:
    return sfn.TaskInput.from_object(payload(name, contract, given))


def _retry(task: tasks.LambdaInvoke, errors: list[str], *, seconds: int, attempts: int, maximum: Duration) -> None:
    task.add_retry(
        errors=errors,
        interval=Duration.seconds(seconds),
        backoff_rate=2,
        max_attempts=attempts,
        max_delay=maximum,
        jitter_strategy=sfn.JitterType.FULL,
    )
