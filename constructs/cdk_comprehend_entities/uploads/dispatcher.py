"""The dispatcher that makes batches of the uploads waiting in queues, and what wakes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsii
from aws_cdk import Duration, RemovalPolicy, Size, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from entities_job import contracts

from .._functions import FunctionFactory
from .._payloads import payload
from .._storage import Prefix, Storage
from .._strict import rotating_key
from ..machine.machine import tag
from ..rights.access import let_events_use, statement
from ..rights.acknowledged import acknowledge
from ..rights.functions import grant_dispatch, grant_uploads

if TYPE_CHECKING:
    # CDK has it since it knows references to resources, as its type of bind shows.
    from aws_cdk.interfaces.aws_events import IRuleRef

_TIMEOUT = Duration.minutes(5)

# Lambda has 4 KB for a function's environment (gettingstarted-limits), of which others take some 500 bytes.
_ENVIRONMENT = 3500
# What is not known before it is deployed: the longest name of a queue, and the longest URL of one.
_NAME, _UNKNOWN = 80, 140


class UploadDispatcher(Construct):
    """DispatchUploads, and what wakes it; one serves all upload triggers of a workflow.

    Attributes:
        function: counts what waits and what runs, and starts executions.
        queue_key: encrypts the queues.
        state_machine: what it starts executions of.
        storage: the workflow's buckets and keys.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        factory: FunctionFactory,
        state_machine: sfn.StateMachine,
        storage: Storage,
        *,
        stage: lambda_.Function,
        slots: int,
    ) -> None:
        """Define the dispatcher, which starts nothing while the account has as many active jobs as ``slots``."""
        super().__init__(scope, construct_id)
        self.storage, self.state_machine, self._stage = storage, state_machine, stage
        self._prefixes: list[tuple[str, contracts.TriggerRequest]] = []
        self.queue_key = rotating_key(self, "QueueKey", "Messages about uploads", RemovalPolicy.DESTROY)
        let_events_use(self.queue_key)
        self.wake_queue = self._wake_queue()
        self.function = factory.function(
            self, "DispatchUploads", "dispatch_uploads", memory=Size.mebibytes(1769), timeout=_TIMEOUT
        )
        # It wakes itself: Lambda stops such chains after 16 links (Lambda Developer Guide, invocation-recursion).
        resource: Any = self.function.node.default_child
        resource.recursive_loop = "Allow"
        self._settings: contracts.DispatcherSettings = {
            "StateMachineArn": state_machine.state_machine_arn,
            "StagingUri": storage.staging.uri,
            "ClaimsUri": storage.claims.uri,
            "WakeQueueUrl": self.wake_queue.queue_url,
            "MaximumActiveJobs": slots,
            "Triggers": {},
        }
        # SqsEventSource would give two permissions more than Lambda needs to read a queue.
        self.function.add_event_source_mapping(
            "WakeQueue",
            event_source_arn=self.wake_queue.queue_arn,
            batch_size=10_000,
            max_batching_window=Duration.seconds(1),
            max_concurrency=2,
        )
        acknowledge(self.function, "wake-mapping")
        grant_dispatch(self.function, storage, state_machine, wakes=self.wake_queue, key=self.queue_key)
        tag(state_machine, {"wakes": self.wake_queue.queue_url})

    def _wake_queue(self) -> sqs.Queue:
        kept = Duration.minutes(15)
        queue = encrypted_queue(self, "WakeQueue", self.queue_key, visibility_timeout=_TIMEOUT, retention_period=kept)
        acknowledge(queue, "wake-queue")
        often, about = events.Schedule.rate(Duration.minutes(5)), "Wakes the dispatcher, should another wake be lost"
        tick = events.Rule(self, "EveryFiveMinutes", description=about, schedule=often)
        sweep = events.RuleTargetInput.from_object(payload("DispatchUploads", contracts.Wake, {"Sweep": True}))
        deliver(tick, queue, sweep)
        acknowledge(tick, "wake-rule")
        return queue

    def hear(self, ended: events.Rule) -> None:
        """Send the dispatcher the ends of executions; it reads missed ones where outcomes are kept."""
        deliver(ended, self.wake_queue, events.RuleTargetInput.from_event_path("$.detail"))
        acknowledge(ended, "wake-rule")

    def add(
        self, name: str, uploads: Prefix, queue: sqs.IQueue, batches: contracts.BatchSettings, *, dead: sqs.IQueue
    ) -> None:
        """Let the dispatcher read one more queue, and put what is dead into another.

        Raises:
            ValueError: another trigger has uploads under the prefix, too, or there is no room for one more.
        """
        triggers, prefix = self._settings["Triggers"], uploads.path
        for other, request in self._prefixes:
            if (other.startswith(prefix) or prefix.startswith(other)) and request == batches["Request"]:
                raise ValueError(
                    f"an upload would be analysed twice in the same way: prefix {prefix!r} overlaps {other!r}"
                )
        self._prefixes.append((prefix, batches["Request"]))
        triggers[name] = {**batches, "Prefix": prefix, "Queue": queue.queue_name}
        payload("DispatchUploads", contracts.TriggerSettings, triggers[name])
        told = payload("DispatchUploads", contracts.DispatcherSettings, self._settings)
        if (size := _length(Stack.of(self).resolve(told))) > _ENVIRONMENT:
            raise ValueError(
                f"the settings of the triggers {', '.join(triggers)} take up to {size:,} of {_ENVIRONMENT:,} bytes in "
                f"the dispatcher's environment; use a separate workflow for {name}, or fewer or shorter suffixes"
            )
        self.function.add_environment("UPLOADS", Stack.of(self).to_json_string(told))
        grant_uploads(uploads, queue, dead, dispatcher=self.function, stage=self._stage)


