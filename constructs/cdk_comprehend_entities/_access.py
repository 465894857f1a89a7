"""How this library gives rights: one call names actions, resources, conditions, and the reason of a wildcard."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct


def allow(
    grantee: iam.IGrantable,
    *actions: str,
    on: Sequence[str],
    when: Mapping[str, Mapping[str, Any]] | None = None,
    owner: iam.IResourceWithPolicyV2 | None = None,
    wildcard: str = "",
) -> iam.Grant:
    """Let ``grantee`` call ``actions`` on the ARNs ``on``.

    Args:
        grantee: who gets the right.
        actions: IAM actions.
        on: ARNs of the resources.
        when: conditions.
        owner: the resource whose own policy gets the statement where the grantee's can't be changed.
        wildcard: why the ARNs hold a wildcard, for whoever checks the template.
    """
    right: dict[str, Any] = {"grantee": grantee, "actions": list(actions), "resource_arns": on, "conditions": when}
    if owner:
        grant = iam.Grant.add_to_principal_or_resource(**right, resource=owner)
    else:
        grant = iam.Grant.add_to_principal(**right)
    principal: Any = grantee.grant_principal
    if wildcard and Construct.is_construct(principal):
        acknowledge_wildcards(principal, on, wildcard)
    return grant


def service(scope: Construct, name: str, source_arn: str) -> iam.ServicePrincipal:
    """A service, as long as it acts for ``source_arn`` of this account: nobody else can send it as a deputy."""
    account = {"aws:SourceAccount": Stack.of(scope).account}
    conditions = {"StringEquals": account, "ArnLike": {"aws:SourceArn": source_arn}}
    return iam.ServicePrincipal(name, conditions=conditions)


def acknowledge_wildcards(scope: IConstruct, arns: Sequence[str], reason: str) -> None:
    """Tell cdk-nag why ARNs in the policies under ``scope`` hold a wildcard; others are still found."""
    for arn in arns:
        acknowledge(scope, f"AwsSolutions-IAM5[Resource::{_shown(Stack.of(scope).resolve(arn))}]", reason)


def acknowledge(scope: IConstruct, rule: str, reason: str) -> None:
    """Tell a checker why a finding of ``rule`` under ``scope`` is meant to be."""
    Validations.of(scope).acknowledge(Acknowledgment(id=rule, reason=reason))


def _shown(value: Any) -> str:
    """A resolved ARN as cdk-nag shows it: ``<LogicalId.Arn>`` and ``<AWS::Region>`` for what is not known yet."""
    if not isinstance(value, dict):
        return str(value)
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0]).join(map(_shown, argument[1]))
    if function in {"Ref", "Fn::GetAtt"}:
        return f"<{argument if isinstance(argument, str) else '.'.join(argument)}>"
    return json.dumps(value, separators=(",", ":"))
