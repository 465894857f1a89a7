"""The construct: all that starts, follows and publishes Amazon Comprehend entity-detection jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jsii
from aws_cdk import Aspects, Duration, Names, RemovalPolicy, Size
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from entities_job.job.schedule import PollSchedule

from ._abandoned import AbandonedJobs
from ._completion import CompletionEvents
from ._dispatcher import UploadDispatcher
from ._functions import FunctionFactory, Functions
from ._hardening import StandardHardening, StrictHardening
from ._imported import warn_of_imported
from ._job_events import JobEvents
from ._machine import report_aborted, state_machine, unreported_queue
from ._metrics import Metrics
from ._network import JobNetwork
from ._permissions import data_access_role as new_data_access_role
from ._permissions import grant
from ._private_network import PrivateNetwork
from ._query import ResultsCatalog
from ._settings import settings, upload_settings
from ._storage import announce_objects, storage
from ._task import execution_task
from ._upload import MAXIMUM_DOCUMENTS, UploadTrigger
from .values import DocumentReader, Hardening, InputFormat, LanguageCode, Recognizer


@jsii.implements(ec2.IConnectable)
class EntitiesDetectionWorkflow(JobEvents, Metrics, PrivateNetwork, Construct):
    """A state machine that runs entity-detection jobs, with everything they need.

    An execution's input is a StartEntitiesDetectionJob request in the API's own field names; only
    ``InputDataConfig.S3Uri`` is required, and what else is left out comes from here.

    Attributes:
        input_bucket: holds the documents.
        output_bucket: holds raw results (``jobs/``), published ones (``results/``), functions' files (``work/``).
        output_key: encrypts all that is written into the output bucket.
        volume_key: encrypts the volumes of the machines that run a job.
        data_access_role: what the service assumes for a job.
        functions: the Lambda functions, by name.
        state_machine: what to start an execution of.
        event_bus: gets one event for each execution that ends.
        network: the jobs' subnets and security groups, or None.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        language_code: LanguageCode | str = "en",
        recognizer: Recognizer | None = None,
        document_reader: DocumentReader | None = None,
        input_format: InputFormat = InputFormat.ONE_DOC_PER_FILE,
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
        maximum_duration: Duration | None = None,
        duration_per_gigabyte: Duration | None = None,
        maximum_queue_duration: Duration | None = None,
        poll_schedule: PollSchedule | None = None,
        completion_events: bool | None = None,
        stop_jobs_on_delete: bool = False,
        maximum_documents: int | None = None,
        maximum_size: Size | None = None,
        maximum_cost_usd: float | None = None,
        maximum_active_jobs: int = 10,
        log_retention: logs.RetentionDays = logs.RetentionDays.SIX_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
        hardening: Hardening | str = Hardening.STANDARD,
    ) -> None:
        """Define the workflow.

        Args:
            scope: the parent.
            construct_id: the id, unique in ``scope``.
            language_code: the documents' language, where an execution's input names none.
            recognizer: a custom model (default: the service's built-in one).
            document_reader: how text is taken from PDF, Word and image documents; needs ``recognizer``
                (default: documents are plain text).
            input_format: whether a document is a file or a line.
            input_bucket: where documents lie (default: a new bucket).
            input_prefix: what documents of executions that callers start must lie under; empty or ending in ``/``.
            input_key: encrypts the new input bucket (default: the output key), or tells the key of an imported one.
            output_bucket: where results go (default: a new bucket).
            output_prefix: stands before ``jobs/``, ``results/`` and ``work/``; empty or ending in ``/``.
            output_key: encrypts results (default: the output bucket's own key, or a new one that rotates).
            volume_key: encrypts the volumes of a job's machines (default: a new key that rotates); no alias.
            data_access_role: what the service assumes (default: a new role); it gets the rights that jobs need.
            vpc: where jobs run (default: in the service's own network).
            vpc_subnets: the subnets, at most 16 (default: the isolated ones).
            security_groups: at most 5 (default: a new one that admits only itself and S3).
            s3_prefix_list: what the new security group may reach (default: looked up, for a stack with a known env).
            event_bus: gets an event for each execution that ends (default: the account's default bus).
            notification_topic: gets these events, too (default: no topic).
            tags: tags of each job; at most 50.
            allow_overrides: protected fields that an execution's input may set: DataAccessRoleArn, EntityRecognizerArn,
                FlywheelArn, OutputDataConfig, Tags, VolumeKmsKeyId, VpcConfig (default: none of them). Rights on roles
                and keys that inputs name must be granted to ``data_access_role`` and ``functions.start_job``.
            maximum_duration: a job that runs longer is stopped and its partial result published (default: 24 hours).
            duration_per_gigabyte: what each gigabyte of documents adds to it (default: nothing).
            maximum_queue_duration: a job that the service has not begun by then is stopped (default: 4 hours).
            poll_schedule: when to look at a job (default: ``PollSchedule.safety()`` with completion events,
                ``PollSchedule.service_grid()`` without).
            completion_events: a job's end is noticed by the event of its output; for an imported output bucket, that
                sends its events to EventBridge (default: for a new output bucket).
            stop_jobs_on_delete: stop all jobs when the workflow is deleted.
            maximum_documents: an execution with more is refused before it costs (default: the service's limit).
            maximum_size: the same for the size of all documents (default: the service's limit).
            maximum_cost_usd: the same for the estimated price of the analysis in US dollars (default: no limit).
            maximum_active_jobs: uploads start no job while so many, of anybody, are active in the account and Region.
            log_retention: how long logs are kept.
            removal_policy: what becomes of new buckets, keys and logs when the stack is deleted.
            hardening: strict puts the functions into the VPC, too, and adds access logs, versions, keys and limits that
                HIPAA, NIST 800-53 and PCI DSS ask for; it reserves about 200 of the account's concurrent functions.

        Raises:
            ValueError: a value breaks a rule of the service; all broken rules are named.
        """
        super().__init__(scope, construct_id)
        self._storage = storage(
            self,
            input_bucket=input_bucket,
            input_prefix=input_prefix,
            input_key=input_key,
            output_bucket=output_bucket,
            output_prefix=output_prefix,
            output_key=output_key,
            volume_key=volume_key,
            removal_policy=removal_policy,
        )
        self.input_bucket, self.output_bucket = self._storage.documents.bucket, self._storage.jobs.bucket
        self.output_key, self.volume_key = self._storage.output_key, self._storage.volume_key
        self.network = (
            JobNetwork(
                self,
                "Network",
                vpc=vpc,
                subnets=vpc_subnets,
                security_groups=security_groups,
                s3_prefix_list=s3_prefix_list,
            )
            if vpc
            else None
        )
        self._hardening = (
            StrictHardening(self, "Hardening", network=self.network, removal_policy=removal_policy)
            if Hardening(hardening) is Hardening.STRICT
            else None
        )
        if not self._hardening:
            Aspects.of(self).add(StandardHardening())
        self.data_access_role = data_access_role or new_data_access_role(self)
        if completion_events is None:
            completion_events = output_bucket is None
        self._settings = settings(
            self,
            language_code=language_code,
            input_format=input_format,
            recognizer=recognizer,
            document_reader=document_reader,
            tags=tags,
            data_access_role=self.data_access_role,
            storage=self._storage,
            network=self.network,
            allow_overrides=allow_overrides,
            maximum_duration=maximum_duration or Duration.hours(24),
            duration_per_gigabyte=duration_per_gigabyte or Duration.seconds(0),
            maximum_queue_duration=maximum_queue_duration or Duration.hours(4),
            poll_schedule=poll_schedule
            or (PollSchedule.safety() if completion_events else PollSchedule.service_grid()),
            completion_events=completion_events,
            ceilings={
                "Documents": maximum_documents,
                "Bytes": maximum_size.to_bytes() if maximum_size else None,
                "CostUsd": maximum_cost_usd,
            },
        )
        self.event_bus = event_bus or events.EventBus.from_event_bus_name(self, "DefaultEventBus", "default")
        self.function_factory = FunctionFactory(
            service=Names.unique_resource_name(self, max_length=64),
            event_bus_name=self.event_bus.event_bus_name,
            jobs_uri=self._storage.jobs.uri,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        self._maximum_active_jobs = maximum_active_jobs
        self._dispatcher: UploadDispatcher | None = None
        unreported = unreported_queue(self)
        self.functions = Functions.made_by(self.function_factory, self, unreported)
        completion = (
            CompletionEvents(self, "Completion", factory=self.function_factory, storage=self._storage)
            if completion_events
            else None
        )
        self.state_machine = state_machine(
            self,
            self.functions,
            factory=self.function_factory,
            settings=self._settings,
            storage=self._storage,
            completion=completion,
        )
        AbandonedJobs(
            self,
            "AbandonedJobs",
            factory=self.function_factory,
            machine=self.state_machine,
            bus=self.event_bus,
            unreported=unreported,
            stop_on_delete=stop_jobs_on_delete,
        )
        report_aborted(self, self.state_machine, self.functions.publish_failure, unreported)
        grant(
            self.functions,
            self.data_access_role,
            self._storage,
            self._settings,
            network=self.network,
            bus=self.event_bus,
        )
        if notification_topic:
            self.on_job_ended("Notification", target=targets.SnsTopic(notification_topic))
        warn_of_imported(self, self._storage, self.data_access_role, notification_topic)

    @property
    def results_prefix(self) -> str:
        """What published results lie under, in the output bucket."""
        return self._storage.results.path

    def grant_start_execution(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` start executions, and so pay for jobs."""
        return self.state_machine.grant_start_execution(grantee)

    def grant_upload(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` put documents under the input prefix."""
        return self._storage.documents.grant_write(grantee)

    def grant_read_results(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` list and read published results, but neither raw ones nor the functions' own files."""
        results = self._storage.results
        return results.grant_list(grantee).combine(results.grant_read(grantee))

    def as_task(self, scope: Construct, construct_id: str, *, request: Mapping[str, Any] | None = None) -> sfn.Parallel:
        """This workflow as one state of another state machine, whose query language is JSONPath or JSONata.

        The state waits for the execution's end and returns its output; it fails with the job's own error, which Catch
        and Retry can name; and where the other machine's execution is aborted, the job is stopped.

        Args:
            scope: the parent.
            construct_id: the state's name.
            request: a StartEntitiesDetectionJob request, in which texts like ``{% $states.input.uri %}`` are JSONata
                (default: the state's whole input).
        """
        return execution_task(scope, construct_id, machine=self.state_machine, request=request)

    def start_on_upload(
        self,
        trigger_id: str = "Uploads",
        *,
        prefix: str = "uploads/",
        suffixes: Sequence[str] = (),
        language_code: LanguageCode | str | None = None,
        recognizer: Recognizer | None = None,
        maximum_documents: int = MAXIMUM_DOCUMENTS,
    ) -> UploadTrigger:
        """Analyse what is put under a prefix of the input bucket, in batches as large as the waiting makes them.

        Args:
            trigger_id: 1 to 32 letters and digits, unique in this workflow; its executions' names begin with it.
            prefix: where uploads are put; ends in ``/``.
            suffixes: an upload that ends in none of them is refused (default: all are taken).
            language_code: the language of these documents (default: the workflow's).
            recognizer: the model for these documents (default: the workflow's); needs ``allow_overrides``.
            maximum_documents: the most documents of one batch, which keeps the workflow's other limits, too.

        Raises:
            ValueError: a value breaks a rule of the service, or the prefix overlaps another one.
        """
        own = {"LanguageCode": str(language_code)} if language_code else {}
        own |= {recognizer.field: recognizer.arn} if recognizer else {}
        told = upload_settings(self, self._settings, self._storage, own, maximum_documents)
        if self._dispatcher is None:
            if not self.node.try_find_child("InputBucket"):
                announce_objects(self.input_bucket)
            self._dispatcher = UploadDispatcher(
                self,
                "UploadDispatcher",
                factory=self.function_factory,
                state_machine=self.state_machine,
                storage=self._storage,
                stage=self.functions.stage,
                maximum_active_jobs=self._maximum_active_jobs,
            )
        return UploadTrigger(self, trigger_id, dispatcher=self._dispatcher, prefix=prefix, suffixes=suffixes, **told)

    def add_results_catalog(
        self, catalog_id: str = "Catalog", *, bytes_scanned_cutoff_per_query: Size | None = None
    ) -> ResultsCatalog:
        """Make published results answer SQL: tables and views for Athena, and a workgroup.

        Args:
            catalog_id: the id, unique in this workflow.
            bytes_scanned_cutoff_per_query: a query that scans more is ended, at least 10 MB (default: 10 GiB).
        """
        cutoff = bytes_scanned_cutoff_per_query or Size.gibibytes(10)
        return ResultsCatalog(self, catalog_id, storage=self._storage, bytes_scanned_cutoff_per_query=cutoff)
