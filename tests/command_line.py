"""The command line as somebody types it, in this process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from comprehend_entities_cli.app import app


@dataclass(frozen=True)
class Typed:
    """What a command did: its exit code, its answer, and what it printed beside it."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The answer as a value; a command without one fails the test with what it said."""
        assert self.out, f"exit code {self.code}: {self.err}"
        return json.loads(self.out)


def typed(*arguments: str, environment: Mapping[str, str] | None = None, given: str | None = None) -> Typed:
    """Run a command; an exception that it does not turn into a message fails the test."""
    # Wide, so that no table is folded.
    result = CliRunner().invoke(app, list(arguments), input=given, env={"COLUMNS": "200", **(environment or {})})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Typed(result.exit_code, result.stdout, result.stderr)
