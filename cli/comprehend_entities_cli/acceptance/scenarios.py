"""What the checks start: executions, jobs started by hand, and uploads; each runs in the background, all at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from entities_job import operation

from ..aws import error_code
from ..care.uploads import wake
from ..executions import Run, look, runs
from .documents import LINES, LONGER, NAMES, PAIR, SAME_NAMES, SHORT, TEXT, ZERO_BYTES
from .trial import BUSY, CheckFailed, NotHere, Observed, Trial

SLOTS = 10
"""The quota of active jobs in an account and Region (Service Quotas, L-2B8ECCAB)."""

FOREIGN, MARKER, ODD_UPLOAD, OLD_UPLOAD = "foreign.txt", "folder/", "Grüße + 'quotes' & 100%.txt", "old.txt"


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
        raise NotHere("give a trained recognizer: --recognizer ARN")
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


def denied_read(trial: Trial) -> Observed:
    """Start a job whose role may not read, and have an execution report its failure."""
    started = trial.start_job("denied-read", trial.put("input/denied-read/", PAIR), **_denied(trial, "ReadsNothing"))
    trial.job_ended(started["JobId"])
    run = trial.ended(trial.execute("denied", {"JobId": started["JobId"]}))
    return Observed(run, started["JobId"], {"Started": started})


def denied_write(trial: Trial) -> Observed:
    """Start a job whose role may read and not write."""
    started = trial.start_job("denied-write", trial.put("input/denied-write/", PAIR), **_denied(trial, "WritesNothing"))
    trial.job_ended(started["JobId"])
    return Observed(None, started["JobId"])


def _denied(trial: Trial, role: str) -> dict[str, Any]:
    """Return the fields of a job that fails for the rights of its role on buckets, and not for those on keys."""
    return {"DataAccessRoleArn": trial.outputs[f"{role}RoleArn"], "VolumeKmsKeyId": None}


def token(trial: Trial) -> Observed:
    """Start a job twice with one token, then another with it; have an execution take up and publish the first."""
    uri, client = trial.put("input/token/", PAIR), trial.aws.client("comprehend")
    more = {"ClientRequestToken": f"{trial.stack}-token"}
    first = trial.start_job("token", uri, **more)
    again = trial.start_job("token", uri, **more)
    facts = {"Again": again["JobId"], "Answer": {"JobStatus": again["JobStatus"]}, "Other": ""}
    try:
        other = operation.start(client, trial.request("token-other", uri, **more))["JobId"]
        facts["Other"] = "the same job" if other == first["JobId"] else "another job"
    except Exception as error:
        facts["Other"] = error_code(error) or str(error)
    trial.job_ended(first["JobId"])
    run = trial.ended(trial.execute("resumed", {"JobId": first["JobId"]}))
    return Observed(run, first["JobId"], facts)


def stop_submitted(trial: Trial) -> Observed:
    """Stop a job right after its start."""
    started = trial.start_job("stop-submitted", trial.put("input/stop-submitted/", PAIR))
    try:
        answer = operation.stop(trial.aws.client("comprehend"), started["JobId"])
    except Exception as error:
        answer = error_code(error) or str(error)
    seen = trial.job_ended(started["JobId"])
    return Observed(None, started["JobId"], {"Started": started["JobStatus"], "Answer": answer, "Ended": seen.status})


def same_names(trial: Trial) -> Observed:
    """Start a job over two documents of one base name, whose output prefix has no slash at its end."""
    uri = trial.put("input/same-names/", SAME_NAMES)
    output = {"S3Uri": trial.output_uri("jobs/no-slash"), "KmsKeyId": trial.outputs["OutputKeyArn"]}
    started = trial.start_job("same-names", uri, OutputDataConfig=output)
    trial.job_ended(started["JobId"])
    return Observed(None, started["JobId"])


def _of_odd_input(trial: Trial, name: str, uri: str) -> Observed:
    try:
        started = trial.start_job(name, uri)
    except Exception as error:
        if not error_code(error):
            raise
        return Observed(facts={"Refused": error_code(error)})
    seen = trial.job_ended(started["JobId"])
    return Observed(None, started["JobId"], {"Ended": seen.status, "Message": seen.properties.get("Message", "")})


def short(trial: Trial) -> Observed:
    """Start a job on less than 500 bytes."""
    return _of_odd_input(trial, "short", trial.put("input/short/", SHORT))


def empty_prefix(trial: Trial) -> Observed:
    """Start a job on a prefix without objects."""
    return _of_odd_input(trial, "empty-prefix", trial.input_uri("input/nothing-here/"))


def zero_bytes(trial: Trial) -> Observed:
    """Start a job with a document of zero bytes among others."""
    return _of_odd_input(trial, "zero-bytes", trial.put("input/zero-bytes/", ZERO_BYTES))


def orphan(trial: Trial) -> Observed:
    """Start a job into the folder of an execution that has ended, and have the sweep run."""
    uri = trial.put("input/orphan/", LONGER)
    name = trial.observed("refused").run
    if name is None:
        raise CheckFailed("there is no ended execution whose folder could be used")
    output = {"S3Uri": trial.output_uri(f"jobs/{name.name}/"), "KmsKeyId": trial.outputs["OutputKeyArn"]}
    started = trial.start_job("orphan", uri, OutputDataConfig=output)
    # The workflow's own sweep may come first.
    trial.job_when(lambda: trial.watch.job(started["JobId"]), lambda seen: seen.status != "SUBMITTED", "the orphan")
    [sweep] = trial.physical("AWS::Lambda::Function", "StopOrphans")
    answer = invoked(trial, sweep, {"StateMachineArn": trial.outputs["StateMachineArn"]})
    seen = trial.job_ended(started["JobId"])
    return Observed(None, started["JobId"], {"Sweep": answer, "Ended": seen.status})


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


def quota(trial: Trial) -> Observed:
    """Fill all slots, start one job more, and an execution, which has to wait for a slot.

    Raises:
        NotHere: it was not asked for.
    """
    if not trial.options.fill_quota:
        raise NotHere("give --fill-quota: for some minutes no other job can start in the account and Region")
    client, uri = trial.aws.client("comprehend"), trial.put("input/quota/", PAIR)
    started: list[str] = []
    answer, active = "", 0
    try:
        # Some may end meanwhile, and a start that comes too soon after another is refused as well.
        for _ in range(6 * SLOTS):
            if answer or active > SLOTS or len(started) == 2 * SLOTS:
                break
            try:
                started.append(operation.start(client, trial.request(f"quota-{len(started)}", uri))["JobId"])
            except Exception as error:
                code = error_code(error) or str(error)
                answer = code if active >= SLOTS or code not in BUSY else ""
            trial.pause(1 if trial.options.settling else 0.02)
            active = len(set(started) - {job for job, seen in trial.watch.jobs().items() if seen.ended})
        arn = trial.execute("waits-for-slot", {"InputDataConfig": {"S3Uri": uri}})
        if answer:
            _state(trial, arn, "waiting for a free slot")
    finally:
        for job_id in started:
            _stop(trial, job_id)
    run = trial.ended(arn)
    return Observed(run, str(run.job.get("JobId", "")), {"Started": len(started), "Active": active, "Answer": answer})


def invoked(trial: Trial, function: str, event: dict[str, Any]) -> Any:
    """Invoke a function; return its answer.

    Raises:
        CheckFailed: it failed.
    """
    answer = trial.aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    value = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        raise CheckFailed(f"{function} failed: {value.get('errorType')}: {value.get('errorMessage')}")
    return value


def _state(trial: Trial, arn: str, state: str) -> None:
    trial.wait(lambda: look(trial.aws, arn).state == state, f"{arn.rpartition(':')[2]} to be {state}")


def _stop(trial: Trial, job_id: str) -> None:
    try:
        operation.stop(trial.aws.client("comprehend"), job_id)
    except Exception as error:
        if error_code(error) != "InvalidRequestException":
            raise


def _batch_with(trial: Trial, name: str) -> Run:
    """Return the execution of the batch that holds an upload, when it has ended."""
    seen: dict[str, Run] = {}

    def batch() -> Run | None:
        for each in runs(trial.aws, trial.deployment, most=100):
            arn = each["executionArn"]
            if each["name"].startswith("Uploads-") and each["status"] != "RUNNING" and arn not in seen:
                seen[arn] = trial.ended(arn)
                result = (seen[arn].outcome or {}).get("Result")
                if result and any(name in str(record["Source"]) for record in trial.records(result["DocumentsUri"])):
                    return seen[arn]
        return None

    found = trial.wait(batch, f"the batch of uploads/{name}")
    assert found is not None
    return found


SCENARIOS: dict[str, Callable[[Trial], Observed]] = {
    each.__name__: each
    for each in (
        names,
        refused,
        backfill,
        aborted,
        stopped,
        token,
        denied_read,
        denied_write,
        upload,
        orphan,
        lines,
        narrow,
        stop_submitted,
        same_names,
        zero_bytes,
        too_short,
        short,
        empty_prefix,
        custom,
    )
}
"""All that run at once, those first that others wait for; :func:`quota` runs alone, after all others."""
