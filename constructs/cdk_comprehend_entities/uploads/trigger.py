"""Uploads that start everything by themselves: the queue in which those under one prefix wait, and what watches it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from ._access import acknowledge, allow
from ._dispatcher import LOST_WAKE, READ, UploadDispatcher, deliver
from ._storage import Prefix, Storage

MAXIMUM_DOCUMENTS = 100_000
"""Most uploads of one job: more would make jobs so long that results come later, not sooner."""

_VISIBILITY = Duration.minutes(10)
_RECEIVES = 10
_KEPT = Duration.days(14)
_LATE = Duration.minutes(30)


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
        allow(dispatcher.function, *READ, "sqs:ChangeMessageVisibility", on=[self.queue.queue_arn])
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
        deliver(rule, self.queue, announced, dead_letter_queue=self.dead_letter_queue)
        deliver(rule, wake_queue, events.RuleTargetInput.from_object({"Trigger": self.node.id}))
        acknowledge(rule, "Serverless-EventBusDLQ", f"the uploads' queue has one; {LOST_WAKE}")
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


def _check(construct_id: str, prefix: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9]{1,32}", construct_id):
        raise ValueError(f"the id of an upload trigger is 1 to 32 letters and digits; got {construct_id!r}")
    if Token.is_unresolved(prefix) or not re.fullmatch(r"[^/].*/", prefix):
        raise ValueError(f"the prefix of an upload trigger must end in / and not begin with it; got {prefix!r}")


def _check_place(uploads: Prefix, storage: Storage) -> None:
    for own in (storage.staging, storage.jobs, storage.results, storage.work):
        if uploads.judged_uri.startswith(own.judged_uri) or own.judged_uri.startswith(uploads.judged_uri):
            raise ValueError(f"uploads can't lie under {uploads.path!r}: the workflow writes under {own.path!r} itself")
