"""Published results: summaries, tables, queries and the report."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from ...command import Use
from ...console import Screen
from ...published import Choice, Place, keys, read
from ...tables import Results
from ..scenarios.documents import NAMES
from ..terms import CheckFailed, NotHere, expect
from ..trial import Trial
from .catalog import Evidence, check

_TABLES = {"documents", "refused", "summaries", "unparsed"}


@check("A job has one summary, written last", needs=("names",))
def one_summary(trial: Trial) -> Evidence:
    told = trial.observed("names")
    uri = told.outcome["Result"]["SummaryUri"]
    found = [key for key, _ in keys(trial.aws, trial.output_uri("results/summaries/")) if told.job_id in key]
    expect(len(found) == 1, f"{len(found)} summaries of the job {told.job_id}")
    written = trial.head(uri)["LastModified"]
    published = keys(trial.aws, told.outcome["Result"]["DocumentsUri"])
    newest = max(trial.head(trial.output_uri(key))["LastModified"] for key, _ in published)
    expect(newest <= written, "a file of results is newer than the summary")
    summary = json.loads(read(trial.aws, Place.of(uri)))
    expect(summary["Status"] == told.outcome["Status"], f"it says {summary['Status']}")
    return {"Status": summary["Status"], "Failed": len(summary["Failed"]), "Missing": len(summary["Missing"])}


@check("`comprehend-entities results` reads published results", needs=("names",))
def results_are_read(trial: Trial) -> Evidence:
    job_id = trial.observed("names").job_id
    with Results(trial.aws, trial.deployment.results_uri, Choice((job_id,))) as found:
        found.use("top_entities")
        _, [(documents,)] = found.rows("SELECT count(*) FROM documents")
        _, top = found.rows("SELECT text, type FROM top_entities ORDER BY mentions DESC, text LIMIT 3")
    expect(documents == len(NAMES), f"{documents} documents of {len(NAMES)}")
    expect(top, "no entities")
    return {"Documents": documents, "TopEntities": [list(row) for row in top]}


@check("`comprehend-entities report` shows every document with its text", needs=("names",))
def report_is_written(trial: Trial) -> Evidence:
    from ...report import write_report

    use = Use(trial.aws, Screen(as_json=True), trial.deployment.arn)
    choice = Choice((trial.observed("names").job_id,))
    with tempfile.TemporaryDirectory() as folder, Results(trial.aws, trial.deployment.results_uri, choice) as found:
        found.use("summaries")
        found.use("documents")
        path = Path(folder) / "report.html"
        told = write_report(use, found, path, texts=True, note="")
        size = path.stat().st_size
    expect(told["Documents"] == len(NAMES), f"it shows {told}")
    return {**told, "Bytes": size}


@check("Glue has the tables of results, and Athena can query them", "C5", needs=("names",))
def athena_answers(trial: Trial) -> Evidence:
    job_id = trial.observed("names").job_id
    glue, athena = trial.aws.client("glue"), trial.aws.client("athena")
    found = {each["Name"] for each in glue.get_tables(DatabaseName=trial.outputs["DatabaseName"])["TableList"]}
    expect(found >= _TABLES, f"missing tables: {sorted(_TABLES - found)}")
    started = athena.start_query_execution(
        QueryString=f"SELECT count(*) FROM documents WHERE jobid = '{job_id}'",
        WorkGroup=trial.outputs["WorkGroupName"],
        QueryExecutionContext={"Database": trial.outputs["DatabaseName"]},
    )["QueryExecutionId"]

    def status() -> dict[str, str]:
        now: dict[str, str] = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
        return now if now["State"] in ("SUCCEEDED", "FAILED", "CANCELLED") else {}

    ended = trial.wait(status, "the answer of Athena", seconds=120)
    expect(ended["State"] == "SUCCEEDED", f"the query {ended['State']}: {ended.get('StateChangeReason')}")
    rows = athena.get_query_results(QueryExecutionId=started)["ResultSet"]["Rows"]
    number = int(rows[-1]["Data"][0]["VarCharValue"])
    expect(number == len(NAMES), f"it counts {number} documents of {len(NAMES)}")
    return {"Tables": sorted(found), "Documents": number}


@check("Athena can query the views of results", "C5", needs=("names",))
def views_answer(trial: Trial) -> Evidence:
    if trial.aws.is_local:
        raise NotHere("the local AWS stores views and does not resolve them")
    athena, job_id = trial.aws.client("athena"), trial.observed("names").job_id
    started = athena.start_query_execution(
        QueryString=f"SELECT count(*) FROM entities WHERE jobid = '{job_id}'",
        WorkGroup=trial.outputs["WorkGroupName"],
        QueryExecutionContext={"Database": trial.outputs["DatabaseName"]},
    )["QueryExecutionId"]

    def state() -> str:
        now = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
        if now["State"] in ("FAILED", "CANCELLED"):
            raise CheckFailed(f"the query {now['State']}: {now.get('StateChangeReason')}")
        return "done" if now["State"] == "SUCCEEDED" else ""

    trial.wait(state, "the answer of Athena", seconds=120)
    rows = athena.get_query_results(QueryExecutionId=started)["ResultSet"]["Rows"]
    return {"Entities": int(rows[-1]["Data"][0]["VarCharValue"])}
