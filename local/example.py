"""The example stack of somebody else, and the environment that it runs in: the wheel, and nothing of the checkout."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from local.processes import ROOT
from local.rehearsal import RehearsalError

EXAMPLE = ROOT / "examples" / "your_stack"


def clean_environment() -> Path:
    """A virtual environment that knows this library as the wheel, and nothing of the checkout; returns its Python."""
    home = ROOT / ".rehearsal" / "your_stack"
    python = home / "bin" / "python"
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    if not python.exists():
        _command([sys.executable, "-m", "venv", str(home)])
    wheels = home / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    # With the tools of this environment, which are pinned, and without asking for others.
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(ROOT)]
    _command(build)
    (wheel,) = wheels.glob("*.whl")
    # Dependencies are pinned to what was tested; later runs find them installed.
    _command([*pip, "install", "--constraint", str(ROOT / "requirements.txt"), str(wheel)])
    _command([*pip, "install", "--no-deps", "--force-reinstall", str(wheel)])
    return python


def _command(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RehearsalError(f"`{shlex.join(command)}` failed:\n{done.stdout[-2000:]}")
