"""``make acceptance``: ``comprehend-entities accept`` against a local AWS of its own, and against nothing else."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from local.processes import ROOT, AlreadyRunning, only_one, own_environment
from local.rehearsal import ACCOUNT, REGION, Rehearsal, RehearsalError

FOLDER = ROOT / ".rehearsal" / "acceptance"
RECOGNIZER = f"arn:aws:comprehend:{REGION}:{ACCOUNT}:entity-recognizer/names"
CLOCK_SCALE = 0.02
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def prepare(rehearsal: Rehearsal) -> list[str]:
    """Give the local Comprehend what the checks need; return the options of ``accept``."""
    rehearsal.comprehend.add_recognizer(RECOGNIZER, "Text,Type\nAda Lovelace,NAME\nCharles Babbage,NAME\n")
    # States are long enough to be seen, and jobs of many documents long enough to be stopped, on a busy machine.
    rehearsal.comprehend.configure(
        submitted_seconds=50.0, stop_seconds=50.0, job_seconds=[366.5], seconds_per_document=200.0
    )
    return ["--yes", "--fill-quota", "--recognizer", RECOGNIZER]


def command(rehearsal: Rehearsal, state: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """Return the command ``accept`` and an environment in which it reaches this local AWS only.

    Args:
        rehearsal: the local AWS.
        state: the folder for what a killed run must remember.
        arguments: those of the command.
    """
    modules = os.pathsep.join(str(ROOT / name) for name in ("cli", "lambdas", "constructs"))
    own = {"XDG_STATE_HOME": str(state), "PYTHONPATH": modules, "PYTHONUNBUFFERED": "1"}
    environment = {**own_environment(), **rehearsal.environment, **own}
    return [sys.executable, "-m", "comprehend_entities_cli", "accept", *arguments], environment


def main(arguments: Sequence[str]) -> int:
    """Start a local AWS, run ``accept`` against it, and stop it; return the exit code of ``accept``."""
    with (
        only_one(FOLDER, "`make acceptance`"),
        Rehearsal(FOLDER, clock_scale=CLOCK_SCALE, authorization=True) as rehearsal,
    ):
        # What a killed run wrote down was in a local AWS that has gone with it.
        shutil.rmtree(FOLDER / "state-home", ignore_errors=True)
        rehearsal.bootstrap()
        options = [*prepare(rehearsal), "--output", str(FOLDER / "record"), *arguments]
        called, environment = command(rehearsal, FOLDER / "state-home", *options)
        return _run(called, environment)


def _run(called: list[str], environment: dict[str, str]) -> int:
    """Run the command; it gets the signals that this process gets, and cleans up before it ends."""
    process = subprocess.Popen(called, env=environment)

    def hand_on(number: int, frame: FrameType | None) -> None:
        # A terminal sends Ctrl-C to the whole process group.
        if number != signal.SIGINT:
            process.send_signal(number)

    before = {each: signal.signal(each, hand_on) for each in _SIGNALS}
    try:
        return process.wait()
    finally:
        for each, old in before.items():
            signal.signal(each, old)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (AlreadyRunning, RehearsalError) as error:
        sys.exit(str(error))
