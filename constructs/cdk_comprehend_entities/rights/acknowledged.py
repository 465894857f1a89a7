"""Accepted findings of checkers of templates (cdk-nag, checkov), each with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from typing import Any, NamedTuple

import aws_cdk
import jsii
from aws_cdk import CfnResource, Stack
from constructs import IConstruct, IValidation

SOURCE = "cdk-comprehend-entities:source"
"""Type of the metadata of a grantee that lists actions and the sources of their statements."""

_CHECKOV = "CKV_"
# Packs of cdk-nag that give most of their rules the same names.
_PACKS = ("HIPAA.Security", "NIST.800.53.R5", "PCI.DSS.321")
_WIDE = "AwsSolutions-IAM5[Resource::{arn}]"
_CDK_POLICY = "arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
_GUIDE = "the service's guide shows these actions on all resources; narrow_permissions=True narrows them"
_STRICT = "strict hardening has it"
_LOST_WAKE = "a lost wake is made up for by the next one, or by the rule EveryFiveMinutes"
_CDKS_OWN = "CDK's own function, which works while a stack is deployed or deleted"

ACKNOWLEDGED = {
    # Wildcards in ARNs.
    "no-resources": (_WIDE, "IAM supports no resources for these actions"),
    "service-guide": (_WIDE, _GUIDE),
    "service-guide-policy": ("CKV_AWS_109 CKV_AWS_111", _GUIDE),
    "keys-elsewhere": (_WIDE, "the stack of another account knows no ARN of the key, whose key policy decides"),
    "job-numbers": (_WIDE, "the service makes the numbers of jobs"),
    "object-keys": (_WIDE, "all objects under a prefix, whose names are not known before"),
    "execution-names": (_WIDE, "executions are named when they start"),
    "map-runs": (_WIDE, "a Distributed Map follows its child executions, whatever their names"),
    "function-versions": (_WIDE, "the Lambda task may call any version of its one function"),
    "network-interfaces": (_WIDE, "network interfaces are made later, by a service"),
    "catalog-tables": (_WIDE, "all tables and views of this database"),
    "query-answers": (_WIDE, "the answers of each query have new names"),
    # Functions.
    "runtime": (
        "AwsSolutions-L1 Serverless-LambdaLatestVersion",
        "pinned to the version that functions are tested with",
    ),
    "no-dead-letters": (
        "Serverless-LambdaDLQ LambdaDLQ CKV_AWS_116",
        "its caller sees what fails, or may lose an event",
    ),
    "function-concurrency": (
        "LambdaConcurrency CKV_AWS_115",
        "a state machine or a queue bounds how many run; reserve_concurrency=True takes it from the account's quota",
    ),
    "function-outside-vpc": ("CKV_AWS_117", f"it calls AWS only, over TLS; {_STRICT}"),
    "function-environment": ("CKV_AWS_173", f"its environment holds names, under Lambda's own key; {_STRICT}"),
    "inline-policies": ("IAMNoInlinePolicy", "a policy of one role goes with it, and no other role can have it"),
    # Buckets and logs.
    "log-group-key": ("CKV_AWS_158", f"logs hold no documents, and CloudWatch encrypts them; {_STRICT}"),
    "bucket-access-logs": ("AwsSolutions-S1 CKV_AWS_18", f"logging accesses is the account's choice; {_STRICT}"),
    "bucket-versions": ("CKV_AWS_21", f"results are written once; {_STRICT}"),
    "bucket-replication": ("S3BucketReplicationEnabled", "copies in other Regions are the user's choice"),
    "access-logs": (
        "AwsSolutions-S1 S3BucketLoggingEnabled CKV_AWS_18",
        "a log of the deliveries of logs would never end",
    ),
    "access-logs-key": ("S3DefaultEncryptionKMS", "S3 delivers access logs only to buckets with its own encryption"),
    "auto-delete-function": ("CKV_AWS_115 CKV_AWS_116 CKV_AWS_117", _CDKS_OWN),
    "notifications-function": ("CKV_AWS_115 CKV_AWS_116 CKV_AWS_117", _CDKS_OWN),
    "notifications-role": (f"AwsSolutions-IAM4[Policy::{_CDK_POLICY}]", _CDKS_OWN),
    "notifications-policy": ("IAMNoInlinePolicy", _CDKS_OWN),
    # Queues, rules and alarms.
    "queue-key": ("CKV_AWS_27", f"messages hold no documents, and the service encrypts them; {_STRICT}"),
    "unreported-queue": ("AwsSolutions-SQS3 Serverless-SQSRedrivePolicy", "this queue is itself a dead-letter queue"),
    "dead-letter-queue": ("Serverless-SQSRedrivePolicy", "it is the end of the redrive policy itself"),
    "wake-queue": ("AwsSolutions-SQS3 Serverless-SQSRedrivePolicy", _LOST_WAKE),
    "wake-mapping": ("Serverless-LambdaEventSourceMappingDestination", _LOST_WAKE),
    "wake-rule": ("Serverless-EventBusDLQ", _LOST_WAKE),
    "uploads-rule": ("Serverless-EventBusDLQ", f"the queue of the uploads has one; {_LOST_WAKE}"),
    "output-rule": ("Serverless-EventBusDLQ", "a lost event costs time only: the next poll is due all the same"),
    "alarm-action": ("CloudWatchAlarmAction", "whom it notifies is the user's choice: alarm.add_alarm_action"),
    # Networks.
    "jobs-group": ("EC2RestrictedCommonPorts", "the group admits only itself"),
}
"""Rules of checkers, separated by spaces, and why what they find is meant to be, by name.

