"""How this library gives rights: one call names actions, resources, conditions, and the reason of a wildcard."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Acknowledgment, Annotations, ArnFormat, CfnResource, Stack, Token, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, IConstruct

# Packs of cdk-nag that give most of their rules the same names.
_PACKS = ("HIPAA.Security", "NIST.800.53.R5", "PCI.DSS.321")


def allow(
    grantee: iam.IGrantable,
    *actions: str,
    on: Sequence[str],
    when: Mapping[str, Mapping[str, Any]] | None = None,
    owner: s3.IBucket | kms.IKey | None = None,
    own_arns: Sequence[str] | None = None,
    wildcard: str = "",
) -> iam.Grant:
    """Let ``grantee`` call ``actions`` on the ARNs ``on``.

    Args:
        grantee: who gets the right.
        actions: IAM actions.
        on: ARNs of the resources.
        when: conditions.
        owner: the resource whose own policy gets the statement where the grantee's can't be changed.
        own_arns: how that policy names the resource (default: by ``on``).
        wildcard: why the ARNs hold a wildcard, for whoever checks the template.
    """
    grant = iam.Grant.add_to_principal(grantee=grantee, actions=list(actions), resource_arns=on, conditions=when)
    if owner and not (grant.success and _same_account(grantee.grant_principal, owner)):
        # CDK's add_to_principal_or_resource would leave the conditions out.
        statement = iam.PolicyStatement(
            principals=[grantee.grant_principal], actions=list(actions), resources=own_arns or on, conditions=when
        )
        if not owner.add_to_resource_policy(statement).statement_added:
            text = f"{', '.join(actions)} could not be granted: CDK can change neither policy; the owner must allow it"
            Annotations.of(owner).add_warning_v2("cdk-comprehend-entities:not-granted", text)
    principal: Any = grantee.grant_principal
    # Principals of other accounts and services are no constructs.
    if wildcard and hasattr(principal, "node"):
        acknowledge_wildcards(principal, on, wildcard)
    return grant


def _same_account(principal: iam.IPrincipal, owner: s3.IBucket | kms.IKey) -> bool:
    account, owners = principal.principal_account, owner.env.account
    return account in {None, owners} or (Token.is_unresolved(account) and Token.is_unresolved(owners))


def service(scope: Construct, name: str, source_arn: str = "") -> iam.ServicePrincipal:
    """A service, as long as it acts for ``source_arn`` of this account: nobody else can send it as a deputy."""
    account = {"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}}
    source = {"ArnLike": {"aws:SourceArn": source_arn}} if source_arn else {}
    return iam.ServicePrincipal(name, conditions={**account, **source})


def executions_arn(machine: sfn.IStateMachine) -> str:
    """The ARN of every execution of a state machine."""
    stack, colon = Stack.of(machine), ArnFormat.COLON_RESOURCE_NAME
    name = stack.split_arn(machine.state_machine_arn, colon).resource_name
    return stack.format_arn(service="states", resource="execution", resource_name=f"{name}:*", arn_format=colon)


def acknowledge_wildcards(scope: IConstruct, arns: Sequence[str], reason: str) -> None:
    """Tell cdk-nag why ARNs in the policies under ``scope`` hold a wildcard; others are still found."""
    for arn in arns:
        acknowledge(scope, f"AwsSolutions-IAM5[Resource::{_shown(Stack.of(scope).resolve(arn))}]", reason)


def acknowledge(scope: IConstruct, rule: str, reason: str) -> None:
    """Tell a checker why a finding of ``rule`` under ``scope`` is meant to be; a name without pack is several packs'.

    Checkov reads it in the template, of one resource: ``scope`` is that, or has it as its default child.
    """
    if rule.startswith("CKV_"):
        resource: Any = scope
        while not isinstance(resource, CfnResource):
            resource = resource.node.default_child
        told = resource.get_metadata("checkov") or {"skip": []}
        resource.add_metadata("checkov", {"skip": [*told["skip"], {"id": rule, "comment": reason}]})
        return
    for name in [rule] if "-" in rule else [f"{pack}-{rule}" for pack in _PACKS]:
        Validations.of(scope).acknowledge(Acknowledgment(id=name, reason=reason))


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
