"""Documents made from :mod:`entities_job.contracts`: the schema of the event, tables of payloads, columns of queries.

``python -m bench.contracts --write`` writes docs/event-schema.json, the tables of docs/architecture.md and
docs/contract.md below each ``<!-- contracts: begin <type> ... -->``, the hints of docs/troubleshooting.md below each
``<!-- hint: <code> -->``, and the columns in docs/queries.md. Without ``--write`` it lists the stale documents.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Annotated, Literal, get_args, get_origin

from cdk_comprehend_entities._payloads import bare, fields
from cdk_comprehend_entities.queries.tables import TABLES, VIEWS
from entities_job import contracts
from entities_job.errors import HINTS
from entities_job.publish.outcome import LISTED_TYPES

DOCS = Path(__file__).parents[1] / "docs"
Schema = dict[str, object]

_NUMBER: Schema = {"$ref": "#/$defs/number"}
_DUCKDB_COLUMNS = re.compile(r"(?<=columns = \{\n).*?(?=\}\);\n)", re.DOTALL)
_MARKED = re.compile(r"(<!-- contracts: begin (.+?) -->\n).*?(<!-- contracts: end -->)", re.DOTALL)

_HINTED = re.compile(r"(<!-- hint: (\w+) -->\n)(?:\n\*\*What to do\*\*: .*\n)?")

# :class:`module.Name` and the like in a docstring.
_ROLE = re.compile(r":\w+:`(?:\w+\.)*(\w+)`")

# What types can't say, by the path of the field.
_DETAILS: dict[str, Schema] = {
    "SchemaVersion": {"const": contracts.SCHEMA_VERSION},
    "ExecutionArn": {"description": "Deduplicate by it: EventBridge delivers at least once."},
    "Job": {"description": "The job's EntitiesDetectionJobProperties as far as known; empty if nothing was started."},
    "Counts": {
        "description": "ExpectedDocuments + UnexpectedDocuments = Documents + DocumentErrors + MissingDocuments."
    },
    "Counts.Documents": {"description": "Documents with entities, or an empty list of them."},
    "Counts.UnexpectedDocuments": {"description": "Documents of no known name, or that came twice."},
    "Counts.EntitiesByType": {
        "description": "The most frequent types; the summary has all.",
        "maxProperties": LISTED_TYPES,
    },
    "Result.DocumentsUri": {"description": "The beginning of the names of all parts."},
    "Result.SummaryUri": {"description": "The same with the lists Failed, Missing and Warnings."},
    "LagSeconds": {"description": "Seconds from the job's end to the poll that saw it."},
    "Units": {"description": "Estimated before the start."},
    "Error.Code": {"minLength": 1},
    "Error.Field": {"description": "The field of the request that the message names first."},
    "Error.Hint": {"description": "What to check."},
}

_NOTHING_ANALYSED: Schema = {
    "properties": {
        "Status": {"enum": list(contracts.COMPLETED)},
        "Counts": {"properties": {"Documents": {"const": 0}, "Entities": {"const": 0}}},
    }
}


def event_schema() -> Schema:
    """Return the JSON Schema of the event's detail."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{contracts.EVENT_DETAIL_TYPE}, version {contracts.SCHEMA_VERSION}",
        "description": "The detail of the event of an execution that ended, and the execution's own output. A new "
        "field raises the minor number of SchemaVersion, any other change the major one.",
        **_schema(contracts.Outcome),
        "if": {"properties": {"Status": {"const": "COMPLETED"}}},
        "then": {"not": {"required": ["Error"]}},
        "else": {"required": ["Error"]},
        "dependentRequired": {"Result": ["Counts", "Polls", "LagSeconds", "Units", "EstimatedCostUsd"]},
        "dependentSchemas": {"Counts": {"anyOf": [{"required": ["Result"]}, _NOTHING_ANALYSED]}},
        "allOf": [
            {
                "if": {"properties": {"Status": {"enum": [*contracts.COMPLETED, "STOPPED"]}}},
                "then": {"required": ["Counts"]},
            }
        ],
        "$defs": {"number": {"type": "integer", "minimum": 0}},
    }


def _schema(hint: object, path: str = "") -> Schema:
    kind, details = bare(hint), _DETAILS.get(path, {})
    arguments = get_args(kind)
    if known := fields(kind):
        # What the service adds to its jobs passes.
        closed = not path.startswith("Job")
        required = [key for key, field in known.items() if field.required and closed]
        return {
            "type": "object",
            **details,
            **({"required": required, "additionalProperties": False} if closed else {}),
            "properties": {key: _schema(field.type, f"{path}.{key}".lstrip(".")) for key, field in known.items()},
        }
    if get_origin(kind) is dict:
        return {"type": "object", **details, "additionalProperties": _schema(arguments[1])}
    if get_origin(kind) is list:
        return {"type": "array", **details, "items": _schema(arguments[0], f"{path}[]")}
    if get_origin(kind) is Literal:
        return {"enum": list(arguments)}
    return {**_scalar(hint, path.rpartition(".")[2]), **details}


