"""StopJob: asks the service to stop a job."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from ..contracts import StopJobInput, StopJobOutput
from ..job.active import stop
from ..task import task


@task
def handler(event: StopJobInput, context: LambdaContext) -> StopJobOutput:
    """Stop the job ``event["JobId"]``."""
    return {"JobStatus": stop(event["JobId"])}
