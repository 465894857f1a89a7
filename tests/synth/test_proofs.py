"""Every right is classified: proven by `make prove-iam`, or covered by a test of the template that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.iam_paths import PATHS
from bench.iam_rights import Right, sources
from bench.iam_rules import RULES, NotProvable, rule_of
from bench.prove_iam import every_right, templates
from entities_job.operation import STOP

ROOT = Path(__file__).parents[2]


MADE_BY_CDK = r"StateMachineRole .*|\w+ ((logs|xray):\w+|sts:AssumeRole|sqs:SendMessage)|\w+ states:StartExecution"
"""Rights in statements of CDK: of state machines, log groups, tracing and dead-letter queues."""

NAMED = r"(narrower than documented: )?(AWS|Amazon|IAM|Service) [\w ]+, "


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proof")


@pytest.fixture(scope="module")
def known(folder: Path) -> list[Right]:
    return [right for _, right in every_right(templates(folder))]


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


def test_every_right_of_a_role_has_a_source(known: list[Right], folder: Path) -> None:
    found = sources(folder / "Everything")
    roles = [each for each in known if each.holder.endswith("Role")]
    missing = [f"{each.holder} {each.action}" for each in roles if (each.holder, each.action) not in found]
    assert not [right for right in missing if not re.fullmatch(MADE_BY_CDK, right)]
    assert {right for right in found if right[0] == "StopJobRole"} == {("StopJobRole", f"comprehend:{STOP}")}
    assert not [source for source in found.values() if not re.match(NAMED, source)]


@pytest.mark.parametrize(
    ("holder", "action"),
    [("PublishResultRole", "s3:DeleteObject"), ("NewRole", "s3:GetObject"), ("OutputKey", "kms:Decrypt")],
)
def test_a_new_action_is_not_classified_by_chance(holder: str, action: str) -> None:
    assert rule_of(Right(holder, action, "<OutputBucket.Arn>/results/*", "", "New", (0, 0))) is None
