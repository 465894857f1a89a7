"""Amazon Comprehend entity-detection jobs as an AWS CDK construct."""

from ._functions import Functions
from ._lambdas import PollSchedule
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
