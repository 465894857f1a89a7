"""What docs/event-schema.json demands of every event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

DOCS = Path(__file__).parents[1] / "docs"
_validator = Draft202012Validator(json.loads((DOCS / "event-schema.json").read_text("utf-8")))

LARGEST = 256 * 1024
"""Bytes that both an EventBridge entry and a state's output may have, at least."""


def check(detail: Mapping[str, Any]) -> None:
    """Assert that a detail is as documented."""
    faults = [f"{fault.json_path}: {fault.message}" for fault in _validator.iter_errors(detail)]
    assert not faults, (faults, detail)
    assert len(json.dumps(detail)) < LARGEST
