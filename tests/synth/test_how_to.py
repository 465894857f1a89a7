"""The guides of docs/how-to: what their Python blocks define synthesizes, and their SQL is Athena's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
import sqlglot
from aws_cdk import Duration, Size
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template
from constructs import Construct

import cdk_comprehend_entities

PAGES = sorted((Path(__file__).parents[2] / "docs" / "how-to").glob("*.md"))
BLOCKS = {
    f"{page.stem}-{number}": block
    for page in PAGES
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL), start=1)
}
IMPORTED: dict[str, Any] = {
    **{name: getattr(cdk_comprehend_entities, name) for name in cdk_comprehend_entities.__all__},
    **{"cdk": cdk, "Duration": Duration, "Size": Size, "actions": actions, "targets": targets, "iam": iam, "kms": kms},
    **{"lambda_": lambda_, "s3": s3, "sns": sns, "sqs": sqs, "sfn": sfn},
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_synthesizes_in_a_stack(name: str) -> None:
    stack = cdk.Stack(cdk.App(), "Stack", env=cdk.Environment(account="111122223333", region="us-east-1"))
    given: dict[str, Any] = {"self": stack}
    if re.search(r"\bworkflow\.", BLOCKS[name]) and "workflow = " not in BLOCKS[name]:
        given["workflow"] = cdk_comprehend_entities.EntitiesDetectionWorkflow(Construct(stack, "Given"), "Entities")
    for role in ("analyst", "caller"):
        given[role] = iam.Role(stack, role.capitalize(), assumed_by=iam.AccountRootPrincipal())
    given["topic"] = sns.Topic(stack, "Topic")
    given["consumer"] = lambda_.Function(
        stack,
        "Consumer",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): pass"),
    )
    exec(compile(BLOCKS[name], name, "exec"), {**IMPORTED, **given})
    assert len(Template.from_stack(stack).to_json()["Resources"]) > 10


def test_sql_is_athenas() -> None:
    queries = [sql for page in PAGES for sql in re.findall(r"```sql\n(.*?)```", page.read_text("utf-8"), re.DOTALL)]
    assert queries
    for sql in queries:
        assert sqlglot.parse_one(sql, read="athena")
