"""DispatchUploads: turns what waits in the upload queues into executions, one batch at a time."""

from __future__ import annotations

import json
import os
from typing import cast

from aws_lambda_powertools.utilities.typing import LambdaContext

from ..aws import logger
from ..contracts import BackfillEvent, BackfillRequest, DispatcherSettings, Outcome, QueueRecord, QueueRecords
from ..measure import measure
from ..task import task
from ..uploads.account import Account, Taken
from ..uploads.rules import LONGEST_SLEEP, World, look

# One page takes seconds.
_RESERVED_MILLISECONDS = 60_000


@task
def handler(event: QueueRecords | BackfillEvent, context: LambdaContext) -> BackfillRequest | None:
    """Run once, woken by messages: :class:`contracts.Wake`, or the outcome of an execution; or queue what is old.

    Returns:
        How far a backfill got: with a ``KeyMarker``, it goes on by itself.

    Raises:
        ValueError: a backfill that can't be made.
    """
    settings: DispatcherSettings = json.loads(os.environ["UPLOADS"])
    account = Account(settings)
    world: World[Taken] = account
    uploaded: dict[str, float] = {}
    if "Backfill" in event:
        return _backfill(account, event["Backfill"], context)
    old: list[BackfillRequest] = []
    try:
        for record in event["Records"]:
            message = _read(record)
            if "ExecutionArn" in message:
                _settle(account, cast(Outcome, message))
            if "Backfill" in message:
                old.append(cast(BackfillEvent, message)["Backfill"])
            if "Sweep" in message:
                account.sweep()
            if (trigger := str(message.get("Trigger"))) in settings["Triggers"]:
                sent = int(record["attributes"]["SentTimestamp"]) / 1000
                uploaded[trigger] = min(sent, uploaded.get(trigger, sent))
        look(world, settings["MaximumActiveJobs"], uploaded)
    except Exception:
        # These wakes come again only after the queue's visibility timeout.
        account.wake(LONGEST_SLEEP)
        raise
    for request in old:
        _backfill(account, request, context)
    return None


def _backfill(account: Account, request: BackfillRequest, context: LambdaContext) -> BackfillRequest:
    made = account.backfill(request, lambda: context.get_remaining_time_in_millis() > _RESERVED_MILLISECONDS)
    logger.info("backfill", extra={"request": made, "goes_on": "KeyMarker" in made})
    measure({"BackfilledUploads": made.get("Queued", 0) - request.get("Queued", 0)})
    return made


def _settle(account: Account, outcome: Outcome) -> None:
    try:
        account.settle(outcome)
    except (AttributeError, KeyError, TypeError) as error:
        logger.error("no outcome", extra={"outcome": outcome, "error": repr(error)})


def _read(record: QueueRecord) -> dict[str, object]:
    """Return what a message says; an unreadable one says nothing, and does not keep others from waking."""
    try:
        return dict(json.loads(record["body"]))
    except (ValueError, TypeError, RecursionError) as error:
        logger.error("unreadable wake", extra={"message_id": record["messageId"], "error": str(error)})
        return {}
