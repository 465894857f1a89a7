"""Every right is classified: proven by `make prove-iam`, or covered by a test of the template that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.iam_paths import PATHS
from bench.iam_rights import Right
from bench.iam_rules import RULES, NotProvable, rule_of
from bench.prove_iam import every_right, templates

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[Right]:
    return [right for _, right in every_right(templates(tmp_path_factory.mktemp("proof")))]


def test_every_right_of_the_template_is_classified(known: list[Right]) -> None:
    unclassified = [str(right) for right in known if rule_of(right) is None]
    assert not unclassified, "say in bench/iam_rules.py what proves them, or why nothing can"


def test_every_rule_has_a_right_and_what_it_names_exists(known: list[Right]) -> None:
    assert {rule_of(right) for right in known} == RULES.keys()
    for rule in RULES.values():
        if isinstance(rule, NotProvable):
            file, _, test = rule.test.partition("::")
            assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.MULTILINE), rule
        else:
            assert rule in PATHS


@pytest.mark.parametrize(
    ("holder", "action"),
    [("PublishResultRole", "s3:DeleteObject"), ("NewRole", "s3:GetObject"), ("OutputKey", "kms:Decrypt")],
)
def test_a_new_action_is_not_classified_by_chance(holder: str, action: str) -> None:
    assert rule_of(Right(holder, action, "<OutputBucket.Arn>/results/*", "", "New", (0, 0))) is None
