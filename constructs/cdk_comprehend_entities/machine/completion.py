"""Completion events: the event of a job's output wakes the execution that waits for it.

Lost events cost time only: the wait ends with the next poll of the schedule at the latest.
"""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from entities_job import contracts, operation

from .._functions import FunctionFactory
from .._payloads import jsonata, payload
from .._storage import Storage, object_created
from ..rights.access import allow
from ..rights.acknowledged import acknowledge
from ..rights.functions import grant_await_output, grant_wake


class CompletionEvents(Construct):
    """The function that keeps task tokens until their job's output is there, and the rule that announces outputs."""

    def __init__(self, scope: Construct, construct_id: str, *, factory: FunctionFactory, storage: Storage) -> None:
        super().__init__(scope, construct_id)
        jobs, waiting = storage.jobs, storage.work.below("waiting/")
        self.function = factory.function(self, "AwaitOutput", "await_output")
        grant_await_output(self.function, storage, waiting)
        put = object_created(jobs.bucket, {"wildcard": f"{jobs.path}*/{operation.ARCHIVE}"})
        rule = events.Rule(self, "OutputPut", description="Outputs of entity-detection jobs", event_pattern=put)
        rule.add_target(targets.LambdaFunction(self.function))
        acknowledge(rule, "output-rule")

    def grant(self, machine: sfn.IStateMachine, role: iam.IRole) -> None:
        """Let the machine's ``role`` call the function, and the function wake executions of the machine."""
        called = [self.function.function_arn]
        allow(role, "lambda:InvokeFunction", on=called, source="AWS Step Functions Developer Guide, connect-lambda")
        own = self.function.role
        assert own is not None
        grant_wake(self, own, machine)

    def state(self, *, poll: str, without: str) -> sfn.CustomState:
        """Return the state that waits for the output, at most ``$waitSeconds``.

        Args:
            poll: the name of the state that comes next.
            without: the name of the state that waits if the function fails.
        """
        # CDK renders a JSONata state's timeout as TimeoutSecondsPath, which Step Functions rejects there.
        return sfn.CustomState(
            self,
            "WaitForOutput",
            state_json={
                "Type": "Task",
                "QueryLanguage": "JSONata",
                "Resource": f"arn:{Stack.of(self).partition}:states:::lambda:invoke.waitForTaskToken",
                "Arguments": {
                    "FunctionName": self.function.function_arn,
                    "Payload": payload(
                        "WaitForOutput",
                        contracts.AwaitOutputInput,
                        {
                            "Token": jsonata("$states.context.Task.Token"),
                            "Execution": jsonata("$states.context.Execution.Name"),
                            "JobId": jsonata("$job.JobId"),
                            "OutputUri": jsonata("$job.OutputDataConfig.S3Uri"),
                        },
                    ),
                },
                "TimeoutSeconds": jsonata("$waitSeconds"),
                "Assign": {"looks": 1},
                "Catch": [
                    {"ErrorEquals": ["States.Timeout"], "Next": poll},
                    {"ErrorEquals": ["States.ALL"], "Next": without},
                ],
            },
        )
