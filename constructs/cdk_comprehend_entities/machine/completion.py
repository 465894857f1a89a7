"""How the end of a job is noticed at once: the event of its output wakes the execution that waits for it.

Lost events cost time only: the wait ends with the next look of the poll schedule at the latest.
"""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from ._access import acknowledge, allow
from ._functions import FunctionFactory
from ._storage import Prefix, Storage


class CompletionEvents(Construct):
    """The function that keeps task tokens until their job's output is there, and the rule that tells it of outputs."""

    def __init__(self, scope: Construct, construct_id: str, *, factory: FunctionFactory, storage: Storage) -> None:
        super().__init__(scope, construct_id)
        jobs, work = storage.jobs, storage.work
        self._function = factory.function(self, "AwaitOutput", "await_output")
        waiting = Prefix(work.bucket, f"{work.path}waiting/", work.key)
        waiting.grant_write(self._function)
        waiting.grant_read(self._function)
        jobs.grant_read(self._function)
        jobs.grant_tell_missing(self._function)
        self._function.add_environment("WAITING_URI", waiting.uri)
        rule = events.Rule(
            self,
            "OutputPut",
            description="Outputs of entity-detection jobs",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [jobs.bucket.bucket_name]},
                    "object": {"key": [{"wildcard": f"{jobs.path}*/output/output.tar.gz"}]},
                },
            ),
            targets=[targets.LambdaFunction(self._function)],
        )
        acknowledge(rule, "Serverless-EventBusDLQ", "a lost event costs time only: the next look is due all the same")

    @property
    def _role(self) -> iam.IRole:
        role = self._function.role
        assert role is not None
        return role

    def grant(self, machine: sfn.IStateMachine, role: iam.IRole) -> None:
        """Let the machine's ``role`` call the function, and the function wake executions of the machine."""
        allow(role, "lambda:InvokeFunction", on=[self._function.function_arn])
        # Among the role's own rights it would make a circle: the function waits for them, the machine for the function.
        wake = iam.PolicyStatement(actions=["states:SendTaskSuccess"], resources=[machine.state_machine_arn])
        iam.Policy(self, "Wake", statements=[wake], roles=[self._role])

    def state(self, *, look: str, without: str) -> sfn.CustomState:
        """The state that waits for the output, at most ``$waitSeconds``.

        Args:
            look: the name of the state that comes next.
            without: the name of the state that waits where the function fails.
        """
        # CDK renders a JSONata state's timeout as TimeoutSecondsPath, which Step Functions refuses there.
        return sfn.CustomState(
            self,
            "WaitForOutput",
            state_json={
                "Type": "Task",
                "QueryLanguage": "JSONata",
                "Resource": f"arn:{Stack.of(self).partition}:states:::lambda:invoke.waitForTaskToken",
                "Arguments": {
                    "FunctionName": self._function.function_arn,
                    "Payload": {
                        "Token": "{% $states.context.Task.Token %}",
                        "JobId": "{% $job.JobId %}",
                        "OutputUri": "{% $job.OutputDataConfig.S3Uri %}",
                    },
                },
                "TimeoutSeconds": "{% $waitSeconds %}",
                "Assign": {"looks": 1},
                "Catch": [
                    {"ErrorEquals": ["States.Timeout"], "Next": look},
                    {"ErrorEquals": ["States.ALL"], "Next": without},
                ],
            },
        )
