"""Checks of single values: botocore's service model as JSON Schema, judged by the ``jsonschema`` package."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, cast

import regex
from botocore.model import ListShape, ServiceModel, Shape, StringShape, StructureShape
from botocore.session import get_session
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from .errors import ServiceError

TYPES = {
    "structure": "object",
    "list": "array",
    "string": "string",
    "integer": "integer",
    "timestamp": "number",
}


@cache
def service_model() -> ServiceModel:
    """Botocore's newest model of Comprehend."""
    return get_session().get_service_model("comprehend")


def check(operation: str, body: object, constraint_error: str) -> None:
    """Judge a request's body by the model of its operation. Members that the model does not know are ignored.

    Raises:
        ServiceError: SerializationException for a wrong JSON type, else all broken constraints at once.
    """
    broken = sorted(_validator(operation).iter_errors(body), key=lambda error: list(map(str, error.absolute_path)))
    for error in broken:
        if error.validator == "type":
            raise ServiceError("SerializationException", _wrong_type(error.instance, str(error.validator_value)))
    if broken:
        plural = "s" if len(broken) > 1 else ""
        texts = "; ".join(map(_text, broken))
        raise ServiceError(constraint_error, f"{len(broken)} validation error{plural} detected: {texts}")


def without_nulls(value: Any) -> Any:
    """A JSON value without null members, which AWS JSON services take for absent."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def _full_pattern(validator: object, pattern: str, value: object, schema: object) -> Iterator[ValidationError]:
    # The API's patterns cover the whole value and use Unicode classes, which Python's own expressions lack.
    if isinstance(value, str) and not regex.fullmatch(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


_Validator = extend(Draft202012Validator, {"pattern": _full_pattern})  # type: ignore[no-untyped-call]  # so in its stubs


@cache
def _validator(operation: str) -> Draft202012Validator:
    shape = service_model().operation_model(operation).input_shape
    assert shape is not None
    return cast(Draft202012Validator, _Validator(schema_of(shape)))


def schema_of(shape: Shape) -> dict[str, Any]:
    """JSON Schema of one shape of the service model."""
    limits = shape.metadata
    schema: dict[str, Any] = {"type": TYPES[shape.type_name]}
    if isinstance(shape, StructureShape):
        members = {name: schema_of(member) for name, member in shape.members.items()}
        return {**schema, "properties": members, "required": shape.required_members}
    bounds = ("minLength", "maxLength")
    if isinstance(shape, ListShape):
        schema["items"], bounds = schema_of(shape.member), ("minItems", "maxItems")
    elif shape.type_name == "integer":
        bounds = ("minimum", "maximum")
    enum = (shape.enum or None) if isinstance(shape, StringShape) else None
    given = {bounds[0]: limits.get("min"), bounds[1]: limits.get("max"), "pattern": limits.get("pattern"), "enum": enum}
    return {**schema, **{name: value for name, value in given.items() if value is not None}}


def _wrong_type(value: object, expected: str) -> str:
    if isinstance(value, list):
        return "Start of list found where not expected"
    if isinstance(value, dict):
        return "Start of structure or map found where not expected."
    if expected in ("object", "array"):
        return "Unexpected field type"
    token = "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"
    token = f"{str(value).upper()}_VALUE" if isinstance(value, bool) else token
    return f"{token} can not be converted to {'a String' if expected == 'string' else 'a Number'}"


_ASKED = {
    "enum": "satisfy enum value set: {}",
    "pattern": "satisfy regular expression pattern: {}",
    "minLength": "have length greater than or equal to {}",
    "maxLength": "have length less than or equal to {}",
    "minItems": "have length greater than or equal to {}",
    "maxItems": "have length less than or equal to {}",
    "minimum": "have value greater than or equal to {}",
    "maximum": "have value less than or equal to {}",
}


def _text(error: ValidationError) -> str:
    """A broken constraint in the service's own words."""
    path = [
        f"{part + 1}.member" if isinstance(part, int) else part[0].lower() + part[1:] for part in error.absolute_path
    ]
    if error.validator == "required":
        # jsonschema reports each missing member by itself, named at the start of the message.
        missing = error.message.split("'")[1]
        where = ".".join([*path, missing[0].lower() + missing[1:]])
        return f"Value null at '{where}' failed to satisfy constraint: Member must not be null"
    rule = error.validator_value
    shown = f"[{', '.join(rule)}]" if isinstance(rule, list) else rule
    asked = _ASKED[str(error.validator)].format(shown)
    return f"Value '{error.instance}' at '{'.'.join(path)}' failed to satisfy constraint: Member must {asked}"
