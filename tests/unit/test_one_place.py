"""Names that stand in one file: the API operation's in operation.py, ids that CDK makes in none."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for folder in ("constructs", "lambdas") for path in (ROOT / folder).rglob("*.py"))
OPERATION = re.compile(
    r"\w+EntitiesDetectionJobs?\b|-NER-|entities-detection-job|(start|describe|stop|list)_entities_detection_jobs?"
)
# A logical id ends in eight digits of a hash, the id of a singleton in a UUID.
MADE_BY_CDK = re.compile(r"[A-Za-z]\w*(?=[0-9A-F]{8}\b)(?=\w*\d)[0-9A-F]{8}\b|[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-")


def spelled(path: Path) -> Iterator[str]:
    """Texts and names of a file, without its comments and docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    statements = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in statements:
            yield node.value
        if isinstance(node, ast.Name):
            yield node.id
        if isinstance(node, ast.Attribute):
            yield node.attr


def test_one_file_spells_the_operation() -> None:
    found = {path.name for path in SOURCES for text in spelled(path) if OPERATION.search(text)}
    assert found == {"operation.py"}


def test_no_id_that_cdk_makes_is_spelled() -> None:
    assert MADE_BY_CDK.search("BucketNotificationsHandler050a0587b7544547bf325f094a3db834")
    assert MADE_BY_CDK.search("EntitiesStartJobRole1A2B3C4D")
    constructs = [path for path in SOURCES if path.is_relative_to(ROOT / "constructs")]
    assert not [(path.name, text) for path in constructs for text in spelled(path) if MADE_BY_CDK.search(text)]
    assert not [path.name for path in constructs for text in spelled(path) if text in {"get_logical_id", "logical_id"}]
