"""Stage: copies one shard of a batch's uploads under the batch's own prefix, inside S3."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from ..aws import Location, logger
from ..contracts import StageInput, StageOutput
from ..task import task
from ..uploads.staging import Shard


@task
def handler(event: StageInput, context: LambdaContext) -> StageOutput:
    """Stage the shard ``event["Shard"]``, a URI ``.../<batch>/manifest/<nnnnn>.jsonl``.

    Rejected uploads are reported under ``event["ResultsUri"]``.
    """
    manifest, claims, results = (Location.of(event[name]) for name in ("Shard", "ClaimsUri", "ResultsUri"))
    counts = Shard(manifest, event["Execution"], claims, results).stage()
    logger.info("shard staged", extra={"shard": event["Shard"], **counts})
    return counts
