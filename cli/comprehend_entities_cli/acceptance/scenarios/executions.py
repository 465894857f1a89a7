"""Executions of the workflow that are started, stopped and refused."""

from __future__ import annotations

from typing import Any

from entities_job import operation

from ..terms import NotHere, Observed
from ..trial import Trial
from .documents import LINES, LONGER, NAMES, PAIR, SHORT


def completed(trial: Trial, name: str, given: dict[str, Any], **more: str) -> Observed:
    """Run an execution to its end."""
    run = trial.ended(trial.execute(name, given, **more))
    return Observed(run, str(run.job.get("JobId", "")))


def names(trial: Trial) -> Observed:
    """Run an execution over documents with all kinds of names."""
    uri = trial.put("input/names/", NAMES)
    return completed(trial, "names", {"InputDataConfig": {"S3Uri": uri}})


def lines(trial: Trial) -> Observed:
    """Run an execution over the lines of a file."""
    uri = trial.put("input/lines/", {"lines.txt": LINES})
    return completed(trial, "lines", {"InputDataConfig": {"S3Uri": uri, "InputFormat": "ONE_DOC_PER_LINE"}})


def narrow(trial: Trial) -> Observed:
    """Run an execution of the workflow with narrow permissions."""
    uri = trial.put("narrow/pair/", PAIR)
    return completed(trial, "narrow", {"InputDataConfig": {"S3Uri": uri}}, machine="NarrowStateMachineArn")


def custom(trial: Trial) -> Observed:
    """Run an execution with a custom recognizer.

    Raises:
        NotHere: none was given.
    """
    if "CustomStateMachineArn" not in trial.outputs:
        raise NotHere("needs a trained recognizer: --recognizer ARN")
    uri = trial.put("custom/pair/", PAIR)
    return completed(trial, "custom", {"InputDataConfig": {"S3Uri": uri}}, machine="CustomStateMachineArn")


def aborted(trial: Trial) -> Observed:
    """Stop an execution while its job runs."""
    arn = trial.execute("aborted", {"InputDataConfig": {"S3Uri": trial.put("input/aborted/", LONGER)}})
    job = trial.job_of(arn, "IN_PROGRESS")
    trial.aws.client("stepfunctions").stop_execution(executionArn=arn, error="ExecutionAborted", cause="acceptance")
    return Observed(trial.ended(arn), str(job.properties["JobId"]))


def stopped(trial: Trial) -> Observed:
    """Stop the job of an execution from outside."""
    arn = trial.execute("stopped", {"InputDataConfig": {"S3Uri": trial.put("input/stopped/", LONGER)}})
    job = trial.job_of(arn, "IN_PROGRESS")
    answer = operation.stop(trial.aws.client("comprehend"), job.properties["JobId"])
    return Observed(trial.ended(arn), str(job.properties["JobId"]), {"Answer": answer})


def refused(trial: Trial) -> Observed:
    """Run an execution that breaks a rule."""
    return completed(trial, "refused", {"InputDataConfig": {"S3Uri": "s3://elsewhere/x/"}})


def too_short(trial: Trial) -> Observed:
    """Run an execution over less text than the service takes."""
    uri = trial.put("input/too-short/", SHORT)
    return completed(trial, "too-short", {"InputDataConfig": {"S3Uri": uri}})
