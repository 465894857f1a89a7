"""Docstrings of the public face: each argument, its default, and an example that runs; they are the reference."""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import aws_cdk as cdk
import pytest
from aws_cdk import Duration, Size
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

import cdk_comprehend_entities as face
from cdk_comprehend_entities import EntitiesDetectionWorkflow
from tests.synth.test_face import PACKAGES, RETURNED
from tests.synth.variants import own_vpc, prefix_list

INTERNAL = {
    "JobNetwork.admit_functions": "the workflow calls it",
    "JobNetwork.add_s3_endpoint": "the workflow's own method has the example",
    "JobNetwork.add_interface_endpoints": "the workflow's own method has the example",
    "WorkflowMonitoring.add_trigger": "the workflow calls it",
}
"""Methods without an example, and why."""


class Documented(NamedTuple):
    """Something public: its name, what it is, and its docstring."""

    name: str
    thing: Any
    text: str


def own_members(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield public members that a class and its bases in the library define."""
    for base in kind.__mro__:
        if base.__module__.startswith(PACKAGES):
            yield from ((name, member) for name, member in vars(base).items() if not name.startswith("_"))


def documented() -> Iterator[Documented]:
    """Yield the classes of the face, their constructors, methods and properties."""
    for name in face.__all__:
        kind = getattr(face, name)
        yield Documented(name, kind, inspect.getdoc(kind) or "")
        if "__init__" in vars(kind) and name not in RETURNED and vars(kind)["__init__"].__doc__:
            yield Documented(f"{name}()", kind.__init__, inspect.getdoc(kind.__init__) or "")
        for member_name, member in own_members(kind):
            function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            if inspect.isfunction(function):
                thing = member if isinstance(member, property) else function
                yield Documented(f"{name}.{member_name}", thing, inspect.getdoc(function) or "")


ALL = {found.name: found for found in documented()}
CALLED = {name: found for name, found in ALL.items() if inspect.isfunction(found.thing)}
WITH_EXAMPLE = [name for name, found in ALL.items() if inspect.isclass(found.thing) or name in CALLED]


def section(text: str, title: str) -> str:
    found = re.search(rf"^{title}:\n(.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


@pytest.mark.parametrize("name", ALL)
def test_it_has_a_first_line_that_says_what_it_is(name: str) -> None:
    first = ALL[name].text.partition("\n")[0]
    assert first.endswith(".")
    assert first.split()[0] not in {"What", "Whether", "How", "Where", "When"}


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_written_that_only_sphinx_reads(name: str) -> None:
    assert not re.search(r":\w+:`", ALL[name].text)
    assert not re.search(r"^Example:$", ALL[name].text, re.MULTILINE)


@pytest.mark.parametrize("name", CALLED)
def test_every_argument_is_described_with_its_default(name: str) -> None:
    arguments = section(ALL[name].text, "Args")
    described = dict(re.findall(r"^ {4}(\*{0,2}\w+): (.*?)(?=^ {4}\S|\Z)", arguments, re.MULTILINE | re.DOTALL))
    for parameter in list(inspect.signature(CALLED[name].thing).parameters.values()):
        if parameter.name in {"self", "cls"}:
            continue
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        text = described.pop(f"{stars}{parameter.name}", "")
        assert text, f"{name} does not describe {parameter.name}"
        if parameter.default is not parameter.empty:
            assert "default" in text, f"{name} does not say what {parameter.name} is by default"
    assert not described, f"{name} describes arguments that it does not have"


@pytest.mark.parametrize("name", [name for name, found in ALL.items() if hasattr(found.thing, "__dataclass_fields__")])
def test_every_field_of_a_value_is_described(name: str) -> None:
    described = set(re.findall(r"^ {4}(\w+): ", section(ALL[name].text, "Attributes"), re.MULTILINE))
    assert described == set(ALL[name].thing.__dataclass_fields__)


@pytest.mark.parametrize("name", WITH_EXAMPLE)
def test_it_has_an_example(name: str) -> None:
    if name in INTERNAL or name == "EntitiesDetectionWorkflow()":
        return
    assert ">>>" in section(ALL[name].text, "Examples")


def given() -> dict[str, Any]:
    """The names that examples use."""
    stack = cdk.Stack(cdk.App(), "Stack")
    return {
        **{name: getattr(face, name) for name in face.__all__},
        **{"cdk": cdk, "Duration": Duration, "Size": Size, "actions": actions, "targets": targets, "sfn": sfn},
        **{"stack": stack, "key": kms.Key(stack, "Key"), "topic": sns.Topic(stack, "Topic")},
        "role": iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal()),
        "s3_service": ec2.GatewayVpcEndpointAwsService.S3,
    }


@pytest.fixture(scope="module")
def workflows() -> Callable[[str], dict[str, Any]]:
    """Return a function that makes the workflows which an example uses, each in a place of its own."""
    names, made = given(), iter(range(1000))

    def make(text: str) -> dict[str, Any]:
        scope = Construct(names["stack"], f"Example{next(made)}")
        own: dict[str, Any] = {**names, "stack": scope}
        if "workflow" in text:
            own["workflow"] = EntitiesDetectionWorkflow(scope, "Workflow")
        if "strict" in text:
            stack = cdk.Stack(cdk.App(), "Stack")
            vpc, reached = own_vpc(stack), prefix_list(stack)
            own["strict"] = EntitiesDetectionWorkflow(
                stack, "Strict", hardening="strict", vpc=vpc, s3_prefix_list=reached
            )
        return own

    return make


@pytest.mark.parametrize("name", [name for name, found in ALL.items() if ">>>" in found.text])
def test_an_example_runs(
    name: str, workflows: Callable[[str], dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    example = section(ALL[name].text, "Examples")
    test = doctest.DocTestParser().get_doctest(example, workflows(example), name, None, 0)
    failed, _ = doctest.DocTestRunner().run(test)
    assert not failed, capsys.readouterr().out
