"""The benchmark of publishing runs, and says what it promises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def test_the_last_line_has_the_figures() -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (root / "constructs", root / "lambdas", root)))}
    command = [sys.executable, "-m", "bench.publish", "--gigabytes", "0.005"]
    printed = subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True, text=True).stdout
    figures = json.loads(printed.splitlines()[-1])
    names = {"ratio_to_gzip", "peak_mb", "naive_ratio_to_gzip", "naive_peak_mb", "peak_mb_5gb"}
    assert set(figures) == names
    assert all(value > 0 for value in figures.values())
