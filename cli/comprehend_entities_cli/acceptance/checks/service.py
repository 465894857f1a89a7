"""Jobs as the service runs them: answers, states, output and what it remembers."""

from __future__ import annotations

import io
import json
import re
import tarfile
from datetime import UTC, datetime
from typing import Any

from entities_job import operation

from ...aws import error_code
from ...published import Place, keys, read
from ..scenarios.slots import SLOTS
from ..terms import CheckFailed, NotHere, expect
from ..trial import Trial
from .catalog import Evidence, check

_FAILED_WITHIN_SECONDS = 120
_OLD_DAYS = 90


@check("A start returns a job id, an ARN of this account and the status SUBMITTED", needs=("denied_read",))
def start_answers(trial: Trial) -> Evidence:
    answer = trial.observed("denied_read").facts["Started"]
    expect(answer["JobStatus"] == "SUBMITTED", f"the status of a new job is {answer['JobStatus']}")
    expect(re.fullmatch(r"[0-9a-zA-Z-]{1,32}", answer["JobId"]), f"the id has another form: {answer['JobId']}")
    arn = f"arn:{trial.partition}:comprehend:{trial.aws.region}:{trial.account}:{operation.ARN_RESOURCE}/"
    expect(answer.get("JobArn") == f"{arn}{answer['JobId']}", f"the ARN has another form: {answer.get('JobArn')}")
    return {"JobStatus": answer["JobStatus"], "JobIdCharacters": len(answer["JobId"])}


@check("A job changes from SUBMITTED to IN_PROGRESS to COMPLETED", needs=("names",))
def states_of_a_job(trial: Trial) -> Evidence:
    seen = trial.job_ended(trial.observed("names").job_id)
    expect(list(seen.states) == ["SUBMITTED", "IN_PROGRESS", "COMPLETED"], f"states seen: {', '.join(seen.states)}")
    return {"States": list(seen.states), "Seconds": _seconds(seen.properties)}


@check("A stopped job changes to STOP_REQUESTED and then to STOPPED", needs=("stopped",))
def states_of_a_stopped_job(trial: Trial) -> Evidence:
    told = trial.observed("stopped")
    seen = trial.job_ended(told.job_id)
    expect(told.facts["Answer"] == "STOP_REQUESTED", f"Stop answered {told.facts['Answer']}")
    expect(seen.status == "STOPPED", f"the job ended as {seen.status}")
    return {"Answer": told.facts["Answer"], "States": list(seen.states), "Seconds": _seconds(seen.properties)}


@check("A job fails within two minutes, with a reason, if its role can't read the input", "F11", needs=("denied_read",))
def fails_without_read(trial: Trial) -> Evidence:
    return _failed(trial, "denied_read", "NO_READ_ACCESS_TO_INPUT")


@check("A job fails, with a reason, if its role can't write the output", "F11", needs=("denied_write",))
def fails_without_write(trial: Trial) -> Evidence:
    return _failed(trial, "denied_write", "NO_WRITE_ACCESS_TO_OUTPUT")


def _failed(trial: Trial, scenario: str, code: str) -> Evidence:
    seen = trial.job_ended(trial.observed(scenario).job_id)
    message, seconds = str(seen.properties.get("Message", "")), _seconds(seen.properties)
    expect(seen.status == "FAILED", f"the job ended as {seen.status}")
    expect(message.startswith(code), f"its message is {message!r}")
    expect(seconds is None or trial.aws.is_local or seconds <= _FAILED_WITHIN_SECONDS, f"it failed after {seconds} s")
    return {"Message": message, "Seconds": seconds}


@check("The output URI of a running job is known and has a supported form", "B6", needs=("names",))
def output_uri_while_running(trial: Trial) -> Evidence:
    seen = trial.job_ended(trial.observed("names").job_id)
    forms = {}
    for status, shown in seen.states.items():
        expanded = operation.job_of_archive(shown["S3Uri"]) == seen.properties["JobId"]
        folder = operation.requested_folder(shown["S3Uri"])
        expect(folder.startswith(trial.deployment.jobs_uri), f"in {status} it is {shown['S3Uri']}")
        forms[status] = "expanded" if expanded else "as requested"
    expect(forms.get("COMPLETED") == "expanded", f"the URI of a job that has completed is {shown['S3Uri']}")
    return forms


@check("The output is at <account>-NER-<job>/output/output.tar.gz, one member of JSON lines", "B8", needs=("names",))
def output_archive(trial: Trial) -> Evidence:
    seen = trial.job_ended(trial.observed("names").job_id)
    uri = seen.properties["OutputDataConfig"]["S3Uri"]
    folder = uri.removesuffix(f"/{operation.ARCHIVE}").rpartition("/")[2]
    expect(folder == f"{trial.account}-NER-{seen.properties['JobId']}", f"the output is {uri}")
    with tarfile.open(fileobj=io.BytesIO(read(trial.aws, Place.of(uri)))) as archive:
        members = archive.getmembers()
    expect(len(members) == 1 and members[0].isfile(), f"the archive has {[each.name for each in members]}")
    return {"Folder": folder, "Member": members[0].name, "Bytes": members[0].size}


