"""Rules by which waiting uploads become a job. Pure: a :class:`World`, real or simulated, has what waits and runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

PAUSE_SECONDS = 18.0
"""Time that the oldest upload of a batch waits for more uploads while no batch runs."""

LONGEST_SLEEP = 20.0
"""Seconds between two looks while something waits: what runs may end at any moment."""

# Clocks of two functions differ a little; a look that comes that much early is on time.
_TOLERANCE = 1.0

# A dispatcher that has not started its batch by then was killed: the function's timeout.
_STARTING_SECONDS = 300.0
# Step Functions lists a new execution after a moment ("eventually consistent", API_ListExecutions).
_LISTED_SECONDS = 60.0
# Since it was last seen to run: the sweep renews the time of what runs.
_AWAITED_SECONDS = 14 * 86400.0
_TRIES = 10


@dataclass(frozen=True)
class Usage:
    """The load: ``active`` slots of the account's quota, and this workflow's batches by trigger."""

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
        """The time when they become a job: at once if they fill one, else the later the more jobs are active.

        A job takes minutes whatever its size and the account has few slots, so that each further slot is worth more.
        """
        return 0.0 if self.documents >= self.full_batch else self.since + PAUSE_SECONDS * 2 ** (active / 2)


@dataclass(frozen=True)
class Note:
    """The note that one run leaves for the next.

    A hint only. If it is lost, uploads wait for one pause more, and two dispatchers may start a batch too many.

    Attributes:
        since: since when uploads wait, by trigger. It counts as waiting, even if SQS counts none for a minute.
        look_at: when to look again.
        starting: until when a batch that is being started holds a slot, if no execution of its name is listed.
        awaited: since when executions run whose outcome was not seen yet.
        etag: of the object that it was read from, empty if there is none.
    """

    since: Mapping[str, float] = field(default_factory=dict)
    look_at: float = 0.0
    starting: Mapping[str, float] = field(default_factory=dict)
    awaited: Mapping[str, float] = field(default_factory=dict)
    etag: str = ""

    def at(self, now: float) -> Note:
        """Return what of it can be true: no upload waits since tomorrow, and no start takes longer than it may."""
        since = {trigger: min(first, now) for trigger, first in self.since.items()}
        starting = {name: until for name, until in self.starting.items() if now < until <= now + _STARTING_SECONDS}
        awaited = {name: at for name, at in self.awaited.items() if now - _AWAITED_SECONDS < at}
        return replace(self, since=since, starting=starting, awaited=awaited)


class Batch(Protocol):
    """Uploads taken off the queue for one job."""

    @property
    def name(self) -> str:
        """The name of its execution."""

    @property
    def left_since(self) -> float | None:
        """Since when uploads wait that did not fit into the batch; None where none was left."""


B = TypeVar("B", bound=Batch)


class Notes(Protocol):
    """The clock and the note; ``keep`` rejects a note that was read before another was kept."""

    def now(self) -> float: ...
    def note(self) -> Note: ...
    def keep(self, note: Note) -> bool: ...


class World(Notes, Protocol[B]):
    """All that the dispatcher sees and does."""

    def full_batches(self) -> Mapping[str, int]: ...
    def waiting(self, trigger: str) -> int: ...
    def usage(self, starting: Collection[str]) -> Usage: ...
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
    for _ in range(_TRIES):
        if _looked(world, slots, uploaded):
            return
    raise RuntimeError(f"another dispatcher changed the note {_TRIES} times while it was read")


def _looked(world: World[B], slots: int, uploaded: Mapping[str, float]) -> bool:
    """Return whether no other dispatcher did something since the note was read: what it decided would be wrong."""
    now = world.now()
    note, full_batches = world.note().at(now), world.full_batches()
    since = {trigger: first for trigger, first in {**uploaded, **note.since}.items() if trigger in full_batches}
    if now + _TOLERANCE < note.look_at <= now + LONGEST_SLEEP:
        return since == note.since or world.keep(replace(note, since=since))
    counted = {trigger: world.waiting(trigger) for trigger in full_batches}
    waiting = [
        Waiting(trigger, max(counted[trigger], 1), since.get(trigger, now), full_batch)
        for trigger, full_batch in full_batches.items()
        if counted[trigger] or trigger in since
    ]
    if not waiting:
        return True
    usage = world.usage(note.starting)
    chosen = choose(waiting, usage, slots, now)
    since = {each.trigger: each.since for each in waiting}
    if chosen is None:
        pause = sleep(waiting, usage, slots, now)
        # In this order: a note without its wake would silence the uploads' own wakes.
        world.wake(pause)
        return world.keep(replace(note, since=since, look_at=now + pause))
    # Arranged before the batch is read, which takes a while: other triggers and other slots don't wait for it.
    del since[chosen.trigger]
    if since:
        world.wake(1.0)
    slot = f"{chosen.trigger}-{now}"
    held = {**note.starting, slot: now + _STARTING_SECONDS}
    if not world.keep(replace(note, since=since, look_at=now + 1 if since else 0.0, starting=held)):
        return False
    batch = world.take(chosen.trigger)
    if batch is None:
        # Messages that another dispatcher reads are counted no more, but it may be killed.
        left = {chosen.trigger: chosen.since} if counted[chosen.trigger] else {}
        _go_on(world, slot, {}, left, LONGEST_SLEEP)
        return True
    name, held = batch.name, {batch.name: now + _STARTING_SECONDS}
    # Before the start: if this function is killed meanwhile, the outcome is still awaited.
    revise(world, lambda note: replace(_held(note, slot, held), awaited={**note.awaited, name: now}))
    world.start(batch)
    left = {} if batch.left_since is None else {chosen.trigger: batch.left_since}
    _go_on(world, name, {name: world.now() + _LISTED_SECONDS}, left, 1.0)
    return True


def _go_on(world: World[B], held: str, then: Mapping[str, float], left: Mapping[str, float], pause: float) -> None:
    """Look again after a pause if something is ``left``, and have a slot ``held`` no more but by ``then``."""
    look_at = world.now() + pause if left else 0.0
    if left:
        world.wake(pause)
    revise(
        world,
        lambda note: replace(_held(note, held, then), since={**note.since, **left}, look_at=look_at or note.look_at),
    )


def _held(note: Note, before: str, now: Mapping[str, float]) -> Note:
    return replace(note, starting={**{name: at for name, at in note.starting.items() if name != before}, **now})


def revise(world: Notes, change: Callable[[Note], Note]) -> None:
    """Change the current note, even if another run changed it meanwhile."""
    for _ in range(_TRIES):
        if world.keep(change(world.note().at(world.now()))):
            return
    raise RuntimeError(f"another dispatcher changed the note {_TRIES} times while it was read")
