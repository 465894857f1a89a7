"""Ways through a deployed workflow, each of which needs other rights; a way tells what came between, or nothing."""

from __future__ import annotations

import base64
import gzip
import hashlib
import itertools
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from local.waiting import wait_until
from tests.rehearsal.deployed import DOCUMENTS, TEXT, Deployed

PATIENCE_SECONDS = 60
_DISABLED = ("Disabled", "Disabling")
_numbers = itertools.count(1)


def job(deployed: Deployed) -> str:
    """A job and its published result; one of its documents is an image, for roles that read images."""
    uri = deployed.put({**DOCUMENTS, "scan.png": b"scan"})
    return _run(deployed, {"InputDataConfig": {"S3Uri": uri}}, "COMPLETED")


def deadline(deployed: Deployed) -> str:
    """A job that runs for too long, is stopped, and leaves no result."""
    deployed.rehearsal.comprehend.configure(job_seconds=[7200], stopped_output="none")
    try:
        return _run(deployed, None, "JobTimedOut")
    finally:
        deployed.rehearsal.comprehend.configure(job_seconds=[366.5], stopped_output="partial")


def refusal(deployed: Deployed) -> str:
    """An execution that is rejected, and reported."""
    return _run(deployed, {"InputDataConfig": {"S3Uri": "s3://elsewhere/x/"}}, "RequestRefused")


def abort(deployed: Deployed) -> str:
    """An execution that is aborted while its job runs: the job is stopped, and the end reported."""
    rehearsal, begun = deployed.rehearsal, int(time.time() * 1000)
    rehearsal.comprehend.spoil_jobs(seconds=1500)
    arn = deployed.start()
    deployed.job(arn, status="IN_PROGRESS", patience_seconds=PATIENCE_SECONDS)
    rehearsal.client("stepfunctions").stop_execution(executionArn=arn)

    def heard() -> tuple[str, bool]:
        return denials(deployed, begun), arn in deployed.received()

    try:
        wait_until(heard, any, awaited="the execution's event or a denial", seconds=PATIENCE_SECONDS)
    except TimeoutError as error:
        return str(error)
    # The logs of a function come when it ends, which is after it has sent the event.
    time.sleep(2)
    return denials(deployed, begun)


def wake(deployed: Deployed) -> str:
    """A job whose execution is woken by the job's output."""
    begun = int(time.time() * 1000)
    # Long enough for a function's cold start before its end.
    deployed.rehearsal.comprehend.spoil_jobs(seconds=1700)
    return job(deployed) or ("" if _logged(deployed, begun, "woken by the output") else "the output woke nobody")


def abandon(deployed: Deployed) -> str:
    """An orphaned job is stopped, another with an execution is not, and an open end is reported."""
    outputs, begun = deployed.outputs, int(time.time() * 1000)
    ended = deployed.start({"InputDataConfig": {"S3Uri": "s3://elsewhere/x/"}})
    deployed.rehearsal.ended_execution(ended)
    folder = f"s3://{outputs['OutputBucket']}/jobs/{ended.rpartition(':')[2]}/"
    opened: dict[str, object] = {"Execution": ended, "Folders": [folder]}
    name = ".".join(ended.split(":")[-2:])
    deployed.rehearsal.client("s3").put_object(
        Bucket=outputs["OutputBucket"], Key=f"work/open/{name}", Body=json.dumps(opened)
    )
    deployed.rehearsal.comprehend.spoil_jobs(times=1, seconds=1500)
    living = deployed.start()
    deployed.job(living, status="IN_PROGRESS", patience_seconds=PATIENCE_SECONDS)
    # It must still run when the sweep comes, however slow the machine is.
    deployed.rehearsal.comprehend.spoil_jobs(times=1, seconds=15_000)
    _by_hand(deployed, ended.rpartition(":")[2])
    payload = json.dumps({"StateMachineArn": outputs["StateMachineArn"]})
    function = _function(deployed, "StopOrphans")
    # The first sweep reports the open end, the second finds a job of an execution that was reported long ago.
    for _ in range(2):
        answer = deployed.rehearsal.client("lambda").invoke(FunctionName=function, Payload=payload)
        text = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            break
    deployed.rehearsal.ended_execution(living)
    # A job that can't be stopped is told and not raised.
    denied = denials(deployed, begun)
    return f"{text}\n{denied}" if "FunctionError" in answer or denied else ""


