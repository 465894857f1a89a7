"""The catalog: every view and every query of the docs answers right, from columns that fit the published records."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import duckdb
import pytest
from aws_cdk import aws_iam as iam
from sqlglot import exp

from cdk_comprehend_entities import EntitiesDetectionWorkflow
from tests.queries import in_duckdb, of_section, view
from tests.synth.reading import Synthesized, shown
from tests.synth.test_rights import DECRYPTS, ENCRYPTS

VIEWS = ["entities", "top_entities", "documents_by_entity", "errors"]
DAYS = ("2026-11-23", "2026-12-01")


def found(kind: str, text: str, begin: int | None = 0, **more: Any) -> dict[str, Any]:
    offsets = {"BeginOffset": begin, "EndOffset": begin + len(text)} if begin is not None else {}
    return {"Score": 0.5, "Text": text, "Type": kind, **offsets, **more}


def record(day: str, file: str, **more: Any) -> dict[str, Any]:
    front = {"JobId": f"job of {day}", "JobDate": day, "LanguageCode": "en"}
    return {**front, "Source": f"s3://in/{file}", "SourceVersionId": "v1", "File": file, **more}


ADA, PARIS = found("PERSON", "Ada Lovelace", Score=1.0), found("LOCATION", "Paris", 20)
BLURRED = {"ErrorCode": "TEXTRACT_BAD_PAGE", "ErrorMessage": "blurred"}
DOCUMENTS = {
    DAYS[0]: [
        record(DAYS[0], "a.txt", Entities=[PARIS, ADA, found("PERSON", "Ada Lovelace", 40)]),
        record(DAYS[0], "empty.txt", Entities=[]),
        record(DAYS[0], "b.txt", Line=0, Entities=[found("PERSON", "Zoé")]),
        record(DAYS[0], "b.txt", Line=1, Entities=[found("PERSON", "Zoé")]),
        record(DAYS[0], "twin.txt", Source=None, SourceCandidates=2, Entities=[PARIS]),
        record(DAYS[0], "latin.txt", ErrorCode="UNSUPPORTED_ENCODING", ErrorMessage="not UTF-8"),
        record(DAYS[0], "lost.txt", ErrorCode="NOT_RECEIVED", ErrorMessage="no result"),
    ],
    DAYS[1]: [
        record(DAYS[1], "a.txt", Entities=[ADA]),
        record(
            DAYS[1],
            "scan.pdf",
            Entities=[found("LOCATION", "Paris", None, BlockReferences=[{"BlockId": "1"}])],
            Errors=[{"Page": 2, **BLURRED}],
            **BLURRED,
        ),
    ],
}
REFUSED = {
    DAYS[0]: [
        {"Batch": "b", "Source": "s3://in/c", "Size": 0, "ErrorCode": "EMPTY_DOCUMENT", "ErrorMessage": "is empty"}
    ]
}
UNPARSED = {DAYS[0]: [{"JobId": "j", "LanguageCode": "en", "Reason": "is no JSON", "Bytes": 1, "Content": "{"}]}
SUMMARIES = {
    day: [{"Status": "COMPLETED", "Job": {"JobId": f"job of {day}"}, "Counts": {"Documents": 5}, "EstimatedCostUsd": 2}]
    for day in DAYS
}

ANSWERS: list[list[tuple[Any, ...]]] = [
    [("Ada Lovelace", 3, 1), ("Zoé", 2, 2)],
    [("Ada Lovelace", 2, 1), ("Zoé", 2, 2)],
    [(DAYS[0], "s3://in/a.txt", 2, 1.0), (DAYS[1], "s3://in/a.txt", 1, 1.0)],
    [("Ada Lovelace", "Paris", 1)],
    [(DAYS[0], f"job of {DAYS[0]}", "PERSON", 4), (DAYS[0], f"job of {DAYS[0]}", "LOCATION", 2)],
    [("NOT_RECEIVED", 1, 0), ("TEXTRACT_BAD_PAGE", 1, 1), ("UNSUPPORTED_ENCODING", 1, 0)],
    [("EMPTY_DOCUMENT", 1)],
    [("2026-11", 1, 5, 2.0), ("2026-12", 1, 5, 2.0)],
]
"""What each ready query of the docs answers, in their order."""


@pytest.fixture(scope="module")
def catalog() -> Synthesized:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        workflow = EntitiesDetectionWorkflow(stack, "Entities")
        analyst = iam.Role(stack, "Analyst", assumed_by=iam.AccountRootPrincipal())
        workflow.add_results_catalog().grant_query(analyst)
        return workflow

    return Synthesized(build)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out as results are."""
    folder = tmp_path_factory.mktemp("published")
    for table, days in {
        "documents": DOCUMENTS,
        "refused": REFUSED,
        "unparsed": UNPARSED,
        "summaries": SUMMARIES,
    }.items():
        for day, records in days.items():
            text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records)
            file = folder / "results" / table / f"job_date={day}" / "1.jsonl.gz"
            file.parent.mkdir(parents=True)
            file.write_bytes(gzip.compress(text.encode()))
    return folder


