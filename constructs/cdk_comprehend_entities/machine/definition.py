"""The state machine's definition: start, wait, poll through the job's states, publish.

Payloads of the tasks: docs/architecture.md, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

if TYPE_CHECKING:
    from ._completion import CompletionEvents
    from ._functions import Functions

_EXECUTION = {
    "Id": "{% $states.context.Execution.Id %}",
    "Name": "{% $states.context.Execution.Name %}",
    "StateMachineArn": "{% $states.context.StateMachine.Id %}",
}

# What stands for the job in the outcome of an execution that never started one.
_NO_JOB = "{'JobStatus': 'NOT_STARTED'}"

# What any task meets now and then. The functions are idempotent, so that repeating one whose end is unknown is safe.
_TROUBLE = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
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
_NOT_READY = ["ResourceUnavailableException", "KmsKeyValidationException"]


class Definition:
    """The states, wired; :attr:`start` is the first one, :attr:`publish_failure` where all errors end."""

    def __init__(
        self,
        scope: Construct,
        functions: Functions,
        settings: Mapping[str, Any],
        completion: CompletionEvents | None,
    ) -> None:
        self._scope = scope
        self._settings = settings
        self.publish_failure = self._failure(functions.publish_failure)
        inspect = self._inspect_input(functions.inspect_input)
        start_job = self._start_job(functions.start_job)
        wait = sfn.Wait.jsonata(scope, "WaitForJob", time=sfn.WaitTime.seconds("{% $waitSeconds %}"))
        poll = self._poll_job(functions.poll_job)
        stop = self._stop_job(functions.stop_job)
        publish = self._publish_result(functions.publish_result)
        restart = sfn.Wait.jsonata(
            scope,
            "WaitBeforeRestart",
            time=sfn.WaitTime.seconds("{% $attempt * 60 %}"),
            assign={"attempt": "{% $attempt + 1 %}", "looks": 0},
        )
        self.start: sfn.IChainable = inspect.next(start_job).next(wait).next(poll)
        restart.next(start_job)
        stop.next(wait)
        output = completion.state(look=poll.id, without=wait.id).next(poll) if completion else None
        poll.next(self._job_status(wait=wait, output=output, stop=stop, publish=publish, restart=restart))

    def _inspect_input(self, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        return self._task(
            "InspectInput",
            function,
            {"Input": "{% $states.input %}", "Settings": self._settings, "Execution": _EXECUTION},
            assign={
                "settings": self._settings,
                "request": "{% $states.result.Payload.Request %}",
                "inventory": "{% $states.result.Payload.Inventory %}",
                "estimate": "{% $states.result.Payload.Estimate %}",
                "warnings": "{% $states.result.Payload.Warnings %}",
                "attempt": 1,
                "polls": 0,
                "looks": 0,
                "stopped": "{% null %}",
                "job": f"{{% {_NO_JOB} %}}",
            },
            job_when_it_fails=_NO_JOB,
        )

    def _start_job(self, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        task = self._task(
            "StartJob",
            function,
            {
                "Request": "{% $request %}",
                "Settings": "{% $settings %}",
                "Execution": _EXECUTION,
                "Attempt": "{% $attempt %}",
            },
            assign={
                "job": "{% $states.result.Payload.Job %}",
                "waitSeconds": "{% $states.result.Payload.WaitSeconds %}",
            },
        )
        # A recognizer that is just being made ready, or a key policy that has not propagated yet.
        _retry(task, _NOT_READY, seconds=30, attempts=4, maximum=Duration.minutes(2))
        return task

    def _poll_job(self, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        result = "$states.result.Payload"
        task = self._task(
            "PollJob",
            function,
            {
                "JobId": "{% $job.JobId %}",
                "Settings": "{% $settings %}",
                "Polls": "{% $polls %}",
                "Attempt": "{% $attempt %}",
                "Looks": "{% $looks %}",
                "InputBytes": "{% $inventory.Bytes %}",
            },
            assign={
                "job": f"{{% {result}.Job %}}",
                "polls": f"{{% {result}.Polls %}}",
                "looks": f"{{% {result}.Looks %}}",
                "lagSeconds": f"{{% {result}.LagSeconds %}}",
                "waitSeconds": f"{{% {result}.WaitSeconds %}}",
            },
            outputs=f"{{% {result} %}}",
        )
        # Read after write: the service may not know a job at once that it has just accepted.
        _retry(task, ["JobNotFoundException"], seconds=5, attempts=3, maximum=Duration.minutes(1))
        return task

    def _stop_job(self, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        return self._task(
            "StopJob",
            function,
            {"JobId": "{% $job.JobId %}"},
            assign={"stopped": "{% $states.input.Overdue %}"},
        )

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
            also = f" and $boolean($states.input.{and_})" if and_ else ""
            return sfn.Condition.jsonata(f"{{% $states.input.JobStatus = '{name}'{also} %}}")

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
        task = self._task(
            "PublishResult",
            function,
            {
                "Job": "{% $job %}",
                "Inventory": "{% $inventory %}",
                "Estimate": "{% $estimate %}",
                "Warnings": "{% $warnings %}",
                "Settings": "{% $settings %}",
                "Execution": _EXECUTION,
                "Polls": "{% $polls %}",
                "LagSeconds": "{% $lagSeconds %}",
                "StopCode": "{% $stopped %}",
                "Checkpoint": "{% $exists($states.input.Checkpoint) ? $states.input.Checkpoint : null %}",
            },
            outputs="{% $states.result.Payload %}",
        )
        ended = sfn.Succeed.jsonata(self._scope, "JobEnded")
        published = (
            sfn.Choice.jsonata(self._scope, "Published")
            .when(sfn.Condition.jsonata("{% $not($states.input.Done) %}"), task)
            .when(sfn.Condition.jsonata("{% $states.input.Outcome.Status = 'TIMED_OUT' %}"), self._fail("JobTimedOut"))
            .when(sfn.Condition.jsonata("{% true %}"), ended, outputs="{% $states.input.Outcome %}")
        )
        task.next(published)
        return task

    def _failure(self, function: lambda_.IFunction) -> sfn.IChainable:
        task = tasks.LambdaInvoke.jsonata(
            self._scope,
            "PublishFailure",
            lambda_function=function,
            payload=sfn.TaskInput.from_object(
                {
                    "Error": "{% $exists($states.input.Error) ? $states.input : null %}",
                    # A staging that fails has no job yet.
                    "Job": "{% $exists($states.input.Job) ? $states.input.Job : {} %}",
                    "Execution": _EXECUTION,
                }
            ),
            retry_on_service_exceptions=False,
            outputs="{% $states.result.Payload %}",
        )
        _retry(task, [*_TROUBLE, *_THROTTLING], seconds=2, attempts=8, maximum=Duration.minutes(2))
        return task.next(self._fail("JobFailed"))

    def _fail(self, name: str) -> sfn.Fail:
        return sfn.Fail.jsonata(
            self._scope,
            name,
            error="{% $states.input.Outcome.Error.Code %}",
            cause="{% $states.input.Outcome.Error.Message & "
            "($exists($states.input.Outcome.Error.Hint) ? ' | ' & $states.input.Outcome.Error.Hint : '') %}",
        )

    def _task(
        self,
        name: str,
        function: lambda_.IFunction,
        payload: Mapping[str, Any],
        *,
        assign: Mapping[str, Any] | None = None,
        outputs: str | None = None,
        job_when_it_fails: str = "$job",
    ) -> tasks.LambdaInvoke:
        task = tasks.LambdaInvoke.jsonata(
            self._scope,
            name,
            lambda_function=function,
            payload=sfn.TaskInput.from_object(payload),
            retry_on_service_exceptions=False,
            assign=assign,
            outputs=outputs,
        )
        _retry(task, _TROUBLE, seconds=2, attempts=8, maximum=Duration.minutes(2))
        # With all of the account's slots taken, one is free after minutes: sat out for an hour and a half.
        # A failed poll is never a failed job, either: the job runs on.
        _retry(task, _THROTTLING, seconds=2, attempts=50, maximum=Duration.minutes(2))
        error = f"{{% $merge([$states.errorOutput, {{'Job': {job_when_it_fails}}}]) %}}"
        task.add_catch(self.publish_failure, errors=["States.ALL"], outputs=error)
        return task


def _retry(task: tasks.LambdaInvoke, errors: list[str], *, seconds: int, attempts: int, maximum: Duration) -> None:
    task.add_retry(
        errors=errors,
        interval=Duration.seconds(seconds),
        backoff_rate=2,
        max_attempts=attempts,
        max_delay=maximum,
        jitter_strategy=sfn.JitterType.FULL,
    )
