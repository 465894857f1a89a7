"""A short form of `make chaos`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.chaos.invariants import FIGURES
from bench.chaos.run import run

STEPS = 16


@pytest.mark.timeout(1200)
def test_what_must_hold_holds_whatever_fails(tmp_path: Path) -> None:
    figures, faults, outcomes, wrong = run(tmp_path, seed=1, steps=STEPS)
    assert not wrong
    assert not any(figures[name] for name in FIGURES)
    assert figures["executions"] >= STEPS - 4  # steps of uploads and of the engine start none by themselves
    assert len(faults) >= 10
    assert outcomes["COMPLETED"]
