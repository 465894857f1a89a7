"""What commands print, whatever the terminal's width."""

from __future__ import annotations

import io

from rich.console import Console

from comprehend_entities_cli.console import _print


def printed(text: str) -> list[str]:
    """The lines of a narrow terminal."""
    file = io.StringIO()
    _print(Console(file=file, force_terminal=True, color_system=None, width=20, soft_wrap=True), text, "")
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_a_folded_line_goes_on_below_its_own_beginning() -> None:
    assert printed("  one two three four five six seven") == ["  one two three four", "  five six seven"]


def test_what_is_to_be_copied_is_not_folded() -> None:
    command = "  Follow it with: comprehend-entities watch monday"
    assert printed(command) == [command]
    assert printed("s3://bucket/a key with spaces/in it") == ["s3://bucket/a key with spaces/in it"]