def inputs(catalog: Synthesized) -> dict[str, dict[str, Any]]:
    tables = catalog.of_type("AWS::Glue::Table").values()
    return {table["TableInput"]["Name"]: table["TableInput"] for table in tables}


def stored(table: dict[str, Any]) -> dict[str, Any]:
    """A view's definition, out of the comment that Athena keeps it in."""
    [text] = re.findall(r"^/\* Presto View: (\S+) \*/$", table["ViewOriginalText"])
    definition: dict[str, Any] = json.loads(base64.b64decode(text))
    return definition


def in_duckdb_type(kind: str) -> str:
    return exp.DataType.build(kind, dialect="hive").sql("duckdb")


@pytest.fixture(scope="module")
def database(catalog: Synthesized, published: Path) -> duckdb.DuckDBPyConnection:
    """Glue's tables with exactly Glue's columns, and Glue's views."""
    made = duckdb.connect()
    for name, table in inputs(catalog).items():
        if table["TableType"] == "VIRTUAL_VIEW":
            made.execute(f"CREATE VIEW {name} AS {in_duckdb(stored(table)['originalSql'])}")
            continue
        columns = {c["Name"]: c["Type"] for c in table["StorageDescriptor"]["Columns"] + table["PartitionKeys"]}
        typed = ", ".join(f"{column} {in_duckdb_type(kind)}" for column, kind in columns.items())
        made.execute(f"CREATE TABLE {name} ({typed})")
        files = f"{published}/results/{name}/*/*"
        read = f"read_json('{files}', union_by_name = true, hive_types = {{'job_date': VARCHAR}})"
        held = {column[0].lower() for column in made.execute(f"FROM {read}").description}
        chosen = ", ".join(column for column in columns if column in held)
        made.execute(f"INSERT INTO {name} BY NAME SELECT {chosen} FROM {read}")
    return made


def test_every_view_has_its_file_and_its_columns(catalog: Synthesized, database: duckdb.DuckDBPyConnection) -> None:
    views = {name: table for name, table in inputs(catalog).items() if table["TableType"] == "VIRTUAL_VIEW"}
    assert list(views) == VIEWS
    for name, table in views.items():
        definition = stored(table)
        assert definition["originalSql"] == view(name)
        told = {column["name"]: column["type"].upper() for column in definition["columns"]}
        # Athena refuses a view as stale if its query gives other columns or types than were told.
        assert {column[0]: str(column[1]) for column in database.execute(f"FROM {name}").description} == told
        assert [column["Name"] for column in table["StorageDescriptor"]["Columns"]] == list(told)


def test_what_unnests_names_the_fields_in_glues_order(catalog: Synthesized) -> None:
    columns = {c["Name"]: c["Type"] for c in inputs(catalog)["documents"]["StorageDescriptor"]["Columns"]}
    for name in ("entities", "errors"):
        [struct] = exp.DataType.build(columns[name], dialect="hive").expressions
        fields = [field.name for field in struct.expressions]
        [aliases] = re.findall(r"UNNEST\(documents\.\w+\) AS \w+ \((.+)\)", view(name))
        assert aliases.split(", ") == fields


def test_one_row_an_entity(database: duckdb.DuckDBPyConnection) -> None:
    names = "job_date, file, document, type, text, score, beginoffset, endoffset"
    rows = database.execute(f"SELECT {names} FROM entities ORDER BY ALL").fetchall()
    first, second = DAYS
    assert rows == [
        (first, "a.txt", "s3://in/a.txt", "LOCATION", "Paris", 0.5, 20, 25),
        (first, "a.txt", "s3://in/a.txt", "PERSON", "Ada Lovelace", 0.5, 40, 52),
        (first, "a.txt", "s3://in/a.txt", "PERSON", "Ada Lovelace", 1.0, 0, 12),
        (first, "b.txt", "s3://in/b.txt#0", "PERSON", "Zoé", 0.5, 0, 3),
        (first, "b.txt", "s3://in/b.txt#1", "PERSON", "Zoé", 0.5, 0, 3),
        (first, "twin.txt", "twin.txt", "LOCATION", "Paris", 0.5, 20, 25),
        (second, "a.txt", "s3://in/a.txt", "PERSON", "Ada Lovelace", 1.0, 0, 12),
        (second, "scan.pdf", "s3://in/scan.pdf", "LOCATION", "Paris", 0.5, None, None),
    ]


