"""The price is known, asked for, and kept below what the caller allows."""

from __future__ import annotations

from comprehend_entities_cli.acceptance.plan import MOST_DOLLARS, plan, total
from comprehend_entities_cli.acceptance.scenarios.documents import LINES, NAMES, PAIR, TEXT, lines_of, units
from tests.command_line import typed
from tests.unit.cli.acceptance.conftest import TestAccount


def test_all_of_it_costs_less_than_is_allowed_by_default() -> None:
    least, most = plan(None, fill_quota=False), plan("arn", fill_quota=True)
    assert 0 < total(least) < total(most) < MOST_DOLLARS
    assert len(most) == len(least) + 2
    assert all(each.source.startswith("https://aws.amazon.com/") for each in most)


def test_documents_are_as_small_as_they_can_be() -> None:
    assert units(PAIR) == 6
    assert 250 < len(TEXT) <= 300
    assert sum(map(len, PAIR.values())) >= 500
    assert {name for name in NAMES if any(c in name for c in " +%é/")} >= {"two words.txt", "plus+sign.txt"}
    assert "\u2028" in lines_of(LINES)[2]


def test_it_must_be_agreed_to(account: TestAccount) -> None:
    told = typed("accept")
    assert told.code == 1
    assert "Give --yes to agree" in told.err
    assert not account.calls["CreateStack"]


def test_it_must_not_cost_more_than_is_allowed(account: TestAccount) -> None:
    told = typed("accept", "--yes", "--most-dollars", "0.01")
    assert told.code == 1
    assert "at most 0.0100 USD is allowed" in told.err
    assert not account.calls["CreateStack"]


def test_an_unknown_check_is_named(account: TestAccount) -> None:
    told = typed("accept", "--check", "abort", "--check", "nothing_like_this")
    assert told.code == 1
    assert "There is no check nothing_like_this" in told.err
    assert "key_policies" in told.err
    assert not account.calls
