"""Every unit test can ask for ``aws``, AWS in memory."""

from __future__ import annotations

from tests.aws import aws

__all__ = ["aws"]
