"""Published results answer SQL in the deployed catalog, as they do in DuckDB over the files alone."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from local.waiting import wait_until
from tests.queries import in_duckdb, of_section, view
from tests.rehearsal.deployed import DOCUMENTS, TEXT, Deployed

# MiniStack gives tables the columns that their files have, so one record must have all of them.
FULL = {
    **{"JobId": "full", "LanguageCode": "en", "Source": None, "SourceVersionId": None, "SourceCandidates": 2},
    **{"File": "twin.pdf", "Line": None, "ErrorCode": None, "ErrorMessage": None, "Entities": []},
    "Errors": [{"Page": 2, "ErrorCode": "TEXTRACT_BAD_PAGE", "ErrorMessage": "blurred"}],
}


class Athena:
    """The deployed workgroup and database."""

    def __init__(self, workflow: Deployed) -> None:
        self._athena, self._glue = workflow.rehearsal.client("athena"), workflow.rehearsal.client("glue")
        self._group, self._database = workflow.outputs["WorkGroupName"], workflow.outputs["DatabaseName"]
        tables = self._glue.get_tables(DatabaseName=self._database)["TableList"]
        views = {table["Name"]: table["ViewOriginalText"] for table in tables if table["TableType"] == "VIRTUAL_VIEW"}
        ordered = sorted(views, key=lambda name: name != "entities")
        # MiniStack stores views, but does not resolve them.
        self._with = "WITH " + ", ".join(f"{name} AS ({in_duckdb(_definition(views[name]))})" for name in ordered)

    def answer(self, query: str, *, patience_seconds: float = 60) -> list[tuple[str | None, ...]]:
        """The rows of an answer, all values as text."""
        started = self._athena.start_query_execution(
            QueryString=f"{self._with} {in_duckdb(query)}",
            WorkGroup=self._group,
            QueryExecutionContext={"Database": self._database},
        )["QueryExecutionId"]
        status = wait_until(
            lambda: self._athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"],
            lambda status: status["State"] in ("SUCCEEDED", "FAILED"),
            awaited=query,
            seconds=patience_seconds,
        )
        assert status["State"] == "SUCCEEDED", status
        header, *rows = self._athena.get_query_results(QueryExecutionId=started)["ResultSet"]["Rows"]
        assert header
        return [tuple(value.get("VarCharValue") for value in row["Data"]) for row in rows]


def _definition(text: str) -> str:
    [encoded] = re.findall(r"/\* Presto View: (\S+) \*/", text)
    sql: str = json.loads(base64.b64decode(encoded))["originalSql"]
    return sql


def downloaded(workflow: Deployed, folder: Path) -> None:
    """Copy all published results, as ``aws s3 sync`` does."""
    s3, bucket = workflow.rehearsal.client("s3"), workflow.outputs["OutputBucket"]
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="results/"):
        for item in page["Contents"]:
            file = folder / item["Key"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())


def test_athena_and_duckdb_answer_what_the_records_say(
    workflow: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = [
        workflow.run({"InputDataConfig": {"S3Uri": workflow.put({**DOCUMENTS, "big.txt": b"x" * 2_000_000})}}).output,
        workflow.run(
            {
                "InputDataConfig": {
                    "S3Uri": workflow.put({"lines.txt": (TEXT + b"\n") * 12}),
                    "InputFormat": "ONE_DOC_PER_LINE",
                }
            }
        ).output,
    ]
    workflow.rehearsal.client("s3").put_object(
        Bucket=workflow.outputs["OutputBucket"],
        Key="results/documents/job_date=2026-01-01/full-00000.jsonl.gz",
        Body=gzip.compress(json.dumps(FULL).encode()),
    )
    downloaded(workflow, tmp_path)
    monkeypatch.chdir(tmp_path)
    alone = duckdb.connect()
    [views] = of_section("DuckDB, without Athena")
    alone.execute(views)
    for name in ("top_entities", "documents_by_entity"):
        alone.execute(f"CREATE VIEW {name} AS {view(name)}")

    athena = Athena(workflow)
    for outcome in outcomes:
        job = outcome["Job"]["JobId"]
        records = workflow.records(outcome)
        said = Counter(
            (record["Source"] + (f"#{record['Line']}" if "Line" in record else ""), entity["Type"], entity["Text"])
            for record in records
            for entity in record.get("Entities", [])
        )
        asked = f"SELECT document, type, text, mentions FROM documents_by_entity WHERE jobid = '{job}'"
        expected = {(*key, str(mentions)) for key, mentions in said.items()}
        assert expected
        assert set(athena.answer(asked)) == expected
        assert {tuple(map(str, row)) for row in alone.execute(asked).fetchall()} == expected
        [(failed,)] = athena.answer(f"SELECT count(*) - count(page) FROM errors WHERE jobid = '{job}'")
        counts = outcome["Counts"]
        assert int(failed or 0) == counts["DocumentErrors"] + counts["MissingDocuments"]
        told = f"SELECT status, counts.documents FROM summaries WHERE job.jobid = '{job}'"
        assert athena.answer(told) == [(outcome["Status"], str(counts["Documents"]))]
    # These jobs are of today.
    ready = [re.sub(r"BETWEEN '.+' AND '.+'", "> '2026'", query) for query in of_section("Ready queries")]
    over_all, failed_and_others = ready[:4], ready[4:]
    assert failed_and_others
    for query in over_all:
        answer = athena.answer(query)
        assert answer
        assert [row[:2] for row in answer] == [tuple(map(str, row[:2])) for row in alone.execute(query).fetchall()]
    for query in failed_and_others:
        athena.answer(query)
