"""AwaitOutput: keeps an execution's task token until its job's output is there, then wakes the execution with it.

Called by the state machine with a token and by EventBridge when an archive was put; either may come first, or twice.
"""

from __future__ import annotations

import os
import re
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from ..aws import Location, client, logger, task

_ARCHIVE = re.compile(r"-NER-([^/]+)/output/output\.tar\.gz$")


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Keep ``event["Token"]``, or wake who waits for the object of an S3 event. Payload: docs/architecture.md."""
    if event.get("source") == "aws.s3":
        found = _ARCHIVE.search(event["detail"]["object"]["key"])
        return {"Woken": bool(found and _wake(found[1]))}
    client("s3").put_object(**_kept(event["JobId"]), Body=event["Token"].encode())
    # Only now: an event that came before the token was kept has found nobody to wake.
    return {"Woken": _is_there(Location.of(event["OutputUri"])) and _wake(event["JobId"])}


def _kept(job_id: str) -> dict[str, str]:
    place = Location.of(os.environ["WAITING_URI"]) / job_id
    return {"Bucket": place.bucket, "Key": place.key}


def _is_there(output: Location) -> bool:
    try:
        client("s3").head_object(Bucket=output.bucket, Key=output.key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "404":
            return False
        raise
    return True


def _wake(job_id: str) -> bool:
    """Whether an execution was waiting; a token that is used up, or of a wait that timed out, wakes nobody."""
    s3, functions = client("s3"), client("stepfunctions")
    try:
        token = s3.get_object(**_kept(job_id))["Body"].read().decode()
        functions.send_task_success(taskToken=token, output="{}")
    except (s3.exceptions.NoSuchKey, functions.exceptions.TaskDoesNotExist, functions.exceptions.TaskTimedOut):
        return False
    logger.info("woken by the output", extra={"job_id": job_id})
    return True