@pytest.mark.parametrize(("query", "answer"), [*zip(of_section("Ready queries"), ANSWERS, strict=True)])
def test_a_ready_query_answers(database: duckdb.DuckDBPyConnection, query: str, answer: list[tuple[Any, ...]]) -> None:
    assert database.execute(in_duckdb(query)).fetchall() == answer


def test_duckdb_answers_from_the_files_alone(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(published)
    alone = duckdb.connect()
    [views] = of_section("DuckDB, without Athena")
    alone.execute(views)
    for name in ("top_entities", "documents_by_entity"):
        alone.execute(f"CREATE VIEW {name} AS {view(name)}")
    for query, answer in zip(of_section("Ready queries")[:4], ANSWERS, strict=False):
        assert alone.execute(query).fetchall() == answer


def test_both_ways_to_parquet(
    database: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unload, copy = of_section("Parquet")
    [asked] = re.findall(r"UNLOAD \((.+)\)\nTO 's3://.+/' WITH \(format = 'PARQUET', compression = 'ZSTD'\)", unload)
    assert len(database.execute(in_duckdb(asked)).fetchall()) == 6
    monkeypatch.chdir(tmp_path)
    database.execute(copy)
    assert database.execute("SELECT count(*) FROM 'entities/*/*.parquet'").fetchone() == (8,)


def test_partitions_are_projected_where_results_lie(catalog: Synthesized) -> None:
    for name in ("documents", "refused", "unparsed", "summaries"):
        table = inputs(catalog)[name]
        location = f"s3://<OutputBucket>/results/{name}/"
        assert shown(table["StorageDescriptor"]["Location"]) == location
        assert table["PartitionKeys"] == [{"Name": "job_date", "Type": "string"}]
        assert table["Parameters"]["projection.enabled"] == "true"
        assert shown(table["Parameters"]["storage.location.template"]) == f"{location}job_date=${{job_date}}/"


def test_answers_are_encrypted_expire_and_cost_no_more_than_told(catalog: Synthesized) -> None:
    (group,) = catalog.of_type("AWS::Athena::WorkGroup").values()
    told = group["WorkGroupConfiguration"]
    assert told["EnforceWorkGroupConfiguration"] is True
    assert told["BytesScannedCutoffPerQuery"] == 10 * 2**30
    assert told["ResultConfiguration"]["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"
    assert shown(told["ResultConfiguration"]["OutputLocation"]) == "s3://<OutputBucket>/work/queries/"


def test_who_queries_reads_results_and_writes_answers_only(catalog: Synthesized) -> None:
    here = "<AWS::Region>:<AWS::AccountId>"
    (group,) = catalog.of_type("AWS::Athena::WorkGroup").values()
    database = group["Name"].lower()
    athena = ("StartQueryExecution", "StopQueryExecution", "GetQueryExecution", "GetQueryResults")
    assert catalog.rights("<Analyst>") == {
        *(
            (f"athena:{action}", f"arn:<AWS::Partition>:athena:{here}:workgroup/{group['Name']}", "")
            for action in (*athena, "GetQueryResultsStream", "GetWorkGroup")
        ),
        *(
            (f"glue:{action}", f"arn:<AWS::Partition>:glue:{here}:{resource}", "")
            for action in ("GetDatabase", "GetTable", "GetTables")
            for resource in ("catalog", f"database/{database}", f"table/{database}/*")
        ),
        ("s3:GetBucketLocation", "<OutputBucket.Arn>", ""),
        ("s3:ListBucketMultipartUploads", "<OutputBucket.Arn>", ""),
        ("s3:ListBucket", "<OutputBucket.Arn>", "StringLike s3:prefix results/*"),
        ("s3:ListBucket", "<OutputBucket.Arn>", "StringLike s3:prefix work/queries/*"),
        ("s3:GetObject", "<OutputBucket.Arn>/results/*", ""),
        ("s3:GetObject", "<OutputBucket.Arn>/work/queries/*", ""),
        ("s3:PutObject", "<OutputBucket.Arn>/work/queries/*", ""),
        ("s3:AbortMultipartUpload", "<OutputBucket.Arn>/work/queries/*", ""),
        ("s3:ListMultipartUploadParts", "<OutputBucket.Arn>/work/queries/*", ""),
        DECRYPTS,
        ENCRYPTS,
    }
