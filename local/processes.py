"""Servers on loopback: how they are started, found again and ended, whoever started them."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOME = ROOT / ".rehearsal" / "home"
"""The home folder of what is started here: aws-cdk-lib keeps fingerprints in ``~/.cdk``, which nothing else moves."""

LOOPBACK = "127.0.0.1"
OFFLINE = {
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "CDK_DISABLE_CLI_TELEMETRY": "true",
    "CDK_DISABLE_VERSION_CHECK": "true",
}
"""Variables that keep AWS clients and the CDK from asking anybody but the rehearsal."""

_TIED = "REHEARSAL_ENDS_WITH_STDIN"


class AlreadyRunning(Exception):
    """Another process works in the folder; the message names it, and says what to do."""


@contextmanager
def only_one(folder: Path, name: str) -> Iterator[None]:
    """Hold a folder's lock, so that a second run does not stop the servers of the first.

    Args:
        folder: made if it is not there.
        name: what runs there, for the message.

    Raises:
        AlreadyRunning: another process holds the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip()
            raise AlreadyRunning(
                f"another {name} runs in this folder (process {holder}); wait for it, or stop it"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def spawn(
    command: list[str], environment: dict[str, str], log: Path, *, outlives: bool = False
) -> subprocess.Popen[bytes]:
    """Start a server, which writes ``log`` and leads a process group of its own.

    Args:
        command: runs a module that calls :func:`end_with_parent`.
        environment: its variables.
        log: the file that gets what it prints.
        outlives: whether it goes on when this process ends, instead of ending, too, even if a signal kills this one.
    """
    tie = {} if outlives else {_TIED: "1"}
    with log.open("wb") as output:
        # Held by the process for as long as it lives: see _end.
        fcntl.flock(output, fcntl.LOCK_EX)
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment | tie,
            stdin=subprocess.DEVNULL if outlives else subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def end_with_parent() -> None:
    """Kill this server and its children as soon as the process that spawned it has ended (unless it outlives that one).

    The kernel closes the parent's end of our standard input then, however the parent ended.
    """
    if os.environ.pop(_TIED, None):
        threading.Thread(target=_end_with_stdin, daemon=True).start()


def _end_with_stdin() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.killpg(0, signal.SIGKILL)


def running(folder: Path) -> bool:
    """Return True if a local AWS whose process ids are in ``folder`` is running."""
    record = folder / "rehearsal.json"
    return record.exists() and any(_held(folder / log) for log in json.loads(record.read_text())["processes"])


def _held(log: Path) -> bool:
    with log.open("rb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def end_rehearsal(folder: Path) -> bool:
    """End the rehearsal whose process ids stand in ``folder``; returns whether there was one."""
    record = folder / "rehearsal.json"
    if not record.exists():
        return False
    ended = [_end(pid, folder / log) for log, pid in json.loads(record.read_text())["processes"].items()]
    record.unlink()
    return any(ended)


def _end(pid: int, log: Path) -> bool:
    """End the process that writes ``log``, and its children; returns whether it lived.

    It lives as long as it holds its log's lock; without one, its number may be that of somebody else's process by now.
    """
    with log.open("rb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # It leads a process group of its own.
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            fcntl.flock(held, fcntl.LOCK_EX)
            return True
    return False


def own_environment() -> dict[str, str]:
    """The environment without what would lead a process to an AWS account or to the modules of a checkout, with a home
    folder below this one.
    """
    foreign = ("AWS_", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, **OFFLINE, "HOME": str(HOME)}


def forget_account() -> None:
    """Take out of this process's own environment what would lead its AWS clients to an account, or through a proxy."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(OFFLINE)


def answers(port: int) -> bool:
    """Return True if a process serves a port and goes on to: a killed one may take a moment to end."""
    for _ in range(5):
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)):
                return False
        time.sleep(0.1)
    return True


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
