"""What all tests of publishing need."""

from __future__ import annotations

import pytest

from tests.unit.publish.publishing import Bucket, memory


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket that the functions take for AWS."""
    return memory(monkeypatch)
