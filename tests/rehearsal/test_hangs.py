"""A test that hangs ends, also in a process beside others, and leaves the stacks of all threads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

CONFIGURATION = Path(__file__).parents[2] / "pyproject.toml"
TESTS = """
import threading
import pytest

def first_elsewhere():
    threading.Event().wait()

def second_elsewhere():
    threading.Event().wait()

@pytest.mark.timeout(0.5)
def test_hangs():
    threading.Thread(target=first_elsewhere, daemon=True).start()
    threading.Event().wait()

@pytest.mark.timeout(0)
def test_hangs_where_no_signal_reaches_it():
    threading.Thread(target=second_elsewhere, daemon=True).start()
    threading.Event().wait()

def test_passes():
    pass
"""


def test_a_hang_fails_with_the_stacks_of_all_threads_and_other_tests_run(tmp_path: Path) -> None:
    (tmp_path / "test_hanging.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-c", str(CONFIGURATION), "--rootdir", str(tmp_path), str(tmp_path)]
    command += ["-p", "xdist", "-p", "pytest_timeout", "--numprocesses", "1", "-o", "faulthandler_timeout=1.5"]
    # Other plug-ins take seconds to import.
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, text=True, check=False)
    printed = done.stdout + done.stderr
    assert "2 failed, 1 passed" in printed
    assert "Timeout (>0.5s)" in printed
    assert "in first_elsewhere" in printed
    assert "crashed while running 'test_hanging.py::test_hangs_where_no_signal_reaches_it'" in printed
    assert "in second_elsewhere" in printed


def test_no_process_ends_before_the_time_that_a_test_of_it_asks_for() -> None:
    files = Path(__file__).parents[1].rglob("test_*.py")
    asked = [int(found) for path in files for found in re.findall(r"mark\.timeout\((\d+)\)", path.read_text())]
    options = tomllib.loads(CONFIGURATION.read_text())["tool"]["pytest"]["ini_options"]
    assert len(asked) > 5
    assert max(*asked, options["timeout"]) < options["faulthandler_timeout"]
