"""Tests with the oldest and the newest packages that pyproject.toml allows, and on each Python that is found.

``python -m tests.bounds``, or ``make test-bounds``. The functions run on Python 3.13, whatever makes the template.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".rehearsal" / "bounds"
UV = Path(sys.executable).with_name("uv")
PYTHONS = range(11, 16)
TOOLS = ("pytest", "pytest-timeout", "hypothesis", "boto3", "mypy-boto3-sqs", "jsonschema", "syrupy", "rich", "regex")
MORE_TOOLS = ("duckdb", "sqlglot", "pypdf")
UNIT = ("tests/unit", "--ignore=tests/unit/local", "--ignore=tests/unit/test_locks.py")
SYNTH = tuple(
    f"tests/synth/test_{name}.py"
    for name in ("asset", "definition", "given", "hardening", "network", "resources", "rights", "stacks", "upload")
)
# cdk-nag works with new versions of CDK only, and Node's checkers stand beside another Python; the memory that old
# packages take and their warnings are not ours.
# Older CDK can't refer to a key of another account's stack at all.
NOT_HERE = (
    "not cdk_nag and not asl_validator and not language_service and not fills_no_memory "
    "and not another_accounts_stack_names_roles"
)
OPTIONS = ("-q", "-p", "no:cacheprovider", "-o", "filterwarnings=default", "-k", NOT_HERE)


def environment(name: str, python: str, *resolution: str) -> Path:
    """Make a virtual environment with the project's dependencies and the test tools; return its interpreter."""
    folder = FOLDER / name
    run(UV, "venv", "--quiet", "--clear", "--python", python, folder)
    made = folder / "bin" / "python"
    install = (UV, "pip", "install", "--quiet", "--python", made)
    run(*install, *resolution, "--requirements", "pyproject.toml", "--extra", "cli")
    # The tools fit what is there already.
    kept = folder / "kept.txt"
    frozen = subprocess.run([UV, "pip", "freeze", "--python", made], check=True, capture_output=True, text=True)
    kept.write_text(frozen.stdout)
    run(*install, "--constraints", kept, *TOOLS, *MORE_TOOLS)
    print(
        f"== {name}, {python}:",
        *(line for line in frozen.stdout.split() if line.startswith(("aws-", "constructs", "botoc"))),
    )
    return made


def run(*command: str | Path) -> None:
    """Run a command in the project's folder; it must succeed."""
    subprocess.run(list(map(str, command)), check=True, cwd=ROOT)


def main() -> None:
    """Run the unit tests on every Python, and the synthesis with the oldest and the newest packages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    oldest = environment("oldest", sys.executable, "--resolution", "lowest-direct")
    run(oldest, "-m", "pytest", *OPTIONS, *UNIT, *SYNTH)
    for minor in PYTHONS:
        python = shutil.which(f"python3.{minor}")
        # A version manager may have a name for a Python that it lacks.
        if python and not subprocess.run([python, "--version"], check=False, capture_output=True).returncode:
            newest = environment(f"newest-3.{minor}", python)
            run(newest, "-m", "pytest", *OPTIONS, *UNIT, *(SYNTH if minor == sys.version_info.minor else ()))


if __name__ == "__main__":
    main()
