"""Lag and price of noticing the end of a job, for each way to watch it: a simulation of 20,000 jobs.

``python -m bench.completion --write`` also puts the tables into docs/completion.md. Ages are seconds since submission.
Counted are the states entered, and so paid for, from the start of a job to the look that sees its end; results don't
depend on the machine, as the generator is seeded. The last line is one JSON object.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist, fmean, quantiles
from typing import NamedTuple

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from bench.upload_cost import GB, PRICES, STATES_A_LOOK
from entities_job.job.schedule import PollSchedule, seconds_after_output

PAGE = Path(__file__).parents[1] / "docs" / "completion.md"
JOBS = 20_000
OBSERVED, LOG_NORMAL = "Jobs of 366, 487 and 608 s", "Jobs of 6 minutes to 12 hours, log-normal"
POLL_SECONDS, EVENT_SECONDS, LATE_SECONDS, LAMBDA_SECONDS = (0.1, 0.5), (2.0, 4.0), (4.0, 600.0), 0.5
"""Assumed: what a look takes, what an event and the function it calls take, and both when it is delayed."""
HISTORY_LIMIT, WAIT_EVENTS, TOKEN_EVENTS = 25_000, 9, 13
"""Events that an execution's history may hold, and what a round of Wait or of task token, look and Choice writes."""


@dataclass(frozen=True)
class Events:
    """Delivery of the events of outputs: shares of them, and by how many seconds the output precedes the status."""

    lost: float = 0
    late: float = 0
    twice: float = 0
    lead_seconds: float = 0


@dataclass(frozen=True)
class Watch:
    """One way to watch a job; ``most_looks`` is when it gives up, ``paid`` whether a state machine does it."""

    name: str
    wait: Callable[[float], float]  # Seconds to the next look, by the job's age.
    events: Events | None = None
    most_looks: int = HISTORY_LIMIT // WAIT_EVENTS
    paid: bool = True


SAFETY = PollSchedule.safety().wait_seconds
EVENT = Watch("events on: safety()", SAFETY, Events())
GRID = Watch("events off: service_grid()", PollSchedule.service_grid().wait_seconds)
FIXED_30 = Watch("peer: sample state machine for Comprehend, waits 30 s", lambda _: 30)
WATCHES = (
    EVENT,
    Watch("events on, 1 % lost", SAFETY, Events(lost=0.01)),
    Watch("events on, 1 % late by up to 10 min", SAFETY, Events(late=0.01)),
    Watch("events on, 1 % twice", SAFETY, Events(twice=0.01)),
    Watch("events on, status 20 s after the output", SAFETY, Events(lead_seconds=20)),
    GRID,
    *(Watch(f"events off: fixed({seconds})", PollSchedule.fixed(seconds).wait_seconds) for seconds in (30, 60, 120)),
    Watch("events off: proportional(0.05)", PollSchedule.proportional(0.05).wait_seconds),
    FIXED_30,
    Watch("peer: media analysis framework, waits 10 s", lambda _: 10),
    Watch("peer: scheduler's operator, waits 60 s, 20 polls", lambda _: 60, most_looks=20, paid=False),
    Watch("peer: scheduler's trigger, waits 120 s, 75 polls", lambda _: 120, most_looks=75, paid=False),
)


def job_seconds(mix: str, jobs: int) -> Iterator[float]:
    """Durations of ``jobs``."""
    chance = random.Random(mix)
    shortest, longest = 360, 43_200
    # 98 % of the distribution lie between the two; the rest is drawn anew.
    middle = math.log(shortest * longest) / 2
    spread = math.log(longest / shortest) / 2 / NormalDist().inv_cdf(0.99)
    while jobs:
        seconds = (366.0, 487.0, 608.0)[jobs % 3] if mix == OBSERVED else chance.lognormvariate(middle, spread)
        if shortest <= seconds <= longest:
            jobs -= 1
            yield seconds


def watched(how: Watch, end: float, chance: random.Random) -> tuple[float | None, Counter[str]]:
    """The lag in seconds with which the ``end`` is seen, None if it never is, and what was used until then."""
    age, looks_since_output, used = 0.0, 0, Counter[str]()
    events = how.events or Events(lost=1)
    output, event = end - events.lead_seconds, math.inf
    if chance.random() >= events.lost:
        event = output + chance.uniform(*LATE_SECONDS if chance.random() < events.late else EVENT_SECONDS)
        used["event"] = 1 + (chance.random() < events.twice)
    while used["look"] < how.most_looks:
        wait = how.wait(age)
        if looks_since_output:
            age += min(wait, seconds_after_output(looks_since_output))
            looks_since_output += 1
        elif how.events and used["look"]:
            used["token"] += 1
            # Whoever keeps the token looks for the output first.
            woken = age + chance.uniform(*POLL_SECONDS) if output <= age else event
            looks_since_output = int(woken < age + wait)
            age = min(woken, age + wait)
        else:
            age += wait
        used["look"] += 1
        seen = age >= end
        age += chance.uniform(*POLL_SECONDS)
        if seen:
            return age - end, used
    return None, used


