"""With IAM enforced, over TLS: the rights that the template gives are enough, and each that is taken away is missed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.rehearsal import Rehearsal
from tests.rehearsal.conftest import CLOCK_SCALE
from tests.rehearsal.deployed import Deployed, synthesize


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """A workflow where every call is judged."""
    assembly = synthesize(tmp_path_factory.mktemp("assembly"), allow_overrides=[])
    with (
        tempfile.TemporaryDirectory() as folder,
        Rehearsal(Path(folder), clock_scale=CLOCK_SCALE, authorization=True) as rehearsal,
    ):
        yield Deployed(rehearsal, rehearsal.stacks.deploy(assembly, "Rehearsed"))


@contextmanager
def policies_of(iam: Any, role: str, change: Any) -> Iterator[None]:
    """Change every statement of the role whose name holds ``role``; afterwards all is as it was."""
    [name] = [each["RoleName"] for each in iam.list_roles()["Roles"] if f"-Entities{role}" in each["RoleName"]]
    kept = {}
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        kept[policy] = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        statements = [
            changed for each in kept[policy]["Statement"] if (changed := change(json.loads(json.dumps(each))))
        ]
        document = json.dumps({**kept[policy], "Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)
    yield
    for policy, document in kept.items():
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))


def without(action: str) -> Any:
    def change(statement: dict[str, Any]) -> dict[str, Any] | None:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        left = [each for each in actions if each != action]
        return {**statement, "Action": left} if left else None

    return change


def with_condition(key: str, value: str) -> Any:
    def change(statement: dict[str, Any]) -> dict[str, Any]:
        for values in statement.get("Condition", {}).values():
            if key in values:
                values[key] = value
        return statement

    return change


def test_the_rights_are_enough(judged: Deployed) -> None:
    assert judged.run().output["Status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("role", "action"),
    [
        ("StartJob", "comprehend:StartEntitiesDetectionJob"),
        ("StartJob", "iam:PassRole"),
        ("PollJob", "comprehend:DescribeEntitiesDetectionJob"),
        ("InspectInput", "s3:ListBucket"),
        ("InspectInput", "kms:GenerateDataKey"),
        ("PublishResult", "kms:Decrypt"),
    ],
)
def test_a_right_that_is_taken_away_is_named(judged: Deployed, role: str, action: str) -> None:
    with policies_of(judged.rehearsal.client("iam"), role, without(action)):
        ended = judged.run()
    assert ended.status == "FAILED"
    assert action in str(ended.cause)


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:ListBucket", "s3:PutObject", "kms:Decrypt", "kms:CreateGrant"])
def test_a_job_fails_without_a_right_of_the_data_access_role(judged: Deployed, action: str) -> None:
    with policies_of(judged.rehearsal.client("iam"), "DataAccessRole", without(action)):
        ended = judged.run()
    assert ended.status == "FAILED"
    assert ended.event["detail"]["Job"]["JobStatus"] == "FAILED"


@pytest.mark.parametrize("key", ["comprehend:VolumeKmsKey", "comprehend:OutputKmsKey", "iam:PassedToService"])
def test_a_start_is_pinned_by_conditions(judged: Deployed, key: str) -> None:
    with policies_of(judged.rehearsal.client("iam"), "StartJob", with_condition(key, "another")):
        ended = judged.run()
    assert ended.error == "AccessDeniedException"


def test_who_queries_may_do_so_in_one_workgroup_and_read_published_results_only(judged: Deployed) -> None:
    athena, glue, s3 = (
        judged.rehearsal.client(service, role_arn=judged.outputs["AnalystRoleArn"])
        for service in ("athena", "glue", "s3")
    )
    outcome = judged.run().output
    bucket, _, key = outcome["Result"]["SummaryUri"].removeprefix("s3://").partition("/")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    raw = outcome["Job"]["OutputDataConfig"]["S3Uri"].removeprefix(f"s3://{bucket}/")
    with pytest.raises(ClientError, match="s3:GetObject"):
        s3.get_object(Bucket=bucket, Key=raw)
    assert glue.get_table(DatabaseName=judged.outputs["DatabaseName"], Name="entities")
    asked = {"QueryString": "SELECT 1", "QueryExecutionContext": {"Database": judged.outputs["DatabaseName"]}}
    assert athena.start_query_execution(**asked, WorkGroup=judged.outputs["WorkGroupName"])
    with pytest.raises(ClientError, match="athena:StartQueryExecution"):
        athena.start_query_execution(**asked, WorkGroup="primary")
