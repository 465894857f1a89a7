"""An account that is fit for ``accept``, in memory, and a folder for its ledgers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from comprehend_entities_cli.acceptance.stack import TAG
from comprehend_entities_cli.aws import Aws
from tests.account import Account
from tests.aws import ACCOUNT, REGION, installed

CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/Developer/me"
ASSETS = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"


class TestAccount(Account):
    """An account with the CDK bootstrap, and stacks of ``accept`` that are deleted as they are asked for.

    Attributes:
        bootstrap: the version of the bootstrap, or None.
        concurrency: concurrent executions that are not reserved.
        denied: actions that a simulation denies, with whether the organization allows them.
        standing: resources of each stack, as type and physical id.
        undeletable: stacks that can't be deleted.
    """

    __test__ = False

    def __init__(self) -> None:
        super().__init__()
        self.bootstrap: str | None = "30"
        self.buckets[ASSETS] = False
        self.caller = CALLER
        self.concurrency = 1000
        self.denied: dict[str, bool] = {}
        self.standing: dict[str, list[tuple[str, str]]] = {}
        self.undeletable: set[str] = set()

    def stand(self, stack: str) -> None:
        """Let a stack of ``accept`` stand, with a bucket, a key and a state machine."""
        self.buckets[f"{stack}-out"] = True
        self.key_states[f"{stack}-key"] = "Enabled"
        self.put(f"s3://{stack}-out/jobs/x", b"text")
        self.standing[stack] = [
            ("AWS::S3::Bucket", f"{stack}-out"),
            ("AWS::KMS::Key", f"{stack}-key"),
            ("AWS::StepFunctions::StateMachine", f"{stack}-machine"),
        ]

    def _GetCallerIdentity(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"Account": ACCOUNT, "Arn": self.caller}

    def _GetParameter(self, given: dict[str, Any]) -> dict[str, Any]:
        if self.bootstrap is None:
            raise self.refused("ParameterNotFound")
        return {"Parameter": {"Value": self.bootstrap}}

    def _GetAccountSettings(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"AccountLimit": {"UnreservedConcurrentExecutions": self.concurrency}}

    def _GetRole(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"Role": {"Arn": f"arn:aws:iam::{ACCOUNT}:role/{given['RoleName']}"}}

    def _SimulatePrincipalPolicy(self, given: dict[str, Any]) -> dict[str, Any]:
        assert ":assumed-role/" not in given["PolicySourceArn"]
        found = [
            {
                "EvalActionName": action,
                "EvalDecision": "implicitDeny" if action in self.denied else "allowed",
                "OrganizationsDecisionDetail": {"AllowedByOrganizations": self.denied.get(action, True)},
            }
            for action in given["ActionNames"]
        ]
        return {"EvaluationResults": found}

    def _DescribeStacks(self, given: dict[str, Any]) -> dict[str, Any]:
        wanted = given.get("StackName")
        if wanted and wanted not in self.standing:
            raise self.refused("ValidationError")
        found = [
            {"StackName": name, "StackStatus": "CREATE_COMPLETE", "Tags": [{"Key": TAG, "Value": name}]}
            for name in ([wanted] if wanted else self.standing)
        ]
        return {"Stacks": found}

    def _ListStackResources(self, given: dict[str, Any]) -> dict[str, Any]:
        found = [
            {"ResourceType": kind, "LogicalResourceId": name, "PhysicalResourceId": name}
            for kind, name in self.standing[given["StackName"]]
        ]
        return {"StackResourceSummaries": found}

    def _DeleteStack(self, given: dict[str, Any]) -> dict[str, Any]:
        stack = given["StackName"]
        assert not self.uris(f"s3://{stack}-out/"), "a bucket with objects can't be deleted"
        if stack not in self.undeletable:
            self.buckets.pop(f"{stack}-out")
            self.key_states[f"{stack}-key"] = "PendingDeletion"
            del self.standing[stack]
        return {}

    def _DescribeStackEvents(self, given: dict[str, Any]) -> dict[str, Any]:
        common = {"ResourceType": "AWS::S3::Bucket", "LogicalResourceId": "Output"}
        return {"StackEvents": [{**common, "ResourceStatus": "DELETE_FAILED", "ResourceStatusReason": "in use"}]}

    def _DescribeKey(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["KeyId"] not in self.key_states:
            raise self.refused("NotFoundException")
        date = {"DeletionDate": datetime(2026, 12, 26, tzinfo=UTC)}
        return {"KeyMetadata": {"KeyId": given["KeyId"], "KeyState": self.key_states[given["KeyId"]], **date}}

    def _DeleteBucket(self, given: dict[str, Any]) -> dict[str, Any]:
        self.buckets.pop(given["Bucket"])
        return super()._DeleteBucket(given)

    def _ScheduleKeyDeletion(self, given: dict[str, Any]) -> dict[str, Any]:
        self.key_states[given["KeyId"]] = "PendingDeletion"
        return super()._ScheduleKeyDeletion(given)

    def _StopEntitiesDetectionJob(self, given: dict[str, Any]) -> dict[str, Any]:
        self.jobs[given["JobId"]]["JobStatus"] = "STOPPED"
        return {"JobStatus": "STOP_REQUESTED"}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> TestAccount:
    """An account that all clients of this process call."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    made = TestAccount()
    installed(monkeypatch, made)
    return made


@pytest.fixture
def aws(account: TestAccount) -> Aws:
    """The clients of the account."""
    return Aws()


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the test's own for ledgers and records."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
