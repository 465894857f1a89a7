"""One run from its beginning to its end: deployed, checked, and removed whatever happens."""

from __future__ import annotations

import secrets
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from ..aws import Aws
from .checks import Check
from .checks.running import run_checks
from .cleanup import clean_up
from .ledger import STACK_PREFIX, Ledger
from .record import Record, Result, versions
from .stack import deploy, synthesize
from .terms import Options
from .trial import Trial

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def accept(
    aws: Aws,
    account: str,
    checks: Sequence[tuple[int, Check]],
    options: Options,
    *,
    told: Callable[[Result], None],
    doing: Callable[[str], None],
) -> Record:
    """Deploy, check and remove; return the record, which says if it was interrupted.

    Args:
        aws: the account's clients.
        account: its number.
        checks: the checks, with their numbers.
        options: what the caller allows and brings.
        told: gets the result of each check at once.
        doing: gets what is done now, in words.

    Raises:
        CommandError: the stack can't be synthesized or deployed; what was made is removed.
    """
    record = Record("local" if aws.is_local else "aws", aws.region, datetime.now(UTC).isoformat()[:19], versions())
    ledger = Ledger(f"{STACK_PREFIX}{secrets.token_hex(3)}", account, aws.region)

    def keep(result: Result) -> None:
        record.results.append(result)
        told(result)

    with ledger.held():
        try:
            with _interruptible():
                ledger.write()
                doing("synthesizing the stack")
                with tempfile.TemporaryDirectory() as folder:
                    assembly = synthesize(Path(folder) / "assembly", ledger.stack, options.recognizer)
                    doing(f"deploying {ledger.stack}")
                    outputs = deploy(aws, assembly, ledger, pause=options.pause, told=lambda status: None)
                doing("running the checks")
                with Trial(aws, ledger.stack, account, outputs, options) as trial:
                    run_checks(trial, checks, keep)
        except KeyboardInterrupt:
            record.interrupted = True
            doing("interrupted; everything is removed first")
        finally:
            with _undisturbed(doing):
                cleaned = clean_up(aws, ledger, pause=options.pause, told=doing)
    record.results.sort(key=lambda each: each.number)
    record.left_behind, record.keys_waiting = cleaned.left, len(cleaned.keys_waiting)
    return record


@contextmanager
def _interruptible() -> Iterator[None]:
    """Turn each signal that ends a process into KeyboardInterrupt."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled(interrupt):
        yield


@contextmanager
def _undisturbed(doing: Callable[[str], None]) -> Iterator[None]:
    """Go on whatever signal comes: what is not removed costs money."""

    def wait(number: int, frame: FrameType | None) -> None:
        doing("everything is being removed; if it must end now, `comprehend-entities accept --clean-up` goes on later")

    with _handled(wait):
        yield


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {each: signal.signal(each, handler) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, old in before.items():
            signal.signal(each, old)


def finish(aws: Aws, runs: Sequence[Ledger], options: Options, doing: Callable[[str], None]) -> list[str]:
    """Clean up interrupted runs; return what is left behind of them.

    Raises:
        CommandError: another process has begun to do so.
    """
    left = []
    for ledger in runs:
        with ledger.held():
            doing(f"cleaning up {ledger.stack}")
            with _undisturbed(doing):
                left += clean_up(aws, ledger, pause=options.pause, told=doing).left
    return left
