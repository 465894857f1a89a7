"""Jobs that are started by hand, as a user of the service would: what it answers, and what it makes of odd input."""

from __future__ import annotations

import json
from typing import Any

from entities_job import operation

from ...aws import error_code
from ..terms import CheckFailed, Observed
from ..trial import Trial
from .documents import LONGER, PAIR, SAME_NAMES, SHORT, ZERO_BYTES


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
