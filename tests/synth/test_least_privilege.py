"""Every policy statement of the templates: written down for review, and judged by what AWS says of each action."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from policy_sentry.querying.actions import get_action_data
from syrupy.assertion import SnapshotAssertion

from tests.synth.reading import listed
from tests.synth.statements import Policy, deployed, line, lines, policies
from tests.synth.variants import BUILDS as ALL
from tests.synth.variants import Variants

with warnings.catch_warnings():
    # It leaves its data files open, and imports pkg_resources.
    warnings.simplefilter("ignore")
    import parliament

REVIEWED = ["everything", "imported", "strict"]
# It differs in what CDK's own helper may do.
BUILDS = [name for name in ALL if name != "destroyed"]


@pytest.mark.parametrize("name", REVIEWED)
def test_every_statement_has_been_reviewed(variants: Variants, name: str, snapshot: SnapshotAssertion) -> None:
    """``pytest --snapshot-update`` writes statements that have changed into __snapshots__; read them there."""
    assert lines(variants(name).template) == snapshot


@pytest.mark.parametrize("name", REVIEWED)
def test_any_widened_statement_would_show(variants: Variants, name: str) -> None:
    template = variants(name).template
    reviewed, mutants = lines(template), list(widened(template))
    assert mutants
    assert [what for what, mutant in mutants if lines(mutant) == reviewed] == []


def widened(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The template with one condition less, or one element of one statement that means anybody or anything."""
    for number, policy in enumerate(policies(template)):
        for position, statement in enumerate(policy.statements):
            for operator, keys in statement.get("Condition", {}).items():
                for key in keys:
                    mutant = copy.deepcopy(template)
                    del list(policies(mutant))[number].statements[position]["Condition"][operator][key]
                    yield f"{policy.owner}: {line(statement)}: without {operator} {key}", mutant
            for element in {"Action", "Principal", "Resource"} & statement.keys():
                if statement[element] not in ("*", {"AWS": "*"}):
                    mutant = copy.deepcopy(template)
                    list(policies(mutant))[number].statements[position][element] = "*"
                    yield f"{policy.owner}: {line(statement)}: any {element}", mutant


@pytest.mark.parametrize("name", BUILDS)
def test_only_actions_without_resources_are_allowed_on_all(variants: Variants, name: str) -> None:
    assert too_wide(variants(name).template) == []


def test_an_action_on_all_would_show(variants: Variants) -> None:
    template = copy.deepcopy(variants("smallest").template)
    policy = next(policy for policy in policies(template) if policy.kind.startswith("AWS::IAM::Policy"))
    policy.statements.append({"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListAllMyBuckets"], "Resource": "*"})
    assert [found.split()[-1] for found in too_wide(template)] == ["s3:GetObject"]


_AS_THE_GUIDES_SHOW = {
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
}
"""Allowed on ``*`` by the guides of Comprehend (usingVPC) and Lambda (configuration-vpc), with nothing narrower."""


def too_wide(template: dict[str, Any]) -> list[str]:
    """Actions that a role may call on ``*``, though IAM knows resources for them and no guide shows them so."""
    return [
        f"{policy.owner}: {action}"
        for policy in policies(template)
        if policy.kind.startswith("AWS::IAM::Policy")
        for statement in policy.statements
        if "*" in listed(statement["Resource"])
        for action in listed(statement["Action"])
        if action not in _AS_THE_GUIDES_SHOW and has_resources(action)
    ]


@cache
def has_resources(action: str) -> bool:
    """Whether the Service Authorization Reference names resources for an action."""
    data = get_action_data(*action.split(":"))
    assert data, f"AWS has no action {action}"
    return any(entry["resource_arn_format"] != "*" for entries in data.values() for entry in entries)


@pytest.mark.parametrize("name", BUILDS)
def test_services_assume_roles_for_this_account_only(variants: Variants, name: str) -> None:
    trusts = [
        policy for policy in policies(variants(name).template) if policy.kind.endswith("AssumeRolePolicyDocument")
    ]
    # CDK's own function, which sets notifications of imported buckets.
    own = [policy for policy in trusts if not policy.owner.startswith("BucketNotificationsHandler")]
    assert own
    for policy in own:
        for statement in policy.statements:
            if "Service" in statement["Principal"]:
                keys = {key for values in statement["Condition"].values() for key in values}
                # A function's ARN holds its name, which CloudFormation makes after the role.
                of_lambda = statement["Principal"] == {"Service": "lambda.amazonaws.com"}
                assert keys == {"aws:SourceAccount", *([] if of_lambda else ["aws:SourceArn"])}, policy.owner


@pytest.mark.parametrize("name", BUILDS)
def test_parliament_finds_nothing(variants: Variants, name: str) -> None:
    template = variants(name).template
    assert [found for policy in policies(template) for found in judged(policy, template["Resources"])] == []


def test_parliament_would_say_so() -> None:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket"}
    unknown = {**statement, "Action": "s3:GetObjects"}
    document = {"Version": "2012-10-17", "Statement": [statement, unknown]}
    found = judged(Policy("Role", "AWS::IAM::Policy PolicyDocument", document), {})
    assert {text.split()[1] for text in found} == {"RESOURCE_MISMATCH", "UNKNOWN_ACTION"}


def judged(policy: Policy, resources: dict[str, Any]) -> list[str]:
    """What parliament finds of a policy; it knows no policies of resources, which are put into its terms."""
    document = {**policy.document, "Statement": []}
    for given in policy.statements:
        statement = deployed(given, resources)
        # The account's own right on its key, and what is denied to everybody, are as wide as they can be.
        if statement["Action"] in ("kms:*", "s3:*"):
            continue
        if policy.kind.endswith("KeyPolicy"):
            statement["Resource"] = "arn:aws:kms:us-east-1:111122223333:key/itself"
        elif policy.kind.endswith("AssumeRolePolicyDocument"):
            statement["Resource"] = "arn:aws:iam::111122223333:role/itself"
        document["Statement"].append(statement)
    if not document["Statement"]:
        return []
    findings = parliament.analyze_policy_string(json.dumps(document)).findings
    found = [
        f"{policy.owner}: {finding.issue} {told}"
        for finding in findings
        for told in listed(finding.detail)
        if (told["action"] if isinstance(told, dict) else told) not in _MISJUDGED
    ]
    # What an endpoint lets through, principals still need rights to. ARNs are texts, too.
    ignored = ("MISMATCHED_TYPE", *(["RESOURCE_STAR"] if "VPCEndpoint" in policy.kind else []))
    return [text for text in found if not text.split(": ")[1].startswith(ignored)]


_MISJUDGED = {
    # It wants all kinds of resources that an action has, not one of them.
    "states:DescribeExecution",
    "states:GetExecutionHistory",
    "states:ListExecutions",
    # The reference names no resource, but Step Functions judges the machine: CDK's grant_task_response relies on it.
    "states:SendTaskSuccess",
    *_AS_THE_GUIDES_SHOW,
    # The model has a statement of its own beside the one of the jobs.
    "comprehend:StartEntitiesDetectionJob",
}