@check("Raw and published output is encrypted with the workflow's key", "key", needs=("names",))
def output_is_encrypted(trial: Trial) -> Evidence:
    told = trial.observed("names")
    published = next(keys(trial.aws, told.outcome["Result"]["DocumentsUri"]))[0]
    uris = {
        "Raw": trial.job_ended(told.job_id).properties["OutputDataConfig"]["S3Uri"],
        "Published": trial.output_uri(published),
        "Summary": told.outcome["Result"]["SummaryUri"],
    }
    found = {name: trial.head(uri) for name, uri in uris.items()}
    if trial.aws.is_local and not any("ServerSideEncryption" in each for each in found.values()):
        raise NotHere("the local AWS does not show the encryption of an object")
    for name, head in found.items():
        own = str(head.get("SSEKMSKeyId", "")).endswith(trial.outputs["OutputKeyArn"].rpartition("/")[2])
        expect(own, f"{name}: {head.get('ServerSideEncryption')} with the key {head.get('SSEKMSKeyId')}")
    return {name: {"BucketKey": bool(head.get("BucketKeyEnabled"))} for name, head in found.items()}


@check("An output prefix without a slash at its end is joined in a supported way", "F5", needs=("same_names",))
def output_without_slash(trial: Trial) -> Evidence:
    seen = trial.job_ended(trial.observed("same_names").job_id)
    expect(seen.status == "COMPLETED", f"the job ended as {seen.status}: {seen.properties.get('Message')}")
    uri = seen.properties["OutputDataConfig"]["S3Uri"]
    rest = uri.removeprefix(trial.output_uri("jobs/no-slash"))
    expect(operation.job_of_archive(uri) == seen.properties["JobId"], f"the output is {uri}")
    return {"Joined": "with a slash" if rest.startswith("/") else "as it is", "Rest": rest}


@check("A repeated token returns the same job; with another request it starts no second job", "F4", needs=("token",))
def token_comes_again(trial: Trial) -> Evidence:
    told = trial.observed("token")
    expect(told.facts["Again"] == told.job_id, "the same request with the same token started a second, paid job")
    expect(told.facts["Other"] != "another job", "another request with the same token started a second, paid job")
    return {"SameRequest": "the same job", "JobStatus": told.facts["Answer"]["JobStatus"], "Other": told.facts["Other"]}


@check("A job that is stopped while it is SUBMITTED ends", "F2", needs=("stop_submitted",))
def stop_of_a_submitted_job(trial: Trial) -> Evidence:
    facts = trial.observed("stop_submitted").facts
    known = ("STOP_REQUESTED", "STOPPED", "InvalidRequestException")
    expect(facts["Answer"] in known, f"Stop answered {facts['Answer']}")
    stopped = facts["Answer"] == "InvalidRequestException" or facts["Ended"] in ("STOPPED", "COMPLETED")
    expect(stopped, f"after {facts['Answer']}, the job ended as {facts['Ended']}")
    return dict(facts)


@check("Stop rejects a completed job and an unknown job", needs=("names",))
def stop_of_an_ended_job(trial: Trial) -> Evidence:
    told = {}
    for name, job_id in (("Completed", trial.observed("names").job_id), ("Unknown", "0" * 32)):
        try:
            told[name] = operation.stop(trial.aws.client("comprehend"), job_id)
        except Exception as error:
            told[name] = error_code(error) or str(error)
    expected = {"Completed": "InvalidRequestException", "Unknown": "JobNotFoundException"}
    expect(told == expected, f"Stop answered {told}")
    return told


@check("A job has the tags of its workflow", needs=("names",))
def job_is_tagged(trial: Trial) -> Evidence:
    seen = trial.job_ended(trial.observed("names").job_id)
    try:
        found = trial.aws.client("comprehend").list_tags_for_resource(ResourceArn=seen.properties["JobArn"])["Tags"]
    except Exception as error:
        if trial.aws.is_local and error_code(error) != "AccessDeniedException":
            raise NotHere("the local AWS has no operation ListTagsForResource of Comprehend") from error
        raise
    tags = {each["Key"]: each["Value"] for each in found}
    expect(tags.get("acceptance") == trial.stack, f"its tags are {tags}")
    return {"Tags": sorted(tags)}


@check("Describe shows the keys, the role and the name that were asked for", needs=("names",))
def job_is_described(trial: Trial) -> Evidence:
    arn = trial.observed("names").run
    found, date = operation.describe(trial.aws.client("comprehend"), trial.observed("names").job_id)
    shown: dict[str, Any] = dict(found)
    wanted = {
        "DataAccessRoleArn": trial.outputs["DataAccessRoleArn"],
        "VolumeKmsKeyId": trial.outputs["VolumeKeyArn"],
        "JobName": ".".join(arn.arn.split(":")[-2:]) if arn else "",
        "LanguageCode": "en",
    }
    other = {name: shown.get(name) for name, value in wanted.items() if shown.get(name) != value}
    expect(not other, f"Describe shows {other}")
    key = shown["OutputDataConfig"].get("KmsKeyId")
    expect(key == trial.outputs["OutputKeyArn"], f"Describe shows the output key {key}")
    return {"Fields": sorted(shown), "ClockDiffersSeconds": round((datetime.now(UTC) - date).total_seconds())}


