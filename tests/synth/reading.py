"""Reading synthesized templates as a person does: ``<OutputKey.Arn>`` for a reference, a right as one line."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
from aws_cdk.assertions import Template
from constructs import IConstruct

from cdk_comprehend_entities import EntitiesDetectionWorkflow

OWN = "StackEntities8DB43F9B"
"""The workflow's name in prefixes that several workflows may share."""


class Synthesized:
    """A stack with one workflow of the id ``Entities``, synthesized."""

    def __init__(self, build: Callable[[cdk.Stack], EntitiesDetectionWorkflow], **stack: Any) -> None:
        self.stack = cdk.Stack(cdk.App(), "Stack", **stack)
        self.workflow = build(self.stack)
        self.template = Template.from_stack(self.stack)
        self.resources: dict[str, dict[str, Any]] = self.template.to_json()["Resources"]

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Properties of all resources of a type, by their readable names."""
        found = {name: resource for name, resource in self.resources.items() if resource["Type"] == kind}
        return {readable(name): resource.get("Properties", {}) for name, resource in found.items()}

    def one(self, kind: str, name: str) -> dict[str, Any]:
        """Properties of the resource of a type and readable name."""
        return self.of_type(kind)[name]

    def rights(self, role: str) -> set[tuple[str, str, str]]:
        """All that policies let a role do: an (action, resource, conditions) for each action and resource."""
        statements = [
            statement
            for policy in self.of_type("AWS::IAM::Policy").values()
            if role in map(shown, policy["Roles"])
            for statement in policy["PolicyDocument"]["Statement"]
        ]
        assert all(statement["Effect"] == "Allow" for statement in statements)
        return {
            (action, shown(resource), conditions(statement))
            for statement in statements
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
        }

    def settings(self) -> str:
        """The state machine's definition as text."""
        (machine,) = self.of_type("AWS::StepFunctions::StateMachine").values()
        return shown(machine["DefinitionString"])

    def warnings(self) -> list[str]:
        """Texts of the warnings of the synthesis."""
        return told(self.stack)


def told(scope: IConstruct) -> list[str]:
    """Texts of all warnings and errors below a construct that was synthesized."""
    nodes = [found.node for found in scope.node.find_all()]
    kinds = ("aws:cdk:warning", "aws:cdk:error")
    return [str(entry.data) for node in nodes for entry in node.metadata if entry.type in kinds]


def readable(logical_id: str) -> str:
    """A logical id without the construct's own id and CDK's hash."""
    return re.sub(r"^Entities|[0-9A-F]{8}$", "", logical_id)


def shown(value: Any) -> str:
    """A value of a template as text."""
    if not isinstance(value, dict):
        return str(value)
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0]).join(map(shown, argument[1]))
    if function == "Fn::GetAtt":
        return f"<{readable(argument[0])}.{argument[1]}>"
    if function == "Fn::Select" and "Fn::Split" in argument[1]:
        # The part of an ARN.
        separator, whole = argument[1]["Fn::Split"]
        return f"{shown(whole)}[{separator}{argument[0]}]"
    return f"<{readable(argument)}>"


def conditions(statement: dict[str, Any]) -> str:
    """A statement's conditions as one line."""
    return " and ".join(
        f"{operator} {key} {' '.join(map(shown, listed(value)))}"
        for operator, keys in statement.get("Condition", {}).items()
        for key, value in keys.items()
    )


def listed(value: Any) -> list[Any]:
    """A list, or one item as a list."""
    return value if isinstance(value, list) else [value]
