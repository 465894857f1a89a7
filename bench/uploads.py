"""Uploads in a simulated account: the dispatcher's own code against one job per upload and a fixed window.

Two hours of uploads at random moments meet 10 slots, 1 start a second, and jobs of 366, 487 or 608 seconds plus 2 ms a
document. ``uploads.rules.look`` decides, woken as its queue would wake it. What it is told, and what its starts lead
to, is simulated here: delays of events, reading, staging, throttling. The two other designs get an ideal queue before
the quota, which never throttles or loses anything. The last line is one JSON object.
"""

from __future__ import annotations

import heapq
import itertools
import json
import math
import random
import statistics
from array import array
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from cdk_comprehend_entities.uploads.trigger import MAXIMUM_DOCUMENTS
from entities_job.job.schedule import SLOT_PAUSE_SECONDS, SLOT_PAUSE_SHARE, SLOT_PAUSES
from entities_job.uploads.rules import Note, Usage, look

HOURS = 2.0
END = HOURS * 3600
SLOTS = 10
JOB_SECONDS = (366.0, 487.0, 608.0)
SECONDS_A_DOCUMENT = 0.002
RATES = {"1 a minute": 1 / 60, "1 a second": 1.0, "10 a second": 10.0, "100 a second": 100.0, "1,000 a second": 1000.0}

EVENT_SECONDS = 0.5
"""From the upload to its message in the queue, and from a message that is due to the function."""
WINDOW_SECONDS = 1.0
"""The batching window of the wake queue's event source."""
READ_A_SECOND = 1500.0
"""Messages that one dispatcher reads a second."""
STALE_SECONDS = 60.0
"""How old SQS's count of messages may be."""
MESSAGES_A_CALL = 10
STAGE_SECONDS, STAGE_A_SECOND = 5.0, 2000.0
MAXIMUM_SLOT_SECONDS = 12 * 3600.0
FIXED_WINDOW_SECONDS, FIXED_WINDOW_MESSAGES = 300.0, 4600
"""A fixed window as an event source offers it: 6 MB hold about 4,600 events of S3."""


def slot_pause(waited: float, most: float, lot: float) -> float:
    """Seconds until the next look for a free slot, as the state machine's definition has it in JSONata; lot: 0 to 1."""
    return max(SLOT_PAUSE_SECONDS, min(waited * SLOT_PAUSE_SHARE, most / SLOT_PAUSES)) * (0.5 + lot)


def arrivals(rate: float, run: int) -> array[float]:
    """Moments of uploads, ``rate`` a second on average, the same ones for every design."""
    chance = random.Random(f"run {run} at {rate}")
    times, now = array("d"), 0.0
    while (now := now + chance.expovariate(rate)) < END:
        times.append(now)
    return times


@dataclass
class Quota:
    """The service: slots, the rate of starts, and what became of the documents."""

    uploads: array[float]
    chance: random.Random = field(init=False)
    active: int = 0
    jobs: int = 0
    throttled: int = 0
    taken: int = 0
    done: int = 0
    started_at: float = -1.0
    receives: int = 1
    seconds: array[float] = field(default_factory=lambda: array("d"))

    def __post_init__(self) -> None:
        self.chance = random.Random(len(self.uploads))

    def start(self, now: float, first: int, count: int) -> float | None:
        """Start a job on ``count`` uploads from number ``first``: when it ends, or None where it is throttled."""
        if self.active >= SLOTS or now < self.started_at + 1:
            self.throttled += 1
            return None
        self.active, self.started_at = self.active + 1, now
        ends = now + self.chance.choice(JOB_SECONDS) + SECONDS_A_DOCUMENT * count
        if now < END:
            self.jobs, self.taken = self.jobs + 1, max(self.taken, first + count)
            # Every tenth of a large job is enough for percentiles.
            self.seconds.extend(ends - self.uploads[n] for n in range(first, first + count, 10 if count > 1000 else 1))
            self.done += count if END / 2 < ends <= END else 0
        return ends


