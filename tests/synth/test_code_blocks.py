"""The Python blocks of the documentation run, and what they define synthesizes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import boto3
import pytest
from aws_cdk import Duration, RemovalPolicy, Size
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

import cdk_comprehend_entities as package
from tests.blocks import Block, blocks
from tests.synth.variants import own_vpc

ENVIRONMENT = cdk.Environment(account="111122223333", region="us-east-1")
PYTHON = [block for block in blocks("python") if not block.marked]


MODULES = {
    **{name: getattr(package, name) for name in package.__all__},
    **{"json": json, "boto3": boto3, "cdk": cdk, "Construct": Construct, "Duration": Duration, "Size": Size},
    **{"RemovalPolicy": RemovalPolicy, "cloudwatch": cloudwatch, "actions": actions, "ec2": ec2, "events": events},
    **{"targets": targets, "iam": iam, "kms": kms, "lambda_": lambda_, "s3": s3, "sns": sns, "sqs": sqs, "sfn": sfn},
}
"""What blocks may use without importing it."""


def _role(scope: Construct, name: str) -> iam.Role:
    return iam.Role(scope, name, assumed_by=iam.AccountRootPrincipal())


def _function(scope: Construct, name: str) -> lambda_.Function:
    code, runtime = lambda_.Code.from_inline("def handler(event, context): ..."), lambda_.Runtime.PYTHON_3_13
    return lambda_.Function(scope, name, code=code, handler="index.handler", runtime=runtime)


def _documents(scope: Construct, name: str) -> s3.Bucket:
    return s3.Bucket(scope, name, encryption_key=kms.Key(scope, f"{name}Key"))


def _workflow(scope: Construct, name: str) -> package.EntitiesDetectionWorkflow:
    return package.EntitiesDetectionWorkflow(Construct(scope, name), "Entities")


READERS: dict[str, Callable[[Construct, str], Any]] = {
    **dict.fromkeys(("analyst", "caller", "administrator"), _role),
    **dict.fromkeys(("index", "consumer"), _function),
    "topic": sns.Topic,
    "documents": _documents,
    "vpc": lambda scope, _: own_vpc(cdk.Stack.of(scope)),
    "workflow": _workflow,
}
"""What a reader's stack has already: made for the blocks that use it."""


@pytest.fixture(scope="module")
def app() -> cdk.App:
    """One application with a stack for each block, so that all are synthesized at once."""
    return cdk.App()


@pytest.mark.parametrize("block", PYTHON, ids=[block.name for block in PYTHON])
def test_a_python_block_runs(block: Block, app: cdk.App) -> None:
    stack = cdk.Stack(app, re.sub(r"\W", "-", block.name), env=ENVIRONMENT)
    used = set(re.findall(r"\w+", block.text)) & READERS.keys()
    # In a scope of their own: a block may use the same ids.
    reader = Construct(stack, "Reader")
    names = {**MODULES, "self": stack, **{name: READERS[name](reader, name.capitalize()) for name in used}}
    # What functions and class bodies see must be global, as in a module.
    exec(compile(block.text, block.name, "exec"), names)


def test_what_the_blocks_define_synthesizes(app: cdk.App) -> None:
    made = [child for child in app.node.children if isinstance(child, cdk.Stack)]
    assert len(app.synth().stacks) == len(made) >= 10


def test_blocks_are_found() -> None:
    assert len(PYTHON) >= 10
