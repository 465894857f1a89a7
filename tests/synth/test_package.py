"""The sdist and the wheel: reproducible, sound, of one version; and what surrounds the repository agrees with it."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def build(folder: Path) -> dict[str, str]:
    """The digests of what is built, by the names of the files."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.long
def test_two_builds_are_the_same_and_sound(tmp_path: Path) -> None:
    first, second = build(tmp_path / "first"), build(tmp_path / "second")
    assert first == second
    name = f"{PROJECT['name'].replace('-', '_')}-{PROJECT['version']}"
    assert set(first) == {f"{name}.tar.gz", f"{name}-py3-none-any.whl"}
    tools = Path(sys.executable).parent
    built = [str(tmp_path / "first" / each) for each in first]
    subprocess.run([tools / "twine", "check", "--strict", *built], check=True)
    [wheel] = [each for each in built if each.endswith(".whl")]
    subprocess.run([tools / "check-wheel-contents", wheel], check=True, cwd=ROOT)


def test_the_changelog_begins_with_the_version() -> None:
    [newest, *_] = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest == PROJECT["version"]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("name", ["ci", "release"])
def test_workflows_run_what_the_makefile_has(name: str) -> None:
    run = re.findall(r"run: make ([a-z-]+)", (ROOT / ".github" / "workflows" / f"{name}.yml").read_text("utf-8"))
    assert run
    assert set(run) <= targets()


def test_contributing_names_what_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= targets()
    folders = (ROOT, ROOT / "lambdas" / "entities_job", ROOT / "constructs" / "cdk_comprehend_entities", ROOT / "tests")
    named = re.findall(r"`([\w./]+\.(?:py|md|json|toml|yml))`", text)
    missing = [
        name for name in named if not any((folder / name).exists() for folder in (*folders, ROOT / "tests/synth"))
    ]
    assert missing == []


def parts(folder: Path) -> set[str]:
    """The modules and folders of a package, as documents name them."""
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    return modules | {path.parent.name for path in folder.glob("*/__init__.py")}


@pytest.mark.parametrize("package", ["constructs/cdk_comprehend_entities", "lambdas/entities_job"])
def test_the_table_of_the_house_has_every_part(package: str) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    [house] = re.findall(r"^## The house$(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    named = {name.rstrip("/") for name in re.findall(r"`(?:\.\.\. )?(\w+/?)`", house)}
    assert parts(ROOT / package) - named == set()


def test_the_table_of_the_house_has_every_folder_with_code() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    [tests] = re.findall(r"`tests/\{([\w,]+)\}`", text)
    assert set(tests.split(",")) == {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for folder in {path.partition("/")[0] for path in tracked.splitlines() if "/" in path}:
        assert re.search(rf"^\| `{folder}/", text, re.MULTILINE), folder
