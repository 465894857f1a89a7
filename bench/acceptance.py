"""Writes what ``comprehend-entities accept`` has proved into docs/verified-on-aws.md.

``python -m bench.acceptance [RECORD.json ...] --write`` takes records in, as docs/acceptance/aws.json or local.json,
and writes the table of all checks; without ``--write`` it tells whether the page is up to date. The last line is one
JSON object.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from comprehend_entities_cli.acceptance.checks import CHECKS, OPEN_POINTS

DOCS = Path(__file__).parents[1] / "docs"
PAGE, RECORDS = DOCS / "verified-on-aws.md", DOCS / "acceptance"
_TARGETS = ("aws", "local")
_MARKED = re.compile(r"(<!-- acceptance: begin -->\n).*?(<!-- acceptance: end -->)", re.DOTALL)

WITHOUT_CHECK = {
    "A8": "a function in a VPC without calls for two weeks",
    "VPC": "jobs in a VPC",
    "lock": "buckets that only a VPC reaches",
    "C1": "a bucket that is not emptied before its stack is deleted",
    "C2": "a first deployment that fails",
    "C4": "the bill",
    "C7": "an error of more than 256 characters",
    "C8": "a property of the synthesis, not of AWS",
}
"""Rows of the page that no check is about, and what a check of them would need."""


def records() -> dict[str, Any]:
    """Return the record of each target that has one."""
    found = {target: RECORDS / f"{target}.json" for target in _TARGETS}
    return {target: json.loads(path.read_text("utf-8")) for target, path in found.items() if path.exists()}


def take(path: Path) -> None:
    """Take a record in; an older one of the same target is replaced."""
    record = json.loads(path.read_text("utf-8"))
    RECORDS.mkdir(exist_ok=True)
    (RECORDS / f"{record['target']}.json").write_text(path.read_text("utf-8"), "utf-8")


def section(known: dict[str, Any]) -> str:
    """Return the section of the page."""
    verdicts = {
        target: {each["name"]: each["verdict"].replace("_", " ") for each in record["results"]}
        for target, record in known.items()
    }
    never = [check.name for check in CHECKS if verdicts.get("aws", {}).get(check.name) not in ("passed", "failed")]
    lines = [
        f"`comprehend-entities accept` runs {len(CHECKS)} checks in your account and removes everything it created:",
        "[acceptance.md](acceptance.md). Send its record (`.json`) with an issue; it contains no account number.",
        "",
        *(_told(target, known.get(target)) for target in _TARGETS),
        "",
        f"Checks that were never run on AWS: {'all' if len(never) == len(CHECKS) else ', '.join(never) or 'none'}.",
        "",
        "Open points of the service, which AWS does not document:",
        "",
        *(f"- {name}: {text}" for name, text in OPEN_POINTS.items()),
        "",
        f"Rows of this page without a check: {'; '.join(f'{name} ({why})' for name, why in WITHOUT_CHECK.items())}.",
        "",
        "| | check | about | on AWS | on the local AWS |",
        "|---|---|---|---|---|",
    ]
    for number, check in enumerate(CHECKS, 1):
        cells = (verdicts.get(target, {}).get(check.name, "never run") for target in _TARGETS)
        about = ", ".join(check.proves)
        lines.append(f"| {number} | `{check.name}`: {check.title} | {about} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _told(target: str, record: dict[str, Any] | None) -> str:
    where = {"aws": "On AWS", "local": "On the local AWS"}[target]
    if record is None:
        return f"- {where}: never run."
    used = ", ".join(f"{name} {value}" for name, value in record["versions"].items())
    return f"- {where}: {record['begun'][:10]}, {record['region']}, with {used}."


def page() -> str:
    """Return the page as it should be."""
    return _MARKED.sub(lambda found: f"{found[1]}{section(records())}{found[2]}", PAGE.read_text("utf-8"))


def stale() -> bool:
    """Return whether the page is not as it should be."""
    return PAGE.read_text("utf-8") != page()


if __name__ == "__main__":
    for given in sys.argv[1:]:
        if given.endswith(".json"):
            take(Path(given))
    if "--write" in sys.argv:
        PAGE.write_text(page(), "utf-8")
    print(json.dumps({"checks": len(CHECKS), "records": sorted(records()), "stale": stale()}))
    sys.exit(stale())
