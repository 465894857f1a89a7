"""Custom recognizers: entity lists registered under an ARN, and flywheels that point at them."""

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
    status: str = "TRAINED"


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
    """The recognizers and flywheels of the account."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._recognizers: dict[str, Recognizer] = {}
        self._flywheels: dict[str, str] = {}

    def add(self, recognizer: Recognizer) -> None:
        """Register a recognizer, or replace the one of its ARN."""
        with self._lock:
            self._recognizers[recognizer.arn] = recognizer

    def add_flywheel(self, arn: str, recognizer_arn: str) -> None:
        """Register a flywheel with the recognizer that is its active model."""
        with self._lock:
            self._flywheels[arn] = recognizer_arn

    def arns(self) -> dict[str, str]:
        """ARN of each recognizer and flywheel, with status or active model."""
        with self._lock:
            return {arn: item.status for arn, item in self._recognizers.items()} | self._flywheels

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._recognizers.clear()
            self._flywheels.clear()

    def find(self, recognizer_arn: str | None, flywheel_arn: str | None, untrained: str) -> Recognizer | None:
        """The recognizer of a job; None for the built-in model.

        Args:
            recognizer_arn: EntityRecognizerArn of the request.
            flywheel_arn: FlywheelArn of the request.
            untrained: code of the error for a recognizer that is not trained.

        Raises:
            ServiceError: it is unknown or not trained.
        """
        if not recognizer_arn and not flywheel_arn:
            return None
        with self._lock:
            arn = recognizer_arn or self._flywheels.get(flywheel_arn or "")
            recognizer = self._recognizers.get(arn or "")
        if recognizer is None:
            raise usual("ResourceNotFoundException")
        if recognizer.status != "TRAINED":
            raise usual(untrained)
        return recognizer
