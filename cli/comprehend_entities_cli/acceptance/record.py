"""The record of a run, as JSON and as Markdown, without account numbers."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from .checks.catalog import Check

SCHEMA_VERSION = "1.0"
"""Version of the JSON file, for those who read it."""

Verdict = Literal["passed", "failed", "not_here"]
_PACKAGES = ("aws-cdk-lib", "boto3", "botocore", "cdk-comprehend-entities")
_ACCOUNT = re.compile(r"(?<![0-9A-Za-z])\d{12}(?![0-9A-Za-z])")


@dataclass(frozen=True)
class Result:
    """The result of a check.

    Attributes:
        number: its place in the list of all checks, from 1.
        name: its name.
        title: what is true if it passed.
        proves: rows of docs/verified-on-aws.md, or open points of the service, that it is about.
        verdict: passed, failed, or not_here.
        text: why it failed or could not be had; empty if it passed.
        evidence: what was seen.
    """

    number: int
    name: str
    title: str
    proves: tuple[str, ...]
    verdict: Verdict
    text: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, number: int, check: Check, verdict: Verdict, text: str = "", evidence: Any = None) -> Result:
        """Return the result of a check."""
        return cls(number, check.name, check.title, check.proves, verdict, text, evidence or {})


@dataclass
class Record:
    """A whole run.

    Attributes:
        target: aws, or local for the local AWS.
        region: the Region.
        begun: when it began, in UTC, as ISO 8601.
        versions: of the packages that took part.
        results: of all checks that ran, by number.
        left_behind: what could not be removed.
        keys_waiting: how many keys are deleted when their waiting period ends.
        interrupted: whether it was interrupted.
    """

    target: Literal["aws", "local"]
    region: str
    begun: str
    versions: Mapping[str, str]
    results: list[Result] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    keys_waiting: int = 0
    interrupted: bool = False

    def counts(self) -> dict[str, int]:
        """Return the counts for the last line of the command."""
        verdicts = [each.verdict for each in self.results]
        return {
            "checks": len(verdicts),
            **{name: verdicts.count(name) for name in ("passed", "failed", "not_here")},
            "left_behind": len(self.left_behind),
        }

    def as_json(self) -> dict[str, Any]:
        """Return it as it is written."""
        return dict(without_accounts({"schema_version": SCHEMA_VERSION, **asdict(self)}))

    def write(self, path: Path) -> list[Path]:
        """Write ``path`` with the suffixes ``.json`` and ``.md``; return both files."""
        files = [path.with_name(f"{path.name}.{suffix}") for suffix in ("json", "md")]
        files[0].write_text(json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        files[1].write_text(self.as_markdown(), encoding="utf-8")
        return files

    def as_markdown(self) -> str:
        """Return it as a page."""
        where = "AWS" if self.target == "aws" else "the local AWS"
        counts = self.counts()
        lines = [
            f"# Acceptance on {where}, {self.region}, {self.begun[:10]}",
            "",
            f"{counts['checks']} checks: {counts['passed']} passed, {counts['failed']} failed, {counts['not_here']} "
            f"could not run here. Left behind: {counts['left_behind']}. "
            f"Keys in their waiting period: {self.keys_waiting}.",
            *(["", "The run was interrupted."] if self.interrupted else []),
            "",
            f"Versions: {', '.join(f'{name} {value}' for name, value in self.versions.items())}.",
            "",
            "| | check | about | result | evidence |",
            "|---|---|---|---|---|",
            *(_row(each) for each in self.results),
            *(f"\nLeft behind: {each}" for each in self.left_behind),
            "",
        ]
        return str(without_accounts("\n".join(lines)))


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that take part."""
    found = {"Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unreleased"
    return found


def without_accounts(value: Any) -> Any:
    """Return a JSON value, or a text, in which no account number stands.

    Example:
        >>> without_accounts(["arn:aws:kms:us-east-1:111122223333:key/1"])
        ['arn:aws:kms:us-east-1:<account>:key/1']
    """
    if isinstance(value, str):
        return _ACCOUNT.sub("<account>", value)
    if isinstance(value, Mapping):
        return {name: without_accounts(each) for name, each in value.items()}
    if isinstance(value, Iterable):
        return [without_accounts(each) for each in value]
    return value


def _row(result: Result) -> str:
    seen = result.text or ", ".join(f"{name}: {_shown(value)}" for name, value in result.evidence.items())
    cells = (str(result.number), result.title, ", ".join(result.proves), result.verdict.replace("_", " "), seen)
    return f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
