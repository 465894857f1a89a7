"""Amazon Comprehend entity-detection jobs as an AWS CDK construct."""

from entities_job.job.schedule import PollSchedule

from ._functions import Functions
from ._values import DocumentReader, ExecutionLimits, Hardening, InputFormat, LanguageCode, Recognizer
from ._workflow import EntitiesDetectionWorkflow
from .monitoring.monitoring import WorkflowMonitoring
from .network.job import JobNetwork
from .queries.catalog import ResultsCatalog
from .uploads.trigger import UploadTrigger

__all__ = [
    "DocumentReader",
    "EntitiesDetectionWorkflow",
    "ExecutionLimits",
    "Functions",
    "Hardening",
    "InputFormat",
    "JobNetwork",
    "LanguageCode",
    "PollSchedule",
    "Recognizer",
    "ResultsCatalog",
    "UploadTrigger",
    "WorkflowMonitoring",
]
