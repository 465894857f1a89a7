"""Amazon Comprehend entity-detection jobs as an AWS CDK construct."""

from entities_job.job.schedule import PollSchedule

from ._functions import Functions
from ._query import ResultsCatalog
from ._upload import UploadTrigger
from .values import DocumentReader, Hardening, InputFormat, LanguageCode, Recognizer
from .workflow import EntitiesDetectionWorkflow

__all__ = [
    "DocumentReader",
    "EntitiesDetectionWorkflow",
    "Functions",
    "Hardening",
    "InputFormat",
    "LanguageCode",
    "PollSchedule",
    "Recognizer",
    "ResultsCatalog",
    "UploadTrigger",
]
