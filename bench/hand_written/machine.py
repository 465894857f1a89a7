"""The state machine of the smallest workflow, by hand: the same states, retries, catches and choices."""

from __future__ import annotations

from typing import Any, NamedTuple

from aws_cdk import Duration, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

_EXECUTION = {
    "Id": "{% $states.context.Execution.Id %}",
    "Name": "{% $states.context.Execution.Name %}",
    "StateMachineArn": "{% $states.context.StateMachine.Id %}",
    "StartTime": "{% $states.context.Execution.StartTime %}",
    "RedriveCount": "{% $states.context.Execution.RedriveCount %}",
}
_FINAL = ["RequestRefused", "SlotTaken", "NoFreeSlot", "InvalidRequestException", "ResourceNotFoundException"]
_THROTTLING = ["TooManyRequestsException", "ThrottlingException", "SlowDown"]


class Tasks(NamedTuple):
    """The functions that the state machine calls."""

    inspect_input: lambda_.Function
    start_job: lambda_.Function
    poll_job: lambda_.Function
    stop_job: lambda_.Function
    publish_result: lambda_.Function
    publish_failure: lambda_.Function
    stage: lambda_.Function
    await_output: lambda_.Function


def definition(
    scope: Construct, functions: Tasks, documents: s3.Bucket, output: s3.Bucket, settings: dict[str, Any]
) -> sfn.IChainable:
    """Return the first state; all others follow from it."""
    failed = sfn.Fail.jsonata(
        scope, "JobFailed", error="{% $states.input.Error.Code %}", cause="{% $states.input.Error.Message %}"
    )
    ended = (
        sfn.Choice.jsonata(scope, "Reported")
        .when(_where("$states.input.Status in ['ABORTED', 'FAILED', 'REFUSED', 'TIMED_OUT']"), failed)
        .otherwise(sfn.Succeed.jsonata(scope, "JobEnded"))
    )
    outcome = "{% $states.result.Payload.Outcome %}"
    told = {"Error": "{% $states.input.Error %}", "Job": "{% $states.input.Job %}", "Execution": _EXECUTION}
    failure = _task(scope, "PublishFailureTask", functions.publish_failure, told, outputs=outcome)
    failure.next(ended)
    inspect = _task(
        scope,
        "InspectInputTask",
        functions.inspect_input,
        {"Input": "{% $states.input %}", "Settings": settings, "Execution": _EXECUTION},
        assign={
            "settings": settings,
            "request": "{% $states.result.Payload.Request %}",
            "inventory": "{% $states.result.Payload.Inventory %}",
            "estimate": "{% $states.result.Payload.Estimate %}",
            "warnings": "{% $states.result.Payload.Warnings %}",
            **{"polls": 0, "looks": 0, "elapsed": 0, "slotSeconds": 0, "attempt": 1},
            "job": "{% {'JobStatus': 'NOT_STARTED'} %}",
        },
        outputs="{% $states.result.Payload %}",
    )
    start = _task(
        scope,
        "StartJobTask",
        functions.start_job,
        {"Execution": _EXECUTION, **_variables("Request", "Settings", "Attempt", "SlotSeconds")},
        assign={"job": "{% $states.result.Payload.Job %}", "waitSeconds": "{% $states.result.Payload.WaitSeconds %}"},
    )
    wait_for_slot = _wait(scope, "WaitForSlot", "$slotPause", slotSeconds="{% $slotSeconds + $slotPause %}")
    start.add_catch(wait_for_slot.next(start), errors=["SlotTaken"])
    names = ("job", "polls", "looks", "lagSeconds", "waitSeconds", "limit", "stopCode", "warnings", "elapsed")
    poll = _task(
        scope,
        "PollJobTask",
        functions.poll_job,
        {"JobId": "{% $job.JobId %}", **_variables("Settings", "Polls", "Attempt", "Looks", "Limit", "StopCode")},
        assign={name: f"{{% $states.result.Payload.{name[0].upper()}{name[1:]} %}}" for name in names},
        outputs="{% $states.result.Payload %}",
    )
    wait_for_job = _wait(scope, "WaitForJob", "$waitSeconds", elapsed="{% $elapsed + $waitSeconds %}")
    stop = _task(
        scope,
        "StopJobTask",
        functions.stop_job,
        {"JobId": "{% $job.JobId %}"},
        assign={"stopCode": "{% $stopCode = null ? 'JobTimedOut' : $stopCode %}", "limit": "{% $elapsed + 3600 %}"},
    )
    publish = _task(
        scope,
        "PublishResultTask",
        functions.publish_result,
        {
            "Execution": _EXECUTION,
            **_variables("Job", "Inventory", "Estimate", "Warnings", "Settings", "Polls", "LagSeconds", "StopCode"),
        },
        outputs=outcome,
    )
    publish.next(ended)
    restart = _wait(scope, "WaitBeforeRestart", "$attempt * 60", attempt="{% $attempt + 1 %}", looks=0, elapsed=0)
    wait_for_output = _wait_for_output(scope, functions.await_output)
    step = sfn.Choice.jsonata(scope, "JobStatus")
    for name, state in (
        ("WAIT", wait_for_job),
        ("AWAIT", wait_for_output),
        ("STOP", stop),
        ("PUBLISH", publish),
        ("RESTART", restart),
    ):
        step.when(_where(f"$states.input.Step = '{name}'"), state)
    step.otherwise(failure)
    poll_again = _wait(scope, "PollAgain", "$max([60, $elapsed * 0.05])", elapsed="{% $elapsed + 60 %}")
    poll_failed = (
        sfn.Choice.jsonata(scope, "PollFailed")
        .when(_where("$elapsed < $limit"), poll_again)
        .when(_where("$stopCode = null"), stop)
        .otherwise(failure)
    )
    taken_up = sfn.Choice.jsonata(scope, "TakenUp").when(_where("$exists($states.input.Job)"), poll).otherwise(start)
    caught = "{% {'Error': $states.errorOutput, 'Job': $job} %}"
    poll.add_catch(failure, errors=["JobNotFoundException"], outputs=caught)
    poll.add_catch(poll_failed, errors=["States.ALL"], outputs=caught)
    for state in (inspect, start, stop, publish):
        state.add_catch(failure, errors=["States.ALL"], outputs=caught)
    inspect.next(taken_up)
    start.next(wait_for_job).next(poll)
    wait_for_output.next(poll)
    restart.next(start)
    stop.next(wait_for_job)
    poll.next(step)
    poll_again.next(poll)
    return _staging(scope, stage=functions.stage, documents=documents, output=output, inspect=inspect, failure=failure)


