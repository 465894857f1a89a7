"""Upload triggers: the queue in which uploads under one prefix wait, and the alarms that watch it."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from entities_job.contracts import BatchSettings

from .._storage import Prefix, object_created
from ..machine.machine import tag
from ..monitoring.alarms import alarm
from ..rights.acknowledged import acknowledge
from .dispatcher import UploadDispatcher, deliver, encrypted_queue, wake

MAXIMUM_DOCUMENTS = 100_000
"""Most uploads of one job: more would make jobs so long that results come later, not sooner."""

_VISIBILITY = Duration.minutes(10)
# The dispatcher itself decides what is dead. SQS's own redrive needs a policy, and keeps what returns often.
_RECEIVES = 1000
_KEPT = Duration.days(14)
_LATE = Duration.minutes(30)


class UploadTrigger(Construct):
    """Analyses every object put under a prefix, in batches that grow with the waiting time.

    Attributes:
        queue (sqs.Queue): the queue in which uploads wait.
        dead_letter_queue (sqs.Queue): uploads that could not become part of a batch, or be delivered.
        rule (events.Rule): the rule that announces uploads.
        backfill_command (str): a command that analyses what was under the prefix before, or was put in the first five
            minutes after the deployment, when S3 does not send events yet; make it an output of your stack.
        oldest_upload_alarm (cloudwatch.Alarm): an upload has waited for half an hour.
        dead_letter_alarm (cloudwatch.Alarm): an upload is in the dead-letter queue.

    Examples:
        >>> trigger = workflow.start_on_upload()
        >>> output = cdk.CfnOutput(stack, "BackfillCommand", value=trigger.backfill_command)
        >>> trigger.dead_letter_alarm.add_alarm_action(actions.SnsAction(topic))
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, dispatcher: UploadDispatcher, prefix: str, batches: BatchSettings
    ) -> None:
        """Define the trigger.

        Args:
            scope: the parent.
            construct_id: the id, unique in ``scope``; its executions' names begin with it.
            dispatcher: what makes batches.
            prefix: where uploads are put; ends in ``/``.
            batches: what batches ask for and may hold.

        Raises:
            ValueError: the prefix overlaps another one.
        """
        super().__init__(scope, construct_id)
        storage = dispatcher.storage
        uploads = self._uploads = Prefix(storage.documents.bucket, prefix, storage.documents.key)
        key = dispatcher.queue_key
        self.dead_letter_queue = encrypted_queue(self, "DeadLetterQueue", key, retention_period=_KEPT)
        acknowledge(self.dead_letter_queue, "dead-letter-queue")
        dead = sqs.DeadLetterQueue(queue=self.dead_letter_queue, max_receive_count=_RECEIVES)
        self.queue = encrypted_queue(
            self, "Queue", key, visibility_timeout=_VISIBILITY, retention_period=_KEPT, dead_letter_queue=dead
        )
        self.rule = self._rule(uploads, dispatcher.wake_queue)
        dispatcher.add(construct_id, uploads, self.queue, batches, dead=self.dead_letter_queue)
        dead_url = self.dead_letter_queue.queue_url
        tag(dispatcher.state_machine, {f"uploads:{construct_id}": prefix, f"dead-letters:{construct_id}": dead_url})
        event = f'{{"Backfill":{{"Trigger":"{construct_id}"}}}}'
        # Versions 1 and 2 of the AWS CLI agree on no other form of a payload.
        self.backfill_command = (
            f"echo '{event}' | aws lambda invoke --function-name {dispatcher.function.function_name} "
            "--payload fileb:///dev/stdin /dev/stdout"
        )
        age, late = self.metric_oldest_upload_age(), "An upload has waited for half an hour"
        self.oldest_upload_alarm = alarm(self, "OldestUpload", age, late, threshold=_LATE.to_seconds(), above=True)
        dead_letters, lost = self.metric_dead_letters(), "Uploads in the dead-letter queue need attention"
        self.dead_letter_alarm = alarm(self, "DeadLetters", dead_letters, lost, threshold=0, above=True)

    def _rule(self, uploads: Prefix, wake_queue: sqs.IQueue) -> events.Rule:
        put = object_created(uploads.bucket, {"prefix": uploads.path})
        rule = events.Rule(self, "Uploaded", description=f"Uploads under {uploads.path}", event_pattern=put)
        announced = events.RuleTargetInput.from_event_path("$.detail")
        deliver(rule, self.queue, announced, dead_letter_queue=self.dead_letter_queue)
        deliver(rule, wake_queue, wake(self.node.id))
        acknowledge(rule, "uploads-rule")
        return rule

    def grant_upload(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal put documents under the prefix, and so cause the cost of jobs.

        Args:
            grantee: the principal.

        Examples:
            >>> grant = workflow.start_on_upload().grant_upload(role)
        """
        return self._uploads.grant_write(grantee)

    def metric_oldest_upload_age(self, **options: Any) -> cloudwatch.Metric:
        """Return the seconds that the oldest upload has waited.

        Args:
            **options: those of ``cloudwatch.Metric``.

        Examples:
            >>> age = workflow.start_on_upload().metric_oldest_upload_age()
        """
        return self.queue.metric_approximate_age_of_oldest_message(**options)

    def metric_waiting_uploads(self, **options: Any) -> cloudwatch.Metric:
        """Return the number of uploads that wait.

        Args:
            **options: those of ``cloudwatch.Metric``.

        Examples:
            >>> waiting = workflow.start_on_upload().metric_waiting_uploads()
        """
        return self.queue.metric_approximate_number_of_messages_visible(**options)

    def metric_dead_letters(self, **options: Any) -> cloudwatch.Metric:
        """Return the number of uploads in the dead-letter queue.

        Args:
            **options: those of ``cloudwatch.Metric``.

        Examples:
            >>> dead = workflow.start_on_upload().metric_dead_letters()
        """
        return self.dead_letter_queue.metric_approximate_number_of_messages_visible(**options)
