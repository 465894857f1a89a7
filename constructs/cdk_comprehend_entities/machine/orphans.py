"""The sweep: stops orphaned jobs, whose execution is gone, and reports ends that were reported by nothing else."""

from __future__ import annotations

from aws_cdk import CustomResource, Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from entities_job import contracts

from .._base import WorkflowBase
from .._functions import FunctionFactory
from .._payloads import payload
from .._storage import Storage
from ..rights.functions import grant_stop_orphans

_EVERY = Duration.minutes(15)


class OrphanedJobs(Construct):
    """Sweeps every 15 minutes and, if wanted, stops all jobs when the stack is deleted.

    An execution that is aborted has its job stopped at once; this finds a job that was just being started, and ends
    whose event was lost.
    """

    def __init__(
        self,
        scope: WorkflowBase,
        construct_id: str,
        factory: FunctionFactory,
        storage: Storage,
        *,
        unreported: sqs.IQueue,
        stop_on_delete: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        machine = scope.state_machine
        self.function = function = factory.function(
            self, "StopOrphans", "stop_orphans", timeout=Duration.minutes(15), dead_letter_queue=unreported
        )
        grant_stop_orphans(function, machine, storage, scope.event_bus)
        sent = payload("StopOrphans", contracts.StopOrphansInput, {"StateMachineArn": machine.state_machine_arn})
        event = events.RuleTargetInput.from_object(sent)
        target = targets.LambdaFunction(function, event=event, dead_letter_queue=unreported)
        about, often = "Finds entity-detection jobs without an execution", events.Schedule.rate(_EVERY)
        events.Rule(self, "Schedule", description=about, schedule=often, targets=[target])
        if stop_on_delete:
            resource = CustomResource(self, "OnDelete", service_token=function.function_arn, properties=sent)
            # Deleted before the function's permissions, and before the records of the executions that own jobs.
            resource.node.add_dependency(function, machine)
