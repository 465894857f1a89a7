"""Uploads: one that no event announces, and others that start a job by themselves."""

from __future__ import annotations

from datetime import UTC, datetime

from ...care.uploads import wake
from ...executions import Run, runs
from ..terms import Observed
from ..trial import Trial
from .documents import TEXT

FOREIGN, MARKER, ODD_UPLOAD, OLD_UPLOAD = "foreign.txt", "folder/", "Grüße + 'quotes' & 100%.txt", "old.txt"


def backfill(trial: Trial) -> Observed:
    """Put an upload while no event of uploads is delivered, and have the dispatcher take it up."""
    events, rules = trial.aws.client("events"), trial.physical("AWS::Events::Rule", "Uploads")
    try:
        for rule in rules:
            events.disable_rule(Name=rule)
        trial.pause(min(trial.options.settling, 30))
        trial.put("uploads/", {OLD_UPLOAD: TEXT})
        trial.pause(2 + min(trial.options.settling, 30))
    finally:
        for rule in rules:
            events.enable_rule(Name=rule)
        trial.rule_is_on.set()
    trial.pause(min(trial.options.settling, 30))
    answer = wake(trial.aws, trial.deployment, {"Backfill": {"Trigger": "Uploads"}})
    run = _batch_with(trial, OLD_UPLOAD)
    return Observed(run, str(run.job.get("JobId", "")), {"Backfill": answer})


def upload(trial: Trial) -> Observed:
    """Put documents where they start a job by themselves, one of which the workflow can't read."""
    trial.wait(trial.rule_is_on.is_set, "the rule of uploads to be enabled again")
    trial.wait_for_events_of_s3()
    trial.put("uploads/", {MARKER: ""})
    if not trial.aws.is_local:
        key = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": trial.outputs["ForeignKeyArn"]}
        trial.put("uploads/", {FOREIGN: TEXT}, **key)
    begun = datetime.now(UTC)
    trial.put("uploads/", {ODD_UPLOAD: TEXT})
    run = _batch_with(trial, ODD_UPLOAD)
    return Observed(run, str(run.job.get("JobId", "")), {"SecondsToBatch": (run.begun - begun).total_seconds()})


def _batch_with(trial: Trial, name: str) -> Run:
    """Return the execution of the batch that holds an upload, when it has ended."""
    seen: dict[str, Run] = {}

    def batch() -> Run | None:
        for each in runs(trial.aws, trial.deployment, most=100):
            arn = each["executionArn"]
            if each["name"].startswith("Uploads-") and each["status"] != "RUNNING" and arn not in seen:
                seen[arn] = trial.ended(arn)
                outcome = seen[arn].outcome
                records = trial.records(outcome["Result"]["DocumentsUri"]) if outcome and "Result" in outcome else []
                if any(name in str(record["Source"]) for record in records):
                    return seen[arn]
        return None

    found = trial.wait(batch, f"the batch of uploads/{name}")
    assert found is not None
    return found
