"""The state machine around its definition, and the rule for executions that end without reporting it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from aws_cdk import Duration, Fn, Names, Stack, Tags
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from entities_job.contracts import Settings

from .._functions import FunctionFactory, Functions
from .._storage import Storage
from .._strict import StandardHardening, StrictHardening
from .._values import ExecutionLimits
from ..monitoring.alarms import alarm
from ..rights.access import executions_arn, role, service
from ..rights.acknowledged import acknowledge
from ..rights.functions import grant_describe
from .completion import CompletionEvents
from .definition import Definition
from .staging import stage_batch

_TAG = "cdk-comprehend-entities"

_FAILING = Duration.minutes(15)


def state_machine(
    scope: Construct,
    functions: Functions,
    factory: FunctionFactory,
    *,
    settings: Settings,
    limits: ExecutionLimits,
    storage: Storage,
    completion: CompletionEvents | None,
) -> sfn.StateMachine:
    """Return a Standard state machine whose logs hold no payloads: documents' names may be private."""
    stack = Stack.of(scope)
    parts = Construct(scope, "StateMachine")
    every_machine = stack.format_arn(service="states", resource="*")
    own = role(parts, "Role", service(scope, "states.amazonaws.com", every_machine))
    versions = [f"{function.function_arn}:*" for function in vars(functions).values()]
    acknowledge(own, "function-versions", arns=versions)
    acknowledge(own, "no-resources", arns=["*"])
    definition = Definition(parts, functions, settings, limits, completion)
    start = stage_batch(
        parts,
        functions.stage,
        storage=storage,
        definition=definition,
        unique_names=settings.get("UniqueNames", False),
    )
    machine = sfn.StateMachine(
        parts,
        "Resource",
        definition_body=sfn.DefinitionBody.from_chainable(start),
        state_machine_type=sfn.StateMachineType.STANDARD,
        timeout=limits.longest(),
        tracing_enabled=True,
        logs=sfn.LogOptions(
            destination=factory.log_group(parts, name=_log_group_name(parts)),
            level=sfn.LogLevel.ALL,
            include_execution_data=False,
        ),
        role=own,
    )
    if completion:
        completion.grant(machine, own)
    runs = executions_arn(machine).removesuffix(":*")
    acknowledge(machine, "map-runs", arns=[f"{runs}:*", f"{runs}/*:*"])
    return machine


def _log_group_name(scope: Construct) -> str:
    """Return a name under which log groups need no place of their own in the account's policy for log delivery.

    The policy takes 5,120 characters, which grown accounts have used up (AWS Step Functions Developer Guide, bp-cwl).
    The end of the stack's id keeps the name free of the log group that an earlier stack of the name has left.
    """
    stack_id = Fn.select(4, Fn.split("-", Fn.select(2, Fn.split("/", Stack.of(scope).stack_id))))
    return f"/aws/vendedlogs/states/{Names.unique_resource_name(scope, max_length=64)}-{stack_id}"


def tag_parts(machine: sfn.StateMachine, service_name: str, storage: Storage, unreported: sqs.IQueue) -> None:
    """Tag the state machine with the parts that every workflow has."""
    try:
        release = version("cdk-comprehend-entities")
    except PackageNotFoundError:
        release = "unreleased"
    places = {"input": storage.documents.uri, "results": storage.results.uri, "unreported": unreported.queue_url}
    tag(machine, {"workflow": service_name, "version": release, **places})


def tag(machine: sfn.StateMachine, values: Mapping[str, str]) -> None:
    """Tag the state machine, by which command lines find a deployment and its parts; ``docs/architecture.md``."""
    for name, value in values.items():
        Tags.of(machine).add(f"{_TAG}:{name}", value)


def unreported_queue(scope: Construct, hardening: StandardHardening | StrictHardening) -> sqs.Queue:
    """Return a new queue of events of executions whose end could not be reported."""
    kept, encryption = Duration.days(14), sqs.QueueEncryption.SQS_MANAGED
    queue = sqs.Queue(scope, "Unreported", encryption=encryption, enforce_ssl=True, retention_period=kept)
    hardening.queue(queue)
    acknowledge(queue, "unreported-queue")
    return queue


def report_ends(
    scope: Construct, machine: sfn.StateMachine, publish_failure: lambda_.Function, unreported: sqs.IQueue
) -> None:
    """Have the jobs of an execution that ended without success stopped, and its end reported if it did not do so."""
    grant_describe(scope, publish_failure, machine)
    events.Rule(
        scope,
        "ExecutionEnded",
        description="Executions that ended without success and may not have reported it",
        event_pattern=events.EventPattern(
            source=["aws.states"],
            detail_type=["Step Functions Execution Status Change"],
            detail={"stateMachineArn": [machine.state_machine_arn], "status": ["ABORTED", "FAILED", "TIMED_OUT"]},
        ),
        targets=[targets.LambdaFunction(publish_failure, dead_letter_queue=unreported)],
    )


def failing_polls_alarm(scope: Construct, poll_job: lambda_.Function) -> cloudwatch.Alarm:
    """Return an alarm on polls that have all failed for 15 minutes; jobs run on meanwhile, and cost."""
    called: Any = {"period": _FAILING, "statistic": cloudwatch.Stats.SUM}
    share = cloudwatch.MathExpression(
        expression="(errors + throttles) / (invocations + throttles)",
        using_metrics={
            "errors": poll_job.metric_errors(**called),
            "throttles": poll_job.metric_throttles(**called),
            "invocations": poll_job.metric_invocations(**called),
        },
        period=_FAILING,
        label="Share of polls that failed",
    )
    return alarm(
        scope,
        "FailingPolls",
        share,
        "Every poll of jobs has failed for 15 minutes; the jobs continue to run",
        threshold=1,
    )
