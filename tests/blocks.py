"""The code blocks of the documentation, and the mark of those that need a real account."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BESIDE = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "examples").rglob("README.md"))]
"""Pages that are no part of the site."""

NEEDS_ACCOUNT = "# needs an AWS account"
"""The first line of a block that no test executes."""

_BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A block of a page, by the line that it begins in."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """The page and line, as an editor opens it."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def marked(self) -> bool:
        """Whether it says that it needs a real account."""
        return self.text.startswith(NEEDS_ACCOUNT)


def blocks(language: str, pages: Sequence[Path] = PAGES) -> Iterator[Block]:
    """Yield the blocks of a language on all pages."""
    for page in pages:
        text = page.read_text("utf-8")
        for found in _BLOCK.finditer(text):
            if found[2] == language:
                yield Block(page, text.count("\n", 0, found.start()) + 1, language, textwrap.dedent(found[3]))


def commands(block: Block) -> list[list[str]]:
    """Return the words of each command of a shell block, comments left out."""
    lines = block.text.replace("\\\n", " ").splitlines()
    pieces = [shlex.split(part, comments=True) for line in lines for part in line.split(" && ")]
    return [words for words in pieces if words]
