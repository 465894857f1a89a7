"""Values of a workflow's arguments as Python objects; ``of()`` takes values that are newer than this library."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Self

from aws_cdk import Duration, Size

from entities_job.contracts import Ceilings, DocumentReaderConfig
from entities_job.job.schedule import STOPPING_SECONDS
from entities_job.request.limits import MAXIMUM_BYTES

_GRACE = Duration.hours(12)


class _OpenEnum(StrEnum):
    @classmethod
    def of(cls, value: str) -> Self:
        """Return a value that the service offers and this library does not know yet; it is passed on unchecked.

        Args:
            value: the value, as the API spells it.

        Examples:
            >>> language = LanguageCode.of("sv")
        """
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member


class LanguageCode(_OpenEnum):
    """The language of all documents of a job; the service does not detect it.

    Examples:
        >>> LanguageCode.ES.value
        'es'
    """

    AR = "ar"
    DE = "de"
    EN = "en"
    ES = "es"
    FR = "fr"
    HI = "hi"
    IT = "it"
    JA = "ja"
    KO = "ko"
    PT = "pt"
    ZH = "zh"
    ZH_TW = "zh-TW"


class InputFormat(_OpenEnum):
    """The unit that is one document: a file, or a line of a text file (charged for at least 300 characters).

    Examples:
        >>> InputFormat.ONE_DOC_PER_LINE.value
        'ONE_DOC_PER_LINE'
    """

    ONE_DOC_PER_FILE = "ONE_DOC_PER_FILE"
    ONE_DOC_PER_LINE = "ONE_DOC_PER_LINE"


class Hardening(StrEnum):
    """The level of protection beyond least privilege, encryption and TLS; see docs/security.md.

    Examples:
        >>> Hardening.STRICT.value
        'strict'
    """

    STANDARD = "standard"
    STRICT = "strict"


@dataclass(frozen=True)
class Recognizer:
    """A custom model, which finds its own entity types and none of the built-in ones.

    Attributes:
        field: the request's field that names it, ``EntityRecognizerArn`` or ``FlywheelArn``.
        arn: the ARN of the recognizer (with or without version) or flywheel.

    Examples:
        >>> arn = "arn:aws:comprehend:us-east-1:111122223333:entity-recognizer/drugs"
        >>> custom = EntitiesDetectionWorkflow(stack, "Custom", recognizer=Recognizer.from_arn(arn))
    """

    field: Literal["EntityRecognizerArn", "FlywheelArn"]
    arn: str

    @classmethod
    def from_arn(cls, arn: str) -> Recognizer:
        """Return a trained custom entity recognizer.

        Args:
            arn: its ARN, with or without version.

        Examples:
            >>> drugs = Recognizer.from_arn("arn:aws:comprehend:us-east-1:111122223333:entity-recognizer/drugs")
        """
        return cls("EntityRecognizerArn", arn)

    @classmethod
    def from_flywheel_arn(cls, arn: str) -> Recognizer:
        """Return the active model of a flywheel.

        Args:
            arn: the flywheel's ARN.

        Examples:
            >>> drugs = Recognizer.from_flywheel_arn("arn:aws:comprehend:us-east-1:111122223333:flywheel/drugs")
        """
        return cls("FlywheelArn", arn)


@dataclass(frozen=True)
class DocumentReader:
    """A way to read text from PDF, Word and image documents; only custom recognizers accept such documents.

    Attributes:
        action: the request's ``DocumentReadAction``.
        mode: the request's ``DocumentReadMode``.
        features: the request's ``FeatureTypes``.

    Examples:
        >>> DocumentReader.detect_text().action
        'TEXTRACT_DETECT_DOCUMENT_TEXT'
    """

    action: str
    mode: str
    features: tuple[str, ...] = ()

    @classmethod
    def detect_text(cls, *, every_pdf: bool = False) -> DocumentReader:
        """Read images and scans with Amazon Textract's DetectDocumentText.

        Args:
            every_pdf: use Textract for digital PDF files, too, instead of the service's own parser (default: False).

        Examples:
            >>> reader = DocumentReader.detect_text(every_pdf=True)
        """
        return cls("TEXTRACT_DETECT_DOCUMENT_TEXT", _mode(every_pdf))

    @classmethod
    def analyze(cls, *, tables: bool = False, forms: bool = False, every_pdf: bool = False) -> DocumentReader:
        """Read images and scans with Amazon Textract's AnalyzeDocument; at least one of ``tables`` and ``forms``.

        Args:
            tables: look for tables (default: False).
            forms: look for forms (default: False).
            every_pdf: use Textract for digital PDF files, too, instead of the service's own parser (default: False).

        Examples:
            >>> DocumentReader.analyze(tables=True).features
            ('TABLES',)
        """
        features = tuple(name for name, wanted in (("TABLES", tables), ("FORMS", forms)) if wanted)
        return cls("TEXTRACT_ANALYZE_DOCUMENT", _mode(every_pdf), features)

    def request(self) -> DocumentReaderConfig:
        """Return the request's ``DocumentReaderConfig``.

        Examples:
            >>> DocumentReader.detect_text().request()["DocumentReadMode"]
            'SERVICE_DEFAULT'
        """
        made: DocumentReaderConfig = {"DocumentReadAction": self.action, "DocumentReadMode": self.mode}
        if self.features:
            made["FeatureTypes"] = list(self.features)
        return made


@dataclass(frozen=True, kw_only=True)
class ExecutionLimits:
    """Limits of one execution: checked before a job is paid for, or while it runs.

    Attributes:
        documents: the most documents (default: the service's limit).
        size: the most documents' size in total (default: the service's limit).
        cost_usd: the highest estimated price of the analysis in US dollars (default: no limit).
        duration: stop a job that runs longer, and publish its partial result (default: 24 hours).
        duration_per_gigabyte: what each gigabyte of documents adds to ``duration`` (default: nothing).
        queue_duration: stop a job that the service has not begun by then (default: 4 hours).
        slot_duration: how long an execution waits for a free slot of the quota of active jobs (default: 12 hours).

    Examples:
        >>> ExecutionLimits(documents=1000, cost_usd=5).ceilings()
        {'Documents': 1000, 'CostUsd': 5}
    """

    documents: int | None = None
    size: Size | None = None
    cost_usd: float | None = None
    duration: Duration = field(default_factory=lambda: Duration.hours(24))
    duration_per_gigabyte: Duration = field(default_factory=lambda: Duration.seconds(0))
    queue_duration: Duration = field(default_factory=lambda: Duration.hours(4))
    slot_duration: Duration = field(default_factory=lambda: Duration.hours(12))

    def ceilings(self) -> Ceilings:
        """Return the limits that are checked before the start, as the functions get them.

        Examples:
            >>> ExecutionLimits(cost_usd=5).ceilings()
            {'CostUsd': 5}
        """
        made: Ceilings = {}
        if self.documents is not None:
            made["Documents"] = self.documents
        if self.size is not None:
            made["Bytes"] = int(self.size.to_bytes())
        if self.cost_usd is not None:
            made["CostUsd"] = self.cost_usd
        return made

    def longest(self) -> Duration:
        """Return how long an execution may take at most: with its retries, staging and publishing.

        Examples:
            >>> ExecutionLimits().longest().to_hours()
            49
        """
        most = self.duration_per_gigabyte.to_seconds() * math.ceil(MAXIMUM_BYTES / 1e9)
        waiting = self.slot_duration.to_seconds() + self.duration.to_seconds() + most + STOPPING_SECONDS
        return Duration.seconds(waiting).plus(_GRACE)


def _mode(every_pdf: bool) -> str:
    return "FORCE_DOCUMENT_READ_ACTION" if every_pdf else "SERVICE_DEFAULT"