def resume(deployed: Deployed) -> str:
    """A job that was started by hand is resumed and published."""
    job_id = _by_hand(deployed, f"by-hand-{next(_numbers)}")

    def status() -> list[str]:
        return [job["JobStatus"] for job in deployed.rehearsal.comprehend.jobs() if job["JobId"] == job_id]

    wait_until(status, lambda found: found == ["COMPLETED"], awaited="the job's end", seconds=PATIENCE_SECONDS)
    return _run(deployed, {"JobId": job_id}, "COMPLETED")


def token(deployed: Deployed) -> str:
    """A job whose caller gave it a token of its own."""
    given = {"InputDataConfig": {"S3Uri": deployed.put(DOCUMENTS)}, "ClientRequestToken": f"token-{next(_numbers)}"}
    return _run(deployed, given, "COMPLETED")


def batch(deployed: Deployed) -> str:
    """A batch of uploads: a version, a deleted one, an object of a bucket without versions, and a rejected one."""
    s3, bucket, number = deployed.rehearsal.client("s3"), deployed.outputs["InputBucket"], next(_numbers)
    entries = []
    for name in ("version.txt", "gone.txt", "etag.txt", "refused.txt"):
        key = f"uploads/proof/{number}/{name}"
        put = s3.put_object(Bucket=bucket, Key=key, Body=TEXT * 9)
        if name == "gone.txt":
            s3.delete_object(Bucket=bucket, Key=key, VersionId=put["VersionId"])
        known = {"ETag": put["ETag"]} if name == "etag.txt" else {"VersionId": put["VersionId"]}
        refused = {"ErrorCode": "UNEXPECTED_SUFFIX", "ErrorMessage": "for the proof"} if name == "refused.txt" else {}
        identity = hashlib.sha256(key.encode()).hexdigest()
        place = {"Identity": identity, "File": name, "Source": f"s3://{bucket}/{key}", "Size": 9 * len(TEXT)}
        entries.append(json.dumps({**place, **known, **refused}))
    staging = _dispatcher_settings(deployed)["StagingUri"].partition(bucket)[2].lstrip("/")
    folder = f"{staging}Proof-20260101T000000-{number:016}/"
    s3.put_object(Bucket=bucket, Key=f"{folder}manifest/00000.jsonl", Body="\n".join(entries))
    told = _run(deployed, {"InputDataConfig": {"S3Uri": f"s3://{bucket}/{folder}documents/"}}, "COMPLETED")
    # What can't be read or copied is refused by name, and the others go on.
    outputs, batch = deployed.outputs["OutputBucket"], folder.rstrip("/").rpartition("/")[2]
    place = {"Bucket": outputs, "Prefix": f"results/refused/job_date=2026-01-01/{batch}-"}
    reports = [
        s3.get_object(Bucket=outputs, Key=each["Key"]) for each in s3.list_objects_v2(**place).get("Contents", [])
    ]
    lines = [line for report in reports for line in gzip.decompress(report["Body"].read()).splitlines()]
    unread = [each for each in map(json.loads, lines) if each["ErrorCode"] == "SOURCE_UNREADABLE"]
    return "\n".join(filter(None, (told, *(each["ErrorMessage"] for each in unread))))


