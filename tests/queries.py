"""The SQL of docs/queries.md and of the construct's views, and how DuckDB runs what is written for Athena."""

from __future__ import annotations

import re
from pathlib import Path

import sqlglot

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "queries.md"


def of_section(title: str) -> list[str]:
    """The SQL blocks of one section of the page."""
    [section] = re.findall(
        rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    found: list[str] = re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
    assert found, f"{PAGE.name} has no SQL under {title}"
    return found


def view(name: str) -> str:
    """The SQL of one view, as its file has it."""
    return (ROOT / "constructs" / "cdk_comprehend_entities" / "queries" / "views" / f"{name}.sql").read_text("utf-8")


def in_duckdb(sql: str) -> str:
    """Athena's SQL as DuckDB's. Unlike DuckDB, Athena makes columns of the fields of structs that it unnests."""
    [translated] = sqlglot.transpile(sql, read="athena", write="duckdb")
    return re.sub(
        r"UNNEST\(([\w.]+)\) AS (\w+)\([\w, ]+\)", r"LATERAL (SELECT UNNEST(\1, max_depth := 2)) AS \2", translated
    )
