"""How long a Lambda function takes to start: import and one client, beside boto3 with the same client.

Each import is a process of its own in the environment that MiniStack runs functions in, which has what the Lambda
runtime has, with the asset that is deployed. They take turns, so that what else the machine does meets all of them, and
each has the median of its runs. The last line is one JSON object with the ratio of the slowest handler.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import synth

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".rehearsal" / "ministack" / "bin" / "python"
HANDLERS = sorted(path.stem for path in (ROOT / "lambdas" / "entities_job" / "handlers").glob("[a-z]*.py"))
RUNS = 15

# Its own start is no part of it; the clock is that of the process, which what else runs does not touch as much.
_TIMED = "import time; begun = time.process_time(); {}; print(time.process_time() - begun)"
_BARE = "import boto3; boto3.client('s3')"
_HANDLER = "import entities_job.handlers.{}; from entities_job import aws; aws.s3()"
PROGRAMS: Mapping[str, str] = {"boto3": _BARE, **{name: _HANDLER.format(name) for name in HANDLERS}}
"""What is timed, by names: handlers, and what they are compared with."""


def assembled(folder: Path) -> Path:
    """Return the asset of the functions, with byte code, as Lambda keeps it after a first start."""
    synth.synthesize("workflow", folder / "cdk.out", Path())
    [asset] = (folder / "cdk.out").glob("asset.*")
    subprocess.run([str(PYTHON), "-m", "compileall", "-q", str(asset)], check=True)
    return asset


def seconds(name: str, asset: Path) -> float:
    """Return the processor time that one of :data:`PROGRAMS` takes in a new process."""
    environment = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "PATH": os.environ["PATH"],
        "POWERTOOLS_SERVICE_NAME": "bench",
        "PYTHONPATH": str(asset),
    }
    command = [str(PYTHON), "-c", _TIMED.format(PROGRAMS[name])]
    return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def main(runs: int = RUNS) -> None:
    """Measure, and print the medians and the last line."""
    with TemporaryDirectory() as folder:
        asset = assembled(Path(folder))
        seconds("boto3", asset)
        measured: dict[str, list[float]] = {name: [] for name in PROGRAMS}
        for _ in range(runs):
            for name, times in measured.items():
                times.append(seconds(name, asset))
    medians = {name: statistics.median(times) for name, times in measured.items()}
    for name, median in medians.items():
        print(f"{name:16} {median * 1000:5.0f} ms, {median / medians['boto3']:.2f}")
    print(json.dumps({"ratio_to_boto3": round(max(medians.values()) / medians["boto3"], 2)}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
