"""Published results as tables: DuckDB over copies of their files, with the views of docs/queries.md."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, NotRequired, Self, get_args, get_origin, get_type_hints

from entities_job import contracts

from .aws import Aws, CommandError
from .command import Use
from .published import Choice, copy

TABLES: dict[str, type] = {
    "documents": contracts.Record,
    "refused": contracts.RefusedUpload,
    "unparsed": contracts.UnparsedRecord,
    "summaries": contracts.Summary,
}
"""Tables, and the type of their rows."""

VIEWS = ("entities", "top_entities", "documents_by_entity", "errors")
"""Views, in an order in which each needs only those before it."""

_SCALARS: dict[object, str] = {str: "VARCHAR", int: "BIGINT", float: "DOUBLE", Literal: "VARCHAR"}
# Athena's SQL: unlike DuckDB, it makes columns of the fields of structs that it unnests.
_UNNEST = re.compile(r"CROSS JOIN UNNEST\(([\w.]+)\) AS (\w+) \([\w, ]+\)")
_LARGEST_OBJECT = 16 * 1024**2


def duckdb_type(hint: object) -> str:
    """Return DuckDB's type for a type of :mod:`entities_job.contracts`.

    Example:
        >>> duckdb_type(list[contracts.PageError])
        'STRUCT("Page" INTEGER, "ErrorCode" VARCHAR, "ErrorMessage" VARCHAR)[]'
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated and "int32" in arguments:
        return "INTEGER"
    if origin in (Annotated, NotRequired) or type(None) in arguments:
        return duckdb_type(next(each for each in arguments if each is not type(None)))
    if origin is list:
        return f"{duckdb_type(arguments[0])}[]"
    if origin is dict:
        return f"MAP({duckdb_type(arguments[0])}, {duckdb_type(arguments[1])})"
    if kind := _SCALARS.get(origin or hint):
        return kind
    fields = ", ".join(f'"{name}" {duckdb_type(each)}' for name, each in _fields(hint).items())
    return f"STRUCT({fields})"


class Results:
    """Chosen results of a deployment; a context, after which the copies of their files are gone.

    Example:
        >>> with Results(aws, "s3://out/results/", Choice()) as results:
        ...     results.use("top_entities")
        ...     rows = results.rows("SELECT text, mentions FROM top_entities")
    """

    def __init__(self, aws: Aws, results_uri: str, choice: Choice) -> None:
        import duckdb

        self._aws, self._uri, self._choice = aws, results_uri, choice
        self._folder = Path(tempfile.mkdtemp(prefix="comprehend-entities-"))
        self._db = duckdb.connect(
            config={"allow_community_extensions": "false", "autoinstall_known_extensions": "false"}
        )
        self._db.execute(f"SET temp_directory = {_quoted(str(self._folder / 'spilled'))}")
        self.copied: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def use(self, name: str, told: Any = lambda done, whole: None) -> list[Path]:
        """Make a table or a view known, and the tables that it needs; return the copied files.

        Raises:
            CommandError: there is none of that name.
        """
        if name not in TABLES and name not in VIEWS:
            raise CommandError(f"There is no table {name!r}.", f"Choose one of {', '.join((*TABLES, *VIEWS))}.")
        files: list[Path] = []
        for table in ("documents",) if name in VIEWS else (name,):
            if table not in self.copied:
                files = copy(self._aws, self._uri, table, self._choice, folder=self._folder, told=told)
                self._db.execute(_table_sql(table, files))
                self.copied.add(table)
        if name in VIEWS and "entities" not in self.copied:
            for view in VIEWS:
                self._db.execute(f"CREATE VIEW {view} AS {view_sql(view)}")
            self.copied.add("entities")
        return files

    def query(self, sql: str) -> Any:
        """Run SQL; return DuckDB's own cursor."""
        return self._db.cursor().execute(sql)

    def rows(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the columns' names, in lower case as Athena has them, and the rows; a statement may have neither."""
        answer = self.query(sql)
        return [name.lower() for name, *_ in answer.description or []], answer.fetchall()

    def write(self, sql: str, path: Path, how: str) -> None:
        """Write the answer of a query to a file; ``how`` are DuckDB's options of COPY."""
        names = [name for name, *_ in self.query(f"SELECT * FROM ({sql}) LIMIT 0").description]
        columns = ", ".join(f'"{name}" AS "{name.lower()}"' for name in names)
        sql = f"SELECT {columns} FROM ({sql})"
        self._db.execute(f"COPY ({sql}) TO {_quoted(str(path))} ({how})")


def view_sql(name: str) -> str:
    """Return the SQL of a view, as its file in the package of the construct has it, in DuckDB's dialect."""
    spec = find_spec("cdk_comprehend_entities")  # found, but not imported: it would import aws_cdk
    if spec is None or spec.origin is None:
        raise CommandError("The package cdk_comprehend_entities is not installed, whose views are used.")
    sql = (Path(spec.origin).parent / "queries" / "views" / f"{name}.sql").read_text("utf-8")
    return _UNNEST.sub(r"CROSS JOIN LATERAL (SELECT UNNEST(\1, max_depth := 2)) AS \2", sql)


@contextmanager
def opened(use: Use, choice: Choice, *names: str) -> Iterator[Results]:
    """Open results with these tables and views, and show how far their files are copied."""
    from rich.progress import BarColumn, DownloadColumn, TextColumn

    with Results(use.aws, use.deployment.results_uri, choice) as found:
        with use.screen.progress(TextColumn("Reading results"), BarColumn(24), DownloadColumn()) as progress:
            row = progress.add_task("", total=None)
            for name in names:
                found.use(name, lambda done, whole: progress.update(row, completed=done, total=whole))
        yield found


def found_entities(use: Use, job_id: str, most: int = 15) -> None:
    """Print the entities that a job found most often, if the results may be read."""
    from botocore.exceptions import ClientError

    with suppress(ClientError, ModuleNotFoundError), opened(use, Choice((job_id,)), "top_entities") as found:
        order = "ORDER BY mentions DESC, text"
        columns, rows = found.rows(f"SELECT text, type, mentions, found_in FROM top_entities {order} LIMIT {most}")
        if rows and columns:
            use.screen.table(("Entity", "Type", ">Mentions", ">Documents"), rows)
            use.screen.say(f"All of them: comprehend-entities results --job {job_id}")


def _fields(kind: object) -> dict[str, object]:
    return dict(get_type_hints(kind, include_extras=True))


def _table_sql(table: str, files: list[Path]) -> str:
    columns = {name: duckdb_type(hint) for name, hint in _fields(TABLES[table]).items() if name != "JobDate"}
    if not files:
        empty = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in columns.items())
        return f"CREATE VIEW {table} AS SELECT {empty}, CAST(NULL AS VARCHAR) AS job_date WHERE false"
    names = ", ".join(_quoted(str(path)) for path in files)
    typed = ", ".join(f"{_quoted(name)}: {_quoted(kind)}" for name, kind in columns.items())
    options = f"hive_partitioning = true, hive_types = {{'job_date': VARCHAR}}, columns = {{{typed}}}"
    return (
        f"CREATE VIEW {table} AS SELECT * FROM read_json([{names}], {options}, maximum_object_size = {_LARGEST_OBJECT})"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
