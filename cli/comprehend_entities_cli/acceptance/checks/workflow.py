"""Executions of the workflow: outcomes, events, aborts, refusals, and jobs that are taken up again."""

from __future__ import annotations

import re
from typing import Any, NotRequired, get_origin, get_type_hints

from entities_job.contracts import EVENT_DETAIL_TYPE, EVENT_SOURCE, SCHEMA_VERSION, Outcome

from ..scenarios.documents import NAMES
from ..terms import NotHere, Observed, expect
from ..trial import Trial
from .catalog import Evidence, check

_FIELDS = get_type_hints(Outcome, include_extras=True)
_REQUIRED = {name for name, hint in _FIELDS.items() if get_origin(hint) is not NotRequired}
_TOKEN_TASKS = ("TaskSucceeded", "TaskTimedOut", "TaskFailed")


def _completed(told: Observed, documents: int) -> dict[str, Any]:
    outcome = told.outcome
    error = outcome.get("Error", {})
    why = f"the outcome is {outcome.get('Status')}: {error.get('Code')}: {error.get('Message')}"
    expect(outcome.get("Status") == "COMPLETED", why)
    expect(outcome["Counts"]["Documents"] == documents, f"the counts are {outcome['Counts']}")
    return {"Status": "COMPLETED", "Documents": documents, "Entities": outcome["Counts"]["Entities"]}


@check("An execution starts a job, follows it and publishes the result", "B1", "B2", "B3", "A4", needs=("names",))
def execution_completes(trial: Trial) -> Evidence:
    told = trial.observed("names")
    return {**_completed(told, len(NAMES)), "Units": told.outcome["Units"], "Polls": told.outcome["Polls"]}


@check("Every document has its source object, whatever its name", "B7", needs=("names",))
def records_have_sources(trial: Trial) -> Evidence:
    records = trial.records(trial.observed("names").outcome["Result"]["DocumentsUri"])
    expected = {trial.input_uri(f"input/names/{name}") for name in NAMES}
    found = {str(each["Source"]) for each in records}
    expect(found == expected, f"missing {sorted(expected - found)}; instead {sorted(found - expected)}")
    return {"Records": len(records)}


@check("One execution starts one job", needs=("names",))
def one_job(trial: Trial) -> Evidence:
    run = trial.observed("names").run
    assert run is not None
    found = trial.watch.named(".".join(run.arn.split(":")[-2:]))
    expect(len(found) == 1, f"{len(found)} jobs have its name")
    return {"Jobs": 1}


@check("The event of the output wakes the execution, before the next poll", "B5", "B8", needs=("names", "lines"))
def woken_by_output(trial: Trial) -> Evidence:
    lags, woken = [], 0
    for name in ("names", "lines"):
        told = trial.observed(name)
        assert told.run is not None
        history = trial.aws.client("stepfunctions").get_paginator("get_execution_history")
        events = [each for page in history.paginate(executionArn=told.run.arn) for each in page["events"]]
        entered = ""
        for event in events:
            entered = event.get("stateEnteredEventDetails", {}).get("name", entered)
            if event["type"] in _TOKEN_TASKS and entered == "WaitForOutput":
                woken += event["type"] == "TaskSucceeded"
        lags.append(told.outcome.get("LagSeconds"))
    expect(woken, "no wait ended by the output's event: both executions continued with their next poll")
    return {"Woken": woken, "Of": len(lags), "LagSeconds": lags}


@check("The event of an execution's end is its outcome, and comes within a minute", "B4", "C6", needs=("names",))
def event_is_the_outcome(trial: Trial) -> Evidence:
    told = trial.observed("names")
    assert told.run is not None and told.run.ended is not None
    event = trial.event(told.run.arn)
    expect(event["source"] == EVENT_SOURCE and event["detail-type"] == EVENT_DETAIL_TYPE, f"it is {event['source']}")
    expect(event["detail"] == told.outcome, "its detail is not the outcome that the execution returned")
    lag = event["ReceivedAt"] - told.run.ended.timestamp()
    expect(lag < 60, f"it came {lag:.0f} s after the end")
    return {"SecondsAfterTheEnd": round(lag, 1)}


@check(
    "Every event has the fields of its schema", "B4", needs=("names", "refused", "aborted", "stopped", "denied_read")
)
def events_fit_the_schema(trial: Trial) -> Evidence:
    told: list[str] = []
    for name in ("names", "refused", "aborted", "stopped", "denied_read"):
        run = trial.observed(name).run
        assert run is not None
        detail = trial.event(run.arn)["detail"]
        expect(detail["SchemaVersion"] == SCHEMA_VERSION, f"its schema has the version {detail['SchemaVersion']}")
        missing, unknown = sorted(_REQUIRED - set(detail)), sorted(set(detail) - _FIELDS.keys())
        expect(not missing and not unknown, f"{name}: missing {missing}, unknown {unknown}")
        told.append(detail["Status"])
    return {"Statuses": told}


@check("No execution has two different outcomes", "B10", needs=("names", "aborted", "refused", "stopped"))
def one_outcome(trial: Trial) -> Evidence:
    numbers = {}
    for name in ("names", "aborted", "refused", "stopped"):
        run = trial.observed(name).run
        assert run is not None
        trial.event(run.arn)
        details = [each["detail"] for each in trial.watch.events(run.arn)]
        expect(all(each == details[0] for each in details), f"{name} has {len(details)} events that differ")
        numbers[name] = len(details)
    return {"Events": numbers}


