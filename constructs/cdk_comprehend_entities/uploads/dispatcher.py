"""The dispatcher that makes batches of the uploads waiting in queues, and what wakes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Size, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from ._access import acknowledge, allow, service
from ._functions import FunctionFactory
from ._storage import Prefix, Storage

LOST_WAKE = "a wake that is lost is made good by the next one, or by the rule EveryFiveMinutes"
"""Why what wakes the dispatcher needs no dead-letter queue."""

READ = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""What reading a queue takes."""

_TIMEOUT = Duration.minutes(5)

# Their settings stand in the function's environment, for which Lambda has 4 KB.
_MAXIMUM_TRIGGERS = 12


class UploadDispatcher(Construct):
    """DispatchUploads, and what wakes it; one serves all upload triggers of a workflow.

    Attributes:
        function: looks what waits and what runs, and starts executions.
        queue_key: encrypts the queues.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        factory: FunctionFactory,
        state_machine: sfn.StateMachine,
        storage: Storage,
        stage: lambda_.Function,
        maximum_active_jobs: int,
    ) -> None:
        """Define the dispatcher, which starts nothing while ``maximum_active_jobs`` of anybody are active.

        Raises:
            ValueError: ``maximum_active_jobs`` is below 1.
        """
        super().__init__(scope, construct_id)
        if maximum_active_jobs < 1:
            raise ValueError(f"maximum_active_jobs must be at least 1; got {maximum_active_jobs}")
        self.storage, self.stage = storage, stage
        self.triggers: dict[str, dict[str, Any]] = {}
        self.prefixes: list[str] = []
        self.queue_key = kms.Key(
            self,
            "QueueKey",
            description="Messages about uploads",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        own_events = iam.PolicyStatement(
            principals=[service(self, "events.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=["*"],
        )
        self.queue_key.add_to_resource_policy(own_events)
        self.wake_queue = self._wake_queue()
        self.function = factory.function(
            self, "DispatchUploads", "dispatch_uploads", memory=Size.mebibytes(1769), timeout=_TIMEOUT
        )
        self._settings = {
            "StateMachineArn": state_machine.state_machine_arn,
            "StagingUri": storage.staging.uri,
            "WakeQueueUrl": self.wake_queue.queue_url,
            "MaximumActiveJobs": maximum_active_jobs,
        }
        self._grant(state_machine)

    def _wake_queue(self) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "WakeQueue",
            encryption_master_key=self.queue_key,
            enforce_ssl=True,
            visibility_timeout=_TIMEOUT,
            retention_period=Duration.minutes(15),
        )
        for rule in ("AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"):
            acknowledge(queue, rule, LOST_WAKE)
        tick = events.Rule(
            self,
            "EveryFiveMinutes",
            description="Wakes the dispatcher, should another wake be lost",
            schedule=events.Schedule.rate(Duration.minutes(5)),
        )
        deliver(tick, queue, events.RuleTargetInput.from_object({}))
        acknowledge(tick, "Serverless-EventBusDLQ", LOST_WAKE)
        return queue

    def _grant(self, state_machine: sfn.StateMachine) -> None:
        function, staging = self.function, self.storage.staging
        # SqsEventSource would give two rights more than Lambda needs to read a queue.
        function.add_event_source_mapping(
            "WakeQueue",
            event_source_arn=self.wake_queue.queue_arn,
            batch_size=10_000,
            max_batching_window=Duration.seconds(1),
            max_concurrency=2,
        )
        acknowledge(function, "Serverless-LambdaEventSourceMappingDestination", LOST_WAKE)
        allow(function, *READ, "sqs:SendMessage", on=[self.wake_queue.queue_arn])
        via_sqs = {"StringEquals": {"kms:ViaService": f"sqs.{Stack.of(self).region}.amazonaws.com"}}
        allow(function, "kms:Decrypt", "kms:GenerateDataKey", on=[self.queue_key.key_arn], when=via_sqs)
        for own in ("*/manifest/", "dispatcher/"):
            Prefix(staging.bucket, f"{staging.path}{own}", staging.key).grant_write(function)
        Prefix(staging.bucket, f"{staging.path}dispatcher/", staging.key).grant_read(function)
        staging.grant_tell_missing(function)
        state_machine.grant_start_execution(function)
        allow(function, "states:ListExecutions", on=[state_machine.state_machine_arn])
        every_job = "IAM knows no resources for listing; the quota's slots are the whole account's"
        allow(function, "comprehend:ListEntitiesDetectionJobs", on=["*"], wildcard=every_job)

    def add(self, name: str, prefix: str, settings: Mapping[str, Any]) -> None:
        """Let the dispatcher read one more queue.

        Raises:
            ValueError: another trigger has uploads under ``prefix``, too, or there are too many triggers.
        """
        if len(self.triggers) == _MAXIMUM_TRIGGERS:
            raise ValueError(
                f"a workflow has at most {_MAXIMUM_TRIGGERS} upload triggers; give {name} a workflow of its own"
            )
        overlapping = [other for other in self.prefixes if other.startswith(prefix) or prefix.startswith(other)]
        if overlapping:
            raise ValueError(f"an upload would be analysed twice: prefix {prefix!r} overlaps {overlapping[0]!r}")
        self.prefixes.append(prefix)
        self.triggers[name] = dict(settings)
        text = Stack.of(self).to_json_string({**self._settings, "Triggers": self.triggers})
        self.function.add_environment("UPLOADS", text)


def deliver(
    rule: events.Rule,
    queue: sqs.IQueue,
    message: events.RuleTargetInput,
    *,
    dead_letter_queue: sqs.IQueue | None = None,
) -> None:
    """Have a rule send to a queue, with the one right that it needs: for a queue that it knows, CDK gives seven."""
    unknown = sqs.Queue.from_queue_arn(rule, f"To{queue.node.id}", queue.queue_arn)
    rule.add_target(targets.SqsQueue(unknown, message=message, dead_letter_queue=dead_letter_queue))
    of_rule = {"ArnEquals": {"aws:SourceArn": rule.rule_arn}}
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("events.amazonaws.com", conditions=of_rule)],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
        )
    )
