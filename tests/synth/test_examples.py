"""The examples are what people copy: each synthesizes without a warning, and checkers find nothing in the construct."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
import sqlglot

from tests.synth.reading import listed
from tests.synth.variants import PACKS, STRICT_PACKS

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/app.py"))
CONTEXT = {
    "custom_recognizer_pdf": {
        "recognizerArn": "arn:aws:comprehend:us-east-1:000000000000:entity-recognizer/papers/version/v1"
    },
    "private_vpc": {"s3PrefixListId": "pl-0123456789abcdef0"},
}

START = """make demo                                      # starts it, and bootstraps the CDK in it
. .rehearsal/demo/env.sh                       # this shell now talks to the local AWS only
cd examples/EXAMPLE
python3 -m venv .venv && . .venv/bin/activate
pip wheel --no-deps --wheel-dir dist ../..     # or take the wheel from a release
pip install --find-links dist -r requirements.txt
"""


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


def test_the_pipelines_function_reads_results_and_writes_the_table_only(example: Callable[[str], Example]) -> None:
    [policy] = [
        each["PolicyDocument"]["Statement"]
        for each in example("upload_pipeline").of_type("AWS::IAM::Policy")
        if "IndexEntities" in each["PolicyName"]
    ]
    actions = {action for statement in policy for action in listed(statement["Action"])}
    sends = {"sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"}
    assert actions == {"dynamodb:BatchWriteItem", "kms:Decrypt", "s3:GetObject", "s3:ListBucket"} | sends


def test_the_pipelines_query_is_sql_of_athena() -> None:
    [query] = sqlglot.parse((EXAMPLES / "upload_pipeline" / "people.sql").read_text("utf-8"), read="athena")
    assert query is not None


def test_the_schedule_starts_one_state_machine_and_keeps_what_it_could_not_start(
    example: Callable[[str], Example],
) -> None:
    [schedule] = example("nightly").of_type("AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "cron(0 1 * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "Etc/UTC"
    assert json.loads(schedule["Target"]["Input"]) == {"ScheduledTime": "<aws.scheduler.scheduled-time>"}
    assert schedule["Target"]["DeadLetterConfig"]
    [policy] = [
        each["PolicyDocument"]["Statement"]
        for each in example("nightly").of_type("AWS::IAM::Policy")
        if "SchedulerRole" in each["PolicyName"]
    ]
    assert {action for statement in policy for action in listed(statement["Action"])} == {
        "sqs:SendMessage",
        "states:StartExecution",
    }


def test_the_private_vpc_has_no_way_to_the_internet(example: Callable[[str], Example]) -> None:
    made = example("private_vpc")
    assert not made.of_type("AWS::EC2::InternetGateway")
    assert not made.of_type("AWS::EC2::NatGateway")
    assert len(made.of_type("AWS::EC2::VPCEndpoint")) == 5


@pytest.mark.parametrize("name", NAMES)
def test_a_readme_tells_all_steps_and_names_real_outputs(example: Callable[[str], Example], name: str) -> None:
    text = (EXAMPLES / name / "README.md").read_text("utf-8")
    for part in ("## On your machine", "## On an AWS account", "## Remove it", "You need an account", "USD"):
        assert part in text, part
    assert START.replace("EXAMPLE", name) in text
    outputs = example(name).template["Outputs"].keys()
    assert set(re.findall(r"<([A-Z]\w+)>", text)) <= outputs | {"Region", "Account", "Name", "Version"}


@pytest.mark.parametrize("name", NAMES)
def test_on_your_machine_the_command_line_is_told_the_examples_deployment(name: str) -> None:
    """The shell of the demo names the deployment of this repository's own app."""
    text = (EXAMPLES / name / "README.md").read_text("utf-8")
    [block] = re.findall(r"^## On your machine$.*?^```sh$(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    before, _, _ = block.partition("\ncomprehend-entities ")
    assert before != block
    assert "\nexport COMPREHEND_ENTITIES_STATE_MACHINE=<StateMachineArn> " in before
