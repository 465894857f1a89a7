"""``python -m bench.chaos [--seed N] [--steps N] [--minutes N]``: one run after the other, and one line of JSON.

Each run deploys to a local AWS of its own, takes the steps of its plan while calls, invocations and events fail, lets
everything come to rest without faults, and checks what must hold. A seed draws the same plan and the same faults again.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.chaos.invariants import FIGURES
from bench.chaos.run import run
from local.processes import ROOT

STEPS = 330
FOLDER = ROOT / ".rehearsal" / "chaos"


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
