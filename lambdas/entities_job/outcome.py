"""The outcome of an execution: what it returns, what its summary holds, and the detail of its event."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from . import EVENT_DETAIL_TYPE, EVENT_SOURCE
from .errors import JobError
from .service import client

SCHEMA_VERSION = "1.0"


class EventNotAccepted(JobError):
    """EventBridge did not take the event; the state machine tries again."""


def emit(outcome: Mapping[str, Any]) -> None:
    """Put the outcome on the event bus. EventBridge delivers at least once: consumers deduplicate by ExecutionArn.

    Raises:
        EventNotAccepted: the bus did not take it.
    """
    job_arn = outcome.get("Job", {}).get("JobArn")
    answer = client("events").put_events(
        Entries=[
            {
                "Source": EVENT_SOURCE,
                "DetailType": EVENT_DETAIL_TYPE,
                "Resources": [outcome["ExecutionArn"], *([job_arn] if job_arn else [])],
                "Detail": json.dumps(outcome),
                "EventBusName": os.environ["EVENT_BUS_NAME"],
            }
        ]
    )
    if answer["FailedEntryCount"]:
        raise EventNotAccepted(f"the event bus refused the event: {answer['Entries'][0]}")
