"""Payloads checked against their types in :mod:`entities_job.contracts` while a template is made."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, NamedTuple, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

RESULT = "$states.result.Payload"
"""The answer of a task's function, in a JSONata expression of that task."""

INPUT = "$states.input"
"""The input of a state, in a JSONata expression."""


class Field(NamedTuple):
    """A key of a payload: the type of its value, and whether it must be there."""

    type: object
    required: bool


@cache
def fields(contract: object) -> dict[str, Field]:
    """Return the keys of a TypedDict in the order of its definition; none for any other type.

    ``__required_keys__`` does not know: it does not see ``NotRequired`` in annotations that are texts.
    """
    if not is_typeddict(contract):
        return {}
    total = getattr(contract, "__total__", True)
    hints = get_type_hints(contract, include_extras=True)
    return {
        name: Field(get_args(hint)[0], False) if get_origin(hint) is NotRequired else Field(hint, total)
        for name, hint in hints.items()
    }


def bare(hint: object) -> object:
    """Return a type without ``None`` and without annotations.

    Example:
        >>> bare(Annotated[int, "int32"] | None)
        <class 'int'>
    """
    if get_origin(hint) is Annotated:
        return bare(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        [kept] = [each for each in get_args(hint) if each is not NoneType]
        return bare(kept)
    return hint


def payload(receiver: str, contract: type, given: Mapping[str, object]) -> dict[str, object]:
    """Return what is given, if its keys are those of the contract.

    Args:
        receiver: who gets it, for the error.
        contract: the TypedDict that the receiver is typed by.
        given: keys and values; texts may be JSONata.

    Raises:
        ValueError: keys are missing or unknown.
    """
    known = fields(contract)
    missing = [name for name, field in known.items() if field.required and name not in given]
    unknown = [name for name in given if name not in known]
    if missing or unknown:
        raise ValueError(
            f"the payload of {receiver} does not fit {contract.__name__}: missing {missing}, unknown {unknown}"
        )
    return dict(given)


def read(contract: type, path: str, of: str = RESULT) -> str:
    """Return the JSONata that reads a field of a payload.

    Raises:
        ValueError: the contract has no such field.

    Example:
        >>> from entities_job.contracts import StartJobOutput
        >>> read(StartJobOutput, "Job.JobId")
        '$states.result.Payload.Job.JobId'
    """
    found: object = contract
    for name in path.split("."):
        known = fields(bare(found))
        if name not in known:
            raise ValueError(f"{contract.__name__} has no field {path}")
        found = known[name].type
    return f"{of}.{path}"


def jsonata(expression: str) -> str:
    """Return an expression as Step Functions marks it."""
    return f"{{% {expression} %}}"