@check("An answer of the service has a Date header", "B9", needs=("names",))
def answers_have_a_date(trial: Trial) -> Evidence:
    client = trial.aws.client("comprehend")
    answer = client.describe_entities_detection_job(JobId=trial.observed("names").job_id)
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    expect(date, "there is none: the functions calculate the age of jobs by their own clocks")
    return {"Date": date}


@check(
    "Other objects that the service writes next to its output are not treated as output", "F9", needs=("names", "token")
)
def no_probe_is_taken_for_output(trial: Trial) -> Evidence:
    found = [key for key, _ in keys(trial.aws, trial.output_uri("jobs/"))]
    archives = [key for key in found if key.endswith(operation.ARCHIVE)]
    unknown = [key for key in archives if operation.job_of_archive(key) not in trial.watch.jobs()]
    expect(archives and not unknown, f"archives without a known job: {unknown}")
    others = sorted({key.rpartition("/")[2] for key in found if key not in archives})
    return {"Archives": len(archives), "Others": others}


@check(
    "The service lists every job of this run until its end; the account's oldest job shows for how long",
    "F8",
    last=True,
)
def jobs_are_remembered(trial: Trial) -> Evidence:
    client = trial.aws.client("comprehend")
    forgotten = []
    for job_id, seen in trial.watch.jobs().items():
        if str(seen.properties.get("JobName", "")).startswith(trial.stack):
            try:
                client.describe_entities_detection_job(JobId=job_id)
            except Exception as error:
                if error_code(error) != "JobNotFoundException":
                    raise
                forgotten.append(job_id)
    expect(not forgotten, f"the service no longer lists: {', '.join(forgotten)}")
    oldest = min((each["SubmitTime"] for each in operation.listed(client, {})), default=datetime.now(UTC))
    days = max(0, (datetime.now(UTC) - oldest).days)
    if days < _OLD_DAYS:
        raise NotHere(
            f"all jobs of this run are known, and the account's oldest is {days} days old: too recent for a conclusion"
        )
    return {"OldestJobDays": days}


@check("The eleventh active job is rejected with a known error, or waits", "F1", needs=("quota",))
def eleventh_job(trial: Trial) -> Evidence:
    told = trial.observed("quota").facts
    expect(
        told["Answer"] in ("", "TooManyRequestsException", "ThrottlingException"), f"Start answered {told['Answer']}"
    )
    if not told["Answer"] and told["Active"] <= SLOTS:
        raise NotHere(f"jobs ended before {SLOTS + 1} were active")
    return {"Active": told["Active"], "Answer": told["Answer"] or "accepted"}


@check("CloudTrail shows which role's permissions are used for the keys", "B2", "F3", needs=("names",), last=True)
def keys_are_used_by(trial: Trial) -> Evidence:
    if trial.aws.is_local:
        raise NotHere("the local AWS records no use of keys")
    seen: dict[str, set[str]] = {}
    roles = {physical: logical for kind, logical, physical in trial.parts if kind == "AWS::IAM::Role"}
    for name in ("OutputKeyArn", "VolumeKeyArn"):
        pages = trial.aws.client("cloudtrail").get_paginator("lookup_events")
        by = [{"AttributeKey": "ResourceName", "AttributeValue": trial.outputs[name]}]
        for page in pages.paginate(LookupAttributes=by, PaginationConfig={"MaxItems": 500}):
            for event in page["Events"]:
                who = _role_of(json.loads(event["CloudTrailEvent"])["userIdentity"])
                # The record names nobody of the account.
                call = f"{name.removesuffix('Arn')} {event['EventName']}"
                seen.setdefault(call, set()).add(roles.get(who, "not a role of the stack"))
    if not any(each.endswith("CreateGrant") for each in seen):
        raise NotHere("CloudTrail shows no grant on the volume key yet; its events come up to 15 minutes late")
    return {name: sorted(users) for name, users in sorted(seen.items())}


@check("The bill shows the minimum charge: for a document, or for a job", "F7")
def least_charge(trial: Trial) -> Evidence:
    raise NotHere(
        "bills come a day later: compare the usage of DetectEntities in Cost Explorer with the record's units"
    )


def _role_of(identity: dict[str, Any]) -> str:
    """Return the name of the role whose session made a call (AWS CloudTrail User Guide, userIdentity element)."""
    return str(identity.get("sessionContext", {}).get("sessionIssuer", {}).get("userName", ""))


def _seconds(properties: dict[str, Any]) -> float | None:
    if "EndTime" not in properties:
        raise CheckFailed("the job has no EndTime")
    return float(round((properties["EndTime"] - properties["SubmitTime"]).total_seconds(), 1))