@check("A request that breaks a rule is rejected before a job is started", needs=("refused", "too_short"))
def refusal(trial: Trial) -> Evidence:
    told = {}
    for name in ("refused", "too_short"):
        seen = trial.observed(name)
        expect(seen.outcome["Status"] == "REFUSED", f"{name} is {seen.outcome['Status']}")
        assert seen.run is not None
        jobs = trial.watch.named(".".join(seen.run.arn.split(":")[-2:]))
        expect(not jobs, f"{name} started a job nevertheless")
        told[name] = seen.outcome["Error"]["Code"]
    return told


@check("An aborted execution stops its job, and is reported as ABORTED", "B10", needs=("aborted",))
def abort(trial: Trial) -> Evidence:
    told = trial.observed("aborted")
    assert told.run is not None
    event = trial.event(told.run.arn)["detail"]
    expect(event["Status"] == "ABORTED", f"it is reported as {event['Status']}")
    seen = trial.job_when(
        lambda: trial.watch.job(told.job_id),
        lambda job: job.status in ("STOP_REQUESTED", "STOPPED", "COMPLETED"),
        f"the job {told.job_id} to be stopped",
    )
    ended = trial.job_ended(told.job_id).status
    expect(ended == "STOPPED", f"the job ended as {ended}")
    return {"Status": event["Status"], "Job": list(seen.states)}


@check("If its job is stopped from outside, an execution publishes partial results", needs=("stopped",))
def stopped_from_outside(trial: Trial) -> Evidence:
    outcome = trial.observed("stopped").outcome
    expect(outcome["Status"] == "STOPPED", f"the outcome is {outcome['Status']}: {outcome.get('Error')}")
    return {"Status": "STOPPED", "Documents": outcome["Counts"]["Documents"], "Error": outcome["Error"]["Code"]}


@check("A job that was started by hand is resumed and published", needs=("token",))
def job_is_taken_up(trial: Trial) -> Evidence:
    told = trial.observed("token")
    expect(told.outcome.get("Job", {}).get("JobId") == told.job_id, f"another job: {told.outcome.get('Job')}")
    return _completed(told, 2)


@check("A failed job is reported with the service's code and a hint", "F11", needs=("denied_read",))
def failure_is_explained(trial: Trial) -> Evidence:
    outcome = trial.observed("denied_read").outcome
    expect(outcome["Status"] == "FAILED", f"the outcome is {outcome['Status']}")
    error = outcome["Error"]
    expect("NO_READ_ACCESS_TO_INPUT" in f"{error['Code']} {error['Message']}", f"its error is {error}")
    expect(error.get("Hint"), f"its error has no hint: {error}")
    return {"Code": error["Code"]}


@check("The messages of all failed jobs begin with a code", "F11", needs=("denied_read", "denied_write", "short"))
def failure_messages(trial: Trial) -> Evidence:
    failed = [each.properties.get("Message", "") for each in trial.watch.jobs().values() if each.status == "FAILED"]
    expect(failed, "no job has failed")
    codes = {message.partition(":")[0] for message in failed}
    odd = [message for message in failed if not re.match(r"[A-Z0-9_]+: ", message)]
    expect(not odd, f"messages without a code: {odd}")
    return {"Codes": sorted(codes)}


@check("A job that no running execution follows is stopped by the sweep", needs=("orphan",))
def sweep(trial: Trial) -> Evidence:
    facts = trial.observed("orphan").facts
    expect(facts["Ended"] == "STOPPED", f"the job ended as {facts['Ended']}; the sweep answered {facts['Sweep']}")
    return dict(facts)


@check("narrow_permissions=True suffices for a job", "narrow", needs=("narrow",))
def narrow_permissions(trial: Trial) -> Evidence:
    return _completed(trial.observed("narrow"), 2)


@check("A custom recognizer finds entities of its own types", "A4", needs=("custom",))
def custom_recognizer(trial: Trial) -> Evidence:
    told = trial.observed("custom")
    types = sorted(told.outcome.get("Counts", {}).get("EntitiesByType", {}))
    job = trial.job_ended(told.job_id).properties
    expect(job.get("EntityRecognizerArn") == trial.options.recognizer, f"another one: {job.get('EntityRecognizerArn')}")
    return {**_completed(told, 2), "Types": types}


@check("The output folder of a custom job is recognized", "B8", needs=("custom",))
def custom_output_folder(trial: Trial) -> Evidence:
    from entities_job.operation import job_of_archive

    told = trial.observed("custom")
    uri = trial.job_ended(told.job_id).properties["OutputDataConfig"]["S3Uri"]
    expect(job_of_archive(uri) == told.job_id, f"the output is {uri}")
    return {"Mark": uri.split("/")[-3].split("-")[1]}


@check("An execution waits while all slots are taken, and then starts its job", "F1", needs=("quota",))
def waits_for_a_slot(trial: Trial) -> Evidence:
    told = trial.observed("quota")
    if not told.facts["Waited"]:
        raise NotHere("the service rejected no start, or slots were free again before the execution started its job")
    return {"StartAnswered": told.facts["Answer"], **_completed(told, 2)}
