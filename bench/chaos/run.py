"""One run: deployed, driven while everything fails by chance, brought to rest without faults, and checked."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from bench.chaos.drive import Drive
from bench.chaos.invariants import FIGURES, Findings
from bench.chaos.plan import plan
from bench.chaos.stack import FULL_BATCH, OBSERVER, STACK, assembly
from local.rehearsal import Rehearsal

CLOCK_SCALE = 0.004
RATES: dict[str, Any] = {
    "calls": {"s3": 0.03, "sqs": 0.04, "states": 0.04, "events": 0.08, "comprehend": 0.08},
    "invocations": 0.04,
    "events": 0.12,
    "never_lost": [OBSERVER],
}
"""Shares of calls, by service, invocations and events that fail."""


def run(folder: Path, seed: int, steps: int) -> tuple[dict[str, int], Counter[str], Counter[str], list[str]]:
    """Run once; return the figures, the faults and the outcomes by kind, and what is wrong, in words."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("faults.jsonl", "over"):
        (folder / name).unlink(missing_ok=True)
    template = assembly(folder / "cdk.out")
    os.environ["REHEARSAL_FAULTS"] = json.dumps({**RATES, "seed": seed, "folder": str(folder)})
    try:
        rehearsal = Rehearsal(folder / "aws", clock_scale=CLOCK_SCALE)
        with rehearsal:
            rehearsal.comprehend.configure(job_ids="seeded")
            drive = Drive(rehearsal, rehearsal.stacks.deploy(template, STACK), CLOCK_SCALE)
            drive.run(plan(seed, steps, batch=FULL_BATCH))
            (folder / "over").touch()
            drive.settle()
            found = Findings(drive)
            found.dead_letters()
            drive.redrive()
            found.check()
    finally:
        del os.environ["REHEARSAL_FAULTS"]
    lines = (folder / "faults.jsonl").read_text().splitlines()
    faults = Counter(json.loads(line)["Kind"] for line in lines) + drive.disturbances
    outcomes = Counter(
        f"{outcome['Status']} {outcome.get('Error', {}).get('Code', '')}".strip() for outcome in found.outcomes.values()
    )
    wrong = [f"{name}: {text}" for name in FIGURES for text in sorted(found.wrong[name])]
    figures = {"executions": len(found.outcomes), "faults": faults.total()}
    return figures | {name: len(found.wrong[name]) for name in FIGURES}, faults, outcomes, wrong
