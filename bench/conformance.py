"""Runs every test that proves a parameter, state or error of StartEntitiesDetectionJob, and says what is proven.

``python -m bench.conformance --write`` also writes the table of docs/conformance.md. The last line is one JSON object:
``parameters``, ``states`` and ``errors``, each as [proven, all].
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from entities_job.request.model import model

PAGE = Path(__file__).parents[1] / "docs" / "conformance.md"
OPERATIONS = ("StartEntitiesDetectionJob", "DescribeEntitiesDetectionJob", "StopEntitiesDetectionJob")
UNMODELLED = ("ThrottlingException", "AccessDeniedException")
"""Errors that every operation can answer although botocore's model names them at none."""


def parameters(shape_name: str = "StartEntitiesDetectionJobRequest", prefix: str = "") -> Iterator[str]:
    """Every field of the request, nested ones by their path."""
    shape = model()["shapes"][shape_name]
    if shape["type"] == "list":
        yield from parameters(shape["member"]["shape"], prefix)
    for name, member in shape.get("members", {}).items():
        yield f"{prefix}{name}"
        yield from parameters(member["shape"], f"{prefix}{name}.")


def errors() -> Iterator[str]:
    """Every error of every operation that the workflow calls, as ``Operation.Error``."""
    for operation in OPERATIONS:
        modelled = [error["shape"] for error in model()["operations"][operation]["errors"]]
        yield from (f"{operation}.{error}" for error in (*modelled, *UNMODELLED))


ALL: dict[str, list[str]] = {
    "parameters": list(parameters()),
    "states": list(model()["shapes"]["JobStatus"]["enum"]),
    "errors": list(errors()),
}


class Proofs:
    """A pytest plug-in that notes which tests prove what, and which of them failed."""

    def __init__(self) -> None:
        self.tests: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self.failed: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note each ``proves(kind, *names)`` mark of each test that will run."""
        for item in items:
            for mark in item.iter_markers("proves"):
                kind, *names = mark.args
                for name in names:
                    if name not in ALL[kind]:
                        raise pytest.UsageError(f"{item.nodeid} claims to prove {name}, which is none of the {kind}")
                    self.tests[kind, name].add(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what did not pass."""
        if not report.passed:
            self.failed.add(report.nodeid)

    def proven(self, kind: str, name: str) -> bool:
        """Return True if a test proves it and no test that claims to has failed."""
        return bool(self.tests[kind, name]) and not self.tests[kind, name] & self.failed


def page(proofs: Proofs) -> str:
    """The table as Markdown."""
    lines = [
        "# Every parameter, state and error, and the test that proves it",
        "",
        "Written by `make conformance`. Parameters, states and modelled errors are read from botocore's service model;",
        "ThrottlingException and AccessDeniedException are not modelled but real. All ran against the local emulator,",
        "none on a real account.",
    ]
    for kind, names in ALL.items():
        lines += ["", f"## {kind.capitalize()}", "", "| name | proven by |", "|---|---|"]
        for name in names:
            tests = sorted({test.partition("[")[0] for test in proofs.tests[kind, name]})
            lines.append(f"| `{name}` | {'<br>'.join(f'`{test}`' for test in tests) or 'nothing'} |")
    return "\n".join([*lines, ""])


def main() -> int:
    """Run the tests, print the table and the JSON line; 0 if all is proven."""
    proofs = Proofs()
    outcome = pytest.main(["-q", "-m", "proves", "tests"], plugins=[proofs])
    console, summary = Console(), {}
    for kind, names in ALL.items():
        table = Table("", kind, "tests", title=kind.capitalize())
        for name in names:
            mark = "[green]proven" if proofs.proven(kind, name) else "[red]not proven"
            table.add_row(mark, name, str(len(proofs.tests[kind, name])))
        console.print(table)
        summary[kind] = [sum(proofs.proven(kind, name) for name in names), len(names)]
    if "--write" in sys.argv:
        PAGE.write_text(page(proofs), encoding="utf-8")
    print(json.dumps(summary))
    all_proven: Any = all(proven == known for proven, known in summary.values())
    return int(outcome) or int(not all_proven)


if __name__ == "__main__":
    sys.exit(main())
