"""The construct: everything that starts, follows and publishes Amazon Comprehend entity-detection jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import jsii
from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from entities_job.job.schedule import PollSchedule

from ._additions import WorkflowAdditions
from ._functions import FunctionFactory, task_functions
from ._settings import AcceptedValues, default_request, settings, warn_in_vain
from ._storage import storage
from ._strict import KEPT, hardened
from ._values import DocumentReader, ExecutionLimits, Hardening, InputFormat, LanguageCode, Recognizer
from .arguments import rules
from .arguments.checks import checked
from .machine.completion import CompletionEvents
from .machine.machine import failing_polls_alarm, report_ends, state_machine, tag_parts, unreported_queue
from .machine.orphans import OrphanedJobs
from .network.job import JobNetwork
from .rights.acknowledged import in_one_go
from .rights.functions import grant_tasks
from .rights.imported import warn_of_imported
from .rights.job_role import data_access_role as new_data_access_role
from .rights.job_role import grant_job


@jsii.implements(ec2.IConnectable)
class EntitiesDetectionWorkflow(WorkflowAdditions):
    """A state machine that runs entity-detection jobs, with everything they need.

    An execution's input is a job request in the API's own field names; only ``InputDataConfig.S3Uri`` is required.
    Omitted fields default to the settings given here.

    Attributes:
        input_bucket: holds the documents.
        output_bucket: holds raw results (``jobs/``), published ones (``results/``), functions' files (``work/``).
        output_key (kms.IKey): encrypts everything that is written into the output bucket.
        volume_key (kms.IKey): encrypts the volumes of the machines that run a job.
        data_access_role (iam.IRole): the role that the service assumes for a job.
        state_machine (sfn.StateMachine): the state machine to start an execution of.
        functions (Functions): the Lambda functions, by name.
        event_bus (events.IEventBus): gets one event for each execution that ends.
        network (JobNetwork | None): the jobs' subnets and security groups, or None.
        failing_polls_alarm (cloudwatch.Alarm): every poll of jobs has failed for 15 minutes.

    Examples:
        >>> workflow = EntitiesDetectionWorkflow(stack, "Entities", limits=ExecutionLimits(cost_usd=5))
        >>> trigger = workflow.start_on_upload(prefix="letters/", suffixes=[".txt"])
    """

    @checked(rules.workflow)
    @in_one_go()
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        language_code: LanguageCode | str = "en",
        recognizer: Recognizer | None = None,
        document_reader: DocumentReader | None = None,
        input_format: InputFormat | str = InputFormat.ONE_DOC_PER_FILE,
        input_bucket: s3.IBucket | None = None,
        input_prefix: str = "input/",
        input_key: kms.IKey | None = None,
        output_bucket: s3.IBucket | None = None,
        output_prefix: str = "",
        output_key: kms.IKey | None = None,
        volume_key: kms.IKey | None = None,
        data_access_role: iam.IRole | None = None,
        vpc: ec2.IVpc | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        s3_prefix_list: ec2.IPrefixList | None = None,
        event_bus: events.IEventBus | None = None,
        notification_topic: sns.ITopic | None = None,
        tags: Mapping[str, str] | None = None,
        allow_overrides: Sequence[str] = (),
        limits: ExecutionLimits | None = None,
        poll_schedule: PollSchedule | None = None,
        completion_events: bool | None = None,
        stop_jobs_on_delete: bool = False,
        maximum_active_jobs: int = 10,
        unique_names: bool = False,
        log_retention: logs.RetentionDays = logs.RetentionDays.SIX_MONTHS,
        removal_policy: RemovalPolicy = KEPT,
        auto_delete_objects: bool = False,
        hardening: Hardening | Literal["standard", "strict"] = Hardening.STANDARD,
        reserve_concurrency: bool = False,
        narrow_permissions: bool = False,
    ) -> None:
        """Define the workflow.

        Args:
            scope: the parent.
            construct_id: the id, unique in ``scope``.
            language_code: the documents' language, unless an execution's input sets one (default: English).
            recognizer: a custom model (default: the service's built-in one).
            document_reader: how text is read from PDF, Word and image documents; needs ``recognizer``
                (default: documents are plain text).
            input_format: whether a document is a file or a line (default: a file).
            input_bucket: holds the documents (default: a new bucket).
            input_prefix: prefix of the documents of executions that callers start; empty or ending in ``/``
                (default: ``input/``).
            input_key: encrypts the new input bucket (default: the output key), or is the key of an imported one.
            output_bucket: gets the results (default: a new bucket).
            output_prefix: prefix of ``jobs/``, ``results/`` and ``work/``; empty or ending in ``/`` (default: empty).
            output_key: encrypts results (default: the output bucket's own key, or a new one that rotates).
            volume_key: encrypts the volumes of a job's machines; not an alias (default: a new key that rotates).
            data_access_role: the role that the service assumes; it gets the permissions that jobs need
                (default: a new role).
            vpc: where jobs run (default: in the service's own network).
            vpc_subnets: the subnets, at most 16 (default: the isolated ones).
            security_groups: at most 5 (default: a new one that admits only itself and S3).
            s3_prefix_list: the only destination of the new security group (default: looked up, for a stack with a
                known env).
            event_bus: gets an event for each execution that ends (default: the account's default bus).
            notification_topic: gets these events, too (default: no topic).
            tags: tags of each job; at most 50 (default: no tags).
            allow_overrides: protected fields that an execution's input may set: DataAccessRoleArn, EntityRecognizerArn,
                FlywheelArn, OutputDataConfig, Tags, VolumeKmsKeyId, VpcConfig (default: none). Grant permissions for
                roles and keys that inputs name to ``data_access_role`` and ``functions.start_job``.
            limits: limits of one execution (default: 24 hours for the job, 4 of them until it begins, after at most 12
                hours of waiting for a free slot).
            poll_schedule: when to poll a job (default: ``PollSchedule.safety()`` with completion events,
                ``PollSchedule.service_grid()`` without).
            completion_events: notice a job's end by the event of its output; an imported output bucket must send its
                events to EventBridge (default: only for a new output bucket).
            stop_jobs_on_delete: stop all jobs when the workflow is deleted (default: they go on).
            maximum_active_jobs: start no job while so many are active in the account and Region; with upload triggers,
                executions that callers start leave one slot to uploads (default: 10).
            unique_names: copy documents of executions that callers start under unique names first, so that documents
                whose base names repeat below the prefix keep their source, as uploads do (default: no copies).
            log_retention: how long logs are kept (default: 6 months).
            removal_policy: what happens to new buckets, keys and logs when the stack is deleted (default: they are
                kept, except after a first deployment that fails).
            auto_delete_objects: delete objects in new buckets with the stack, for ``RemovalPolicy.DESTROY``
                (default: a bucket with objects is not deleted, and ``cdk destroy`` fails).
            hardening: strict puts the functions into the VPC, too, and adds access logs, versions and keys that HIPAA,
                NIST 800-53 and PCI DSS ask for (default: standard).
            reserve_concurrency: reserve about 200 of the account's concurrent executions for the functions, as these
                also ask for; a new account may have ten in total (default: reserve none).
            narrow_permissions: permissions of Comprehend and of StartJob are narrower than AWS's guide shows
                (default: as the guide). Unproven: jobs may fail with it on AWS (docs/security.md).

        Raises:
            ValueError: arguments that can't work, each with its value, the rule and the rule's source.
        """
        super().__init__(scope, construct_id)
        limits = limits or ExecutionLimits()
        seen = completion_events if completion_events is not None else output_bucket is None
        self.network = (
            JobNetwork(self, "Network", vpc=vpc, subnets=vpc_subnets, groups=security_groups, s3=s3_prefix_list)
            if vpc
            else None
        )
        self._hardening = hardened(self, hardening, self.network)
        self._storage = stored = storage(
            self,
            service=self.service,
            input_bucket=input_bucket,
            input_prefix=input_prefix,
            input_key=input_key,
            output_bucket=output_bucket,
            output_prefix=output_prefix,
            output_key=output_key,
            volume_key=volume_key,
            removal_policy=removal_policy,
            auto_delete_objects=auto_delete_objects,
            hardening=self._hardening,
            longest=limits.longest(),
        )
        self.input_bucket, self.output_bucket = stored.documents.bucket, stored.jobs.bucket
        self.output_key, self.volume_key = stored.output_key, stored.volume_key
        self.data_access_role = data_access_role or new_data_access_role(self)
        self.event_bus = event_bus or events.EventBus.from_event_bus_name(self, "DefaultEventBus", "default")
        self._accepted = AcceptedValues({"language_code": language_code, "input_format": input_format})
        self._settings = told = settings(
            default_request(language_code, input_format, recognizer, document_reader, tags),
            self._accepted,
            data_access_role=self.data_access_role,
            storage=stored,
            network=self.network,
            allow_overrides=allow_overrides,
            limits=limits,
            poll_schedule=poll_schedule or (PollSchedule.safety() if seen else PollSchedule.service_grid()),
            completion_events=seen,
            unique_names=unique_names,
        )
        warn_in_vain(self, told["Request"])
        self._factory = factory = FunctionFactory(
            service=self.service,
            event_bus_name=self.event_bus.event_bus_name,
            jobs_uri=stored.jobs.uri,
            work_uri=stored.work.uri,
            bucket_keys=stored.bucket_keys,
            log_retention=log_retention,
            removal_policy=removal_policy,
            reserve_concurrency=reserve_concurrency,
            hardening=self._hardening,
        )
        unreported = unreported_queue(self, self._hardening)
        self.functions = functions = task_functions(factory, self, unreported)
        functions.start_job.add_environment("SLOTS", str(maximum_active_jobs))
        grant_tasks(functions, stored, told, self.event_bus, narrow=narrow_permissions)
        reader, role = "DocumentReaderConfig" in told["Request"]["InputDataConfig"], self.data_access_role
        grant_job(self, role, stored, self.network, semi_structured=reader, narrow=narrow_permissions)
        completion = CompletionEvents(self, "Completion", factory=factory, storage=stored) if seen else None
        self.state_machine = state_machine(
            self, functions, factory, settings=told, limits=limits, storage=stored, completion=completion
        )
        tag_parts(self.state_machine, self.service, stored, unreported)
        orphans = OrphanedJobs(
            self, "OrphanedJobs", factory, stored, unreported=unreported, stop_on_delete=stop_jobs_on_delete
        )
        report_ends(self, self.state_machine, functions.publish_failure, unreported)
        self.failing_polls_alarm = failing_polls_alarm(self, functions.poll_job)
        if notification_topic:
            self.on_job_ended("Notification", target=targets.SnsTopic(notification_topic))
        warn_of_imported(self, stored, self.data_access_role, notification_topic)
        self._maximum_active_jobs, self._unreported = maximum_active_jobs, unreported
        called = [completion.function] if completion else []
        self._own_functions = [*vars(functions).values(), *called, orphans.function]
