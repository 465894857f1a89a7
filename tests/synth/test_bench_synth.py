"""What `make bench-synth` compares: the stack by hand has the resources and the statements of the smallest workflow."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from bench import synth
from bench.hand_written.stack import HandWritten
from tests.synth.reading import Synthesized


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    asset = tmp_path_factory.mktemp("asset")
    (asset / "module.py").touch()
    stack = cdk.Stack(cdk.App(), "Stack")
    HandWritten(stack, "Entities", asset=str(asset))
    return dict(Template.from_stack(stack).to_json()["Resources"])


def types(resources: dict[str, Any]) -> Counter[str]:
    return Counter(resource["Type"] for resource in resources.values())


def actions(resources: dict[str, Any]) -> Counter[str]:
    policies = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::IAM::Policy"]
    return Counter(
        str(statement["Action"]) for policy in policies for statement in policy["PolicyDocument"]["Statement"]
    )


def test_by_hand_the_resources_are_the_same(by_hand: dict[str, Any], default: Synthesized) -> None:
    assert types(by_hand) == types(default.template.to_json()["Resources"])


def test_by_hand_the_rights_are_the_same(by_hand: dict[str, Any], default: Synthesized) -> None:
    assert actions(by_hand) == actions(default.template.to_json()["Resources"])


@pytest.mark.long
def test_the_last_line_has_the_ratios(capfd: pytest.CaptureFixture[str]) -> None:
    synth.main(runs=1)
    *_, last = capfd.readouterr().out.splitlines()
    assert set(json.loads(last)) == {"ratio_to_hand_written", "ratio_to_empty_app"}
