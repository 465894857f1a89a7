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
from entities_job.job.schedule import (
    MAXIMUM_ATTEMPTS,
    SLOT_PAUSE_SECONDS,
    SLOT_PAUSE_SHARE,
    SLOT_PAUSES,
    STOPPING_SECONDS,
)

from .._payloads import INPUT, RESULT, jsonata, payload, read

if TYPE_CHECKING:
    from .._functions import Functions
    from .._values import ExecutionLimits
    from .completion import CompletionEvents

_EXECUTION = payload(
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

_JOB_ID = jsonata(read(contracts.Job, "JobId", of="$job"))

# What stands for the job in the outcome of an execution that never started one.
_NO_JOB = "{'JobStatus': 'NOT_STARTED'}"

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

_FAILING_SECONDS = 60
_FAILING_SHARE = 0.05
"""A pause after a poll that failed: this share of the job's age, at least the seconds above."""


class Definition:
    """The states, wired; :attr:`start` is the first one, :attr:`publish_failure` where all errors end."""

    def __init__(
        self,
        scope: Construct,
        functions: Functions,
        settings: contracts.Settings,
        limits: ExecutionLimits,
        completion: CompletionEvents | None,
    ) -> None:
        self._scope = scope
        self._settings = settings
        self._ended = self._outcome()
        self.publish_failure = self._failure(functions.publish_failure)
        inspect = self._inspect_input(functions.inspect_input, limits)
        start_job = self._start_job(functions.start_job)
        wait = self._wait("WaitForJob", "$waitSeconds", elapsed=jsonata("$elapsed + $waitSeconds"))
        poll = self._poll_job(functions.poll_job)
        stop = self._stop_job(functions.stop_job)
        publish = self._publish_result(functions.publish_result)
        anew = {"attempt": jsonata("$attempt + 1"), "looks": 0, "elapsed": 0, **self._no_slot_yet()}
        restart = self._wait("WaitBeforeRestart", "$attempt * 60", **anew)
        taken_up = sfn.Choice.jsonata(scope, "TakenUp")
        exists = jsonata(f"$exists({read(contracts.InspectInputOutput, 'Job', of=INPUT)})")
        self.start: sfn.IChainable = inspect.next(
            taken_up.when(sfn.Condition.jsonata(exists), poll).otherwise(start_job)
        )
        start_job.next(wait).next(poll)
        restart.next(start_job)
        stop.next(wait)
        output = completion.state(poll=poll.id, without=wait.id).next(poll) if completion else None
        poll.next(self._step(WAIT=wait, AWAIT=output or wait, STOP=stop, PUBLISH=publish, RESTART=restart))
        poll.add_catch(self._failed_poll(poll, stop), errors=["States.ALL"], outputs=_caught("$job"))

    def _inspect_input(self, function: lambda_.IFunction, limits: ExecutionLimits) -> tasks.LambdaInvoke:
        inventory = read(contracts.InspectInputOutput, "Inventory.Bytes")
        per_byte = limits.duration_per_gigabyte.to_seconds() / 1e9
        taken_up = read(contracts.InspectInputOutput, "Job")
        return self._task(
            "InspectInput",
            function,
            contracts.InspectInputInput,
            {"Input": jsonata(INPUT), "Settings": self._settings, "Execution": _EXECUTION},
            assign={
                **_answers(contracts.InspectInputOutput, "Request", "Inventory", "Estimate", "Warnings"),
                **{"settings": self._settings, "polls": 0, "looks": 0, "elapsed": 0, **self._no_slot_yet()},
                "limit": jsonata(f"{limits.duration.to_seconds()} + {inventory} * {per_byte!r}"),
                "stopCode": jsonata("null"),
                "lagSeconds": jsonata("null"),
                # A job that is taken up is never paid for again.
                "attempt": jsonata(f"$exists({taken_up}) ? {MAXIMUM_ATTEMPTS} : 1"),
                "job": jsonata(f"$exists({taken_up}) ? {taken_up} : {_NO_JOB}"),
            },
            outputs=jsonata(RESULT),
            job_when_it_fails=_NO_JOB,
        )

    def _start_job(self, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        given = {"Execution": _EXECUTION, **_variables("Request", "Settings", "Attempt", "SlotSeconds")}
        assign = _answers(contracts.StartJobOutput, "Job", "WaitSeconds")
        task = self._task("StartJob", function, contracts.StartJobInput, given, assign=assign, job_when_it_fails=None)
        # At the limit there is one more look.
        pause = f"$ceil($max([1, $min([$slotPause, {self._settings['MaximumSlotSeconds']} - $slotSeconds])]))"
        waited = f"$slotSeconds + {pause}"
        wait = self._wait("WaitForSlot", pause, slotSeconds=jsonata(waited), slotPause=self._slot_pause(waited))
        task.add_catch(wait.next(task), errors=["SlotTaken"])
        self._report(task, "$job")
        return task

    def _no_slot_yet(self) -> dict[str, object]:
        return {"slotSeconds": 0, "slotPause": self._slot_pause("0")}

    def _slot_pause(self, waited: str) -> str:
        """Return what :func:`entities_job.job.schedule.slot_pause` tells, in JSONata."""
        most = self._settings["MaximumSlotSeconds"] / SLOT_PAUSES
        grown = f"$max([{SLOT_PAUSE_SECONDS}, $min([({waited}) * {SLOT_PAUSE_SHARE}, {most}])])"
        return jsonata(f"{grown} * (0.5 + $random())")

    def _poll_job(self, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        names = ("Settings", "Polls", "Attempt", "Looks", "Limit", "StopCode", "Warnings")
        answers = ("Job", "Polls", "Looks", "LagSeconds", "WaitSeconds", "Limit", "StopCode", "Warnings")
        assign = {
            **_answers(contracts.PollJobOutput, *answers),
            "elapsed": jsonata(read(contracts.PollJobOutput, "ElapsedSeconds")),
        }
        task = self._task(
            "PollJob",
            function,
            contracts.PollJobInput,
            {"JobId": _JOB_ID, **_variables(*names)},
            assign=assign,
            outputs=jsonata(RESULT),
            job_when_it_fails=None,
            patience=3,
            attempts=3,
        )
        # It is known a moment after its start; if not after these tries, there is no such job to wait for.
        task.add_catch(self.publish_failure, errors=["JobNotFoundException"], outputs=_caught("$job"))
        return task

    def _failed_poll(self, poll: sfn.IChainable, stop: sfn.IChainable) -> sfn.Choice:
        """Return what follows a poll that failed, which says nothing about the job: it is polled again until its limit.

        Then it is stopped; of a job that should have stopped by then, the outcome says that it may run.
        """
        pause = f"$ceil($max([1, $min([$limit - $elapsed, $max([{_FAILING_SECONDS}, $elapsed * {_FAILING_SHARE}])])]))"
        again = self._wait("PollAgain", pause, elapsed=jsonata(f"$elapsed + {pause}"))
        again.next(poll)
        return (
            sfn.Choice.jsonata(self._scope, "PollFailed")
            .when(sfn.Condition.jsonata(jsonata("$elapsed < $limit")), again)
            .when(sfn.Condition.jsonata(jsonata("$stopCode = null")), stop)
            .otherwise(self.publish_failure)
        )

    def _stop_job(self, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        # Where polls fail, none has said so.
        assign = {
            "stopCode": jsonata("$stopCode = null ? 'JobTimedOut' : $stopCode"),
            "limit": jsonata(f"$stopCode = null ? $elapsed + {STOPPING_SECONDS} : $limit"),
        }
        return self._task("StopJob", function, contracts.StopJobInput, {"JobId": _JOB_ID}, assign=assign)

    def _step(self, **states: sfn.IChainable) -> sfn.Choice:
        choice = sfn.Choice.jsonata(self._scope, "JobStatus")
        for name, state in states.items():
            is_it = f"{read(contracts.PollJobOutput, 'Step', of=INPUT)} = '{name}'"
            choice.when(sfn.Condition.jsonata(jsonata(is_it)), state)
        return choice.otherwise(self.publish_failure)

    def _publish_result(self, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        names = ("Job", "Inventory", "Estimate", "Warnings", "Settings", "Polls", "LagSeconds", "StopCode")
        given = {"Execution": _EXECUTION, **_variables(*names)}
        outcome = jsonata(read(contracts.OutcomeOutput, "Outcome"))
        contract = contracts.PublishResultInput
        task = self._task("PublishResult", function, contract, given, outputs=outcome, timed_out=1)
        task.next(self._ended)
        return task

    def _failure(self, function: lambda_.IFunction) -> sfn.IChainable:
        job = f"$exists({INPUT}.Job) ? {INPUT}.Job : {_NO_JOB}"
        given = {"Error": jsonata(f"{INPUT}.Error"), "Job": jsonata(job), "Execution": _EXECUTION}
        outcome = jsonata(read(contracts.OutcomeOutput, "Outcome"))
        # Without a Catch: if it fails for good, the sweep reports the execution.
        task = self._task(
            "PublishFailure", function, contracts.PublishFailureInput, given, outputs=outcome, job_when_it_fails=None
        )
        return task.next(self._ended)

    def _outcome(self) -> sfn.Choice:
        """Return the end of all executions: the status of the outcome says whether it succeeds."""
        code, message, hint = (
            read(contracts.Outcome, f"Error.{field}", of=INPUT) for field in ("Code", "Message", "Hint")
        )
        cause = f"{message} & ($exists({hint}) ? ' | ' & {hint} : '')"
        failed = sfn.Fail.jsonata(self._scope, "JobFailed", error=jsonata(code), cause=jsonata(cause))
        unsuccessful = f"{read(contracts.Outcome, 'Status', of=INPUT)} in {list(contracts.FAILED)}"
        return (
            sfn.Choice.jsonata(self._scope, "Reported")
            .when(sfn.Condition.jsonata(jsonata(unsuccessful)), failed)
            .otherwise(sfn.Succeed.jsonata(self._scope, "JobEnded"))
        )

    def _wait(self, name: str, seconds: str, **assign: object) -> sfn.Wait:
        return sfn.Wait.jsonata(self._scope, name, time=sfn.WaitTime.seconds(jsonata(seconds)), assign=assign)

    def _task(
        self,
        name: str,
        function: lambda_.IFunction,
        contract: type,
        given: Mapping[str, object],
        *,
        assign: Mapping[str, object] | None = None,
        outputs: str | None = None,
        job_when_it_fails: str | None = "$job",
        patience: int = _PATIENT,
        attempts: int = 8,
        timed_out: int = 8,
    ) -> tasks.LambdaInvoke:
        task = tasks.LambdaInvoke.jsonata(
            self._scope,
            name,
            lambda_function=function,
            payload=sfn.TaskInput.from_object(payload(name, contract, given)),
            retry_on_service_exceptions=False,
            assign=assign,
            outputs=outputs,
        )
        for errors, tries in (
            (_FINAL, 0),
            (_THROTTLING, patience),
            (_TIMED_OUT, timed_out),
            (["States.ALL"], attempts),
        ):
            task.add_retry(
                errors=errors,
                interval=Duration.seconds(2),
                backoff_rate=2,
                max_attempts=tries,
                max_delay=Duration.minutes(2),
                jitter_strategy=sfn.JitterType.FULL,
            )
        if job_when_it_fails:
            self._report(task, job_when_it_fails)
        return task

    def _report(self, task: tasks.LambdaInvoke, job: str) -> None:
        task.add_catch(self.publish_failure, errors=["States.ALL"], outputs=_caught(job))


def _caught(job: str) -> str:
    """Return the output of a Catch: the error, and what is known of the job."""
    return jsonata(f"{{'Error': $states.errorOutput, 'Job': {job}}}")


def _variables(*keys: str) -> dict[str, str]:
    """Return keys of a payload with the variables of the same names."""
    return {key: jsonata(f"${_variable(key)}") for key in keys}


def _answers(contract: type, *keys: str) -> dict[str, object]:
    """Return variables with the keys of the same names in the answer of a task."""
    return {_variable(key): jsonata(read(contract, key)) for key in keys}


def _variable(key: str) -> str:
    return key[0].lower() + key[1:]