def dispatch(deployed: Deployed) -> str:
    """The dispatcher reads a poisoned message and three uploads, two of which make a batch; nothing else wakes it."""
    rehearsal, bucket = deployed.rehearsal, deployed.outputs["InputBucket"]
    functions, sqs, queue = rehearsal.client("lambda"), rehearsal.client("sqs"), deployed.outputs["UploadQueueUrl"]
    dispatcher = _dispatcher_alone(deployed)
    sqs.purge_queue(QueueUrl=queue)
    claims = _dispatcher_settings(deployed)["ClaimsUri"].partition(bucket)[2].lstrip("/")
    rehearsal.client("s3").delete_object(Bucket=bucket, Key=f"{claims}note.json")
    sqs.send_message(QueueUrl=queue, MessageBody="poison")
    for number in range(3):
        # Gone before it is copied: the batch ends without a job.
        item = {"key": f"uploads/{number}.txt", "version-id": f"v{next(_numbers)}", "size": 9 * len(TEXT)}
        body = json.dumps({"bucket": {"name": bucket}, "object": item})
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    before, begun = _executions(deployed), int(time.time() * 1000)
    wake = {"body": json.dumps({"Trigger": "Uploads"}), "attributes": {"SentTimestamp": "0"}}
    answer = functions.invoke(FunctionName=dispatcher, Payload=json.dumps({"Records": [wake]}), LogType="Tail")
    payload, log = answer["Payload"].read().decode(), base64.b64decode(answer.get("LogResult", "")).decode()
    started = _executions(deployed) - before
    for arn in started:
        rehearsal.ended_execution(arn)
    waiting, held = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"
    left = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[waiting, held])["Attributes"]
    if "FunctionError" in answer or len(started) != 1 or (left[waiting], left[held]) != ("1", "0"):
        return f"{payload}\n{log}\n{denials(deployed, begun)}\n{len(started)} started, left: {left}"
    return ""


def settle(deployed: Deployed) -> str:
    """A batch is recorded as published by the outcome under ``work/outcomes/``, whose event was lost."""
    s3, settings = deployed.rehearsal.client("s3"), _dispatcher_settings(deployed)
    machine = deployed.outputs["StateMachineArn"]
    name = f"Uploads-20260101T000000-{next(_numbers):016}"
    claims = settings["ClaimsUri"].partition(deployed.outputs["InputBucket"])[2].lstrip("/")
    record = f"{claims}Uploads/batches/{name}.json"
    outcome = {
        "Status": "COMPLETED",
        "ExecutionArn": f"{machine.replace('stateMachine', 'execution')}:{name}",
        "Job": {},
    }
    for key, body in (
        (record, {"State": "running", "Number": 1, "Jobs": 0, "Resumed": 0}),
        (f"{claims}note.json", {"Since": {}, "LookAt": 0, "Starting": {}, "Awaited": {name: time.time()}}),
    ):
        s3.put_object(Bucket=deployed.outputs["InputBucket"], Key=key, Body=json.dumps(body))
    place = f"work/outcomes/{machine.rpartition(':')[2]}.{name}-0-0.json"
    s3.put_object(Bucket=deployed.outputs["OutputBucket"], Key=place, Body=json.dumps(outcome))
    sweep = {"messageId": "1", "body": json.dumps({"Sweep": True}), "attributes": {"SentTimestamp": "0"}}
    told = _told(deployed, {"Records": [sweep]})
    found = json.loads(s3.get_object(Bucket=deployed.outputs["InputBucket"], Key=record)["Body"].read())
    return "" if found["State"] == "published" else f"{told}\n{found}"


def backfill(deployed: Deployed) -> str:
    """An object without an S3 event is listed and queued."""
    bucket, key = deployed.outputs["InputBucket"], f"uploads/backfill/{next(_numbers)}.txt"
    deployed.rehearsal.client("s3").put_object(Bucket=bucket, Key=key, Body=TEXT * 9)
    told = _told(deployed, {"Backfill": {"Trigger": "Uploads"}})
    return "" if '"Queued"' in told else told


def _told(deployed: Deployed, event: object) -> str:
    """Return the dispatcher's answer, and the calls that were denied."""
    begun, dispatcher = int(time.time() * 1000), _dispatcher_alone(deployed)
    answer = deployed.rehearsal.client("lambda").invoke(FunctionName=dispatcher, Payload=json.dumps(event))
    return f"{answer['Payload'].read().decode()}\n{denials(deployed, begun)}"


