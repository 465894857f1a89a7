"""Every right that a template gives, one by one, and how a single one is taken away from what is deployed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cdk_comprehend_entities.rights.acknowledged import SOURCE
from local.rehearsal import ACCOUNT, Rehearsal
from tests.synth.reading import conditions, listed, readable, shown

ANOTHER_ACCOUNT = "999999999999"
_DOCUMENTS = {
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::EC2::VPCEndpoint": "PolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
}
"""Policies of resources, by type: the property that holds them."""


class Right(NamedTuple):
    """One action on one resource in one statement; of a trust policy, one condition.

    Attributes:
        holder: whose policy says so: the readable logical id of a role, bucket policy, queue policy, key...
        action: the IAM action; of a statement that denies, with ``Deny`` before it.
        resource: the resource, or the principal in a policy of a resource.
        condition: the statement's conditions, or the one of them that a trust policy must not be without.
        logical_id: where the policy stands in the template.
        position: statement and resource in it, counted from 0.
    """

    holder: str
    action: str
    resource: str
    condition: str
    logical_id: str
    position: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.holder} {self.action} {self.resource} {self.condition}"

    @property
    def signs(self) -> tuple[str, ...]:
        """The error without the permission: the action, if its service names it."""
        match self.action:
            case "sts:AssumeRole":
                return ("does not trust",)
            case "kms:*":
                return ("not authorized to perform: kms:",)
            case "s3:GetObject" | "s3:ListBucket":
                return (self.action, "(403) when calling the HeadObject operation")
            case action:
                return (action,)


def rights(template: Mapping[str, Any]) -> Iterator[Right]:
    """Every right of a template, in its order."""
    for logical_id, resource in template["Resources"].items():
        kind, properties = resource["Type"], resource.get("Properties", {})
        if kind == "AWS::IAM::Policy":
            for role in properties["Roles"]:
                yield from _of_role(role["Ref"], logical_id, properties["PolicyDocument"])
        elif kind == "AWS::IAM::Role":
            yield from _of_trust(logical_id, properties["AssumeRolePolicyDocument"])
            if "Policies" in properties or "ManagedPolicyArns" in properties:
                yield Right(readable(logical_id), "inline or managed policies", "*", "", logical_id, (0, 0))
        elif kind == "AWS::Lambda::Permission":
            called, source = shown(properties["FunctionName"]), shown(properties.get("SourceArn", "anything"))
            caller = f"{properties['Principal']} for {source}"
            yield Right(called.strip("<>"), properties["Action"], caller, "", logical_id, (0, 0))
        elif policy := properties.get(_DOCUMENTS.get(kind, "")):
            yield from _of_resource(logical_id, policy)


def sources(folder: Path) -> dict[tuple[str, str], str]:
    """Return the source of each right of a synthesized stack's roles, by holder and action, as the rights name it.

    An action that a role has by several statements has the sources of all of them.
    """
    [metadata] = folder.glob("*.metadata.json")
    found: dict[tuple[str, str], list[str]] = {}
    for path, entries in json.loads(metadata.read_text()).items():
        for entry in entries:
            if entry["type"] == SOURCE:
                for line in entry["data"]:
                    actions, _, source = line.partition(": ")
                    for action in actions.split():
                        found.setdefault(("".join(path.split("/")[3:]), action), []).append(source)
    return {right: "; ".join(dict.fromkeys(each)) for right, each in found.items()}


def _of_role(role: str, logical_id: str, policy: Mapping[str, Any]) -> Iterator[Right]:
    for number, statement in enumerate(policy["Statement"]):
        for action in listed(statement["Action"]):
            for place, resource in enumerate(listed(statement["Resource"])):
                name = action if statement["Effect"] == "Allow" else f"Deny {action}"
                yield Right(readable(role), name, shown(resource), conditions(statement), logical_id, (number, place))


def _of_trust(role: str, policy: Mapping[str, Any]) -> Iterator[Right]:
    for number, statement in enumerate(policy["Statement"]):
        by = " ".join(shown(each) for value in statement["Principal"].values() for each in listed(value))
        keys = [key for pairs in statement.get("Condition", {}).values() for key in pairs] or [""]
        for place, key in enumerate(keys):
            yield Right(readable(role), "sts:AssumeRole", by, key, role, (number, place))


def _of_resource(logical_id: str, policy: Mapping[str, Any]) -> Iterator[Right]:
    for number, statement in enumerate(policy["Statement"]):
        principal = statement["Principal"]
        named = listed(principal) if isinstance(principal, str) else [x for v in principal.values() for x in listed(v)]
        for action in listed(statement["Action"]):
            name = action if statement["Effect"] == "Allow" else f"Deny {action}"
            by = " ".join(map(shown, named))
            yield Right(readable(logical_id), name, by, conditions(statement), logical_id, (number, 0))


class Deployment:
    """The policies of a deployed stack, each of which can be changed for a while."""

    def __init__(self, rehearsal: Rehearsal, stack: str, template: Mapping[str, Any]) -> None:
        self._stack, self._resources = stack, template["Resources"]
        self._formation, self._iam = rehearsal.client("cloudformation"), rehearsal.client("iam")
        self._kms = rehearsal.client("kms")

    @contextmanager
    def without(self, right: Right) -> Iterator[None]:
        """As if the template did not give ``right``; afterwards all is as it was.

        A condition of a trust policy asks for another account meanwhile, a key policy trusts another account.

        Raises:
            ValueError: there is no way to take such a right away.
        """
        kept, put = self._policy(right)
        document = copy.deepcopy(kept)
        _CHANGES[self._type(right)](document["Statement"], right)
        put(json.dumps(document))
        try:
            yield
        finally:
            put(json.dumps(kept))

    def _type(self, right: Right) -> str:
        return str(self._resources[right.logical_id]["Type"])

    def _policy(self, right: Right) -> tuple[dict[str, Any], Callable[[str], Any]]:
        """The policy that holds a right, as it is deployed, and what puts another in its place."""
        iam, properties = self._iam, self._resources[right.logical_id]["Properties"]
        match self._type(right):
            case "AWS::IAM::Policy":
                name, role = properties["PolicyName"], self._physical(properties["Roles"][0]["Ref"])
                document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
                return document, lambda text: iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=text)
            case "AWS::IAM::Role":
                role = self._physical(right.logical_id)
                document = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
                return document, lambda text: iam.update_assume_role_policy(RoleName=role, PolicyDocument=text)
            case "AWS::KMS::Key":
                key = self._physical(right.logical_id)
                text = self._kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
                return json.loads(text), lambda text: self._kms.put_key_policy(
                    KeyId=key, PolicyName="default", Policy=text
                )
            case kind:
                raise ValueError(f"{right}: no way to take away a right of {kind}; classify it as not provable")

    def _physical(self, logical_id: str) -> str:
        found = self._formation.describe_stack_resource(StackName=self._stack, LogicalResourceId=logical_id)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])


def _taken_away(statements: list[dict[str, Any]], right: Right) -> None:
    number, place = right.position
    whole = statements.pop(number)
    actions, resources = listed(whole["Action"]), listed(whole["Resource"])
    others = [action for action in actions if action != right.action]
    elsewhere = [resource for index, resource in enumerate(resources) if index != place]
    if others:
        statements.append({**whole, "Action": others})
    if elsewhere:
        statements.append({**whole, "Action": right.action, "Resource": elsewhere})
    if not statements:
        # A policy can't be empty; everybody may do this anyhow.
        statements.append({"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"})


def _asking_for_another_account(statements: list[dict[str, Any]], right: Right) -> None:
    for values in statements[right.position[0]]["Condition"].values():
        if right.condition in values:
            values[right.condition] = values[right.condition].replace(ACCOUNT, ANOTHER_ACCOUNT)


def _trusting_another_account(statements: list[dict[str, Any]], right: Right) -> None:
    statements[right.position[0]]["Principal"] = {"AWS": f"arn:aws:iam::{ANOTHER_ACCOUNT}:root"}


_CHANGES: dict[str, Callable[[list[dict[str, Any]], Right], None]] = {
    "AWS::IAM::Policy": _taken_away,
    "AWS::IAM::Role": _asking_for_another_account,
    "AWS::KMS::Key": _trusting_another_account,
}
