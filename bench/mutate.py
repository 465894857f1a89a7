"""Mutants of the functions' code: small changes, each of which some unit test must notice. `make mutate`.

mutmut makes them and runs, for each, the tests that call the changed function. It works on a copy of the repository,
whose generated examples are fewer. Of all mutants a seeded sample is run, spread over all functions alike; ``ALL=1``
runs all. The last line is one JSON object.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).parents[1]
FOLDERS = ("request", "job", "uploads", "publish")
TESTS = (*(f"tests/unit/{name}" for name in (*FOLDERS, "handlers")), "tests/unit/test_outcome.py")
COPIED = ("bench", "cli", "constructs", "docs", "examples", "local", "tests", "app.py", "cdk.json", "pyproject.toml")
NOTICED = {"killed", "timeout", "caught by type check", "segfault"}

# mutmut takes packages for what they are below src/ only. Texts of the log are nobody's contract.
_CONFIGURATION = f"""
[tool.mutmut]
source_paths = ["src/"]
only_mutate = {json.dumps([f"src/entities_job/{name}/*" for name in FOLDERS])}
do_not_mutate_patterns = ['logger\\.\\w+\\(']
also_copy = {json.dumps([name for name in COPIED if name not in ("tests", "pyproject.toml")])}
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "no:xdist"]
pytest_add_cli_args_test_selection = {json.dumps(TESTS)}
"""
_EXAMPLES = """
settings.register_profile("mutants", parent=settings.get_profile("everywhere"), max_examples=15)
settings.load_profile("mutants")
"""


def copied(folder: Path) -> None:
    """Copy what the tests need into ``folder``, as mutmut wants it."""
    ignored = shutil.ignore_patterns("__pycache__", ".*", "node_modules", "cdk.out", "*.png")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "lambdas", folder / "src", ignore=ignored)
    project = folder / "pyproject.toml"
    project.write_text(project.read_text().replace('"lambdas", ', '"src", ') + _CONFIGURATION)
    with (folder / "tests" / "conftest.py").open("a") as file:
        file.write(_EXAMPLES)


def mutmut(folder: Path, *arguments: str) -> str:
    """Run mutmut and return what it printed; its own progress is left out.

    Raises:
        RuntimeError: it failed.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    printed = "\n".join(line for line in done.stdout.splitlines() if not line.startswith("\r"))
    if done.returncode:
        raise RuntimeError(f"`mutmut {arguments[0]}` failed:\n{printed[-3000:]}\n{done.stderr[-3000:]}")
    return printed


def generated(folder: Path) -> list[str]:
    """Make all mutants, see which tests call which function, and return the mutants' names."""
    # It makes mutants as it begins to run some; a name that fits none ends it then.
    code = "from mutmut import __main__ as m; m._run(['entities_job.none'], None)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, check=False)
    names = [
        name for meta in sorted(folder.rglob("*.meta")) for name in json.loads(meta.read_text())["exit_code_by_key"]
    ]
    if not names or not (folder / "mutants" / "mutmut-stats.json").exists():
        raise RuntimeError(mutmut(folder, "run", names[0] if names else "entities_job*"))
    return sorted(names)


def sampled(names: list[str], number: int, seed: int) -> list[str]:
    """Return a sample, the same for the same seed."""
    return sorted(random.Random(seed).sample(names, min(number, len(names))))


def results(folder: Path, chosen: list[str]) -> dict[str, str]:
    """Return the status of each mutant."""
    told = dict(
        line.strip().split(": ", 1) for line in mutmut(folder, "results", "--all", "True").splitlines() if ": " in line
    )
    return {name: told.get(name, "not checked") for name in chosen}


def main(
    number: Annotated[int, typer.Option(help="how many mutants are run")] = 300,
    seed: Annotated[int, typer.Option(help="of the sample")] = 19,
    everything: Annotated[bool, typer.Option("--all", help="run all mutants")] = False,
    at_once: Annotated[int, typer.Option(help="how many are run at once")] = os.cpu_count() or 2,
) -> None:
    """Run mutants; print those that no test notices, and the last line."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copied(folder)
        names = generated(folder)
        chosen = names if everything else sampled(names, number, seed)
        print(f"{len(names):,} mutants in {', '.join(FOLDERS)}; {len(chosen):,} are run", file=sys.stderr, flush=True)
        mutmut(folder, "run", "--max-children", str(at_once), *chosen)
        found = results(folder, chosen)
        for mutant, status in found.items():
            if status not in NOTICED:
                print(f"\n{status}: {mutmut(folder, 'show', mutant).strip()}")
    counted = Counter(found.values())
    killed = sum(counted[status] for status in NOTICED)
    print(json.dumps({"mutants": len(found), "killed": killed, "share": round(killed / len(found), 3), "seed": seed}))


if __name__ == "__main__":
    typer.run(main)
