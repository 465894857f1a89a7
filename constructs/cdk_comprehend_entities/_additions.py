"""Additions to a workflow: upload triggers, a catalog of its results, and monitoring."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Size
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from entities_job.contracts import Settings

from ._base import WorkflowBase
from ._functions import FunctionFactory, Functions
from ._settings import AcceptedValues, batch_settings, trigger_request, warn_in_vain
from ._storage import announce_objects
from ._values import LanguageCode, Recognizer
from .arguments import rules
from .arguments.checks import checked
from .monitoring.monitoring import WorkflowMonitoring
from .queries.catalog import ResultsCatalog
from .rights.acknowledged import in_one_go
from .uploads.dispatcher import UploadDispatcher
from .uploads.trigger import MAXIMUM_DOCUMENTS, UploadTrigger


class WorkflowAdditions(WorkflowBase):
    """Upload triggers, a results catalog and monitoring, each added by one method.

    Attributes:
        functions: the Lambda functions, by name.
        failing_polls_alarm: every poll of jobs has failed for 15 minutes.
    """

    functions: Functions
    failing_polls_alarm: cloudwatch.Alarm
    _accepted: AcceptedValues
    _factory: FunctionFactory
    _maximum_active_jobs: int
    _own_functions: list[lambda_.Function]
    _settings: Settings
    _unreported: sqs.Queue

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self._dispatcher: UploadDispatcher | None = None
        self._triggers: list[UploadTrigger] = []
        self._monitoring: WorkflowMonitoring | None = None

    @checked(rules.uploads)
    @in_one_go()
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
        """Analyse each object put under a prefix of the input bucket, in batches that grow with the waiting time.

        Args:
            trigger_id: 1 to 32 letters and digits, unique in this workflow; its executions' names begin with it
                (default: ``Uploads``).
            prefix: prefix of the uploads; ends in ``/`` (default: ``uploads/``).
            suffixes: reject an upload whose name ends in none of them (default: accept all).
            language_code: the language of these documents (default: the workflow's).
            recognizer: the model for these documents; needs ``allow_overrides`` (default: the workflow's).
            maximum_documents: the most documents of one batch, beside the workflow's other limits (default: 100,000).

        Raises:
            ValueError: arguments that can't work, all of them, or the prefix overlaps another trigger's.

        Examples:
            >>> trigger = workflow.start_on_upload("Spanish", prefix="spanish/", language_code="es")
        """
        own, request = trigger_request(self._settings["Request"], language_code, recognizer)
        warn_in_vain(self, request)
        self._accepted.add({"language_code": language_code})
        batches = batch_settings(self._settings, own, request, suffixes, maximum_documents)
        if self._dispatcher is None:
            if not self.node.try_find_child("InputBucket"):
                announce_objects(self, self.input_bucket)
            self.functions.start_job.add_environment("SLOTS_FOR_UPLOADS", "1")
            stage, most = self.functions.stage, self._maximum_active_jobs
            self._dispatcher = UploadDispatcher(
                self, "UploadDispatcher", self._factory, self.state_machine, self._storage, stage=stage, slots=most
            )
            self._dispatcher.hear(self.on_job_ended("BatchEnded"))
        trigger = UploadTrigger(self, trigger_id, dispatcher=self._dispatcher, prefix=prefix, batches=batches)
        self._triggers.append(trigger)
        if self._monitoring:
            self._monitoring.add_trigger(trigger, self._dispatcher.function)
        return trigger

    @checked(rules.catalog)
    @in_one_go()
    def add_results_catalog(
        self, catalog_id: str = "Catalog", *, bytes_scanned_cutoff_per_query: Size | None = None
    ) -> ResultsCatalog:
        """Add tables and views for Athena, and a workgroup, so that published results answer SQL.

        Args:
            catalog_id: the id, unique in this workflow (default: ``Catalog``).
            bytes_scanned_cutoff_per_query: cancel a query that scans more; at least 10 MB (default: 10 GiB).

        Examples:
            >>> catalog = workflow.add_results_catalog(bytes_scanned_cutoff_per_query=Size.gibibytes(1))
        """
        cutoff = bytes_scanned_cutoff_per_query or Size.gibibytes(10)
        return ResultsCatalog(self, catalog_id, storage=self._storage, bytes_scanned_cutoff_per_query=cutoff)

    @checked(rules.monitoring)
    @in_one_go()
    def monitor(
        self,
        *,
        alarm_topic: sns.ITopic | None = None,
        runbook_url: str | None = None,
        daily_cost_usd: float | None = None,
    ) -> WorkflowMonitoring:
        """Add a dashboard, alarms and saved queries of the logs. They include upload triggers that are added later.

        Args:
            alarm_topic: gets a message when an alarm rings, and when it is over (default: alarms show their state).
                If a KMS key encrypts the topic, the key's policy must let cloudwatch.amazonaws.com use it.
            runbook_url: where alarms' descriptions find the runbook (default: ``docs/runbook.md`` of this project).
            daily_cost_usd: the estimated cost of a day that rings an alarm (default: no such alarm).

        Raises:
            ValueError: arguments that can't work, all of them.

        Examples:
            >>> monitoring = workflow.monitor(alarm_topic=topic, daily_cost_usd=20)
        """
        self._monitoring = WorkflowMonitoring(
            self,
            "Monitoring",
            functions=self._own_functions,
            poll_job=self.functions.poll_job,
            failing_polls=self.failing_polls_alarm,
            unreported=self._unreported,
            slots=self._maximum_active_jobs,
            alarm_topic=alarm_topic,
            runbook_url=runbook_url,
            daily_cost_usd=daily_cost_usd,
        )
        for trigger in self._triggers:
            assert self._dispatcher
            self._monitoring.add_trigger(trigger, self._dispatcher.function)
        return self._monitoring
