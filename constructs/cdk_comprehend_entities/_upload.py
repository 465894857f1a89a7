"""Uploads that start everything by themselves: queues, and the dispatcher that makes batches of what waits in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Size, Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
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

MAXIMUM_DOCUMENTS = 100_000
"""Most uploads of one job: more would make jobs so long that results come later, not sooner."""

_TIMEOUT = Duration.minutes(5)
_VISIBILITY = Duration.minutes(10)
_RECEIVES = 10
_KEPT = Duration.days(14)
_LATE = Duration.minutes(30)

# Their settings stand in the function's environment, for which Lambda has 4 KB.
_MAXIMUM_TRIGGERS = 12

_LOST_WAKE = "a wake that is lost is made good by the next one, or by the rule EveryFiveMinutes"

_READ = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


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
            self, "DispatchUploads", "dispatch", memory=Size.mebibytes(1769), timeout=_TIMEOUT
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
            acknowledge(queue, rule, _LOST_WAKE)
        tick = events.Rule(
            self,
            "EveryFiveMinutes",
            description="Wakes the dispatcher, should another wake be lost",
            schedule=events.Schedule.rate(Duration.minutes(5)),
        )
        _deliver(tick, queue, events.RuleTargetInput.from_object({}))
        acknowledge(tick, "Serverless-EventBusDLQ", _LOST_WAKE)
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
        acknowledge(function, "Serverless-LambdaEventSourceMappingDestination", _LOST_WAKE)
        allow(function, *_READ, "sqs:SendMessage", on=[self.wake_queue.queue_arn])
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


class UploadTrigger(Construct):
    """Every object put under a prefix is analysed, in batches as large as the waiting makes them.

    Attributes:
        queue: where uploads wait.
        dead_letter_queue: what could not be made part of a batch, or not be delivered; see docs/uploads.md.
        rule: what announces uploads.
        oldest_upload_alarm: an upload has waited for half an hour.
        dead_letter_alarm: an upload is in the dead-letter queue.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        dispatcher: UploadDispatcher,
        prefix: str,
        suffixes: Sequence[str] = (),
        request: Mapping[str, Any],
        custom: bool,
        by_line: bool,
        limits: Mapping[str, float],
    ) -> None:
        """Define the trigger.

        Args:
            scope: the parent.
            construct_id: the id, unique in ``scope``; its executions' names begin with it.
            dispatcher: what makes batches.
            prefix: where uploads are put; ends in ``/``.
            suffixes: an upload that ends in none of them is refused (default: all are taken).
            request: fields of StartEntitiesDetectionJob that differ from the workflow's own.
            custom: whether a custom recognizer reads the documents.
            by_line: whether a document is a line.
            limits: the most that one job may hold: ``Documents`` (files), ``Bytes``, ``CostUsd``.

        Raises:
            ValueError: an id or prefix that can't be used.
        """
        super().__init__(scope, construct_id)
        storage = dispatcher.storage
        _check(construct_id, prefix)
        uploads = self._uploads = Prefix(storage.documents.bucket, prefix, storage.documents.key)
        _check_place(uploads, storage)
        key = dispatcher.queue_key
        self.dead_letter_queue = sqs.Queue(
            self, "DeadLetterQueue", encryption_master_key=key, enforce_ssl=True, retention_period=_KEPT
        )
        acknowledge(self.dead_letter_queue, "Serverless-SQSRedrivePolicy", "it is the end of the redrive policy itself")
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption_master_key=key,
            enforce_ssl=True,
            visibility_timeout=_VISIBILITY,
            retention_period=_KEPT,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letter_queue, max_receive_count=_RECEIVES),
        )
        self.rule = self._rule(storage.documents.bucket.bucket_name, prefix, dispatcher.wake_queue)
        allow(dispatcher.function, *_READ, "sqs:ChangeMessageVisibility", on=[self.queue.queue_arn])
        uploads.grant_read_versions(dispatcher.stage)
        dispatcher.add(
            construct_id,
            prefix,
            {
                "queue_url": self.queue.queue_url,
                "request": dict(request),
                "suffixes": list(suffixes),
                "custom": custom,
                "by_line": by_line,
                "limits": dict(limits),
            },
        )
        self.oldest_upload_alarm = self._alarm(
            "OldestUpload", self.metric_oldest_upload_age(), _LATE.to_seconds(), "An upload has waited for half an hour"
        )
        self.dead_letter_alarm = self._alarm(
            "DeadLetters", self.metric_dead_letters(), 0, "Uploads wait for somebody to look at them"
        )

    def _rule(self, bucket_name: str, prefix: str, wake_queue: sqs.IQueue) -> events.Rule:
        rule = events.Rule(
            self,
            "Uploaded",
            description=f"Uploads under {prefix}",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [bucket_name]}, "object": {"key": [{"prefix": prefix}]}},
            ),
        )
        announced = events.RuleTargetInput.from_event_path("$.detail")
        _deliver(rule, self.queue, announced, dead_letter_queue=self.dead_letter_queue)
        _deliver(rule, wake_queue, events.RuleTargetInput.from_object({"Trigger": self.node.id}))
        acknowledge(rule, "Serverless-EventBusDLQ", f"the uploads' queue has one; {_LOST_WAKE}")
        return rule

    def _alarm(self, construct_id: str, metric: cloudwatch.IMetric, above: float, description: str) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            metric=metric,
            threshold=above,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=description,
        )
        acknowledge(alarm, "CloudWatchAlarmAction", "whom it tells is the user's choice: alarm.add_alarm_action")
        return alarm

    def grant_upload(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` put documents under the prefix, and so pay for jobs."""
        return self._uploads.grant_write(grantee)

    def metric_oldest_upload_age(self, **options: Any) -> cloudwatch.Metric:
        """Seconds that the oldest upload has waited; ``options`` are those of ``cloudwatch.Metric``."""
        return self.queue.metric_approximate_age_of_oldest_message(**options)

    def metric_waiting_uploads(self, **options: Any) -> cloudwatch.Metric:
        """How many uploads wait; ``options`` are those of ``cloudwatch.Metric``."""
        return self.queue.metric_approximate_number_of_messages_visible(**options)

    def metric_dead_letters(self, **options: Any) -> cloudwatch.Metric:
        """How many uploads are in the dead-letter queue; ``options`` are those of ``cloudwatch.Metric``."""
        return self.dead_letter_queue.metric_approximate_number_of_messages_visible(**options)


def _deliver(
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


def _check(construct_id: str, prefix: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9]{1,32}", construct_id):
        raise ValueError(f"the id of an upload trigger is 1 to 32 letters and digits; got {construct_id!r}")
    if Token.is_unresolved(prefix) or not re.fullmatch(r"[^/].*/", prefix):
        raise ValueError(f"the prefix of an upload trigger must end in / and not begin with it; got {prefix!r}")


def _check_place(uploads: Prefix, storage: Storage) -> None:
    for own in (storage.staging, storage.jobs, storage.results, storage.work):
        if uploads.judged_uri.startswith(own.judged_uri) or own.judged_uri.startswith(uploads.judged_uri):
            raise ValueError(f"uploads can't lie under {uploads.path!r}: the workflow writes under {own.path!r} itself")