A rule without the name of its pack is one of HIPAA, NIST 800-53 and PCI DSS; ``{arn}`` stands for an ARN as cdk-nag
shows it.
"""


class _Told(NamedTuple):
    """An acknowledgement of what is found under ``scope``: the entry of the table, and the ARNs that are meant."""

    scope: IConstruct
    name: str
    arns: Sequence[str]


class _Batch:
    """Acknowledgements that are collected, to be made together."""

    def __init__(self) -> None:
        self.told: list[_Told] = []
        self.cited: dict[IConstruct, list[str]] = {}


_BATCH: ContextVar[_Batch | None] = ContextVar("batch", default=None)


@contextmanager
def in_one_go() -> Iterator[None]:
    """Keep back acknowledgements and citations, and tell them at the end, once a construct: each costs calls of jsii.

    It decorates constructors and methods that give many rights.
    """
    batch = _Batch()
    token = _BATCH.set(batch)
    try:
        yield
    finally:
        _BATCH.reset(token)
    _acknowledge(batch.told)
    for grantee, lines in batch.cited.items():
        grantee.node.add_metadata(SOURCE, lines)


def acknowledge(scope: IConstruct, name: str, *, arns: Sequence[str] = ("",)) -> None:
    """Give checkers the reason of findings under ``scope``: the entry ``name`` of :data:`ACKNOWLEDGED`.

    Args:
        scope: where it is found. Checkov reads it in the template, of one resource: ``scope`` is that, or has it as
            its default child.
        name: the entry.
        arns: ARNs with wildcards that are meant; others are still found.

    Raises:
        KeyError: there is no such entry.
    """
    ACKNOWLEDGED[name]
    told, batch = _Told(scope, name, arns), _BATCH.get()
    if batch:
        batch.told.append(told)
    else:
        _acknowledge([told])


def cite(grantee: IConstruct, *actions: str, source: str) -> None:
    """Keep the source of a statement beside ``grantee``, for docs/permissions.md."""
    line, batch = f"{' '.join(actions)}: {source}", _BATCH.get()
    if batch:
        batch.cited.setdefault(grantee, []).append(line)
    else:
        grantee.node.add_metadata(SOURCE, [line])


def _acknowledge(told: Sequence[_Told]) -> None:
    """Tell at once what is known, and the rest when references to other stacks are what they are in the template."""
    later = [each for each in told if _holds_token(each.arns)]
    _tell([each for each in told if not _holds_token(each.arns)])
    if later:
        later[0].scope.node.add_validation(_Later(lambda: _tell(later)))


def _holds_token(arns: Sequence[str]) -> bool:
    # Each text that stands for a token holds these characters, so that the others need no call of jsii.
    return any("${" in arn for arn in arns)


def _tell(told: Sequence[_Told]) -> None:
    """Tell checkers, with one call for each construct."""
    of_scope: dict[IConstruct, list[_Told]] = {}
    for each in told:
        of_scope.setdefault(each.scope, []).append(each)
    for scope, all_of_it in of_scope.items():
        rules = list(dict.fromkeys(_rules(scope, all_of_it)))
        _tell_checkov(scope, [(rule, reason) for rule, reason in rules if rule.startswith(_CHECKOV)])
        _tell_cdk(scope, [(rule, reason) for rule, reason in rules if not rule.startswith(_CHECKOV)])


def _rules(scope: IConstruct, told: Sequence[_Told]) -> Iterator[tuple[str, str]]:
    arns = [arn for each in told for arn in each.arns]
    resolved = Stack.of(scope).resolve(arns) if _holds_token(arns) else arns
    shown = map(_shown, resolved)
    for each in told:
        rules, reason = ACKNOWLEDGED[each.name]
        for arn in islice(shown, len(each.arns)):
            for rule in rules.split():
                yield rule.replace("{arn}", arn), reason


@jsii.implements(IValidation)
class _Later:
    """Does what must wait until references to other stacks are what they are in the template."""

    def __init__(self, do: Callable[[], None]) -> None:
        self._do = do

    def validate(self) -> list[str]:
        """Find nothing wrong."""
        self._do()
        return []


@contextmanager
def acknowledging_helpers(scope: IConstruct, *names: str) -> Iterator[None]:
    """Tell checkers about what CDK adds meanwhile to the stack of ``scope``: one helper for all that need it there."""
    stack = Stack.of(scope)
    before = {child.node.id for child in stack.node.children}
    yield
    for child in stack.node.children:
        # A mapping of Node's versions by Region, which some versions of CDK add, is no helper.
        if child.node.id not in before and not isinstance(child, aws_cdk.CfnMapping):
            for name in names:
                acknowledge(child.node.try_find_child("Handler") or child, name)


def _tell_checkov(scope: IConstruct, rules: Sequence[tuple[str, str]]) -> None:
    if not rules:
        return
    resource: Any = scope
    while not isinstance(resource, CfnResource):
        resource = resource.node.default_child
    known = resource.get_metadata("checkov") or {"skip": []}
    skips = [{"id": rule, "comment": reason} for rule, reason in rules]
    resource.add_metadata("checkov", {"skip": [*known["skip"], *skips]})


def _tell_cdk(scope: IConstruct, rules: Sequence[tuple[str, str]]) -> None:
    # Before 2.257, CDK and cdk-nag know no acknowledgements.
    if not rules or not hasattr(aws_cdk, "Validations"):
        return
    named = [
        (name, reason)
        for rule, reason in rules
        for name in ([rule] if "-" in rule else [f"{pack}-{rule}" for pack in _PACKS])
    ]
    told = [aws_cdk.Acknowledgment(id=name, reason=reason) for name, reason in named]
    aws_cdk.Validations.of(scope).acknowledge(*told)


def _shown(value: Any) -> str:
    """Return a resolved ARN as cdk-nag shows it: ``<LogicalId.Arn>``, ``<AWS::Region>`` for what is not known yet."""
    if not isinstance(value, dict):
        return str(value)
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0]).join(map(_shown, argument[1]))
    if function == "Fn::ImportValue":
        return str(argument)
    if function in {"Ref", "Fn::GetAtt"}:
        return f"<{argument if isinstance(argument, str) else '.'.join(argument)}>"
    return json.dumps(value, separators=(",", ":"))
