"""The workflow as one state of another state machine."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from entities_job.contracts import STARTED_BY

from .._payloads import INPUT, jsonata


def execution_task(
    scope: Construct, construct_id: str, *, machine: sfn.IStateMachine, request: Mapping[str, object] | None
) -> sfn.Parallel:
    """Return a state that runs an execution to its end; arguments: ``EntitiesDetectionWorkflow.as_task``.

    Step Functions names every failure of an execution States.TaskFailed; the one branch raises the job's own error.
    """
    link = {STARTED_BY: jsonata("$states.context.Execution.Id")}
    whole = f"$type({INPUT}) = 'object' ? $merge([{INPUT}, {{'{STARTED_BY}': $states.context.Execution.Id}}]) : {INPUT}"
    execution = tasks.StepFunctionsStartExecution.jsonata(
        scope,
        f"{construct_id}Execution",
        state_machine=machine,
        integration_pattern=sfn.IntegrationPattern.RUN_JOB,
        input=sfn.TaskInput.from_object({**request, **link}) if request else sfn.TaskInput.from_text(jsonata(whole)),
        outputs=jsonata("$states.result.Output"),
    )
    error, cause, status = _told("Error"), _told("Cause"), _told("Status")
    ended = f"{error} ? {error} : {status} ? 'Execution' & {status} : {INPUT}.Error"
    failed = sfn.Fail.jsonata(
        scope,
        f"{construct_id}Failed",
        # One that could not be started has an error of its own.
        error=jsonata(f"{INPUT}.Error = 'States.TaskFailed' ? ({ended}) : {INPUT}.Error"),
        cause=jsonata(f"{cause} ? $parse('\"' & {cause} & '\"') : {INPUT}.Cause"),
    )
    execution.add_catch(failed, errors=["States.TaskFailed"])
    return sfn.Parallel.jsonata(scope, construct_id, outputs="{% $states.result[0] %}").branch(execution)


def _told(name: str) -> str:
    """Return the JSONata of a text in the description of a failed execution, which is JSON that may be cut off.

    In texts before it every quotation mark is escaped, so that none of them is taken for it. JSONata would take a
    bracket behind a backslash for one that does not close.
    """
    return f'$match({INPUT}.Cause, /"{name}" *: *"((?:[^\\\\"]|\\\\.)*)"/)[0].groups[0]'
