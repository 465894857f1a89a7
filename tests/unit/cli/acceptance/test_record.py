"""Records hold what was seen, without account numbers, and the page of the documentation is made from them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bench import acceptance as bench
from comprehend_entities_cli.acceptance.checks import CHECKS, OPEN_POINTS
from comprehend_entities_cli.acceptance.checks.running import chosen
from comprehend_entities_cli.acceptance.record import Record, Result, versions, without_accounts
from comprehend_entities_cli.acceptance.scenarios import SCENARIOS

KEY = "arn:aws:kms:eu-west-1:111122223333:key/11112222-3333-4444-5555-666677778888"


@pytest.fixture
def record() -> Record:
    made = Record("aws", "eu-west-1", "2026-11-26T10:15:00", versions())
    first, second, third = CHECKS[:3]
    made.results = [
        Result.of(1, first, "passed", evidence={"Key": KEY, "Folder": "111122223333-NER-5dfc"}),
        Result.of(2, second, "failed", f"no rights | on\n{KEY}"),
        Result.of(3, third, "not_here", "give --fill-quota"),
    ]
    return made


def test_the_last_line_counts_verdicts(record: Record) -> None:
    record.left_behind = ["bucket x"]
    assert record.counts() == {"checks": 3, "passed": 1, "failed": 1, "not_here": 1, "left_behind": 1}


def test_files_name_no_account(record: Record, tmp_path: Path) -> None:
    record.left_behind, record.keys_waiting = [f"key {KEY}"], 4
    texts = [path.read_text("utf-8") for path in record.write(tmp_path / "it.is")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it.is.json", "it.is.md"]
    assert not any("111122223333" in text for text in texts)
    assert all(text.count("<account>") >= 3 for text in texts)
    read = json.loads(texts[0])
    assert read["results"][1]["verdict"] == "failed"
    assert {"aws-cdk-lib", "botocore", "cdk-comprehend-entities"} <= read["versions"].keys()
    assert r"no rights \| on" in texts[1]
    assert "Keys in their waiting period: 4" in texts[1]


def test_account_numbers_go_from_any_value() -> None:
    given = {"a": ["111122223333", 7, None], "b": ("s3://x-111122223333-y/",)}
    assert without_accounts(given) == {"a": ["<account>", 7, None], "b": ["s3://x-<account>-y/"]}


def test_checks_are_many_and_have_names_of_their_own() -> None:
    names = [check.name for check in CHECKS]
    assert len(names) == len(set(names)) >= 30
    assert all(set(check.needs) <= {*SCENARIOS, "quota"} for check in CHECKS)
    assert [number for number, _ in chosen([])] == list(range(1, len(CHECKS) + 1))
    assert [(number, check.name) for number, check in chosen([names[4]])] == [(5, names[4])]


def test_every_open_point_and_every_row_of_the_page_has_a_check_or_a_reason() -> None:
    proved = {point for check in CHECKS for point in check.proves}
    assert proved >= OPEN_POINTS.keys()
    rows = set(re.findall(r"^\| ([ABC]\d+|VPC|narrow|lock|key) \|", bench.PAGE.read_text("utf-8"), re.MULTILINE))
    assert len(rows) >= 30
    assert rows - proved == bench.WITHOUT_CHECK.keys()
    assert proved - rows == OPEN_POINTS.keys()


def test_the_page_is_up_to_date() -> None:
    assert not bench.stale(), "run make acceptance-page"


def test_the_page_says_which_checks_never_ran_on_aws(record: Record) -> None:
    assert "Checks that were never run on AWS: all." in bench.section({})
    told = bench.section({"aws": record.as_json()})
    never = re.findall(r"Checks that were never run on AWS: (.+)\.", told)[0].split(", ")
    assert never == [check.name for check in CHECKS[2:]]
    assert "- On AWS: 2026-11-26, eu-west-1, with Python" in told
    assert "- On the local AWS: never run." in told
