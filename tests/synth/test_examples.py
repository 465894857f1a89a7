"""The examples are what people copy: each synthesizes without a warning, and checkers find nothing in the construct."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from tests.synth.variants import PACKS, STRICT_PACKS

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/app.py"))
CONTEXT = {
    "custom_recognizer_pdf": {
        "recognizerArn": "arn:aws:comprehend:us-east-1:000000000000:entity-recognizer/papers/version/v1"
    },
    "private_vpc": {"s3PrefixListId": "pl-0123456789abcdef0"},
}


@dataclass(frozen=True)
class Example:
    """A synthesized example: its template, its warnings and errors, and what checkers find, by construct path."""

    template: dict[str, Any]
    messages: list[str]
    findings: list[tuple[str, str]]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """The properties of all resources of a type."""
        return [each.get("Properties", {}) for each in self.template["Resources"].values() if each["Type"] == kind]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Example]:
    """Each example, run as the CDK command line runs it, with cdk-nag as a plug-in."""

    @cache
    def synthesized(name: str) -> Example:
        import cdk_nag

        out, packs = tmp_path_factory.mktemp(name), STRICT_PACKS if name == "private_vpc" else PACKS
        settings = json.loads((EXAMPLES / name / "cdk.json").read_text()).get("context", {})
        app = cdk.App(outdir=str(out), context={**settings, **CONTEXT.get(name, {})})
        cdk.Validations.of(app).add_plugins(*(getattr(cdk_nag, f"{pack}Checks")(verbose=True) for pack in packs))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CDK_VALIDATION", "true")
            patch.setattr(cdk, "App", lambda: app)
            # What plug-ins find fails the synthesis, but all is written.
            with suppress(RuntimeError):
                runpy.run_path(str(EXAMPLES / name / "app.py"))
        [stack] = cdk.cx_api.CloudAssembly(str(out)).stacks
        return Example(
            stack.template,
            [f"{each.level.name} {each.id}: {each.entry.data}" for each in stack.messages if each.level.name != "INFO"],
            [
                (violation["ruleName"], str(construct.get("constructPath")))
                for report in json.loads((out / "validation-report.json").read_text())["pluginReports"]
                for violation in report["violations"]
                for construct in violation["violatingConstructs"]
            ],
        )

    return synthesized


@pytest.mark.parametrize("name", NAMES)
def test_cdk_synth_strict_has_nothing_to_say(example: Callable[[str], Example], name: str) -> None:
    assert example(name).messages == []


@pytest.mark.parametrize("name", NAMES)
def test_cdk_nag_finds_nothing_in_the_construct(example: Callable[[str], Example], name: str) -> None:
    assert [found for found in example(name).findings if "/Entities/" in found[1]] == []
    # It looked: what is the example's own, each user judges.
    assert example(name).findings