def _dispatcher_alone(deployed: Deployed) -> str:
    """The dispatcher's name; nothing but its caller wakes it from now on."""
    functions, dispatcher = deployed.rehearsal.client("lambda"), _function(deployed, "DispatchUploads")
    for mapping in functions.list_event_source_mappings(FunctionName=dispatcher)["EventSourceMappings"]:
        if mapping["State"] not in _DISABLED:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    return dispatcher


PATHS: dict[str, Callable[[Deployed], str]] = {
    path.__name__: path
    for path in (
        job,
        deadline,
        refusal,
        abort,
        wake,
        abandon,
        resume,
        token,
        batch,
        dispatch,
        settle,
        backfill,
    )
}


def denials(deployed: Deployed, since: int) -> str:
    """Return logs of the workflow's functions since a time (epoch milliseconds) about missing permissions."""
    # An answer to HeadObject has no body that could name a right.
    return _logged(deployed, since, "not authorized to perform", "(403) when calling the HeadObject operation")


def _logged(deployed: Deployed, since: int, *parts: str) -> str:
    logs, found = deployed.rehearsal.client("logs"), []
    for group in logs.describe_log_groups()["logGroups"]:
        events = logs.filter_log_events(logGroupName=group["logGroupName"], startTime=since)["events"]
        found += [event["message"] for event in events if any(part in event["message"] for part in parts)]
    return "\n".join(found)


def _run(deployed: Deployed, request: Mapping[str, Any] | None, expected: str) -> str:
    """Run an execution and tell what came between: its end, if it is not the expected status or error, and denials."""
    begun = int(time.time() * 1000)
    arn = deployed.start(request)
    execution = deployed.rehearsal.ended_execution(arn)
    outcome = json.loads(execution.get("output") or "{}").get("Status")
    # Some rights are missed without spoiling the end, and a Distributed Map does not say why an item failed.
    denied = denials(deployed, begun)
    if expected in (outcome, execution.get("error")):
        return denied
    end = (outcome, execution.get("error"), execution.get("cause"), *_refusals(deployed, arn))
    return "\n".join([*map(str, end), denied])


def _by_hand(deployed: Deployed, folder: str) -> str:
    """Start a job as a user would by hand, into a folder of the workflow's jobs; returns its id."""
    outputs = deployed.outputs
    place = {"S3Uri": f"s3://{outputs['OutputBucket']}/jobs/{folder}/", "KmsKeyId": outputs["OutputKeyArn"]}
    started = deployed.rehearsal.client("comprehend").start_entities_detection_job(
        LanguageCode="en",
        DataAccessRoleArn=outputs["DataAccessRoleArn"],
        InputDataConfig={"S3Uri": deployed.put(DOCUMENTS)},
        OutputDataConfig=place,
    )
    return str(started["JobId"])


def _refusals(deployed: Deployed, arn: str) -> list[Any]:
    name = ".".join(arn.split(":")[-2:])
    jobs = deployed.rehearsal.comprehend.jobs()
    return [job["Refusal"] for job in jobs if str(job.get("JobName", "")).startswith(name) and job["Refusal"]]


def _dispatcher_settings(deployed: Deployed) -> dict[str, str]:
    functions, name = deployed.rehearsal.client("lambda"), _function(deployed, "DispatchUploads")
    found = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]["UPLOADS"]
    settings: dict[str, str] = json.loads(found)
    return settings


def _function(deployed: Deployed, part: str) -> str:
    stack = deployed.outputs["StateMachineArn"].rpartition(":")[2].partition("-")[0]
    functions = deployed.rehearsal.client("lambda").list_functions()["Functions"]
    [name] = [
        each["FunctionName"] for each in functions if part in each["FunctionName"] and stack in each["FunctionName"]
    ]
    return str(name)


def _executions(deployed: Deployed) -> set[str]:
    machine = deployed.outputs["StateMachineArn"]
    listed = deployed.rehearsal.client("stepfunctions").list_executions(stateMachineArn=machine)
    return {execution["executionArn"] for execution in listed["executions"]}
