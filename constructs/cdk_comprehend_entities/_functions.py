"""The Lambda functions: one asset for all, and for each its own role and log group."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration, RemovalPolicy, Size
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from ._access import acknowledge, acknowledge_wildcards, service
from ._asset import code

METRICS_NAMESPACE = "EntitiesDetection"


@dataclass(frozen=True)
class FunctionFactory:
    """Makes functions that have in common all that one workflow's functions have in common.

    Attributes:
        service: the name that the workflow bears in logs and metrics.
        event_bus_name: the bus that gets the events.
        jobs_uri: what the output of all jobs lies under.
        log_retention: how long log groups keep what is logged.
        removal_policy: what becomes of the log groups when they leave the stack.
    """

    service: str
    event_bus_name: str
    jobs_uri: str
    log_retention: logs.RetentionDays
    removal_policy: RemovalPolicy

    def function(
        self,
        scope: Construct,
        construct_id: str,
        module: str,
        *,
        memory: Size | None = None,
        storage: Size | None = None,
        timeout: Duration | None = None,
        dead_letter_queue: sqs.IQueue | None = None,
    ) -> lambda_.Function:
        """A function whose handler is ``entities_job.<module>.handler``.

        The defaults are 256 MiB of memory, Lambda's own 512 MiB of storage, and 1 minute.
        """
        parts = Construct(scope, construct_id)
        log_group = self.log_group(parts)
        role = iam.Role(parts, "Role", assumed_by=service(parts, "lambda.amazonaws.com"))
        log_group.grant_write(role)
        acknowledge_wildcards(role, ["*"], "IAM knows no resources for sending traces to X-Ray")
        function = lambda_.Function(
            parts,
            "Resource",
            code=code(),
            handler=f"entities_job.handlers.{module}.handler",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=memory.to_mebibytes() if memory else 256,
            ephemeral_storage_size=storage,
            timeout=timeout or Duration.minutes(1),
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            dead_letter_queue=dead_letter_queue,
            role=role,
            environment={
                "EVENT_BUS_NAME": self.event_bus_name,
                "JOBS_URI": self.jobs_uri,
                "POWERTOOLS_SERVICE_NAME": self.service,
                "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
            },
        )
        pinned = "pinned to the version the functions are tested with, so that a new one is a change of this library"
        for rule in ("AwsSolutions-L1", "Serverless-LambdaLatestVersion"):
            acknowledge(parts, rule, pinned)
        caught = "called by a state machine or for a queue, which see to what fails, or for an event that may get lost"
        if not dead_letter_queue:
            for rule in ("Serverless-LambdaDLQ", "LambdaDLQ", "CKV_AWS_116"):
                acknowledge(parts, rule, caught)
        return function

    def log_group(self, scope: Construct) -> logs.LogGroup:
        """A log group that forgets in time."""
        return logs.LogGroup(scope, "LogGroup", retention=self.log_retention, removal_policy=self.removal_policy)


@dataclass(frozen=True)
class Functions:
    """The functions that the state machine calls, under the names of their modules."""

    inspect_input: lambda_.Function
    start_job: lambda_.Function
    poll_job: lambda_.Function
    stop_job: lambda_.Function
    publish_result: lambda_.Function
    publish_failure: lambda_.Function
    stage: lambda_.Function

    @classmethod
    def made_by(cls, factory: FunctionFactory, scope: Construct, unreported: sqs.IQueue) -> Functions:
        """All of them, sized for what they do; none has a right of its own yet."""
        longest = Duration.minutes(15)
        return cls(
            # Listing a million documents takes minutes; a vCPU comes with 1,769 MB.
            inspect_input=factory.function(
                scope, "InspectInput", "inspect_input", memory=Size.mebibytes(1769), timeout=longest
            ),
            start_job=factory.function(scope, "StartJob", "start_job"),
            poll_job=factory.function(scope, "PollJob", "poll_job"),
            stop_job=factory.function(scope, "StopJob", "stop_job"),
            # Two processors: one compresses while the other reads. Twice the price of a second, and half the seconds.
            # Storage for the inventory of a million files with the longest names that S3 has.
            publish_result=factory.function(
                scope,
                "PublishResult",
                "publish_result",
                memory=Size.mebibytes(3538),
                storage=Size.gibibytes(4),
                timeout=longest,
            ),
            publish_failure=factory.function(
                scope,
                "PublishFailure",
                "publish_failure",
                timeout=Duration.minutes(5),
                dead_letter_queue=unreported,
            ),
            stage=factory.function(scope, "Stage", "stage", memory=Size.mebibytes(1769), timeout=longest),
        )
