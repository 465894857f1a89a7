"""The commands of the guides, typed as they stand there, on the local AWS; only what is the reader's own differs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from local.processes import ROOT
from tests.blocks import Block, blocks, commands
from tests.command_line import typed
from tests.rehearsal.deployed import DOCUMENTS, Deployed

DOCS = ROOT / "docs"
PAGES = {*(DOCS / "how-to").glob("*.md"), DOCS / "get-started.md", DOCS / "aws-account.md"}
ELSEWHERE = {"purge"}
"""Needs a deleted stack: tests/rehearsal/test_command_line.py."""

OUR_OWN = [
    (block, words)
    for block in blocks("sh")
    if block.page in PAGES and not block.marked
    for words in commands(block)
    if words[0] == "comprehend-entities" and words[1] not in ELSEWHERE
]
QUERIES = [block for block in blocks("sql") if block.page in PAGES]
MAY_FAIL = {"doctor"}
"""Ends with 1 if it finds a problem, and other tests make some."""


def published_job(workflow: Deployed) -> str:
    return str(workflow.run().output["Job"]["JobId"])


READERS: dict[str, Callable[[Deployed], str]] = {
    "5dfc6c2b1a0e4f3d8b7a9c0d1e2f3a4b": published_job,
    "s3://company-documents/input/2025/": lambda workflow: workflow.put(DOCUMENTS, below="input/2025/"),
}
"""What readers have of their own, by its name in the guides: made for the command that names it."""


@pytest.fixture(scope="module")
def used(workflow: Deployed) -> None:
    """The deployment has an execution and a result to show."""
    workflow.run()


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A working folder with letters."""
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "ada.txt").write_bytes(DOCUMENTS["ada.txt"] * 2)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("used", "folder")
@pytest.mark.parametrize(
    ("block", "words"), OUR_OWN, ids=[f"{block.name} {' '.join(words[1:3])}" for block, words in OUR_OWN]
)
def test_a_command_of_a_guide_runs(workflow: Deployed, block: Block, words: list[str]) -> None:
    given = [READERS[word](workflow) if word in READERS else word for word in words[1:]]
    done = typed(*given, environment=workflow.environment)
    assert done.code == 0 or (words[1] in MAY_FAIL and done.code == 1), (block.name, words, done)


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize("block", QUERIES, ids=[block.name for block in QUERIES])
def test_a_query_of_a_guide_runs(workflow: Deployed, block: Block) -> None:
    done = typed("results", "--sql", block.text, "--json", environment=workflow.environment)
    assert done.code == 0, done.err


def test_the_guides_have_commands() -> None:
    assert {words[1] for _, words in OUR_OWN} >= {"backfill", "cost", "redrive", "report", "resume", "show", "submit"}
    assert QUERIES
    assert set(READERS) <= {word for _, words in OUR_OWN for word in words}
