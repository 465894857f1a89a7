"""DispatchUploads: turns what waits in the upload queues into executions, one batch at a time."""

from __future__ import annotations

import json
import os
from typing import cast

from aws_lambda_powertools.utilities.typing import LambdaContext

from ..aws import logger, task
from ..contracts import DispatcherSettings, Outcome, QueueRecord, QueueRecords
from ..uploads.account import Account, Taken
from ..uploads.rules import LONGEST_SLEEP, World, look


@task
def handler(event: QueueRecords, context: LambdaContext) -> dict[str, str]:
    """Run once, woken by messages: :class:`contracts.Wake`, or the outcome of an execution."""
    settings: DispatcherSettings = json.loads(os.environ["UPLOADS"])
    account = Account(settings)
    world: World[Taken] = account
    uploaded: dict[str, float] = {}
    try:
        for record in event["Records"]:
            message = _read(record)
            if "ExecutionArn" in message:
                _settle(account, cast(Outcome, message))
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
    return {}


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
