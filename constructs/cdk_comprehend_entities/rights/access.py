"""Grants: one call has actions, resources, conditions, the source, and the reason of wide ARNs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce, wraps
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from aws_cdk import Annotations, ArnFormat, PhysicalName, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, IConstruct

from .acknowledged import acknowledge, cite

NARROWER = "narrower than documented"
"""A source: the AWS document shows a wider permission, or nothing this narrow."""

SERVICE_GUIDE = "service-guide"
"""The entry of :data:`.acknowledged.ACKNOWLEDGED` for permissions on ``*`` that IAM could narrow; the guide doesn't."""

C = TypeVar("C")
T = TypeVar("T")

Conditions = Mapping[str, Mapping[str, object]]


def remembered(read: Callable[[C], T]) -> Callable[[C], T]:
    """Remember what is read of a construct and never changes: each reading costs calls of jsii."""
    known: WeakKeyDictionary[C, T] = WeakKeyDictionary()

    @wraps(read)
    def reading(construct: C) -> T:
        if construct not in known:
            known[construct] = read(construct)
        return known[construct]

    return reading


def allow(
    grantee: iam.IGrantable,
    *actions: str,
    on: Sequence[str],
    source: str,
    when: Conditions | None = None,
    owner: s3.IBucket | kms.IKey | None = None,
    own_arns: Sequence[str] | None = None,
    wildcard: str = "",
) -> iam.Grant:
    """Let ``grantee`` call ``actions`` on the ARNs ``on``.

    Args:
        grantee: gets the permission.
        actions: IAM actions.
        on: ARNs of the resources.
        source: the AWS document that shows the statement, or :data:`NARROWER` with the one that shows a wider one.
        when: conditions.
        owner: the resource whose own policy gets the statement if the grantee's can't be changed.
        own_arns: how that policy names the resource (default: by ``on``).
        wildcard: the entry of :data:`.acknowledged.ACKNOWLEDGED` that says why the ARNs hold a wildcard (default for
            ``*``: IAM knows no resources).
    """
    named: Any = {"grantee": grantee, "actions": list(actions), "resource_arns": on}
    grant = iam.Grant.add_to_principal(**named, conditions=when)
    if owner and not (grant.success and same_account(grantee, account_of(owner))):
        # CDK's add_to_principal_or_resource would leave the conditions out.
        for_owner = statement(*actions, to=grantee.grant_principal, on=own_arns or on, source=source, when=when)
        if owner.add_to_resource_policy(for_owner).statement_added:
            # A policy holds a statement once, however often it is added.
            grant = iam.Grant.add_statement_to_resource_policy(**named, resource=owner, statement=for_owner)
        else:
            text = f"{', '.join(actions)} could not be granted: CDK can change neither policy; the owner must allow it"
            Annotations.of(owner).add_warning_v2("cdk-comprehend-entities:not-granted", text)
    principal = _principal(grantee).construct
    if principal:
        cite(principal, *actions, source=source)
        if wildcard or "*" in on:
            acknowledge(principal, wildcard or "no-resources", arns=on)
        if wildcard == SERVICE_GUIDE:
            # Of a role of this stack, and of an imported one.
            for policy in map(principal.node.try_find_child, ("DefaultPolicy", "Policy")):
                if policy:
                    acknowledge(policy, "service-guide-policy")
    return grant


def statement(
    *actions: str,
    on: Sequence[str],
    source: str,
    to: iam.IPrincipal | None = None,
    when: Conditions | None = None,
    effect: iam.Effect = iam.Effect.ALLOW,
    sid: str | None = None,
) -> iam.PolicyStatement:
    """Return a statement for the policy of a resource, or for a policy that is attached later.

    Args:
        actions: IAM actions.
        on: ARNs of the resources.
        source: as of :func:`allow`.
        to: the principal; none in a policy of a role.
        when: conditions.
        effect: what it does (default: allow).
        sid: its id (default: none).
    """
    principals = [to] if to else None
    return iam.PolicyStatement(
        sid=sid, effect=effect, principals=principals, actions=list(actions), resources=list(on), conditions=when
    )


def let_events_use(key: kms.Key) -> None:
    """Let EventBridge send messages to queues that ``key`` encrypts."""
    # A key policy that named its key would refer to itself.
    actions, rule = ("kms:Decrypt", "kms:GenerateDataKey"), service(key, "events.amazonaws.com")
    guide = "Amazon SQS Developer Guide, sqs-key-management"
    key.add_to_resource_policy(statement(*actions, on=["*"], to=rule, source=guide))


def same_account(grantee: iam.IGrantable, account: str) -> bool:
    """Return whether a grantee is of an account, as far as both are known."""
    own = _principal(grantee).account
    return own is None or not known_to_differ(own, account)


class _Principal(NamedTuple):
    """The account of a grantee's principal, and the principal itself; None if it is of a service or an account."""

    account: str | None
    construct: IConstruct | None


@remembered
def _principal(grantee: iam.IGrantable) -> _Principal:
    principal: Any = grantee.grant_principal
    return _Principal(principal.principal_account, principal if hasattr(principal, "node") else None)


@remembered
def account_of(owner: s3.IBucket | kms.IKey) -> str:
    """Return the account of a bucket or a key."""
    return owner.env.account


@remembered
def _region(scope: Construct | s3.IBucket) -> str:
    return Stack.of(scope).region


def known_to_differ(here: str, there: str) -> bool:
    """Return whether two accounts or Regions differ; one of a stack without env may be any."""
    return here != there and not Token.is_unresolved(here) and not Token.is_unresolved(there)


def together(grant: iam.Grant, *more: iam.Grant) -> iam.Grant:
    """Return several grants as one, which is a success if all are."""
    failed = [each for each in (grant, *more) if not each.success]
    return failed[0] if failed else reduce(iam.Grant.combine, more, grant)


def service(scope: Construct, name: str, source_arn: str = "") -> iam.ServicePrincipal:
    """Return a service, as long as it acts for ``source_arn`` of this account.

    Source: IAM User Guide, confused-deputy.
    """
    account = {"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}}
    source = {"ArnLike": {"aws:SourceArn": source_arn}} if source_arn else {}
    return iam.ServicePrincipal(name, conditions={**account, **source})


def role(scope: Construct, construct_id: str, assumed_by: iam.IPrincipal, description: str | None = None) -> iam.Role:
    """Return a new role, which has a name only if the stack of another account needs one."""
    name = PhysicalName.GENERATE_IF_NEEDED
    return iam.Role(scope, construct_id, assumed_by=assumed_by, description=description, role_name=name)


def executions_arn(machine: sfn.IStateMachine) -> str:
    """Return the ARN of every execution of a state machine."""
    stack, colon = Stack.of(machine), ArnFormat.COLON_RESOURCE_NAME
    name = stack.split_arn(machine.state_machine_arn, colon).resource_name
    return stack.format_arn(service="states", resource="execution", resource_name=f"{name}:*", arn_format=colon)


def via(service_name: str, scope: Construct | s3.IBucket) -> Conditions:
    """Return the condition that a key is used through a service.

    Source: AWS KMS Developer Guide, conditions-kms (kms:ViaService).
    """
    return {"StringEquals": {"kms:ViaService": f"{service_name}.{_region(scope)}.amazonaws.com"}}
