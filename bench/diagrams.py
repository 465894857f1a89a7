"""Diagrams of docs/concepts.md, drawn by Graphviz from a synthesized workflow.

``python -m bench.diagrams`` writes docs/images/state-machine.svg and docs/images/calls.svg, and needs ``dot``
(``apt install graphviz``). A test compares the edges in the pictures with the template, without Graphviz.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import aws_cdk as cdk
from aws_cdk.assertions import Template

from cdk_comprehend_entities import EntitiesDetectionWorkflow

IMAGES = Path(__file__).parents[1] / "docs" / "images"

_SERVICES = {
    "comprehend": "Amazon Comprehend",
    "events": "EventBridge",
    "s3": "Amazon S3",
    "sqs": "Amazon SQS",
    "states": "Step Functions",
}
"""Services in the picture of calls, by the prefix of their actions; not KMS, logs and traces, which all use."""

_STYLE = """
  graph [rankdir=TB, bgcolor=white, nodesep=0.3, ranksep=0.45, fontname="system-ui, sans-serif"]
  node [shape=box, style="rounded,filled", fillcolor="#e7effc", color="#3f73c8", fontsize=12]
  node [fontname="system-ui, sans-serif"]
  edge [color="#4c5566", fontname="system-ui, sans-serif", fontsize=10, fontcolor="#4c5566", arrowsize=0.7]
"""
_FILLS = {
    "Choice": '[shape=diamond, style=filled, fillcolor="#f5f6f8", color="#8a93a3"]',
    "Wait": '[fillcolor="#f5f6f8", color="#8a93a3"]',
    "Map": '[fillcolor="#e3f4ea", color="#2f8a58"]',
    "Succeed": '[shape=ellipse, style=filled, fillcolor="#e3f4ea", color="#2f8a58"]',
    "Fail": '[shape=ellipse, style=filled, fillcolor="#fce8e6", color="#c0463d"]',
}


_HOLDER = re.compile(r"^Entities(UploadDispatcher|OrphanedJobs|Completion)?|(Role)?[0-9A-F]{8}$")
"""What the logical id of a role has around the name of the function that it belongs to."""


class Edge(NamedTuple):
    """A way from one node to another; ``error`` is one that a Catch takes."""

    start: str
    end: str
    error: bool = False


def template() -> dict[str, Any]:
    """Return the template of a workflow with an upload trigger."""
    stack = cdk.Stack(cdk.App(), "Stack")
    EntitiesDetectionWorkflow(stack, "Entities").start_on_upload()
    made: dict[str, Any] = Template.from_stack(stack).to_json()["Resources"]
    return made


def definition(resources: dict[str, Any]) -> dict[str, Any]:
    """Return the state machine's definition, with a text for each value that is known at deployment only."""
    (machine,) = (each for each in resources.values() if each["Type"] == "AWS::StepFunctions::StateMachine")
    parts = machine["Properties"]["DefinitionString"]["Fn::Join"][1]
    made: dict[str, Any] = json.loads("".join(part if isinstance(part, str) else "-" for part in parts))
    return made


def transitions(states: dict[str, Any]) -> Iterator[Edge]:
    """Yield the ways from state to state."""
    for name, state in states.items():
        for following in (state, *state.get("Choices", ())):
            if "Next" in following:
                yield Edge(name, following["Next"])
        if "Default" in state:
            yield Edge(name, state["Default"])
        for catch in state.get("Catch", ()):
            yield Edge(name, catch["Next"], error=True)


def calls(resources: dict[str, Any]) -> Iterator[Edge]:
    """Yield the services that each function, the state machine and Comprehend itself may call, by their roles."""
    for resource in resources.values():
        if resource["Type"] != "AWS::IAM::Policy":
            continue
        holders = [_HOLDER.sub("", role["Ref"]) for role in resource["Properties"]["Roles"]]
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            for service in {action.partition(":")[0] for action in actions} & _SERVICES.keys():
                yield from (Edge(holder, _SERVICES[service]) for holder in holders)


def state_machine(resources: dict[str, Any]) -> str:
    """Return the state machine as text for ``dot``."""
    machine = definition(resources)
    states = machine["States"]
    nodes = [f'"{name}" {_FILLS.get(state["Type"], "")}' for name, state in states.items()]
    return _graph(nodes, transitions(states))


def who_calls_what(resources: dict[str, Any]) -> str:
    """Return the picture of :func:`calls` as text for ``dot``."""
    services = [f'"{name}" [fillcolor="#f3f0fb", color="#7a5fc0"]' for name in sorted(_SERVICES.values())]
    return _graph(services, calls(resources), "rankdir=LR; ranksep=2;")


def _graph(nodes: list[str], edges: Iterator[Edge], more: str = "") -> str:
    ways = sorted(set(edges))
    dashed = ' [style=dashed, color="#c0463d", constraint=false]'
    lines = [f'"{start}" -> "{end}"{dashed if error else ""}' for start, end, error in ways]
    return "\n".join(["digraph {", _STYLE, more, *nodes, *lines, "}"])


PICTURES = {"state-machine.svg": state_machine, "calls.svg": who_calls_what}


def drawn(picture: str) -> set[tuple[str, str]]:
    """Return the edges in a picture that Graphviz made: the title of each edge names its ends."""
    titles = re.findall(r"<title>(.+?)</title>", html.unescape(picture.replace("&#45;&gt;", "->")))
    return {(start, end) for start, arrow, end in (title.partition("->") for title in titles) if arrow}


def main() -> None:
    """Write the pictures."""
    dot = shutil.which("dot") or sys.exit("Graphviz is needed: apt install graphviz")
    resources = template()
    for name, picture in PICTURES.items():
        done = subprocess.run([dot, "-Tsvg"], input=picture(resources), text=True, capture_output=True, check=True)
        # Its version and our operating system's fonts say nothing about the workflow.
        made = re.sub(r"<!--.*?-->\n?", "", done.stdout, flags=re.DOTALL)
        (IMAGES / name).write_text(made, "utf-8")


if __name__ == "__main__":
    main()
