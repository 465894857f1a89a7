"""One run from its beginning to its end: deployed, checked, and removed whatever happens."""

from __future__ import annotations

import secrets
import signal
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from ..aws import Aws, CommandError, explain
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

    A deployment that fails is a failed check, number 0.

    Args:
        aws: the account's clients.
        account: its number.
        checks: the checks, with their numbers.
        options: what the caller allows and brings.
        told: gets the result of each check at once.
        doing: gets what is done now, in words.
    """
    record = Record("local" if aws.is_local else "aws", aws.region, datetime.now(UTC).isoformat()[:19], versions())
    ledger = Ledger(f"{STACK_PREFIX}{secrets.token_hex(3)}", account, aws.region)

    def keep(result: Result) -> None:
        record.results.append(result)
        told(result)

    signals = _Signals(doing)
    with ledger.held(), signals:
        try:
            ledger.write()
            outputs = _deployed(aws, ledger, options, doing, keep)
            if outputs is not None:
                doing("running the checks")
                with Trial(aws, ledger.stack, account, outputs, options) as trial:
                    run_checks(trial, checks, keep)
        except KeyboardInterrupt:
            record.interrupted = True
            doing("interrupted; removing everything first")
        finally:
            signals.ends_nothing = True
            cleaned = clean_up(aws, ledger, pause=options.pause, told=doing)
    record.results.sort(key=lambda each: each.number)
    record.left_behind, record.keys_waiting = cleaned.left, len(cleaned.keys_waiting)
    return record


def _deployed(
    aws: Aws, ledger: Ledger, options: Options, doing: Callable[[str], None], told: Callable[[Result], None]
) -> dict[str, str] | None:
    """Deploy the stack and return its outputs; if it can't be, tell so as a failed check, and return nothing."""
    try:
        doing("synthesizing the stack")
        with tempfile.TemporaryDirectory() as folder:
            assembly = synthesize(Path(folder) / "assembly", ledger.stack, options.recognizer)
            doing(f"deploying {ledger.stack}")
            return deploy(aws, assembly, ledger, pause=options.pause, told=lambda status: None)
    except Exception as error:
        text = str(error) if isinstance(error, CommandError) else ". ".join(filter(None, explain(error)))
        told(Result(0, "deployment", "The stack is deployed", (), "failed", text))
        return None


class _Signals:
    """The signals that end a process: the first one is a KeyboardInterrupt, the others change nothing; a context.

    Attributes:
        ends_nothing: whether a signal only says what goes on, for what is not removed costs money.
    """

    def __init__(self, doing: Callable[[str], None]) -> None:
        self.ends_nothing = False
        self._doing = doing
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        self._before = {each: signal.signal(each, self._handle) for each in _SIGNALS}

    def __exit__(self, *_: object) -> None:
        for each, old in self._before.items():
            signal.signal(each, old)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.ends_nothing:
            self._doing("removing everything; if you end it now, run `comprehend-entities accept --clean-up` later")
            return
        self.ends_nothing = True
        raise KeyboardInterrupt


def finish(aws: Aws, runs: Sequence[Ledger], options: Options, doing: Callable[[str], None]) -> list[str]:
    """Clean up interrupted runs; return their remaining resources."""
    left, signals = [], _Signals(doing)
    signals.ends_nothing = True
    for ledger in runs:
        with ledger.held(), signals:
            doing(f"cleaning up {ledger.stack}")
            left += clean_up(aws, ledger, pause=options.pause, told=doing).left
    return left
