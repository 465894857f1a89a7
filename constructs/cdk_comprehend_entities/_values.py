"""Values of a job request as Python objects; ``of()`` takes values that are newer than this library."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class _OpenEnum(StrEnum):
    @classmethod
    def of(cls, value: str) -> Self:
        """A value that the service offers and this library does not know yet; it is passed on unjudged."""
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member


class LanguageCode(_OpenEnum):
    """The language of all documents of a job; the service does not detect it."""

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
    """What one document is: a file, or a line of a text file (charged for at least 300 characters)."""

    ONE_DOC_PER_FILE = "ONE_DOC_PER_FILE"
    ONE_DOC_PER_LINE = "ONE_DOC_PER_LINE"


class Hardening(StrEnum):
    """How much is locked down beyond least privilege, encryption and TLS; see docs/security.md."""

    STANDARD = "standard"
    STRICT = "strict"


@dataclass(frozen=True)
class Recognizer:
    """A custom model, which finds its own entity types and none of the built-in ones.

    Attributes:
        field: the request's field that names it, ``EntityRecognizerArn`` or ``FlywheelArn``.
        arn: the ARN of the recognizer (with or without version) or flywheel.
    """

    field: str
    arn: str

    @classmethod
    def from_arn(cls, arn: str) -> Recognizer:
        """A trained custom entity recognizer."""
        return cls("EntityRecognizerArn", arn)

    @classmethod
    def from_flywheel_arn(cls, arn: str) -> Recognizer:
        """The active model of a flywheel."""
        return cls("FlywheelArn", arn)


@dataclass(frozen=True)
class DocumentReader:
    """How text is taken from PDF, Word and image documents; only custom recognizers read such documents.

    Attributes:
        action: the request's ``DocumentReadAction``.
        mode: the request's ``DocumentReadMode``.
        features: the request's ``FeatureTypes``.
    """

    action: str
    mode: str
    features: tuple[str, ...] = ()

    @classmethod
    def detect_text(cls, *, every_pdf: bool = False) -> DocumentReader:
        """Read images and scans with Amazon Textract's DetectDocumentText.

        Args:
            every_pdf: use Textract for digital PDF files, too, instead of the service's own parser (default: False).
        """
        return cls("TEXTRACT_DETECT_DOCUMENT_TEXT", _mode(every_pdf))

    @classmethod
    def analyze(cls, *, tables: bool = False, forms: bool = False, every_pdf: bool = False) -> DocumentReader:
        """Read images and scans with Amazon Textract's AnalyzeDocument; at least one of ``tables`` and ``forms``.

        Args:
            tables: look for tables (default: False).
            forms: look for forms (default: False).
            every_pdf: use Textract for digital PDF files, too, instead of the service's own parser (default: False).
        """
        features = tuple(name for name, wanted in (("TABLES", tables), ("FORMS", forms)) if wanted)
        return cls("TEXTRACT_ANALYZE_DOCUMENT", _mode(every_pdf), features)

    def request(self) -> dict[str, Any]:
        """The request's ``DocumentReaderConfig``."""
        features = {"FeatureTypes": list(self.features)} if self.features else {}
        return {"DocumentReadAction": self.action, "DocumentReadMode": self.mode, **features}


def _mode(every_pdf: bool) -> str:
    return "FORCE_DOCUMENT_READ_ACTION" if every_pdf else "SERVICE_DEFAULT"
