"""Custom recognizers: entity lists registered under an ARN."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from threading import Lock

from .errors import usual

MAXIMUM_TYPES = 25


@dataclass(frozen=True)
class Recognizer:
    """A custom recognizer.

    Attributes:
        arn: its ARN.
        texts: the entity list: type of each text.
        status: only a TRAINED one can run jobs.
    """

    arn: str
    texts: dict[str, str]
    status: str


def read_entity_list(text: str) -> dict[str, str]:
    """Read an entity list, a CSV with the columns Text and Type as in the training of a recognizer.

    Raises:
        ValueError: another header, an empty field, a type's name that the service refuses, or too many types.
    """
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    if list(rows.fieldnames or []) != ["Text", "Type"]:
        raise ValueError(f"entity list: the header must be Text,Type; got {rows.fieldnames}")
    texts: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        entity, kind = row["Text"], row["Type"]
        if not entity or not kind or len(row) != 2:
            raise ValueError(f"entity list, line {number}: needs exactly a Text and a Type")
        if len(kind) > 64 or any(character in kind for character in "\t\n,"):
            raise ValueError(f"entity list, line {number}: a type has at most 64 characters, no tab and no comma")
        texts[entity] = kind
    if not 1 <= len(set(texts.values())) <= MAXIMUM_TYPES:
        raise ValueError(f"entity list: needs 1 to {MAXIMUM_TYPES} types, has {len(set(texts.values()))}")
    return texts


class Registry:
    """The custom recognizers by their ARNs, and by those of the flywheels whose active models they are."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._recognizers: dict[str, Recognizer] = {}

    def add(self, arn: str, texts: dict[str, str], status: str) -> None:
        """Register a recognizer under its ARN or a flywheel's, or replace it."""
        # A flywheel names its models after itself.
        recognizer_arn = arn.replace(":flywheel/", ":entity-recognizer/")
        with self._lock:
            self._recognizers[arn] = Recognizer(recognizer_arn, texts, status)

    def arns(self) -> dict[str, str]:
        """The state of each recognizer by the ARN under which it is registered."""
        with self._lock:
            return {arn: recognizer.status for arn, recognizer in self._recognizers.items()}

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._recognizers.clear()

    def find(self, arn: str, untrained: str) -> Recognizer:
        """The recognizer of a job.

        Args:
            arn: EntityRecognizerArn or FlywheelArn of the request.
            untrained: code of the error for a recognizer that is not trained.

        Raises:
            ServiceError: it is unknown or not trained.
        """
        with self._lock:
            recognizer = self._recognizers.get(arn)
        if recognizer is None:
            raise usual("ResourceNotFoundException")
        if recognizer.status != "TRAINED":
            raise usual(untrained)
        return recognizer