class Clock:
    """Events in the order of their times."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, time: float, event: Callable[[], None]) -> None:
        """Let something happen at ``time``."""
        heapq.heappush(self._events, (time, next(self._numbers), event))

    def run(self, until: float) -> None:
        """Until a moment, or until nothing happens any more."""
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            event()


@dataclass(frozen=True)
class Batch:
    """Uploads taken, as numbers of their order."""

    first: int
    count: int
    left_since: float | None

    @property
    def name(self) -> str:
        """Its first upload tells it from others."""
        return f"Uploads-{self.first}"


class Simulated:
    """The dispatcher's world: one trigger, and the clock instead of an account.

    Attributes:
        until: when the simulation ends.
    """

    until = END

    def __init__(self, uploads: array[float]) -> None:
        self.clock, self.quota = Clock(), Quota(uploads)
        self._uploads = uploads
        self._taken = 0
        self._given_back = 0
        self._listed: set[str] = set()
        self._history = [(0.0, 0)]
        self._note = Note()
        self._pending: Counter[str] = Counter()
        self._woken_to = 0
        self.prepare()
        self._wake_for_next_upload()
        self.clock.run(self.until)

    def prepare(self) -> None:
        """Let what else there is begin."""

    def now(self) -> float:
        return self.clock.now

    def note(self) -> Note:
        return self._note

    def keep(self, note: Note) -> bool:
        self._note = note
        return True

    def full_batches(self) -> Mapping[str, int]:
        return {"Uploads": MAXIMUM_DOCUMENTS}

    def waiting(self, trigger: str) -> int:
        """Return what waited some time ago: SQS's counts are up to a minute old."""
        seen = self.clock.now - self.quota.chance.uniform(0, STALE_SECONDS)
        taken = self._history[bisect_right(self._history, (seen, math.inf)) - 1][1] if seen > 0 else 0
        return max(0, bisect_right(self._uploads, seen - EVENT_SECONDS) - taken)

    def usage(self, starting: Collection[str]) -> Usage:
        pending = self._pending["Uploads"] + len(set(starting) - self._listed)
        return Usage(self.quota.active + pending, Counter(Uploads=self.quota.active + pending))

    def wake(self, seconds: float) -> None:
        due = self.clock.now + math.ceil(seconds) + WINDOW_SECONDS + EVENT_SECONDS
        self.clock.at(due, lambda: look(self, SLOTS, {}))

    def take(self, trigger: str) -> Batch | None:
        """Take what really waits; of a full batch, the rest of its last call is given back and received once more."""
        there = bisect_right(self._uploads, self.clock.now - EVENT_SECONDS) - self._taken
        if not there:
            return None
        count = min(there, MAXIMUM_DOCUMENTS)
        batch = Batch(self._taken, count, self._uploads[self._taken + count - 1] if count < there else None)
        self.quota.receives = max(self.quota.receives, 1 + math.ceil(self._given_back / count))
        self._given_back = min(MESSAGES_A_CALL, there - count)
        self._taken += count
        self._history.append((self.clock.now, self._taken))
        return batch

    def start(self, batch: Batch) -> None:
        started = self.clock.now + batch.count / READ_A_SECOND

        def execution() -> None:
            self._pending["Uploads"] += 1
            self._listed.add(batch.name)
            self.clock.at(self.clock.now + STAGE_SECONDS + batch.count / STAGE_A_SECOND, lambda: self._start_job(batch))

        self.clock.at(started, execution)

    def _start_job(self, batch: Batch, waited: float = 0.0) -> None:
        if self.quota.active < SLOTS and self.clock.now < self.quota.started_at + 1:
            # Tried again by the function's client.
            self.clock.at(self.quota.started_at + 1, lambda: self._start_job(batch, waited))
            return
        ends = self.quota.start(self.clock.now, batch.first, batch.count)
        if ends is None:
            pause = slot_pause(waited, MAXIMUM_SLOT_SECONDS, self.quota.chance.random())
            self.clock.at(self.clock.now + pause, lambda: self._start_job(batch, waited + pause))
            return
        self._pending["Uploads"] -= 1
        self.clock.at(ends, self._job_ended)

    def _job_ended(self) -> None:
        self.quota.active -= 1

    def _wake_for_next_upload(self) -> None:
        """The event source collects wakes for one window after the first, then calls the dispatcher with them."""
        if self._woken_to >= len(self._uploads):
            return
        first = self._uploads[self._woken_to]

        def woken() -> None:
            self._woken_to = bisect_right(self._uploads, self.clock.now - EVENT_SECONDS)
            look(self, SLOTS, {"Uploads": first + EVENT_SECONDS})
            self._wake_for_next_upload()

        self.clock.at(max(first + EVENT_SECONDS, self.clock.now) + WINDOW_SECONDS, woken)


