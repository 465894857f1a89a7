"""docs/command-line.md has every command, option and exit code, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from comprehend_entities_cli.app import app
from comprehend_entities_cli.executions import EXIT_CODES

PAGE = (Path(__file__).parents[3] / "docs" / "command-line.md").read_text("utf-8")
COMMON = {"--profile", "--region", "--endpoint-url", "--json", "--state-machine"}
DEFAULTS = {"--wait", "--texts"}
"""Options that are on; the page names what turns them off."""


def test_every_command_and_every_option_is_on_the_page() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group's
    told = dict(
        re.findall(r"^\| `([a-z]+)[^`]*` \| ([^|]*)\|", PAGE.partition("## Permissions")[0], flags=re.MULTILINE)
    )
    for name, command in commands.items():
        options = {each for parameter in command.params for each in (*parameter.opts, *parameter.secondary_opts)}
        own = {each for each in options if each.startswith("--")} - COMMON - DEFAULTS - {"--help"}
        assert set(re.findall(r"`(--[a-z-]+)`", told.pop(name))) == own, name
    assert not told
    for name in COMMON:
        assert f"`{name}`" in PAGE


def test_every_exit_code_is_on_the_page() -> None:
    told = {status: int(code) for code, status in re.findall(r"^\| (\d) \| `(\w+)` \|", PAGE, flags=re.MULTILINE)}
    assert told == EXIT_CODES
