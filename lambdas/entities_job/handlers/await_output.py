"""AwaitOutput: keeps an execution's task token until its job's output is there, then wakes the execution with it.

Called by the state machine with a token and by EventBridge when an archive was put; either may come first, or twice.
"""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from .. import aws
from ..aws import Location, logger
from ..contracts import AwaitOutputInput, AwaitOutputOutput, ObjectCreated
from ..job.marker import work
from ..operation import job_of_archive
from ..task import task


@task
def handler(event: AwaitOutputInput | ObjectCreated, context: LambdaContext) -> AwaitOutputOutput:
    """Keep ``event["Token"]``, or wake the execution that waits for the object of an S3 event."""
    if "detail" in event:
        job_id = job_of_archive(event["detail"]["object"]["key"])
        return {"Woken": bool(job_id and _wake(job_id))}
    _kept(event["JobId"], event["Execution"]).write(event["Token"].encode())
    # Only now: an event that came before the token was kept has woken no execution.
    return {"Woken": Location.of(event["OutputUri"]).exists() and _wake(event["JobId"])}


def _kept(job_id: str, execution: str) -> Location:
    return work() / "waiting" / job_id / execution


def _wake(job_id: str) -> bool:
    """Return whether an execution was waiting; a token that was used, or whose wait timed out, wakes none.

    A resumed job has several executions that wait for it.
    """
    functions, woken = aws.stepfunctions(), False
    for item in list(_kept(job_id, "").list()):
        try:
            functions.send_task_success(taskToken=item.location.read().decode(), output="{}")
        except (functions.exceptions.TaskDoesNotExist, functions.exceptions.TaskTimedOut):
            continue
        logger.info("woken by the output", extra={"job_id": job_id, "execution": item.location.name})
        woken = True
    return woken