def in_order(uploads: array[float], batches: list[tuple[float, int, int]]) -> Quota:
    """Batches (ready at, first upload, count) that wait for slots in an ideal queue: none is ever throttled or lost."""
    quota, ends, now = Quota(uploads), list[float](), 0.0
    waiting = deque(batches)
    while waiting:
        ready, first, count = waiting.popleft()
        now = max(now, ready, quota.started_at + 1, ends[0] if len(ends) == SLOTS else 0.0)
        if now >= END:
            break
        while ends and ends[0] <= now:
            heapq.heappop(ends)
        quota.active = len(ends)
        ended = quota.start(now, first, count)
        assert ended is not None
        heapq.heappush(ends, ended)
    return quota


def one_job_each(uploads: array[float]) -> Quota:
    """One job per upload."""
    slots_allow = int(SLOTS * END / min(JOB_SECONDS)) + SLOTS
    return in_order(uploads, [(time, number, 1) for number, time in enumerate(uploads[:slots_allow])])


def fixed_window(uploads: array[float]) -> Quota:
    """One job for each full window."""
    batches, first = [], 0
    while first < len(uploads):
        closes = uploads[first] + FIXED_WINDOW_SECONDS
        last = min(bisect_right(uploads, closes), first + FIXED_WINDOW_MESSAGES)
        full = last == first + FIXED_WINDOW_MESSAGES
        batches.append((uploads[last - 1] if full else closes, first, last - first))
        first = last
    return in_order(uploads, batches)


def percentile(values: array[float], share: float) -> float:
    """A percentile in minutes."""
    return sorted(values)[int(share * (len(values) - 1))] / 60 if values else math.nan


class Figures(NamedTuple):
    """Figures of one design for two hours of uploads; documents a second are those of the second hour."""

    documents_a_second: float
    p50_minutes: float
    p95_minutes: float
    jobs: float
    throttled: float
    waiting: float
    receives: float

    @classmethod
    def of(cls, quota: Quota) -> Figures:
        """The figures of one run."""
        p50, p95 = (percentile(quota.seconds, share) for share in (0.5, 0.95))
        waiting = len(quota.uploads) - quota.taken
        return cls(quota.done / (END / 2), p50, p95, quota.jobs, quota.throttled, waiting, quota.receives)


def simulate(rate: float, design: Callable[[array[float]], Quota]) -> Figures:
    """The mean of several runs: few uploads scatter widely."""
    runs = [Figures.of(design(arrivals(rate, run))) for run in range(20 if rate <= 1 else 3)]
    return Figures._make(statistics.mean(values) for values in zip(*runs, strict=True))


DESIGNS: dict[str, Callable[[array[float]], Quota]] = {
    "one job per upload": one_job_each,
    "fixed 5-minute window": fixed_window,
    "this dispatcher": lambda uploads: Simulated(uploads).quota,
}


def main() -> None:
    """Print the table and the figures."""
    table = Table("uploads", "design", "documents/s", "p50 min", "p95 min", "jobs", "throttled", "waiting at the end")
    found: dict[tuple[str, str], Figures] = {}
    for rate_name, rate in RATES.items():
        for name, design in DESIGNS.items():
            figures = found[rate_name, name] = simulate(rate, design)
            done, p50, p95, jobs, throttled, waiting, _ = figures
            row = (f"{done:.4g}", f"{p50:.1f}", f"{p95:.1f}", f"{jobs:.1f}", f"{throttled:.1f}", f"{waiting:,.0f}")
            table.add_row(rate_name, name, *row)
    Console(width=120).print(table)
    ours = "this dispatcher"
    many, most, few = found["100 a second", ours], found["1,000 a second", ours], found["1 a minute", ours]
    summary = {
        "docs_per_s_at_100": many.documents_a_second,
        "p95_min_at_100": many.p95_minutes,
        "docs_per_s_at_1000": most.documents_a_second,
        "p95_min_at_1_per_min": few.p95_minutes,
        "p95_min_at_1000": most.p95_minutes,
        "jobs_at_1_per_min": few.jobs,
        "most_receives": max(each.receives for each in found.values()),
        "one_job_per_upload_docs_per_s_at_100": found["100 a second", "one job per upload"].documents_a_second,
    }
    print(json.dumps({name: round(value, 4) for name, value in summary.items()}))


if __name__ == "__main__":
    main()
