"""What limits uploads at 10, 1,000 and 20,000 documents a second, and what a day of each costs.

``python -m bench.capacity [--write]`` works it out from the service's quotas, from what the simulation of uploads
assumes (:mod:`bench.uploads`), and from the calls that are counted (:mod:`bench.upload_cost`); it writes the tables of
docs/performance-limits.md. The last line is one JSON object.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import NamedTuple

from bench.upload_cost import PRICES, SECONDS_A_CALL, THREADS, quantities
from bench.uploads import END, JOB_SECONDS, READ_A_SECOND, SECONDS_A_DOCUMENT, SLOTS, Simulated, arrivals
from cdk_comprehend_entities.machine.staging import _CONCURRENT_SHARDS
from cdk_comprehend_entities.uploads.trigger import MAXIMUM_DOCUMENTS
from entities_job.aws import logger
from entities_job.request.limits import USD_PER_UNIT, units

PAGE = Path(__file__).parents[1] / "docs" / "performance-limits.md"
BEGIN, END_MARK = "<!-- capacity: begin -->", "<!-- capacity: end -->"

RATES = (10, 1_000, 20_000)
BURST, BURST_A_SECOND = 1_000_000, 3_500
"""Uploads that come as fast as one partition of a bucket takes them."""
CHARACTERS = 300
"""Of a document: the least that is charged."""
DAY = 86_400
DISPATCHERS = 2
"""The most that run at once (max_concurrency of the wake queue's event source)."""
JOB = sorted(JOB_SECONDS)[len(JOB_SECONDS) // 2]
WRITES_A_PARTITION = 3_500
INVOCATIONS = {"us-east-1": 18_750, "eu-central-1": 4_500, "ap-northeast-1": 2_250, "af-south-1": 750}
"""EventBridge, invocations a second, by default (Amazon EventBridge User Guide, eb-quota)."""
INVOCATIONS_A_DOCUMENT = 2
"""The upload's event goes to its queue, and wakes the dispatcher."""
COUNTED = 1_000
"""The largest batch whose calls are counted: more documents a batch cost nearly the same each."""


class Need(NamedTuple):
    """What a rate of uploads needs."""

    documents_a_job: float
    slots: float
    read_share: float
    staging_share: float
    partitions: int
    invocations: int
    analysis_usd: float
    other_usd: float


def most(documents: int, slots: int = SLOTS) -> float:
    """Return the documents a second that jobs of so many documents analyse."""
    return slots * documents / (JOB + SECONDS_A_DOCUMENT * documents)


def need(rate: int) -> Need:
    """Return what a rate of uploads needs, with batches as large as the slots make them, at most the default's most."""
    spare = SLOTS - rate * SECONDS_A_DOCUMENT
    documents = min(rate * JOB / spare, MAXIMUM_DOCUMENTS) if spare > 0 else MAXIMUM_DOCUMENTS
    slots = rate / documents * (JOB + SECONDS_A_DOCUMENT * documents)
    # A claim and a copy for each document, and the next one follows.
    staged = _CONCURRENT_SHARDS * THREADS / (2 * SECONDS_A_CALL)
    size = min(COUNTED, max(1, round(documents)))
    other = sum(number * PRICES[name] for name, number in quantities(size).items()) / size
    return Need(
        documents,
        slots,
        rate / (DISPATCHERS * READ_A_SECOND),
        rate / staged,
        math.ceil(rate / WRITES_A_PARTITION),
        rate * INVOCATIONS_A_DOCUMENT,
        rate * DAY * units(CHARACTERS) * USD_PER_UNIT["built-in"],
        rate * DAY * other,
    )


def burst() -> tuple[float, int]:
    """Return the minutes until the last upload of a burst has its result, and the jobs that it took."""
    uploads = arrivals(BURST_A_SECOND, 0)[:BURST]
    quota = Simulated(uploads).quota
    assert quota.taken == BURST, "the simulation ended before the burst"
    return max(each + uploads[-1] for each in quota.seconds[-100:]) / 60, int(quota.jobs)


def tables() -> list[str]:
    """Return the lines of the page's tables."""
    needs = {rate: need(rate) for rate in RATES}
    rows: dict[str, list[str]] = {
        "documents a job": [f"{each.documents_a_job:,.0f}" for each in needs.values()],
        f"active jobs (quota: {SLOTS})": [f"{each.slots:,.0f}" for each in needs.values()],
        "events to targets a second": [f"{each.invocations:,}" for each in needs.values()],
        "reading the queue, share of what two dispatchers can": [f"{each.read_share:.0%}" for each in needs.values()],
        "staging, share of what one batch's shards can": [f"{each.staging_share:.0%}" for each in needs.values()],
        "partitions of S3 for puts, claims and copies, each": [str(each.partitions) for each in needs.values()],
        "analysis, US dollars a day": [f"{each.analysis_usd:,.0f}" for each in needs.values()],
        "everything else, US dollars a day": [f"{each.other_usd:,.0f}" for each in needs.values()],
    }
    made = ["| | " + " | ".join(f"{rate:,} a second" for rate in RATES) + " |", "|---|" + "---|" * len(RATES)]
    made += [f"| {name} | {' | '.join(row)} |" for name, row in rows.items()]
    made += ["", f"| documents a job | documents a second, at most, with {SLOTS} active jobs |", "|---|---|"]
    made += [
        f"| {size:,} | {float(f'{most(size):.3g}'):,g} |" for size in (1, 1_000, 10_000, MAXIMUM_DOCUMENTS, 1_000_000)
    ]
    made += ["", "| Region | uploads a second that EventBridge delivers without delay, by default |", "|---|---|"]
    made += [f"| {name} | {number // INVOCATIONS_A_DOCUMENT:,} |" for name, number in INVOCATIONS.items()]
    return made


def main() -> None:
    """Print the tables and the burst, write them into the page if asked, and print the figures."""
    # What the code that is counted logs is of no interest here.
    logger.setLevel("ERROR")
    made = tables()
    minutes, jobs = burst()
    made += [
        "",
        f"A burst of {BURST:,} uploads at {BURST_A_SECOND:,} a second, simulated: the last one has its result after "
        f"{minutes:.0f} minutes, in {jobs} jobs.",
    ]
    print("\n".join(made))
    if "--write" in sys.argv[1:]:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text("\n".join([before + BEGIN, *made, END_MARK]) + rest.partition(END_MARK)[2])
    assert minutes * 60 < END, "the simulation ends before the last job"
    figures = {f"slots_at_{rate}": round(need(rate).slots, 1) for rate in RATES}
    print(json.dumps({**figures, "most_a_second": round(most(MAXIMUM_DOCUMENTS)), "burst_minutes": round(minutes, 1)}))


if __name__ == "__main__":
    main()
