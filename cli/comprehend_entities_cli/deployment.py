"""Deployments of the workflow: found by the tags of their state machines (docs/architecture.md, section 5)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from .aws import Aws, CommandError, error_code

PREFIX = "cdk-comprehend-entities:"
_MARK = f"{PREFIX}workflow"


@dataclass(frozen=True)
class Trigger:
    """An upload trigger: objects under its prefix are analysed automatically."""

    name: str
    uri: str
    dead_letters: str


@dataclass(frozen=True)
class Deployment:
    """A deployed workflow.

    Attributes:
        arn: its state machine.
        name: what logs and metrics call it.
        version: of the package that made its template.
        input_uri: what documents of executions lie under.
        results_uri: what published results lie under.
        unreported: URL of the queue of executions whose end could not be reported.
        wakes: URL of the queue that wakes the dispatcher of uploads, or empty.
        triggers: its upload triggers, by name.
    """

    arn: str
    name: str
    version: str
    input_uri: str
    results_uri: str
    unreported: str
    wakes: str
    triggers: Mapping[str, Trigger]

    @property
    def machine(self) -> str:
        """The name of its state machine."""
        return self.arn.rpartition(":")[2]

    @property
    def jobs_uri(self) -> str:
        """The prefix of the jobs' output."""
        return self.results_uri.removesuffix("results/") + "jobs/"

    def request(self, aws: Aws) -> dict[str, Any]:
        """Return the request that an execution's input completes, as the state machine's definition has it."""
        found = aws.client("stepfunctions").describe_state_machine(stateMachineArn=self.arn)["definition"]
        for value in objects(found):
            if "DataAccessRoleArn" in value:
                return value
        raise CommandError(f"{self.arn} is not a state machine of this workflow.")

    @classmethod
    def of(cls, arn: str, tags: Mapping[str, str]) -> Deployment:
        """Read the tags of a state machine."""
        own = {name.removeprefix(PREFIX): value for name, value in tags.items() if name.startswith(PREFIX)}
        bucket = "/".join(own["input"].split("/")[:3])
        triggers = {
            name.partition(":")[2]: Trigger(
                name.partition(":")[2], f"{bucket}/{prefix}", own.get(f"dead-letters:{name.partition(':')[2]}", "")
            )
            for name, prefix in sorted(own.items())
            if name.startswith("uploads:")
        }
        return cls(
            arn,
            own["workflow"],
            own.get("version", ""),
            own["input"],
            own["results"],
            own.get("unreported", ""),
            own.get("wakes", ""),
            triggers,
        )


def objects(text: str | None) -> Iterator[dict[str, Any]]:
    """Yield all objects in a JSON text, outer ones first; none if it is no JSON."""
    try:
        todo = [json.loads(text or "null")]
    except ValueError:
        return
    while todo:
        value = todo.pop(0)
        if isinstance(value, dict):
            yield value
            todo += value.values()
        elif isinstance(value, list):
            todo += value


def deployments(aws: Aws) -> list[Deployment]:
    """Return all deployments of the account and Region, by name."""
    found = dict(_by_tagging(aws)) or dict(_by_listing(aws))
    return sorted((Deployment.of(arn, tags) for arn, tags in found.items()), key=lambda each: each.name)


def the_one(found: list[Deployment]) -> Deployment:
    """Return the only one of these deployments.

    Raises:
        CommandError: there is none, or more than one.
    """
    if not found:
        raise CommandError(
            "No deployment of the workflow was found in this account and Region.",
            "Check --profile and --region, deploy one, or name its state machine with --state-machine.",
        )
    if len(found) > 1:
        names = ", ".join(each.name for each in found)
        raise CommandError(f"There are {len(found)} deployments: {names}.", "Choose one with --state-machine NAME.")
    return found[0]


def described(aws: Aws, wanted: str) -> Deployment:
    """Return the deployment of a state machine, given by ARN, by name, or by the workflow's name.

    Raises:
        CommandError: there is none of that name, or it is another kind of state machine.
    """
    if not wanted.startswith("arn:"):
        every = deployments(aws)
        found = [each for each in every if wanted in (each.name, each.machine)]
        if not found:
            names = ", ".join(each.name for each in every) or "none"
            raise CommandError(f"There is no deployment {wanted!r}.", f"Found in this account and Region: {names}.")
        return the_one(found)
    tags = _tags(aws, wanted)
    if _MARK not in tags:
        raise CommandError(
            f"{wanted} is not a state machine of this workflow: it has no tag {_MARK}.",
            "Deploy it with version 0.1.0 or newer.",
        )
    return Deployment.of(wanted, tags)


def _by_tagging(aws: Aws) -> Iterator[tuple[str, dict[str, str]]]:
    """Ask for all tagged state machines in one call; without that permission or service, list them instead."""
    from botocore.exceptions import ClientError

    pages = aws.client("resourcegroupstaggingapi").get_paginator("get_resources")
    try:
        for page in pages.paginate(ResourceTypeFilters=["states:stateMachine"], TagFilters=[{"Key": _MARK}]):
            for item in page["ResourceTagMappingList"]:
                yield item["ResourceARN"], {tag["Key"]: tag["Value"] for tag in item["Tags"]}
    except ClientError as error:
        if error_code(error) in ("ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException"):
            raise


def _by_listing(aws: Aws) -> Iterator[tuple[str, dict[str, str]]]:
    pages = aws.client("stepfunctions").get_paginator("list_state_machines").paginate()
    arns = [machine["stateMachineArn"] for page in pages for machine in page["stateMachines"]]
    with ThreadPoolExecutor(8) as pool:
        for arn, tags in zip(arns, pool.map(lambda arn: _tags(aws, arn), arns), strict=True):
            if _MARK in tags:
                yield arn, tags


def _tags(aws: Aws, arn: str) -> dict[str, str]:
    tags = aws.client("stepfunctions").list_tags_for_resource(resourceArn=arn)["tags"]
    return {tag["key"]: tag["value"] for tag in tags}
