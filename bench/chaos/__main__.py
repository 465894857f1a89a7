"""``python -m bench.chaos [--seed N] [--steps N] [--minutes N]``: one run after the other, and one line of JSON.

Each run deploys to a local AWS of its own, takes the steps of its plan while calls, invocations and events fail, lets
everything come to rest without faults, and checks what must hold. A seed draws the same plan and the same faults again.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.chaos.drive import Drive
from bench.chaos.invariants import FIGURES, Findings
from bench.chaos.plan import plan
from bench.chaos.stack import FULL_BATCH, OBSERVER, STACK, assembly
from local.rehearsal import Rehearsal

STEPS = 330
CLOCK_SCALE = 0.004
FOLDER = Path(__file__).parents[2] / ".rehearsal" / "chaos"
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
            drive = Drive(rehearsal, rehearsal.deploy_assembly(template, STACK), CLOCK_SCALE)
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


def main(
    seed: Annotated[int, typer.Option(help="What the plan and the faults are drawn by.")] = 1,
    steps: Annotated[int, typer.Option(help="Steps of a run; most start an execution.")] = STEPS,
    folder: Annotated[Path, typer.Option(help="Where logs and the list of all faults are left.")] = FOLDER,
    minutes: Annotated[float, typer.Option(help="Begin further runs, with the seeds that follow, for so long.")] = 0,
) -> None:
    """Run, print the faults and outcomes by kind, what is wrong, and one line of JSON."""
    console, begun = Console(stderr=True), time.monotonic()
    sums: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    first = seed
    while seed == first or time.monotonic() - begun < minutes * 60:
        figures, faulty, ended, wrong = run(folder, seed, steps)
        sums.update(figures)
        faults += faulty
        outcomes += ended
        for text in wrong:
            console.print(f"seed {seed}: {text[:2000]}", style="red", markup=False)
        if wrong:
            console.print(f"To see it again: make chaos SEED={seed}", style="bold red")
        seed += 1
    for title, counted in (("fault", faults), ("outcome", outcomes)):
        table = Table(title, "times", show_edge=False)
        for kind, number in counted.most_common():
            table.add_row(kind, f"{number:,}")
        Console().print(table)
    took = time.monotonic() - begun
    print(f"{seed - first} run(s) from seed {first}, {took / 60:.1f} minutes")
    print(json.dumps({name: sums[name] for name in ("executions", "faults", *FIGURES)}))
    sys.exit(any(sums[name] for name in FIGURES))


if __name__ == "__main__":
    typer.run(main)
