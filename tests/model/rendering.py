"""The state machine as a template renders it: its definition with every reference resolved, and what its tasks call."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.aws import ACCOUNT, MACHINE, REGION
from tests.synth.reading import Synthesized

Handler = Callable[[Any, Any], Any]

_PSEUDO = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::URLSuffix": "amazonaws.com"}


@dataclass(frozen=True)
class Rendered:
    """A state machine with its functions.

    Attributes:
        definition: as Step Functions gets it.
        handlers: what runs in each function, by the function's ARN.
        environment: the variables of all functions; one name has one value in all of them.
    """

    definition: dict[str, Any]
    handlers: dict[str, Handler]
    environment: dict[str, str]

    def handler(self, name: str) -> Handler:
        """The handler of the module ``name``."""
        [found] = {each for each in self.handlers.values() if each.__module__.endswith(f".{name}")}
        return found


def rendered(synthesized: Synthesized) -> Rendered:
    """The one state machine of a stack."""
    resources = _Resources(synthesized.resources)
    [machine] = resources.of_type("AWS::StepFunctions::StateMachine").values()
    handlers: dict[str, Handler] = {}
    environment: dict[str, str] = {}
    for name, function in resources.of_type("AWS::Lambda::Function").items():
        module, _, handler = str(function["Handler"]).rpartition(".")
        if module.startswith("entities_job."):
            handlers[resources.arn(name)] = getattr(importlib.import_module(module), handler)
            variables = function["Environment"]["Variables"]
            environment |= {key: resources.resolved(value) for key, value in variables.items()}
    return Rendered(json.loads(resources.resolved(machine["DefinitionString"])), handlers, environment)


class _Resources:
    """The resources of a template, by their logical ids, and what references to them become."""

    def __init__(self, resources: dict[str, dict[str, Any]]) -> None:
        self._resources = resources

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        return {name: each["Properties"] for name, each in self._resources.items() if each["Type"] == kind}

    def resolved(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        [(function, argument)] = value.items()
        match function:
            case "Ref":
                return _PSEUDO.get(argument) or (argument.lower() if "Bucket" in argument else self.arn(argument))
            case "Fn::GetAtt":
                return self.arn(argument[0])
            case "Fn::Join":
                return argument[0].join(self.resolved(each) for each in argument[1])
            case "Fn::Select":
                return self.resolved(argument[1])[int(argument[0])]
            case "Fn::Split":
                return self.resolved(argument[1]).split(argument[0])
        raise NotImplementedError(function)

    def arn(self, name: str) -> str:
        match self._resources[name]["Type"]:
            case "AWS::StepFunctions::StateMachine":
                return MACHINE
            case "AWS::IAM::Role":
                return f"arn:aws:iam::{ACCOUNT}:role/{name}"
            case "AWS::KMS::Key":
                return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{name}"
        return f"arn:aws:any:{REGION}:{ACCOUNT}:any:{name}"
