"""Notes on this machine, written before anything is created, so that a killed run can be cleaned up later."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

STACK_PREFIX = "ComprehendEntitiesAcceptance-"
"""Prefix of the names of all stacks of ``accept``."""


def folder() -> Path:
    """Return the folder of the ledgers, in the user's folder for state (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "comprehend-entities" / "acceptance"


@dataclass
class Ledger:
    """One run of ``accept``.

    Attributes:
        stack: the name of its stack.
        account: the account, and ``region`` the Region, that it runs in.
        assets: objects that it put into the bucket of the CDK bootstrap, as bucket and key.
        parts: type and physical id of the resources of its stack, as far as they are known.
    """

    stack: str
    account: str
    region: str
    assets: list[tuple[str, str]] = field(default_factory=list)
    parts: list[tuple[str, str]] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The file that it is written to."""
        return folder() / f"{self.stack}.json"

    def write(self) -> None:
        """Write it down; the file is complete at any moment."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(asdict(self)), encoding="utf-8")
        new.replace(self.path)

    def remove(self) -> None:
        """Remove the file: nothing is left to clean up."""
        for path in (self.path, _lock(self.stack)):
            path.unlink(missing_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Mark the run as alive for as long as the context lasts, however its process ends."""
        _lock(self.stack).parent.mkdir(parents=True, exist_ok=True)
        with _lock(self.stack).open("a") as lock:
            _locked(lock)
            yield


def interrupted(account: str, region: str) -> list[Ledger]:
    """Return the runs in an account and Region that have not cleaned up and are not alive."""
    found = []
    for path in sorted(folder().glob("*.json")):
        with suppress(ValueError, TypeError, OSError):
            read = Ledger(**json.loads(path.read_text("utf-8")))
            read.assets = [(bucket, key) for bucket, key in read.assets]
            read.parts = [(kind, name) for kind, name in read.parts]
            if (read.account, read.region) == (account, region) and not alive(read.stack):
                found.append(read)
    return found


def alive(stack: str) -> bool:
    """Return whether a process on this machine runs the checks of a stack now."""
    try:
        with _lock(stack).open("r+") as lock:
            return not _locked(lock)
    except FileNotFoundError:
        return False


def _lock(stack: str) -> Path:
    return folder() / f"{stack}.lock"


def _locked(lock: IO[str]) -> bool:
    """Take a file's lock, which the operating system releases with the process; return whether it was free."""
    try:
        import fcntl
    except ImportError:  # Windows: there a run counts as ended
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
