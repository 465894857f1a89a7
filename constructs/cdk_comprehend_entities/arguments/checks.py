"""Arguments that can never work are refused while a template is made: all of them at once.

:func:`checked` checks the arguments of a public method by the types of its annotations, then by rules on their values.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from functools import wraps
from types import NoneType, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from aws_cdk import Token

from entities_job.request.model import Violation

P = ParamSpec("P")
T = TypeVar("T")

Arguments = Mapping[str, Any]
"""Arguments by name. One of a wrong type counts as left out, so that rules need not think of it."""

Rule = Callable[[Arguments], Iterator[Violation]]

OWN_RULE = "the construct's own rule"
"""Source of a rule that comes from no document of AWS."""


def checked(*rules: Rule) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Make a function reject wrong arguments with one ValueError that lists each with its value, rule and source.

    Args:
        rules: yield what they find wrong with the values of arguments.

    Example:
        >>> @checked()
        ... def wait(seconds: float, reason: str = "") -> None: ...
        >>> wait(float("nan"), reason=None)
        Traceback (most recent call last):
            ...
        ValueError: these arguments are invalid:
        - seconds: must be a number; got nan (type of the argument)
        - reason: must be a text; got None (type of the argument)
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def refusing(*args: P.args, **kwargs: P.kwargs) -> T:
            signature = inspect.signature(function)
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            wrong = wrong_types(get_type_hints(function), bound.arguments)
            given = {**bound.arguments, **{name: signature.parameters[name].default for name in wrong}}
            found = [*wrong.values(), *(each for rule in rules for each in rule(given))]
            if found:
                raise ValueError("\n".join(["these arguments are invalid:", *(f"- {each}" for each in found)]))
            return function(*args, **kwargs)

        return refusing

    return decorate


def wrong_types(hints: Mapping[str, Any], given: Arguments, prefix: str = "") -> dict[str, Violation]:
    """Return violations for values that don't match the annotations of their names."""
    return {
        name: Violation(f"{prefix}{name}", value, f"must be {_kind(hints[name])[0]}", "type of the argument")
        for name, value in given.items()
        if name in hints and not _kind(hints[name])[1](value)
    }


def filled(name: str) -> Rule:
    """Return the rule that an argument is left out or holds something."""

    def rule(given: Arguments) -> Iterator[Violation]:
        if given[name] is not None and not given[name]:
            yield Violation(name, given[name], "must not be empty; omit it to use its default", OWN_RULE)

    return rule


def is_token(value: object) -> bool:
    """Return whether a text or number is not known before the template is deployed."""
    known = isinstance(value, float) and not math.isfinite(value)
    # A text without these characters is none, which saves a call of jsii.
    plain = isinstance(value, str) and "${" not in value
    return isinstance(value, str | int | float) and not known and not plain and Token.is_unresolved(value)


def implements(value: object, interface: type) -> bool:
    """Return whether an object has all that an interface of CDK has; nothing is called.

    CDK's interfaces are protocols that ``isinstance`` can't take. What implements one is a class or, for imported
    resources, a proxy with delegates.
    """
    kinds = [type(each) for each in getattr(value, "_delegates", [value])]
    names = [name for name in dir(interface) if not name.startswith("_")]
    return all(any(hasattr(kind, name) for kind in kinds) for name in names)


_Kind = tuple[str, Callable[[Any], bool]]

# A number that is a token is a float, whatever it will be.
_SIMPLE: dict[object, _Kind] = {
    str: ("a text", lambda value: isinstance(value, str)),
    bool: ("True or False", lambda value: isinstance(value, bool)),
    int: ("a whole number", lambda value: type(value) is int or (type(value) is float and is_token(value))),
    float: ("a number", lambda value: type(value) in (int, float) and math.isfinite(value)),
    object: ("anything", lambda value: True),
    NoneType: ("", lambda value: value is None),
}


def _kind(hint: Any) -> _Kind:
    """Return how messages call what an annotation asks for, and whether a value is that."""
    origin, parts = get_origin(hint), get_args(hint)
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if origin is Literal:
        return f"one of {', '.join(map(repr, parts))}", lambda value: value in parts
    kinds = [_kind(part) for part in parts]
    if origin in (Union, UnionType):
        words = " or ".join(words for words, _ in kinds if words)
        return words, lambda value: any(fits(value) for _, fits in kinds)
    if origin is Sequence:
        [(item, fits)] = kinds
        # A text would be taken letter by letter.
        no_text = f"a list, each item {item}"
        return (
            no_text,
            lambda value: isinstance(value, Sequence) and not isinstance(value, str | bytes) and all(map(fits, value)),
        )
    if origin is Mapping:
        [(key, key_fits), (item, fits)] = kinds
        words = f"a mapping, each key {key}, each value {item}"
        return (
            words,
            lambda value: isinstance(value, Mapping) and all(map(key_fits, value)) and all(map(fits, value.values())),
        )
    words = f"of type {hint.__module__}.{hint.__name__}" if hint.__module__.startswith("aws_cdk") else hint.__name__
    if issubclass(hint, Enum):
        words = f"one of {', '.join(f'{hint.__name__}.{member.name}' for member in hint)}"
    return words, lambda value: (implements if getattr(hint, "_is_protocol", False) else isinstance)(value, hint)
