"""The state machine around its definition, and the watch over executions that end without its doing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from entities_job.request import limits

from ._access import acknowledge, acknowledge_wildcards, executions_arn, service
from ._completion import CompletionEvents
from ._definition import Definition
from ._functions import FunctionFactory, Functions
from ._staging import stage_batch
from ._storage import Storage

# The last two errors are such as no state can catch.
_UNREPORTED = [
    {"status": ["ABORTED", "TIMED_OUT"]},
    {"status": ["FAILED"], "error": ["States.Runtime", "States.DataLimitExceeded"]},
]

# A start may wait for a free slot, and stopping and publishing take their time.
_GRACE = Duration.hours(12)


def state_machine(
    scope: Construct,
    functions: Functions,
    *,
    factory: FunctionFactory,
    settings: Mapping[str, Any],
    storage: Storage,
    completion: CompletionEvents | None,
) -> sfn.StateMachine:
    """A Standard state machine whose logs hold no payloads: documents' names may be private."""
    stack = Stack.of(scope)
    parts = Construct(scope, "StateMachine")
    every_machine = stack.format_arn(service="states", resource="*")
    role = iam.Role(parts, "Role", assumed_by=service(scope, "states.amazonaws.com", every_machine))
    versions = [f"{function.function_arn}:*" for function in vars(functions).values()]
    acknowledge_wildcards(role, versions, "the Lambda task of Step Functions may call any version of its one function")
    acknowledge_wildcards(role, ["*"], "IAM knows no resources for log delivery and X-Ray")
    definition = Definition(parts, functions, settings, completion)
    start = stage_batch(
        parts,
        functions.stage,
        storage=storage,
        inspect_input=definition.start,
        publish_failure=definition.publish_failure,
    )
    largest = math.ceil(limits.MAXIMUM_BYTES / 1e9)
    machine = sfn.StateMachine(
        parts,
        "Resource",
        definition_body=sfn.DefinitionBody.from_chainable(start),
        state_machine_type=sfn.StateMachineType.STANDARD,
        timeout=Duration.seconds(settings["MaximumSeconds"] + largest * settings["SecondsPerGigabyte"]).plus(_GRACE),
        tracing_enabled=True,
        logs=sfn.LogOptions(destination=factory.log_group(parts), level=sfn.LogLevel.ALL, include_execution_data=False),
        role=role,
    )
    if completion:
        completion.grant(machine, role)
    runs = executions_arn(machine).removesuffix(":*")
    followed = "a Distributed Map follows its child executions, whatever their names"
    acknowledge_wildcards(machine, [f"{runs}:*", f"{runs}/*:*"], followed)
    return machine


def unreported_queue(scope: Construct) -> sqs.Queue:
    """Keeps the events of executions whose end could not be reported."""
    queue = sqs.Queue(
        scope,
        "Unreported",
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(14),
    )
    for rule in ("AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"):
        acknowledge(queue, rule, "this queue is itself a dead-letter queue")
    return queue


def report_aborted(
    scope: Construct, machine: sfn.StateMachine, publish_failure: lambda_.Function, unreported: sqs.IQueue
) -> None:
    """Have the job of an execution that is aborted or times out stopped, and its end reported; nothing else would."""
    events.Rule(
        scope,
        "ExecutionAborted",
        description="Executions that end without reporting it themselves",
        event_pattern=events.EventPattern(
            source=["aws.states"],
            detail_type=["Step Functions Execution Status Change"],
            detail={"stateMachineArn": [machine.state_machine_arn], "$or": _UNREPORTED},
        ),
        targets=[targets.LambdaFunction(publish_failure, dead_letter_queue=unreported)],
    )
