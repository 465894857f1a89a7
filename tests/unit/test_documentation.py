"""What the documentation tells its readers to type, to open and to believe exists."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import sqlglot
from typer.main import get_command

from comprehend_entities_cli.app import app
from tests.blocks import BESIDE, NEEDS_ACCOUNT, PAGES, ROOT, Block, blocks, commands
from tests.command_line import typed

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
VARIABLES = set(re.findall(r"^([A-Z]+) \??= ?", MAKEFILE, re.MULTILINE))
SHELL = [block for block in blocks("sh") if not block.marked]
HARMLESS = {"cd", "export", "git", "pip", "python", "python3", "source"}
"""Commands that blocks may use without the mark: they reach no account."""


@pytest.mark.parametrize("block", SHELL, ids=[block.name for block in SHELL])
def test_commands_of_a_block_without_the_mark_are_ours_or_harmless(block: Block) -> None:
    for program, *_ in commands(block):
        assert program in {"make", "comprehend-entities", *HARMLESS}, (
            f"a block with {program} begins with {NEEDS_ACCOUNT!r}"
        )


ALL = list(blocks("sh", [*PAGES, *BESIDE]))


@pytest.mark.parametrize("block", ALL, ids=[block.name for block in ALL])
def test_our_commands_of_a_block_exist_with_their_options(block: Block) -> None:
    for program, *words in commands(block):
        if program == "make":
            given = {word.partition("=")[0] for word in words if "=" in word}
            assert {word for word in words if "=" not in word} <= TARGETS
            assert given <= VARIABLES
        elif program == "comprehend-entities":
            parse(get_command(app), program, words)


def parse(command: Any, name: str, words: list[str]) -> None:
    """Parse a command line as far as its own command; an unknown command or option raises."""
    with command.make_context(name, list(words)) as context:
        if hasattr(command, "resolve_command"):
            found_name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert found is not None
            parse(found, found_name or name, rest)


def test_cost_of_the_guides_needs_no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "ada.txt").write_text("Ada Lovelace lived in London. " * 20)
    monkeypatch.chdir(tmp_path)
    assert [block for block in SHELL if "comprehend-entities cost letters/" in block.text]
    assert typed("cost", "letters/", "--json").code == 0


GUIDES = [block for block in blocks("sql") if block.page.parent.name == "how-to"]


@pytest.mark.parametrize("block", GUIDES, ids=[block.name for block in GUIDES])
def test_sql_of_guides_is_athenas(block: Block) -> None:
    assert sqlglot.parse_one(block.text, read="athena")


def values(block: Block) -> Any:
    return json.loads(block.text)


@pytest.mark.parametrize("block", list(blocks("json")), ids=lambda block: block.name)
def test_a_json_block_is_json(block: Block) -> None:
    assert values(block)


def test_the_event_of_the_guide_fits_the_schema() -> None:
    schema = json.loads((ROOT / "docs" / "event-schema.json").read_text("utf-8"))
    details = [
        found["detail"] for block in blocks("json") if "ExecutionArn" in (found := values(block)).get("detail", {})
    ]
    assert details
    for detail in details:
        jsonschema.validate(detail, schema)


@pytest.mark.parametrize("page", [*PAGES, *BESIDE], ids=lambda page: str(page.relative_to(ROOT)))
def test_files_tests_and_targets_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    folders = "tests|bench|constructs|lambdas|local|cli"
    for path, name in set(re.findall(rf"`((?:{folders})/[\w/.]+\.\w+)(?:::(\w+))?`", text)):
        assert (ROOT / path).is_file(), path
        assert not name or f"def {name}(" in (ROOT / path).read_text("utf-8"), f"{path}::{name}"
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= TARGETS


def test_every_page_is_in_the_navigation() -> None:
    configuration = (ROOT / "zensical.toml").read_text("utf-8")
    named = set(re.findall(r'^ *\{ "[^"]+" = "([^"]+\.md)" \},', configuration, re.MULTILINE))
    assert named == {str(page.relative_to(ROOT / "docs")) for page in PAGES if page.is_relative_to(ROOT / "docs")}
