"""DispatchUploads: turns what waits in the upload queues into executions, one batch at a time."""

from __future__ import annotations

import json
import os

from aws_lambda_powertools.utilities.typing import LambdaContext

from ..aws import logger, task
from ..contracts import DispatcherSettings, QueueRecord, QueueRecords
from ..uploads.account import Account
from ..uploads.rules import LONGEST_SLEEP, look


@task
def handler(event: QueueRecords, context: LambdaContext) -> dict[str, str]:
    """Run once, woken by messages: :class:`contracts.Wake` of an upload, or an empty one of a mere look."""
    settings: DispatcherSettings = json.loads(os.environ["UPLOADS"])
    account = Account(settings)
    uploaded: dict[str, float] = {}
    for record in event["Records"]:
        trigger = _trigger(record)
        if trigger in settings["Triggers"]:
            sent = int(record["attributes"]["SentTimestamp"]) / 1000
            uploaded[trigger] = min(sent, uploaded.get(trigger, sent))
    try:
        look(account, settings["MaximumActiveJobs"], uploaded)
    except Exception:
        # These wakes come again only after the queue's visibility timeout.
        account.wake(LONGEST_SLEEP)
        raise
    return {}


def _trigger(record: QueueRecord) -> str:
    """Return the trigger that a wake names; an unreadable one names none, and does not keep others from waking."""
    try:
        return str(json.loads(record["body"]).get("Trigger", ""))
    except (ValueError, AttributeError, RecursionError) as error:
        logger.error("unreadable wake", extra={"message_id": record["messageId"], "error": str(error)})
        return ""