def usd(used: Counter[str]) -> float:
    """The price of watching: states, calls of functions, and keeping and reading tokens."""
    call = PRICES["Lambda invocations"] + LAMBDA_SECONDS * GB["small"] * PRICES["Lambda GB-seconds"]
    look = call + len(STATES_A_LOOK) * PRICES["state transitions"]
    token = call + PRICES["S3 writes, copies and lists"] + PRICES["S3 reads"]
    return used["look"] * look + used["token"] * token + used["event"] * (call + PRICES["S3 reads"])


class Figures(NamedTuple):
    """Figures of one way to watch one mix of jobs: means of a job, US dollars of 1,000."""

    lag: float
    lag_p95: float
    looks: float
    transitions: float
    usd: float
    unseen: float


def simulate(how: Watch, mix: str, jobs: int = JOBS) -> Figures:
    """Watch ``jobs`` of the mix."""
    chance, lags, total = random.Random(how.name), [], Counter[str]()
    for end in job_seconds(mix, jobs):
        lag, used = watched(how, end, chance)
        total += used
        if lag is not None:
            lags.append(lag)
    looks, unseen = total["look"] / jobs, 1 - len(lags) / jobs
    p95 = quantiles(lags, n=20)[-1]
    return Figures(fmean(lags), p95, looks, looks * len(STATES_A_LOOK), usd(total) / jobs * 1000, unseen)


def history(how: Watch) -> tuple[int, float]:
    """Events that a job of 30 days writes, and the age in seconds at which the limit ends its execution, or 30 days."""
    age, events, watched_for, month = 0.0, 0, 0.0, 30 * 86_400
    while age < month:
        events += TOKEN_EVENTS if how.events and events else WAIT_EVENTS
        age += how.wait(age) + fmean(POLL_SECONDS)
        watched_for = age if events <= HISTORY_LIMIT else watched_for
    return events, min(watched_for, month)


def promised(jobs: int = JOBS) -> dict[str, float]:
    """Lag and transitions of what the library does, and of a fixed wait of 30 s."""
    figures: dict[str, float] = {}
    watches = {"grid": GRID, "event": EVENT, "long_event": EVENT, "fixed30": FIXED_30}
    for name, how in watches.items():
        found = simulate(how, LOG_NORMAL if name.startswith("long") else OBSERVED, jobs)
        figures |= {f"{name}_lag_s": round(found.lag, 2), f"{name}_transitions": round(found.transitions, 2)}
    return figures


def main() -> None:
    """Print the tables and the JSON line."""
    console = Console(width=140, record=True)
    heads = ("", "mean lag s", "p95 s", "polls", "transitions", "USD per 1,000 jobs", "end not seen")
    for mix in (OBSERVED, LOG_NORMAL):
        table = Table(*heads, box=MARKDOWN)
        for how in WATCHES:
            figures = simulate(how, mix)
            lag, p95, looks, transitions = (f"{value:,.1f}" for value in figures[:4])
            paid = (transitions, f"{figures.usd:.2f}") if how.paid else ("-", "-")
            table.add_row(how.name, lag, p95, looks, *paid, f"{figures.unseen:.1%}")
        console.print(f"### {mix}", table)
    table = Table("", "history events", "watched for", box=MARKDOWN)
    for how in (how for how in WATCHES if how.paid and how.events in (None, Events())):
        events, age = history(how)
        table.add_row(how.name, f"{events:,}", f"{age / 3600:,.1f} h")
    console.print("### A job of 30 days; an execution ends at 25,000 history events", table)
    if "--write" in sys.argv:
        tables = "\n".join(line.rstrip() for line in console.export_text().splitlines())
        before, start, rest = PAGE.read_text(encoding="utf-8").partition("<!-- figures -->\n")
        PAGE.write_text(f"{before}{start}{tables}\n{rest[rest.index('<!-- end') :]}", encoding="utf-8")
    print(json.dumps(promised()))


if __name__ == "__main__":
    main()
