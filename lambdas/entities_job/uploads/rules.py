"""When waiting uploads become a job. Pure: what waits and what runs is told by a :class:`World`, real or simulated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

PAUSE_SECONDS = 18.0
"""How long the oldest upload of a batch waits for company while nothing runs."""

LONGEST_SLEEP = 20.0
"""Seconds between two looks while something waits: what runs may end at any moment."""

# Clocks of two functions differ a little; a look that comes that much early is on time.
_TOLERANCE = 1.0


@dataclass(frozen=True)
class Usage:
    """What really runs: ``active`` slots of the account's quota, and this workflow's batches by trigger."""

    active: int
    batches: Counter[str]


@dataclass(frozen=True)
class Waiting:
    """Uploads of one trigger that wait: how many, since when (epoch seconds), and how many make a full batch."""

    trigger: str
    documents: int
    since: float
    full_batch: int

    def due(self, active: int) -> float:
        """When they become a job: at once if they fill one, else the later the more jobs are active.

        A job takes minutes whatever its size and the account has few slots, so that each further slot is worth more.
        """
        return 0.0 if self.documents >= self.full_batch else self.since + PAUSE_SECONDS * 2 ** (active / 2)


@dataclass(frozen=True)
class Note:
    """What one look leaves to the next: since when uploads wait, and when to look again.

    A hint only. Where it is lost, uploads wait for one pause more; nothing is counted in it.
    """

    since: Mapping[str, float] = field(default_factory=dict)
    look_at: float = 0.0


class Batch(Protocol):
    """Uploads taken off the queue for one job."""

    @property
    def left_since(self) -> float | None:
        """Since when uploads wait that did not fit into the batch; None where none was left."""


B = TypeVar("B", bound=Batch)


class World(Protocol[B]):
    """All that the dispatcher sees and does."""

    def now(self) -> float: ...
    def note(self) -> Note: ...
    def keep(self, note: Note) -> None: ...
    def full_batches(self) -> Mapping[str, int]: ...
    def waiting(self, trigger: str) -> int: ...
    def usage(self) -> Usage: ...
    def wake(self, seconds: float) -> None: ...
    def take(self, trigger: str) -> B | None: ...
    def start(self, batch: B) -> None: ...


def choose(waiting: Sequence[Waiting], usage: Usage, slots: int, now: float) -> Waiting | None:
    """Whose batch starts now, if any.

    Of all that are due, the one with the fewest batches running goes first, then the one that waits longest: a flood
    under one prefix never keeps another prefix from its slot.
    """
    due = [each for each in waiting if usage.active < slots and each.due(usage.active) <= now]
    return min(due, key=lambda each: (usage.batches[each.trigger], each.since), default=None)


def sleep(waiting: Sequence[Waiting], usage: Usage, slots: int, now: float) -> float:
    """Seconds until the next look is worth its while."""
    if usage.active >= slots:
        return LONGEST_SLEEP
    return min(max(1.0, min(each.due(usage.active) for each in waiting) - now), LONGEST_SLEEP)


def look(world: World[B], slots: int, uploaded: Mapping[str, float]) -> None:
    """Start at most one batch, and arrange the next look if something still waits.

    Args:
        world: where uploads wait and jobs run.
        slots: how many active jobs the account may have before no batch is started.
        uploaded: triggers that had an upload, each with the time of its first one.
    """
    now, note = world.now(), world.note()
    if now + _TOLERANCE < note.look_at <= now + LONGEST_SLEEP:
        return
    waiting = [
        Waiting(trigger, documents, note.since.get(trigger, uploaded.get(trigger, now)), full_batch)
        for trigger, full_batch in world.full_batches().items()
        if (documents := world.waiting(trigger))
    ]
    if not waiting:
        if note.since:
            world.keep(Note())
        return
    usage = world.usage()
    chosen = choose(waiting, usage, slots, now)
    since = {each.trigger: each.since for each in waiting}
    if chosen is None:
        _look_again(world, since, sleep(waiting, usage, slots, now))
        return
    # Arranged before the batch is read, which takes a while: other triggers and other slots don't wait for it.
    del since[chosen.trigger]
    if since:
        _look_again(world, since, 1.0)
    else:
        world.keep(Note())
    batch = world.take(chosen.trigger)
    if batch is None:
        _look_again(world, {**world.note().since, chosen.trigger: chosen.since}, LONGEST_SLEEP)
        return
    world.start(batch)
    left = {} if batch.left_since is None else {chosen.trigger: batch.left_since}
    _look_again(world, {**world.note().since, **left}, 1.0)


def _look_again(world: World[B], since: Mapping[str, float], seconds: float) -> None:
    # In this order: a note without its wake would silence the uploads' own wakes.
    world.wake(seconds)
    world.keep(Note(since, world.now() + seconds))
