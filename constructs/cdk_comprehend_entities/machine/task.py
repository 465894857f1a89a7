"""The workflow as one state of another state machine."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct


def execution_task(
    scope: Construct, construct_id: str, *, machine: sfn.IStateMachine, request: Mapping[str, object] | None
) -> sfn.Parallel:
    """Return a state that runs an execution to its end; arguments: ``EntitiesDetectionWorkflow.as_task``.

    Step Functions names every failure of an execution States.TaskFailed; the one branch raises the job's own error.
    """
    execution = tasks.StepFunctionsStartExecution.jsonata(
        scope,
        f"{construct_id}Execution",
        state_machine=machine,
        integration_pattern=sfn.IntegrationPattern.RUN_JOB,
        input=sfn.TaskInput.from_object(request) if request else sfn.TaskInput.from_text("{% $states.input %}"),
        outputs="{% $states.result.Output %}",
    )
    ended = "$parse($states.input.Cause)"
    failed = sfn.Fail.jsonata(
        scope,
        f"{construct_id}Failed",
        error=f"{{% {ended}.Error ? {ended}.Error : 'Execution' & {ended}.Status %}}",
        cause=f"{{% {ended}.Cause ? {ended}.Cause : $states.input.Cause %}}",
    )
    execution.add_catch(failed, errors=["States.TaskFailed"])
    return sfn.Parallel.jsonata(scope, construct_id, outputs="{% $states.result[0] %}").branch(execution)
