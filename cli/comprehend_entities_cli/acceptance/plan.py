"""The plan of a run and its cost, before anything is created."""

from __future__ import annotations

from typing import NamedTuple

from .scenarios.documents import LINES, LONGER, NAMES, PAIR, SAME_NAMES, SHORT, TEXT, ZERO_BYTES, lines_of, units
from .scenarios.slots import SLOTS

MOST_DOLLARS = 0.10
"""The most that a run may cost unless its caller allows more."""

_UNIT, _CUSTOM_UNIT = 0.0001, 0.0005
_HOURS = 1.5
_MONTH_HOURS = 730
_PAIRS = ("token", "stop_submitted", "denied_read", "denied_write", "narrow")
_LONGER = ("aborted", "stopped", "orphan")


class Item(NamedTuple):
    """Something that costs money.

    Attributes:
        what: what it is, and how many.
        usd: what it costs at most, in US dollars at list prices of us-east-1.
        source: where the price stands.
    """

    what: str
    usd: float
    source: str


def plan(recognizer: str | None, *, fill_quota: bool) -> list[Item]:
    """Return all that costs money. Free tiers are not counted; jobs that are stopped count as completed."""
    comprehend = "https://aws.amazon.com/comprehend/pricing/"
    charged = units(NAMES) + units(SAME_NAMES) + units(ZERO_BYTES) + units(SHORT) + len(_PAIRS) * units(PAIR)
    charged += len(_LONGER) * units(LONGER)
    charged += sum(units({"line": line}) for line in lines_of(LINES)) + 4 * units({"upload": TEXT})
    keys, executions = 4, 14
    items = [
        Item(f"analysis of {charged} units by Amazon Comprehend", charged * _UNIT, comprehend),
        Item(f"{keys} keys for {_HOURS} hours", keys * _HOURS / _MONTH_HOURS, "https://aws.amazon.com/kms/pricing/"),
        Item(
            f"{executions} executions of 30 transitions",
            executions * 30 * 0.000025,
            "https://aws.amazon.com/step-functions/pricing/",
        ),
        Item("400 GB-seconds of AWS Lambda", 400 * 0.0000166667, "https://aws.amazon.com/lambda/pricing/"),
        Item("3,000 requests to Amazon S3 and KMS", 3000 * 0.000005, "https://aws.amazon.com/s3/pricing/"),
        Item(
            f"20 metrics and 5 alarms for {_HOURS} hours",
            (20 * 0.30 + 5 * 0.10) * _HOURS / _MONTH_HOURS,
            "https://aws.amazon.com/cloudwatch/pricing/",
        ),
        Item("2 queries by Amazon Athena", 2 * 0.00005, "https://aws.amazon.com/athena/pricing/"),
    ]
    if fill_quota:
        more = (2 * SLOTS + 1) * units(PAIR)
        items.append(Item(f"analysis of {more} units to fill all slots", more * _UNIT, comprehend))
    if recognizer:
        more = units(PAIR)
        items.append(Item(f"analysis of {more} units by the recognizer", more * _CUSTOM_UNIT, comprehend))
    return items


def total(items: list[Item]) -> float:
    """Return the cost of all items together."""
    return sum(each.usd for each in items)
