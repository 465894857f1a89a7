"""Published results on the command line: DuckDB's tables are those of Athena, in every format."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cdk_comprehend_entities.queries import tables as athena
from comprehend_entities_cli.tables import TABLES, VIEWS, view_sql
from tests.account import Account
from tests.command_line import typed
from tests.queries import in_duckdb, of_section, view

DAY, JOB = "2026-11-23", "5dfc"


def entity(text: str, kind: str = "PERSON", begin: int = 0) -> dict[str, Any]:
    return {"BeginOffset": begin, "EndOffset": begin + len(text), "Score": 0.9, "Text": text, "Type": kind}


def publish(
    account: Account, *records: dict[str, Any], job: str = JOB, day: str = DAY, status: str = "COMPLETED"
) -> None:
    """Publish a job with these records."""
    common = {"JobId": job, "JobDate": day, "LanguageCode": "en", "SourceVersionId": None}
    lines = "\n".join(json.dumps({**common, "Source": f"s3://in/input/{each['File']}", **each}) for each in records)
    account.put(f"s3://out/results/documents/job_date={day}/{job}-00000.jsonl.gz", gzip.compress(lines.encode()))
    found = [each["Type"] for record in records for each in record.get("Entities", [])]
    summary = {
        **{"SchemaVersion": "1.0", "Status": status, "ExecutionArn": f"arn:x:{job}-run", "StateMachineArn": "arn:m"},
        **{"EstimatedCostUsd": 0.5, "LagSeconds": 2.0, "Polls": 3, "Failed": [], "Missing": []},
        "Job": {
            "JobId": job,
            "JobStatus": "COMPLETED",
            "SubmitTime": f"{day}T01:00:00Z",
            "EndTime": f"{day}T01:06:06Z",
        },
        "Counts": {
            **{
                "ExpectedDocuments": len(records),
                "Documents": len(records),
                "DocumentErrors": 0,
                "MissingDocuments": 0,
            },
            **{"UnexpectedDocuments": 0, "UnparsedRecords": 0, "Entities": len(found)},
            "EntitiesByType": {kind: found.count(kind) for kind in found},
        },
    }
    account.put(f"s3://out/results/summaries/job_date={day}/{job}.json", json.dumps(summary).encode())


@pytest.fixture
def published(account: Account) -> Account:
    """Two jobs on two days."""
    publish(
        account,
        {"File": "a.txt", "Entities": [entity("Ada"), entity("Ada", begin=9), entity("London", "LOCATION")]},
        {"File": "b.txt", "Line": 0, "Entities": [entity("Ada")]},
        {"File": "c.txt", "ErrorCode": "NOT_RECEIVED", "ErrorMessage": "the service never answered"},
    )
    publish(account, {"File": "d.txt", "Entities": [entity("Zoë")]}, job="77", day="2026-11-25")
    return account


def test_tables_have_the_columns_that_athena_has(published: Account) -> None:
    assert TABLES.keys() == athena.TABLES.keys()
    assert set(VIEWS) == athena.VIEWS.keys()
    for name, columns in {**athena.TABLES, **athena.VIEWS}.items():
        found = typed("results", "--sql", f"DESCRIBE SELECT * FROM {name}", "--json").json
        names = {each["column_name"].lower() for each in found}
        assert names - {"job_date"} == set(columns) - {"job_date"}, name


@pytest.mark.parametrize("name", VIEWS)
def test_views_mean_what_athenas_mean(name: str) -> None:
    """As sqlglot translates Athena's SQL, which the command line does not depend on."""
    plain = " ".join(duckdb.extract_statements(in_duckdb(view(name)))[0].query.split())
    own = " ".join(duckdb.extract_statements(view_sql(name))[0].query.split())
    assert ("LATERAL (SELECT UNNEST(" in own) == ("LATERAL (SELECT UNNEST(" in plain)


def test_the_ready_queries_of_the_page_answer(published: Account) -> None:
    for sql in of_section("Ready queries"):
        assert typed("results", "--sql", sql, "--json").code == 0, sql


def test_the_most_frequent_entities_come_first(published: Account) -> None:
    rows = typed("results", "--json").json
    assert [(row["text"], row["mentions"], row["found_in"]) for row in rows] == [
        ("Ada", 3, 2),
        ("London", 1, 1),
        ("Zoë", 1, 1),
    ]
    assert "Ada" in typed("results").out


@pytest.mark.parametrize("table", ["entities", "documents_by_entity", "errors", "documents", "summaries"])
def test_a_table_fits_into_a_terminal_and_json_has_every_column(published: Account, table: str) -> None:
    printed = typed("results", table).out
    header = next(line for line in printed.splitlines() if line.strip()).split()
    every = set(typed("results", table, "--json").json[0])
    assert len(header) <= 5 < len(every)
    assert "s3://" not in printed
    assert "--json and --output have all" in printed


def test_jobs_and_days_are_chosen(published: Account) -> None:
    def texts(*arguments: str) -> set[str]:
        return {row["text"] for row in typed("results", "entities", "--json", *arguments).json}

    assert texts("--job", "77") == {"Zoë"}
    assert texts("--since", "2026-11-24") == {"Zoë"}
    assert texts("--until", "2026-11-24") == {"Ada", "London"}
    assert texts("--since", "2027-01-01") == set()
    assert "No rows." in typed("results", "--since", "2027-01-01").out


def test_errors_are_named_by_their_path(published: Account) -> None:
    (row,) = typed("results", "errors", "--json").json
    assert (row["source"], row["errorcode"]) == ("s3://in/input/c.txt", "NOT_RECEIVED")


def test_every_format_has_the_same_rows(published: Account, tmp_path: Path) -> None:
    wanted = [row["text"] for row in typed("results", "entities", "--json").json]
    lines = typed("results", "entities", "--format", "jsonl").out
    assert [json.loads(line)["text"] for line in lines.splitlines()] == wanted
    assert "Zoë" in lines
    printed = csv.DictReader(io.StringIO(typed("results", "entities", "--format", "csv").out))
    assert [row["text"] for row in printed] == wanted
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        path = tmp_path / name
        assert typed("results", "entities", "--output", str(path)).code == 0
        with duckdb.connect() as written:
            rows = written.execute(f"SELECT text, * FROM '{path}'").fetchall()
            columns = [name for name, *_ in written.description or []]
        assert [text for text, *_ in rows] == wanted
        assert columns[1:] == list(athena.VIEWS["entities"])


def test_nothing_is_overwritten(published: Account, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("mine")
    for command in ("results", "report"):
        told = typed(command, "--output", str(path))
        assert (told.code, path.read_text()) == (1, "mine")
        assert "exists already" in told.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "There is no table 'nothing'"),
        (["--sql", "SELECT x FROM entities"], "Binder Error"),
        (["--sql", "SELEKT"], "syntax error"),
        (["--format", "parquet"], "Can't write parquet to the terminal"),
        (["--format", "xml"], "Can't write xml"),
        (["--output", "results.xyz"], "Can't write this format into results.xyz"),
    ],
)
def test_wrong_use_is_one_message(published: Account, arguments: list[str], message: str) -> None:
    told = typed("results", *arguments)
    assert (told.code, told.out) == (1, "")
    assert message in told.err


def test_no_copy_of_a_result_is_left(published: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    typed("results")
    typed("results", "--sql", "SELECT nope FROM entities")
    assert not list(tmp_path.iterdir())


def test_without_results_a_query_has_no_rows(account: Account) -> None:
    assert typed("results", "--json").json == []
    assert typed("results", "--sql", "SELECT count(*) AS n FROM refused", "--json").json == [{"n": 0}]
