"""The plan of a chaos run: drawn by its seed, with every kind of step."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.chaos.plan import DISTURBANCES, ENGINE, KINDS, plan


@pytest.mark.parametrize("seed", range(3))
def test_every_plan_has_every_kind_of_step(seed: int) -> None:
    steps = plan(seed, 330, batch=12)
    kinds = Counter(step.kind for step in steps)
    assert set(kinds) == {*KINDS, *ENGINE}
    assert {step.disturbance for step in steps} == {*DISTURBANCES, ""}
    # One execution each, and those of batches come on top.
    assert kinds.total() - kinds["uploads"] - kinds["restart"] - kinds["quota"] >= 280
    assert len({(step.number, step.kind) for step in steps}) == len(steps)


def test_another_seed_is_another_plan() -> None:
    assert plan(1, 50, batch=12) != plan(2, 50, batch=12)
