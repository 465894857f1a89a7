"""200 executions at once under the quota of 10 jobs, with uploads beside them: all complete, and neither starves.

The pauses between looks for a slot, the slot that is left to uploads and the dispatcher's decisions are the product's
own; the account is that of :mod:`bench.uploads`. The last line is one JSON object.
"""

from __future__ import annotations

import json
import random
from array import array
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from bench import uploads
from bench.uploads import JOB_SECONDS, MAXIMUM_SLOT_SECONDS, SLOTS, Simulated, slot_pause
from entities_job.uploads.rules import Usage

EXECUTIONS = 200
UPLOADS_A_SECOND = 1.0
INSPECTED_WITHIN = 20.0
TRANSITIONS_A_LOOK = 2
DAY = 86_400.0


@dataclass
class Execution:
    """One that a caller started: its waiting for a slot, in how many looks, and when its job began."""

    pause: float
    waited: float = 0.0
    looks: int = 0
    begun: float | None = None


class Mixed(Simulated):
    """The dispatcher's world with executions of callers in it."""

    until = DAY

    def prepare(self) -> None:
        """Start all executions at once; their inputs are inspected in some seconds."""
        self.chance = random.Random(EXECUTIONS)
        pauses = [slot_pause(0, MAXIMUM_SLOT_SECONDS, self.chance.random()) for _ in range(EXECUTIONS)]
        self.executions = [Execution(pause) for pause in pauses]
        for each in self.executions:
            self.clock.at(self.chance.uniform(1, INSPECTED_WITHIN), partial(self._look, each))

    def usage(self, starting: Collection[str]) -> Usage:
        """Return what the dispatcher counts: as many of those that wait as leave one slot."""
        own = super().usage(starting)
        waiting = sum(each.begun is None for each in self.executions)
        return Usage(own.active + max(0, min(waiting, SLOTS - own.active - 1)), own.batches)

    def _look(self, execution: Execution) -> None:
        execution.looks += 1
        free = self.quota.active < SLOTS - 1
        # A second start in one second is tried again by the function's client.
        if free and self.clock.now < self.quota.started_at + 1:
            self.clock.at(self.quota.started_at + 1 + self.chance.random(), lambda: self._look(execution))
            execution.looks -= 1
        elif free:
            execution.begun = self.quota.started_at = self.clock.now
            self.quota.active += 1
            self.clock.at(self.clock.now + self.chance.choice(JOB_SECONDS), self._job_ended)
        elif execution.waited < MAXIMUM_SLOT_SECONDS:
            pause = min(execution.pause, MAXIMUM_SLOT_SECONDS - execution.waited)
            execution.waited += pause
            execution.pause = slot_pause(execution.waited, MAXIMUM_SLOT_SECONDS, self.chance.random())
            self.clock.at(self.clock.now + pause, lambda: self._look(execution))


def main() -> None:
    """Simulate it, and print the last line."""
    world = Mixed(uploads.arrivals(UPLOADS_A_SECOND, 0))
    begun = array("d", [each.begun for each in world.executions if each.begun is not None])
    print(
        json.dumps(
            {
                "executions": EXECUTIONS,
                "completed": len(begun),
                "p95_wait_min": round(uploads.percentile(begun, 0.95), 1),
                "transitions_while_waiting": max(TRANSITIONS_A_LOOK * (each.looks - 1) for each in world.executions),
                "uploads_p95_min": round(uploads.percentile(world.quota.seconds, 0.95), 1),
            }
        )
    )


if __name__ == "__main__":
    main()
