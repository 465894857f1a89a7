"""The state machine's definition: start, wait, poll through the job's states, publish.

Payloads of the tasks: :mod:`entities_job.contracts`, shown in docs/architecture.md, section 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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

from .._payloads import INPUT, RESULT, jsonata, read
from .states import EXECUTION, answers, caught, task, variables, wait, where

if TYPE_CHECKING:
    from .._functions import Functions
    from .._values import ExecutionLimits
    from .completion import CompletionEvents

_JOB_ID = jsonata(read(contracts.Job, "JobId", of="$job"))

# What stands for the job in the outcome of an execution that never started one.
_NO_JOB = "{'JobStatus': 'NOT_STARTED'}"

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
        waiting = wait(self._scope, "WaitForJob", "$waitSeconds", elapsed=jsonata("$elapsed + $waitSeconds"))
        poll = self._poll_job(functions.poll_job)
        stop = self._stop_job(functions.stop_job)
        publish = self._publish_result(functions.publish_result)
        # The job that failed is no longer the execution's: if the next start's answer is lost, its job is looked for.
        anew = {"attempt": jsonata("$attempt + 1"), "looks": 0, "elapsed": 0, **self._no_slot_yet()}
        anew["job"] = jsonata(_NO_JOB)
        restart = wait(self._scope, "WaitBeforeRestart", "$attempt * 60", **anew)
        self.start_job: sfn.IChainable = start_job
        self.inspected = taken_up = sfn.Choice.jsonata(scope, "TakenUp")
        exists = where(f"$exists({read(contracts.InspectInputOutput, 'Job', of=INPUT)})")
        self.start: sfn.IChainable = inspect.next(taken_up.when(exists, poll).otherwise(start_job))
        start_job.next(waiting).next(poll)
        restart.next(start_job)
        stop.next(waiting)
        output = completion.state(poll=poll.id, without=waiting.id).next(poll) if completion else None
        poll.next(self._step(WAIT=waiting, AWAIT=output or waiting, STOP=stop, PUBLISH=publish, RESTART=restart))
        poll.add_catch(self._failed_poll(poll, stop), errors=["States.ALL"], outputs=caught("$job"))

    def _inspect_input(self, function: lambda_.IFunction, limits: ExecutionLimits) -> tasks.LambdaInvoke:
        inventory = read(contracts.InspectInputOutput, "Inventory.Bytes")
        per_byte = limits.duration_per_gigabyte.to_seconds() / 1e9
        taken_up = read(contracts.InspectInputOutput, "Job")
        made = task(
            self._scope,
            "InspectInput",
            function,
            contracts.InspectInputInput,
            {"Input": jsonata(INPUT), "Settings": self._settings, "Execution": EXECUTION},
            assign={
                **answers(contracts.InspectInputOutput, "Request", "Inventory", "Estimate", "Warnings"),
                **({"inspected": True} if self._settings.get("UniqueNames") else {}),
                **{"settings": self._settings, "polls": 0, "looks": 0, "elapsed": 0, **self._no_slot_yet()},
                # Of a job that is taken up, the first poll may fail for good.
                "waitSeconds": _FAILING_SECONDS,
                "limit": jsonata(f"{limits.duration.to_seconds()} + {inventory} * {per_byte!r}"),
                "stopCode": jsonata("null"),
                "lagSeconds": jsonata("null"),
                # A resumed job is never paid for again.
                "attempt": jsonata(f"$exists({taken_up}) ? {MAXIMUM_ATTEMPTS} : 1"),
                "job": jsonata(f"$exists({taken_up}) ? {taken_up} : {_NO_JOB}"),
            },
            outputs=jsonata(RESULT),
        )
        return self._reported(made, _NO_JOB)

    def _start_job(self, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        given = {"Execution": EXECUTION, **variables("Request", "Settings", "Attempt", "SlotSeconds")}
        assign = answers(contracts.StartJobOutput, "Job", "WaitSeconds")
        made = task(self._scope, contracts.START_JOB, function, contracts.StartJobInput, given, assign=assign)
        # At the limit there is one more look.
        pause = f"$ceil($max([1, $min([$slotPause, {self._settings['MaximumSlotSeconds']} - $slotSeconds])]))"
        waited = f"$slotSeconds + {pause}"
        later = wait(self._scope, "WaitForSlot", pause, slotSeconds=jsonata(waited), slotPause=self._slot_pause(waited))
        made.add_catch(later.next(made), errors=["SlotTaken"])
        return self._reported(made)

    def _no_slot_yet(self) -> dict[str, object]:
        return {"slotSeconds": 0, "slotPause": self._slot_pause("0")}

    def _slot_pause(self, waited: str) -> str:
        """Return the pause before the next check for a free slot; :data:`SLOT_PAUSES` says how it grows."""
        most = self._settings["MaximumSlotSeconds"] / SLOT_PAUSES
        grown = f"$max([{SLOT_PAUSE_SECONDS}, $min([({waited}) * {SLOT_PAUSE_SHARE}, {most}])])"
        return jsonata(f"{grown} * (0.5 + $random())")

    def _poll_job(self, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        names = ("Settings", "Polls", "Attempt", "Looks", "Limit", "StopCode", "Warnings")
        told = ("Job", "Polls", "Looks", "LagSeconds", "WaitSeconds", "Limit", "StopCode", "Warnings")
        assign = {
            **answers(contracts.PollJobOutput, *told),
            "elapsed": jsonata(read(contracts.PollJobOutput, "ElapsedSeconds")),
        }
        made = task(
            self._scope,
            "PollJob",
            function,
            contracts.PollJobInput,
            {"JobId": _JOB_ID, "Execution": EXECUTION, **variables(*names)},
            assign=assign,
            outputs=jsonata(RESULT),
            patience=3,
            attempts=3,
        )
        # It is known a moment after its start; if not after these tries, there is no such job to wait for.
        made.add_catch(self.publish_failure, errors=["JobNotFoundException"], outputs=caught("$job"))
        return made

    def _failed_poll(self, poll: sfn.IChainable, stop: sfn.IChainable) -> sfn.Choice:
        """Return what follows a poll that failed, which says nothing about the job: it is polled again until its limit.

        Then it is stopped; of a job that should have stopped by then, the outcome says that it may run.
        """
        pause = f"$ceil($max([1, $min([$limit - $elapsed, $max([{_FAILING_SECONDS}, $elapsed * {_FAILING_SHARE}])])]))"
        again = wait(self._scope, "PollAgain", pause, elapsed=jsonata(f"$elapsed + {pause}"))
        again.next(poll)
        return (
            sfn.Choice.jsonata(self._scope, "PollFailed")
            .when(where("$elapsed < $limit"), again)
            .when(where("$stopCode = null"), stop)
            .otherwise(self.publish_failure)
        )

    def _stop_job(self, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        # Where polls fail, none has said so.
        assign = {
            "stopCode": jsonata("$stopCode = null ? 'JobTimedOut' : $stopCode"),
            "limit": jsonata(f"$stopCode = null ? $elapsed + {STOPPING_SECONDS} : $limit"),
        }
        given = {"JobId": _JOB_ID, "Execution": EXECUTION}
        made = task(self._scope, "StopJob", function, contracts.StopJobInput, given, assign=assign)
        return self._reported(made)

    def _step(self, **states: sfn.IChainable) -> sfn.Choice:
        choice = sfn.Choice.jsonata(self._scope, "JobStatus")
        for name, state in states.items():
            is_it = f"{read(contracts.PollJobOutput, 'Step', of=INPUT)} = '{name}'"
            choice.when(where(is_it), state)
        return choice.otherwise(self.publish_failure)

    def _publish_result(self, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        names = ("Job", "Inventory", "Estimate", "Warnings", "Settings", "Polls", "LagSeconds", "StopCode")
        given = {"Execution": EXECUTION, **variables(*names)}
        outcome = jsonata(read(contracts.OutcomeOutput, "Outcome"))
        contract = contracts.PublishResultInput
        made = task(self._scope, "PublishResult", function, contract, given, outputs=outcome, timed_out=1)
        made.next(self._ended)
        return self._reported(made)

    def _failure(self, function: lambda_.IFunction) -> sfn.IChainable:
        job = f"$exists({INPUT}.Job) ? {INPUT}.Job : {_NO_JOB}"
        given = {"Error": jsonata(f"{INPUT}.Error"), "Job": jsonata(job), "Execution": EXECUTION}
        outcome = jsonata(read(contracts.OutcomeOutput, "Outcome"))
        # Without a Catch: if it fails for good, the sweep reports the execution.
        made = task(self._scope, "PublishFailure", function, contracts.PublishFailureInput, given, outputs=outcome)
        return made.next(self._ended)

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
            .when(where(unsuccessful), failed)
            .otherwise(sfn.Succeed.jsonata(self._scope, "JobEnded"))
        )

    def _reported(self, made: tasks.LambdaInvoke, job: str = "$job") -> tasks.LambdaInvoke:
        """Have an error that stays end the execution; ``job`` is the JSONata of what is known of it."""
        made.add_catch(self.publish_failure, errors=["States.ALL"], outputs=caught(job))
        return made
