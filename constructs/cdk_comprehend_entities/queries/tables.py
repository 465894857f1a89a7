"""Columns of the tables and views, read from the types of what is published.

Glue knows lower case only; the JSON SerDe finds ``JobId`` as ``jobid``.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args, get_origin

from entities_job import contracts

from .._payloads import bare, fields

PARTITION = "job_date"
"""The partition of every table: the UTC day of a job's SubmitTime, or of a batch."""

_SCALARS = {str: "string", int: "bigint", float: "double", bool: "boolean"}
_TRINO = {"string": "varchar", "int": "integer"}


def glue_type(hint: object) -> str:
    """Return the Glue type of a type of :mod:`entities_job.contracts`.

    Example:
        >>> glue_type(list[contracts.PageError])
        'array<struct<page:int,errorcode:string,errormessage:string>>'

    Raises:
        TypeError: Glue has nothing like it.
    """
    # None is a value of every column.
    arguments = get_args(hint)
    if get_origin(hint) is Annotated and "int32" in arguments:
        return "int"
    kind = bare(hint)
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in _SCALARS:
        return _SCALARS[kind]
    if origin is Literal:
        return "string"
    if origin is list:
        return f"array<{glue_type(arguments[0])}>"
    if origin is dict:
        return f"map<{glue_type(arguments[0])},{glue_type(arguments[1])}>"
    if known := fields(kind):
        return f"struct<{','.join(f'{name.lower()}:{glue_type(field.type)}' for name, field in known.items())}>"
    raise TypeError(f"no Glue type for {hint}")


def columns(contract: type) -> dict[str, str]:
    """Return the columns of a table of such records, by name; the partition says what ``JobDate`` does."""
    return {name.lower(): glue_type(field.type) for name, field in fields(contract).items() if name != "JobDate"}


def trino_type(glue: str) -> str:
    """Return the type of a view's column as Athena itself names it."""
    return _TRINO.get(glue, glue)


TABLES = {
    "documents": columns(contracts.Record),
    "refused": columns(contracts.RefusedUpload),
    "unparsed": columns(contracts.UnparsedRecord),
    "summaries": columns(contracts.Summary),
}

_KNOWN = {
    PARTITION: "string",
    **columns(contracts.Record),
    **columns(contracts.Entity),
    **columns(contracts.PageError),
    "document": "string",
    "mentions": "bigint",
    "found_in": "bigint",
    "mean_score": "double",
    "best_score": "double",
}
"""Columns that views have, by name: those of records, and those that views make."""

_PLACE = f"{PARTITION} jobid"

VIEWS = {
    name: {column: _KNOWN[column] for column in chosen.split()}
    for name, chosen in {
        "entities": f"{_PLACE} languagecode source sourceversionid file line document "
        "type text score beginoffset endoffset",
        "top_entities": "type text mentions found_in mean_score",
        "documents_by_entity": f"type text {_PLACE} document mentions best_score",
        "errors": f"{_PLACE} source file line page errorcode errormessage",
    }.items()
}
"""Columns of the views, whose SQL is in ``views/``, one file a view."""
