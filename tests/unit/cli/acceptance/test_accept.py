"""A run ends with a record and a clean-up, whatever happens in it; checks that need an option say so without it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from comprehend_entities_cli.acceptance import accept
from comprehend_entities_cli.acceptance.checks import CHECKS, running
from comprehend_entities_cli.acceptance.checks.catalog import Check
from comprehend_entities_cli.acceptance.ledger import Ledger
from comprehend_entities_cli.acceptance.record import Result
from comprehend_entities_cli.acceptance.scenarios import executions, slots
from comprehend_entities_cli.acceptance.terms import CheckFailed, NotHere, Options
from comprehend_entities_cli.aws import CommandError
from tests.command_line import Typed, typed
from tests.unit.cli.acceptance.conftest import TestAccount


@pytest.fixture
def deployed(account: TestAccount, monkeypatch: pytest.MonkeyPatch) -> TestAccount:
    """An account in which the stack stands at once, and in which no scenario is started."""

    def deploy(aws: Any, assembly: Path, ledger: Ledger, **_: Any) -> dict[str, str]:
        account.stand(ledger.stack)
        return {}

    class NoTrial:
        def __init__(self, *_: Any) -> None: ...
        def __enter__(self) -> NoTrial:
            return self

        def __exit__(self, *_: Any) -> None: ...

    monkeypatch.setattr(accept, "synthesize", lambda folder, *_: folder)
    monkeypatch.setattr(accept, "deploy", deploy)
    monkeypatch.setattr(accept, "Trial", NoTrial)
    return account


def run(monkeypatch: pytest.MonkeyPatch, checks: Callable[[Callable[[Result], None]], None]) -> Typed:
    monkeypatch.setattr(accept, "run_checks", lambda trial, chosen, told: checks(told))
    return typed("accept", "--yes", "-o", "record")


def last(told: Typed) -> Any:
    return json.loads(told.out.splitlines()[-1])


def passes(told: Callable[[Result], None]) -> None:
    told(Result.of(1, CHECKS[0], "passed", evidence={"Functions": 12}))


def test_a_run_ends_with_its_record(deployed: TestAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run(monkeypatch, passes)
    assert told.code == 0
    assert last(told) == {"checks": 1, "passed": 1, "failed": 0, "not_here": 0, "left_behind": 0}
    assert not deployed.standing
    assert json.loads(Path("record.json").read_text("utf-8"))["target"] == "aws"
    assert "1 key will be deleted by AWS" in told.err


def test_a_failed_check_is_told_by_the_exit_code(deployed: TestAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run(monkeypatch, lambda told: told(Result.of(1, CHECKS[0], "failed", "functions are Inactive")))
    assert (told.code, last(told)["failed"]) == (1, 1)
    assert "functions are Inactive" in told.out
    assert not deployed.standing


def test_what_is_left_behind_is_told_by_the_exit_code(deployed: TestAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployed, "_DeleteStack", lambda given: {})
    told = run(monkeypatch, passes)
    assert told.code == 1
    assert last(told)["left_behind"] > 0
    assert "left behind: bucket ComprehendEntitiesAcceptance-" in told.err


def test_a_deployment_that_fails_is_a_failed_check(deployed: TestAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(aws: Any, assembly: Path, ledger: Ledger, **_: Any) -> dict[str, str]:
        deployed.stand(ledger.stack)
        raise CommandError("Queue: the quota is reached")

    monkeypatch.setattr(accept, "deploy", fails)
    told = run(monkeypatch, passes)
    assert (told.code, last(told)["failed"], last(told)["checks"]) == (1, 1, 1)
    assert "Queue: the quota is reached" in told.out
    assert not deployed.standing


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_in_a_clean_up(
    deployed: TestAccount, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def interrupted(told: Callable[[Result], None]) -> None:
        passes(told)
        os.kill(os.getpid(), number)
        raise AssertionError("the signal was not taken")

    def disturbed(given: dict[str, Any]) -> dict[str, Any]:
        os.kill(os.getpid(), number)
        return TestAccount._DeleteStack(deployed, given)

    monkeypatch.setattr(deployed, "_DeleteStack", disturbed)
    before = signal.getsignal(number)
    told = run(monkeypatch, interrupted)
    assert told.code == 130
    assert (last(told)["checks"], last(told)["left_behind"]) == (1, 0)
    assert not deployed.standing
    assert "accept --clean-up" in told.err
    assert signal.getsignal(number) == before


def test_checks_that_need_an_option_say_so_without_it() -> None:
    trial: Any = SimpleNamespace(outputs={}, options=Options())
    with pytest.raises(NotHere, match="--fill-quota"):
        slots.quota(trial)
    with pytest.raises(NotHere, match="--recognizer ARN"):
        executions.custom(trial)


@pytest.mark.parametrize(
    ("error", "verdict", "text"),
    [
        (NotHere("needs a recognizer"), "not_here", "needs a recognizer"),
        (CheckFailed("the job ended as FAILED"), "failed", "the job ended as FAILED"),
        (KeyError("Contents"), "failed", "KeyError: 'Contents'"),
    ],
)
def test_a_check_has_a_verdict_whatever_it_raises(error: Exception, verdict: str, text: str) -> None:
    def raises(_: Any) -> Any:
        raise error

    results: list[Result] = []
    trial: Any = SimpleNamespace(settle=lambda: None)
    running.run_checks(trial, [(7, Check("it", "It is so", ("B1",), (), raises))], results.append)
    [result] = results
    assert (result.number, result.verdict) == (7, verdict)
    assert text in result.text


def test_checks_run_in_stages_whatever_their_numbers() -> None:
    seen: list[str] = []

    def noted(name: str, *needs: str, last: bool = False) -> Check:
        return Check(name, "", (), needs, lambda _: seen.append(name) or {}, last)  # type: ignore[func-returns-value]  # append returns None

    trial: Any = SimpleNamespace(settle=lambda: seen.append("settled"), begin=lambda name, _: seen.append(f"+{name}"))
    checks = [noted("end", last=True), noted("filled", "quota"), noted("first", "orphan")]
    running.run_checks(trial, list(enumerate(checks, 1)), lambda _: None)
    assert seen == ["+refused", "+orphan", "first", "settled", "+quota", "filled", "settled", "end"]
