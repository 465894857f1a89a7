"""What checkers are told stands in one table, and each entry is used; the findings themselves: test_checkers.py."""

from __future__ import annotations

import ast
from pathlib import Path

import aws_cdk as cdk
import pytest

import cdk_comprehend_entities
from cdk_comprehend_entities.rights.acknowledged import ACKNOWLEDGED, acknowledge

FOLDER = Path(cdk_comprehend_entities.__file__).parent
TABLE = FOLDER / "rights" / "acknowledged.py"


def test_every_entry_is_used() -> None:
    trees = [ast.parse(path.read_text("utf-8")) for path in FOLDER.rglob("*.py") if path != TABLE]
    texts = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert ACKNOWLEDGED.keys() <= texts


def test_no_other_file_acknowledges() -> None:
    found = [path.name for path in FOLDER.rglob("*.py") if "Acknowledgment" in path.read_text("utf-8")]
    assert found == [TABLE.name]


def test_an_unknown_entry_fails(stack: cdk.Stack) -> None:
    with pytest.raises(KeyError, match="no-such-entry"):
        acknowledge(stack, "no-such-entry")
