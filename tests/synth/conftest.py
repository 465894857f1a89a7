"""Templates that several test files look at, each synthesized once."""

from __future__ import annotations

from functools import cache

import aws_cdk as cdk
import pytest

from cdk_comprehend_entities import EntitiesDetectionWorkflow
from tests.synth.reading import Synthesized
from tests.synth.variants import BUILDS, PACKS, STRICT_PACKS, Variant, Variants, synthesized


@pytest.fixture(scope="session")
def default() -> Synthesized:
    """The smallest use."""
    return Synthesized(lambda stack: EntitiesDetectionWorkflow(stack, "Entities"))


@pytest.fixture(scope="session")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Variants:
    """Each of the uses in variants.py by its name, synthesized when it is first asked for."""

    @cache
    def variant(name: str) -> Variant:
        packs = STRICT_PACKS if "strict" in name else PACKS
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CDK_VALIDATION", "true")
            return synthesized(BUILDS[name], tmp_path_factory.mktemp(name), packs)

    return variant


@pytest.fixture
def stack() -> cdk.Stack:
    """An empty stack, for what is refused."""
    return cdk.Stack(cdk.App(), "Stack")
