"""Deployments: found by their tags, by whatever API answers, and chosen by any of their names."""

from __future__ import annotations

import pytest

from tests.account import NAME, TAGS, Account
from tests.aws import ACCOUNT, MACHINE, REGION
from tests.command_line import typed

OTHER = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:Other"
STRANGER = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:Stranger"


def test_the_only_deployment_is_found_among_strangers(account: Account) -> None:
    account.machines[STRANGER] = {"team": "x"}
    account.run("monday")
    found = typed("list", "--json").json
    assert [each["ExecutionArn"].rpartition(":")[2] for each in found] == ["monday"]
    assert account.calls["ListStateMachines"] == 0


@pytest.mark.parametrize("broken", ["tagging finds nothing", "tagging may not be called"])
def test_without_the_tagging_api_machines_are_listed(account: Account, broken: str) -> None:
    account.tagging = False
    account.machines[STRANGER] = {}
    if broken == "tagging may not be called":
        account.fail("GetResources", "AccessDeniedException")
    assert typed("list").code == 0


def test_of_several_deployments_one_must_be_named(account: Account) -> None:
    account.machines[OTHER] = account.machines[MACHINE] | {"cdk-comprehend-entities:workflow": "Second"}
    told = typed("list")
    assert (told.code, told.out) == (1, "")
    assert f"There are 2 deployments: {NAME}, Second." in told.err
    for name in ("Second", "Other", OTHER):
        assert typed("list", "--state-machine", name).code == 0
    assert typed("list", environment={"COMPREHEND_ENTITIES_STATE_MACHINE": NAME}).code == 0


def test_errors_of_a_deployment_are_one_message(account: Account) -> None:
    assert "There is no deployment 'Third'" in typed("list", "--state-machine", "Third").err
    account.machines[STRANGER] = {}
    assert "is not a state machine of this workflow" in typed("list", "--state-machine", STRANGER).err
    account.machines.clear()
    assert "No deployment of the workflow was found" in typed("list").err


def test_an_old_deployment_without_all_tags_is_understood(account: Account) -> None:
    for name in ("wakes", "unreported", "uploads:Mail", "dead-letters:Mail", "version"):
        del account.machines[MACHINE][f"cdk-comprehend-entities:{name}"]
    assert typed("list").code == 0
    assert "has no upload trigger" not in typed("list").err
    assert set(TAGS) > {"wakes"}


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("ExpiredTokenException", "Sign in again"),
        ("AccessDeniedException", "docs/command-line.md"),
        ("ThrottlingException", ""),
    ],
)
def test_what_a_service_refuses_is_one_message(account: Account, code: str, advice: str) -> None:
    account.fail("ListExecutions", code, times=9)
    told = typed("list")
    assert told.code == 1
    assert f"ListExecutions failed: {code}" in told.err
    assert advice in told.err
    assert "Traceback" not in told.err
