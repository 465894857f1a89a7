"""The Makefile: what users look for comes first, nothing is kept in the home folder, and clean leaves nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from local.processes import ROOT, own_environment

CACHES = ("UV_CACHE_DIR", "npm_config_cache")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone, in a path with a space, of the Makefile alone."""
    made = tmp_path / "my clone"
    made.mkdir()
    shutil.copy(ROOT / "Makefile", made)
    return made


def make(clone: Path, *arguments: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(clone.parent)}
    done = subprocess.run(["make", *arguments], cwd=clone, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_help_shows_users_commands_first(clone: Path) -> None:
    names = [line.split()[1] for line in make(clone).splitlines()]
    assert names[:6] == ["demo", "down", "test", "wheel", "clean", "help"]


def test_clean_removes_all_that_git_ignores(clone: Path) -> None:
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().split()]
    for name in ignored:
        folder = clone / name.replace("*", "x")
        folder.mkdir()
        (folder / "file").touch()
    (clone / "constructs" / "__pycache__").mkdir(parents=True)
    (clone / "examples" / "your_stack" / "cdk.out").mkdir(parents=True)
    (clone / ".git" / "x.egg-info").mkdir(parents=True)
    make(clone, "clean")
    left = {str(path.relative_to(clone)) for path in clone.rglob("*")}
    assert left == {"Makefile", "constructs", "examples", "examples/your_stack", ".git", ".git/x.egg-info"}


def test_nothing_is_kept_in_the_home_folder(clone: Path) -> None:
    (clone / "show.mk").write_text("show:\n\t@env\n")
    told = dict(line.split("=", 1) for line in make(clone, "-f", "Makefile", "-f", "show.mk", "show").splitlines())
    assert told["PIP_NO_CACHE_DIR"] == "1"
    for name in CACHES:
        assert told[name].startswith(f"{clone}/.rehearsal/")
    # What aws-cdk-lib keeps there: of the demo's processes, of tests, of benchmarks.
    assert own_environment()["HOME"] == os.environ["HOME"] == str(ROOT / ".rehearsal" / "home")
    recipes = [
        line for line in (clone / "Makefile").read_text().splitlines() if " bench." in line and "$(SITE)" not in line
    ]
    assert recipes
    assert all(line.startswith("\t$(BENCH) bench.") for line in recipes)


@pytest.mark.parametrize(
    ("target", "installs"),
    [
        ("wheel", {"locks/requirements-build.txt"}),
        ("setup", {"locks/requirements.txt", "locks/requirements-build.txt", "locks/ministack.txt"}),
    ],
)
def test_what_a_target_does_not_need_is_not_installed(clone: Path, target: str, installs: set[str]) -> None:
    (clone / "locks").mkdir()
    for name in installs | {"package.json", "package-lock.json"}:
        (clone / name).touch()
    assert set(re.findall(r"locks/[a-z-]+\.txt", make(clone, "--dry-run", target))) == installs
