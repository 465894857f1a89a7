"""How long `cdk synth` takes for the smallest workflow, beside the same resources by hand and beside an empty app.

Each app is a process of its own, as the CDK starts it; the three take turns, so that what else the machine does meets
all of them, and each has the median of its runs. CDK's own validation of templates is off: it takes longer than all
else, and the same for each. The last line is one JSON object.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

RUNS = 15

_APP = """
import sys
import aws_cdk as cdk
{imports}
app = cdk.App(outdir=sys.argv[1])
stack = cdk.Stack(app, "Stack")
{defines}
app.synth()
"""

APPS: Mapping[str, str] = {
    "empty": _APP.format(imports="", defines=""),
    "hand_written": _APP.format(
        imports="from bench.hand_written.stack import HandWritten",
        defines='HandWritten(stack, "Entities", asset=sys.argv[2])',
    ),
    "workflow": _APP.format(
        imports="from cdk_comprehend_entities import EntitiesDetectionWorkflow",
        defines='EntitiesDetectionWorkflow(stack, "Entities")',
    ),
}
"""Python programs: the folder of the cloud assembly is their first argument, that of the functions' code the second."""


def synthesize(name: str, outdir: Path, asset: Path) -> float:
    """Synthesize one of :data:`APPS` in a new process, and return the seconds that it took."""
    begun = time.perf_counter()
    environment = {**os.environ, "CDK_VALIDATION": "false"}
    subprocess.run([sys.executable, "-c", APPS[name], str(outdir), str(asset)], check=True, env=environment)
    return time.perf_counter() - begun


def main(runs: int = RUNS) -> None:
    """Measure, and print the medians and the last line."""
    seconds: dict[str, list[float]] = {name: [] for name in APPS}
    with TemporaryDirectory() as folder:
        # Byte code and the file cache are warm from here on, and the asset is there to be copied.
        synthesize("workflow", Path(folder, "workflow"), Path())
        [made] = Path(folder, "workflow").glob("asset.*")
        asset = Path(shutil.copytree(made, Path(folder, "asset")))
        synthesize("hand_written", Path(folder, "hand_written"), asset)
        for run in range(runs):
            for name, measured in seconds.items():
                outdir = Path(folder, f"{name}-{run}")
                measured.append(synthesize(name, outdir, asset))
                shutil.rmtree(outdir)
    medians = {name: statistics.median(measured) for name, measured in seconds.items()}
    for name, median in medians.items():
        print(f"{name:12} {median:5.2f} s, from {min(seconds[name]):.2f} to {max(seconds[name]):.2f}")
    print(
        json.dumps(
            {
                "ratio_to_hand_written": round(medians["workflow"] / medians["hand_written"], 2),
                "ratio_to_empty_app": round(medians["workflow"] / medians["empty"], 2),
            }
        )
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
