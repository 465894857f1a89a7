"""Uploads: what starts a job by itself, what is taken up later, and what is refused."""

from __future__ import annotations

from ..scenarios.uploads import FOREIGN, MARKER, ODD_UPLOAD, OLD_UPLOAD
from ..terms import NotHere, expect
from ..trial import Trial
from .catalog import Evidence, check

_LONE_UPLOAD_SECONDS = 240


@check("An upload starts a job automatically, and its record has the upload's version", "A6", "B7", needs=("upload",))
def upload_is_analysed(trial: Trial) -> Evidence:
    told = trial.observed("upload")
    records = trial.records(told.outcome["Result"]["DocumentsUri"])
    wanted = trial.input_uri(f"uploads/{ODD_UPLOAD}")
    [record] = [each for each in records if each["Source"] == wanted]
    expect(record["SourceVersionId"], "its record has no version")
    expect(record.get("Entities"), f"its record has no entities: {record}")
    return {"Status": told.outcome["Status"], "Entities": len(record["Entities"])}


@check(
    "A single upload does not wait for the next scheduled run of the dispatcher, five minutes later",
    "A5",
    needs=("upload",),
)
def lone_upload_is_not_late(trial: Trial) -> Evidence:
    seconds = trial.observed("upload").facts["SecondsToBatch"]
    expect(seconds < _LONE_UPLOAD_SECONDS, f"its batch began {seconds:.0f} s after it was put")
    return {"SecondsToBatch": round(seconds, 1)}


@check("A backfill finds an upload that had no event", "A6", needs=("backfill",))
def backfill_takes_up(trial: Trial) -> Evidence:
    told = trial.observed("backfill")
    answer = told.facts["Backfill"] or {}
    expect(answer.get("Queued", 0) >= 1, f"the dispatcher answered {answer}")
    found = trial.records(told.outcome["Result"]["DocumentsUri"])
    expect(any(OLD_UPLOAD in str(each["Source"]) for each in found), "it is in no result")
    return {"Listed": answer["Listed"], "Queued": answer["Queued"], "Status": told.outcome["Status"]}


@check("An upload that can't be read is listed as rejected, and its batch continues", "A7", needs=("upload",))
def unreadable_upload(trial: Trial) -> Evidence:
    trial.observed("upload")
    if trial.aws.is_local:
        raise NotHere("the local AWS keeps no key of a single object")
    wanted = trial.input_uri(f"uploads/{FOREIGN}")

    def codes() -> list[str]:
        return [
            each["ErrorCode"]
            for each in trial.records(trial.output_uri("results/refused/"))
            if each["Source"] == wanted
        ]

    found = trial.wait(codes, f"the rejection of {wanted}", seconds=900)
    expect(found == ["SOURCE_UNREADABLE"], f"it is rejected as {found}")
    return {"ErrorCode": found[0]}


@check("A folder marker of the console is ignored", "B11", needs=("upload",))
def folder_marker(trial: Trial) -> Evidence:
    trial.observed("upload")
    wanted = trial.input_uri(f"uploads/{MARKER}")
    for folder in ("documents", "refused"):
        found = [each for each in trial.records(trial.output_uri(f"results/{folder}/")) if each["Source"] == wanted]
        expect(not found, f"it is in results/{folder}/: {found}")
    return {"Records": 0}
