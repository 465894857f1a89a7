"""Templates that several test files look at, each synthesized once."""

from __future__ import annotations

import aws_cdk as cdk
import pytest

from cdk_comprehend_entities import EntitiesDetectionWorkflow
from tests.synth.reading import Synthesized


@pytest.fixture(scope="session")
def default() -> Synthesized:
    """The smallest use."""
    return Synthesized(lambda stack: EntitiesDetectionWorkflow(stack, "Entities"))


@pytest.fixture
def stack() -> cdk.Stack:
    """An empty stack, for what is refused."""
    return cdk.Stack(cdk.App(), "Stack")
