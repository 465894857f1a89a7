"""A short form of `make rehearse-failures`: a case for each task, and each kind of fault once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.rehearse_failures import CLOCK_SCALE, assembly, cases, run
from local.rehearsal import Rehearsal


def test_every_task_ends_as_documented_whatever_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REHEARSAL_FAILURES", "1")
    chosen = list(cases())[::17]
    assert {case.task for case in chosen} == {case.task for case in cases()}
    with Rehearsal(tmp_path / "aws", clock_scale=CLOCK_SCALE) as rehearsal:
        outputs = rehearsal.stacks.deploy(assembly(tmp_path / "cdk.out"), "Failures")
        figures, wrong = run(rehearsal, outputs, chosen)
    assert not wrong
    assert figures["ends_as_documented"] == figures["one_outcome"] == figures["cases"] == len(chosen)
    assert figures["jobs_left_running"] == figures["paid_results_lost"] == 0


def test_there_are_two_hundred_cases_and_more() -> None:
    assert len(list(cases())) >= 200
