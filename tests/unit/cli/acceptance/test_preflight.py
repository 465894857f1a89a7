"""Before anything is created, each thing in the account that would be in the way is named."""

from __future__ import annotations

from typing import Any

import pytest

from comprehend_entities_cli.acceptance.preflight import preflight
from comprehend_entities_cli.aws import Aws
from tests.aws import ACCOUNT
from tests.command_line import typed
from tests.unit.cli.acceptance.conftest import ASSETS, TestAccount

SCP = "User is not authorized to perform: comprehend:List with an explicit deny in a service control policy"


def found(aws: Aws) -> dict[str, str]:
    return {each.check: f"{each.level}: {each.text} {each.advice}" for each in preflight(aws, ACCOUNT)}


def test_a_fit_account_has_no_problem(account: TestAccount, aws: Aws) -> None:
    assert {each.level for each in preflight(aws, ACCOUNT)} == {"ok"}


@pytest.mark.parametrize(
    ("damage", "check", "text"),
    [
        (lambda a: setattr(a, "bootstrap", None), "CDK bootstrap", "problem: the account and Region are not boots"),
        (lambda a: a.buckets.pop(ASSETS), "CDK bootstrap", f"npx cdk bootstrap aws://{ACCOUNT}/us-east-1"),
        (lambda a: setattr(a, "bootstrap", "5"), "CDK bootstrap", "problem: its version is 5, and 6 is needed"),
        (lambda a: setattr(a, "concurrency", 3), "Lambda", "problem: 3 concurrent executions are not reserved"),
        (lambda a: [a.job(str(n)) for n in range(8)], "Comprehend", "problem: it answers; 8 active jobs of 10"),
        (
            lambda a: a.denied.update({"kms:CreateKey": False}),
            "Policies",
            "problem: a policy of the organization denies",
        ),
        (
            lambda a: a.denied.update({"kms:CreateKey": True}),
            "Policies",
            "note: the caller does not have these permissions on every",
        ),
        (lambda a: a.fail("SimulatePrincipalPolicy", "AccessDenied"), "Policies", "unknown: SimulatePrincipalPolicy"),
        (lambda a: a.fail("ListEntitiesDetectionJobs", "AccessDeniedException"), "Comprehend", "problem: ListEntities"),
    ],
)
def test_what_is_in_the_way_is_named(account: TestAccount, aws: Aws, damage: Any, check: str, text: str) -> None:
    damage(account)
    seen = {}
    for each in preflight(aws, ACCOUNT):
        told = f"{each.level}: {each.text} {each.advice}"
        if each.level != "ok" or each.check not in seen:
            seen[each.check] = told
    assert text in seen[check], seen


def test_a_region_without_comprehend_is_named(account: TestAccount) -> None:
    assert (
        "problem: botocore lists no Amazon Comprehend endpoint in eu-north-1"
        in found(Aws(region="eu-north-1"))["Region"]
    )


def test_a_problem_ends_it_before_anything_is_created(account: TestAccount) -> None:
    account.bootstrap = None
    told = typed("accept", "--yes")
    assert told.code == 1
    assert "1 problem: nothing was created" in told.err
    assert not account.calls["CreateStack"]