def _length(value: Any) -> int:
    """Return how many bytes a resolved value takes at most as JSON."""
    if isinstance(value, dict) and any(name == "Ref" or name.startswith("Fn::") for name in value):
        return _NAME if "QueueName" in str(value) else _UNKNOWN
    if isinstance(value, dict):
        return 1 + sum(len(json.dumps(name)) + 2 + _length(each) for name, each in value.items())
    if isinstance(value, list):
        return 1 + sum(1 + _length(each) for each in value)
    return len(json.dumps(value, ensure_ascii=False).encode())


def encrypted_queue(scope: Construct, construct_id: str, key: kms.IKey, **options: Any) -> sqs.Queue:
    """Return a new queue with a key that takes only TLS; ``options`` are further ones of ``sqs.Queue``."""
    return sqs.Queue(scope, construct_id, encryption_master_key=key, enforce_ssl=True, **options)


def wake(trigger: str) -> events.RuleTargetInput:
    """Return the message that wakes the dispatcher for an upload of ``trigger``."""
    return events.RuleTargetInput.from_object(payload("DispatchUploads", contracts.Wake, {"Trigger": trigger}))


def deliver(
    rule: events.Rule,
    queue: sqs.IQueue,
    message: events.RuleTargetInput,
    *,
    dead_letter_queue: sqs.IQueue | None = None,
) -> None:
    """Make a rule send to a queue, with the one permission that it needs: CDK's own target gives seven."""
    rule.add_target(_Target(queue, message, dead_letter_queue))
    rules = iam.ServicePrincipal("events.amazonaws.com", conditions={"ArnEquals": {"aws:SourceArn": rule.rule_arn}})
    source = "Amazon EventBridge User Guide, eb-use-resource-based#eb-sqs-permissions"
    for each in (queue, dead_letter_queue):
        if each:
            each.add_to_resource_policy(statement("sqs:SendMessage", on=[each.queue_arn], to=rules, source=source))


@jsii.implements(events.IRuleTarget)
class _Target:
    """A queue as the target of a rule, and nothing else: no permissions, and no comparison of environments."""

    def __init__(
        self, queue: sqs.IQueue, message: events.RuleTargetInput, dead_letter_queue: sqs.IQueue | None
    ) -> None:
        self._queue, self._message, self._dead_letter_queue = queue, message, dead_letter_queue

    def bind(self, rule: IRuleRef, id: str | None = None) -> events.RuleTargetConfig:
        """Return the target as EventBridge takes it."""
        dead = self._dead_letter_queue
        kept = events.CfnRule.DeadLetterConfigProperty(arn=dead.queue_arn) if dead else None
        return events.RuleTargetConfig(arn=self._queue.queue_arn, input=self._message, dead_letter_config=kept)
