"""Every test of the command line can ask for ``account``, AWS in memory with a deployment, and never waits."""

from __future__ import annotations

import pytest

from comprehend_entities_cli import executions
from tests.account import account

__all__ = ["account"]


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow each other at once."""
    monkeypatch.setattr(executions, "_EAGER_PAUSE", 0)