def _scalar(hint: object, name: str) -> Schema:
    kind = bare(hint)
    if kind is int:
        return _NUMBER
    if kind is float:
        return {"type": ["number", "null"] if NoneType in get_args(hint) else "number", "minimum": 0}
    if kind is not str:
        raise TypeError(f"no JSON Schema for {hint}, the type of {name}")
    form = {"pattern": "^s3://"} if name.endswith("Uri") else {"format": "date-time"} if name.endswith("Time") else {}
    return {"type": "string", **form}


def table(names: str) -> str:
    """Return the table of payloads whose types are named."""
    rows = [_row(name, getattr(contracts, name)) for name in names.split()]
    return "\n".join(["| payload | fields | |", "|---|---|---|", *rows, ""])


def _row(name: str, contract: type) -> str:
    cells = ", ".join(
        f"`{key}{'' if field.required else '?'}`: {_worded(field.type)}" for key, field in fields(contract).items()
    )
    about = _ROLE.sub(r"`\1`", contract.__doc__ or "").replace("``", "`")
    return f"| `{name}` | {cells} | {' '.join(about.split())} |"


def _worded(hint: object) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _worded(arguments[0])
    if NoneType in arguments:
        return f"{_worded(bare(hint))} or null"
    if origin is list:
        return f"list of {_worded(arguments[0])}"
    if origin is dict:
        return f"{_worded(arguments[1])} by name"
    if origin is Literal:
        return " / ".join(f"`{each}`" for each in arguments)
    words = {str: "text", int: "integer", float: "number", bool: "true or false", object: "any"}
    return words.get(hint) or f"`{getattr(hint, '__name__', hint)}`"  # type: ignore[call-overload]  # None for others


def duckdb_type(hint: object) -> str:
    """Return DuckDB's type of a field of a published record."""
    kind = bare(hint)
    if known := fields(kind):
        members = ", ".join(f'"{name}" {duckdb_type(field.type)}' for name, field in known.items())
        return f"STRUCT({members})"
    if get_origin(kind) is list:
        return f"{duckdb_type(get_args(kind)[0])}[]"
    if get_origin(hint) is Annotated:
        return "INTEGER"
    return {str: "VARCHAR", int: "BIGINT", float: "DOUBLE"}[kind]  # type: ignore[index]  # others fail


def queries(page: str) -> str:
    """Return docs/queries.md with the columns of tables and views, and those that DuckDB reads."""
    for name, columns in {**TABLES, **VIEWS}.items():
        row = re.compile(rf"^(\| (?:`{name}`|\[`{name}`\]\(\S+\)) \| [^|]+ \| )[^|]+(?= \|$)", re.MULTILINE)
        page, rows = row.subn(r"\1" + ", ".join(f"`{column}`" for column in columns), page)
        assert rows == 1, f"docs/queries.md has {rows} rows of {name}"
    # The partition says what JobDate does.
    read = {name: duckdb_type(field.type) for name, field in fields(contracts.Record).items() if name != "JobDate"}
    lines = ",\n".join(f"    '{name}': '{kind}'" for name, kind in read.items())
    return _DUCKDB_COLUMNS.sub(lambda _: lines, page)


def documents() -> Iterator[tuple[Path, str]]:
    """Yield each document with the text that it should have."""
    yield DOCS / "event-schema.json", json.dumps(event_schema(), indent=2) + "\n"
    for page in (DOCS / "architecture.md", DOCS / "contract.md"):
        yield page, _MARKED.sub(lambda found: f"{found[1]}{table(found[2])}{found[3]}", page.read_text("utf-8"))
    page = DOCS / "troubleshooting.md"
    yield page, _HINTED.sub(lambda found: f"{found[1]}\n**What to do**: {HINTS[found[2]]}.\n", page.read_text("utf-8"))
    yield DOCS / "queries.md", queries((DOCS / "queries.md").read_text("utf-8"))


def stale() -> list[str]:
    """Return the names of documents that don't fit the contracts."""
    return [path.name for path, text in documents() if path.read_text("utf-8") != text]


if __name__ == "__main__":
    if "--write" in sys.argv:
        for path, text in documents():
            path.write_text(text, "utf-8")
    print(json.dumps({"stale": stale()}))
    sys.exit(bool(stale()))
