"""Amazon States Language as far as the definition uses it: templates with JSONata, and which Retry or Catch applies."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, ClassVar

from jsonata.jsonata import Jsonata
from jsonata.utils import Utils

UNCATCHABLE = ("States.Runtime", "States.DataLimitExceeded")
"""What States.ALL does not match (Step Functions Developer Guide, concepts-error-handling)."""


NAME = re.compile(r"\$(states\.\w+|[A-Za-z]\w*)\b(?!\()")
"""What an expression reads: a variable, or a part of ``$states``."""


class QueryEvaluationError(Exception):
    """An expression fails, or gives nothing: States.QueryEvaluationError."""


class Scope:
    """What expressions of a state may name: ``$states`` and the execution's variables."""

    _values: ClassVar[dict[tuple[str, ...], str]] = {}

    def __init__(self, variables: dict[str, Any], **states: Any) -> None:
        self._bindings = {**variables, **{f"states.{name}": value for name, value in states.items()}}
        self._texts = {name: json.dumps(value, sort_keys=True) for name, value in self._bindings.items()}

    def evaluated(self, template: Any) -> Any:
        """A template with each of its expressions replaced by its value.

        Raises:
            QueryEvaluationError: one has none.
        """
        if isinstance(template, dict):
            return {name: self.evaluated(each) for name, each in template.items()}
        if isinstance(template, list):
            return [self.evaluated(each) for each in template]
        if isinstance(template, str) and template.startswith("{%"):
            return self._value(template[2:-2].strip())
        return template

    def _value(self, expression: str) -> Any:
        # Most are evaluated again and again with the same values.
        names = _names(expression)
        key = (expression, *(self._texts.get(name, "") for name in names))
        if key not in self._values:
            self._values[key] = json.dumps(
                _value(expression, {name: self._bindings[name] for name in names if name in self._bindings})
            )
        return json.loads(self._values[key])


def _value(expression: str, named: dict[str, Any]) -> Any:
    variables = {name: Utils.NULL_VALUE if value is None else value for name, value in named.items()}
    states = {name.removeprefix("states."): value for name, value in named.items() if name.startswith("states.")}
    try:
        value = _parsed(expression).evaluate(None, {**variables, "states": states})
        # The interpreter answers None for null and for nothing.
        if value is None and not _parsed(f"$exists(({expression}))").evaluate(None, {**variables, "states": states}):
            raise QueryEvaluationError(f"{expression} gives nothing")
    except QueryEvaluationError:
        raise
    except Exception as error:
        raise QueryEvaluationError(f"{expression}: {error}") from error
    return value


@cache
def _names(expression: str) -> tuple[str, ...]:
    return tuple(sorted(set(NAME.findall(expression))))


@cache
def _parsed(expression: str) -> Jsonata:
    # By chance pauses are longer or shorter, and no more.
    return Jsonata(expression.replace("$random()", "0.5"))


def matching(clauses: list[dict[str, Any]], error: str) -> int | None:
    """The number of the first Retry or Catch that an error matches."""
    for number, clause in enumerate(clauses):
        names = clause["ErrorEquals"]
        if error in names or ("States.ALL" in names and error not in UNCATCHABLE):
            return number
    return None


def repeated(state: dict[str, Any], error: str) -> bool:
    """Whether a state is repeated at an error."""
    clauses = state.get("Retry", [])
    number = matching(clauses, error)
    return number is not None and clauses[number].get("MaxAttempts", 3) > 0


def told_apart(state: dict[str, Any], otherwise: str) -> list[str]:
    """An error for each Catch of a state: those that it does not tell apart are one. ``otherwise`` has no name."""
    clauses = state.get("Catch", [])
    named = {name for clause in clauses for name in clause["ErrorEquals"]} - {"States.ALL"}
    by_clause = {matching(clauses, error): error for error in sorted(named, reverse=True)}
    by_clause.setdefault(matching(clauses, otherwise), otherwise)
    return list(by_clause.values())
