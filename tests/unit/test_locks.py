"""What is installed is pinned, with hashes: by files that are made of those that people write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = {
    "requirements.txt": "requirements.txt",
    "requirements-build.txt": "requirements-build.txt",
    "requirements-dev.txt": "requirements-dev.txt",
    "local/ministack-requirements.txt": "ministack.txt",
    "tests/checkov-requirements.txt": "checkov.txt",
    "docs/requirements.txt": "docs.txt",
}


def pins(path: Path) -> set[str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", path.read_text(), flags=re.MULTILINE)
    return {f"{re.sub('[._]', '-', name).lower()}=={version}" for name, version in found}


@pytest.mark.parametrize("written", LOCKS)
def test_the_lock_has_every_requirement(written: str) -> None:
    wanted, lock = pins(ROOT / written), ROOT / "locks" / LOCKS[written]
    assert wanted
    assert wanted - pins(lock) == set(), f"run make lock, which writes {lock.relative_to(ROOT)} anew"


@pytest.mark.parametrize("lock", [*LOCKS.values(), "wheel.txt"])
def test_every_pin_has_hashes(lock: str) -> None:
    entries = re.split(r"^(?=\S)", (ROOT / "locks" / lock).read_text(), flags=re.MULTILINE)[1:]
    assert entries
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