def _staging(
    scope: Construct,
    *,
    stage: lambda_.Function,
    documents: s3.Bucket,
    output: s3.Bucket,
    inspect: sfn.IChainable,
    failure: sfn.IChainable,
) -> sfn.IChainable:
    shards = sfn.DistributedMap(
        scope,
        "StageBatch",
        item_reader=sfn.S3ObjectsItemReader(bucket=documents, prefix=sfn.JsonPath.string_at("$.Manifest")),
        item_selector={
            "Shard": sfn.JsonPath.format(
                f"s3://{documents.bucket_name}/{{}}", sfn.JsonPath.string_at("$$.Map.Item.Value.Key")
            ),
            "Execution": sfn.JsonPath.string_at("$$.Execution.Name"),
            "ClaimsUri": f"s3://{documents.bucket_name}/claims/",
            "ResultsUri": f"s3://{output.bucket_name}/results/",
        },
        max_concurrency=10,
        result_path="$.Shards",
    )
    shard = tasks.LambdaInvoke(
        scope, "StageShard", lambda_function=stage, payload_response_only=True, retry_on_service_exceptions=False
    )
    for state, attempts in ((shard, 8), (shards, 2)):
        _retry(state, ["States.ALL"], attempts)
    shard.add_catch(sfn.Pass(scope, "ShardFailed"), errors=["States.ALL"])
    shards.item_processor(shard)
    shards.add_catch(failure, errors=["States.ALL"], result_path="$.Error")
    nothing = "$sum([$states.input.Shards.Staged]) = 0"
    anything = sfn.Choice.jsonata(scope, "AnythingStaged")
    anything.when(_where("$exists($states.input.Shards.Error)"), failure, outputs="{% {'Error': 'Failed'} %}")
    anything.when(_where(f"$not({nothing})"), inspect, outputs="{% $states.context.Execution.Input %}")
    anything.when(_where(nothing), failure, outputs="{% {'Error': 'NothingNew'} %}")
    shards.next(anything)
    return (
        sfn.Choice.jsonata(scope, "BatchOfUploads")
        .when(
            _where("$contains($string($states.input.InputDataConfig.S3Uri), '/staging/')"),
            shards,
            outputs={"Manifest": "{% $substringAfter($states.input.InputDataConfig.S3Uri, '/staging/') %}"},
        )
        .otherwise(inspect)
    )


def _wait_for_output(scope: Construct, function: lambda_.Function) -> sfn.CustomState:
    return sfn.CustomState(
        scope,
        "WaitForOutput",
        state_json={
            "Type": "Task",
            "QueryLanguage": "JSONata",
            "Resource": f"arn:{Stack.of(scope).partition}:states:::lambda:invoke.waitForTaskToken",
            "Arguments": {
                "FunctionName": function.function_arn,
                "Payload": {
                    "Token": "{% $states.context.Task.Token %}",
                    "Execution": "{% $states.context.Execution.Name %}",
                    "JobId": "{% $job.JobId %}",
                    "OutputUri": "{% $job.OutputDataConfig.S3Uri %}",
                },
            },
            "TimeoutSeconds": "{% $waitSeconds %}",
            "Assign": {"looks": 1},
            "Catch": [
                {"ErrorEquals": ["States.Timeout"], "Next": "PollJobTask"},
                {"ErrorEquals": ["States.ALL"], "Next": "WaitForJob"},
            ],
        },
    )


def _task(
    scope: Construct, name: str, function: lambda_.IFunction, payload: dict[str, Any], **options: Any
) -> tasks.LambdaInvoke:
    made = tasks.LambdaInvoke.jsonata(
        scope,
        name,
        lambda_function=function,
        payload=sfn.TaskInput.from_object(payload),
        retry_on_service_exceptions=False,
        **options,
    )
    for errors, tries in ((_FINAL, 0), (_THROTTLING, 50), (["Sandbox.Timedout"], 8), (["States.ALL"], 8)):
        _retry(made, errors, tries)
    return made


def _retry(state: sfn.TaskStateBase | sfn.DistributedMap, errors: list[str], tries: int) -> None:
    state.add_retry(
        errors=errors,
        interval=Duration.seconds(2),
        backoff_rate=2,
        max_attempts=tries,
        max_delay=Duration.minutes(2),
        jitter_strategy=sfn.JitterType.FULL,
    )


def _wait(scope: Construct, name: str, seconds: str, **assign: object) -> sfn.Wait:
    return sfn.Wait.jsonata(scope, name, time=sfn.WaitTime.seconds(f"{{% {seconds} %}}"), assign=assign)


def _where(expression: str) -> sfn.Condition:
    return sfn.Condition.jsonata(f"{{% {expression} %}}")


def _variables(*keys: str) -> dict[str, str]:
    return {key: f"{{% ${key[0].lower()}{key[1:]} %}}" for key in keys}
