"""Removes every permission of the deployed template, one at a time, and shows which path through the workflow fails.

``python -m bench.prove_iam --write`` also writes docs/permissions.md. The last line is one JSON object: how many rights
are ``necessary``, ``not_provable_here`` and ``unnecessary``. The exit code is 1 if a right is unnecessary, if what
failed without it does not name it, or if bench/iam_rules.py does not know it.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.iam_paths import PATHS
from bench.iam_rights import Deployment, Right, rights, sources
from bench.iam_rules import RULES, NotProvable, rule_of
from cdk_comprehend_entities import DocumentReader, Recognizer
from local.rehearsal import ACCOUNT, REGION, Rehearsal
from tests.rehearsal.deployed import Deployed, synthesize

PAGE = Path(__file__).parents[1] / "docs" / "permissions.md"
RECOGNIZER = f"arn:aws:comprehend:{REGION}:{ACCOUNT}:entity-recognizer/names"
CLOCK_SCALE = 0.002
_OPERATION = re.compile(r"\((\w+)\) when calling the (\w+) operation")
_COLOURS = {"necessary": "green", "not provable here": "yellow"}


class Verdict(NamedTuple):
    """Verdict on one permission: ``necessary``, ``not provable here``, ``unnecessary``, ``unclear`` or ``unknown``."""

    right: Right
    verdict: str
    showed: str


def _with_everything(stack: cdk.Stack) -> dict[str, Any]:
    isolated = ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    return {
        "vpc": ec2.Vpc(stack, "Vpc", max_azs=2, nat_gateways=0, subnet_configuration=[isolated]),
        "s3_prefix_list": ec2.PrefixList.from_prefix_list_id(stack, "S3PrefixList", "pl-1234"),
        "recognizer": Recognizer.from_arn(RECOGNIZER),
        "document_reader": DocumentReader.detect_text(),
        "tags": {"project": "proof"},
    }


def templates(folder: Path) -> dict[str, Any]:
    """Synthesize the two stacks that together hold every statement, each into a folder of its name."""
    synthesize(folder / "Plain", name="Plain", allow_overrides=[], largest_batch=2)
    synthesize(folder / "Everything", name="Everything", allow_overrides=[], props=_with_everything)
    return {name: json.loads((folder / name / f"{name}.template.json").read_text()) for name in ("Plain", "Everything")}


def every_right(stacks: Mapping[str, Any]) -> list[tuple[str, Right]]:
    """Each right of the workflow once, with the first stack that holds it; the tests' own queue is none of it."""
    found: dict[str, tuple[str, Right]] = {}
    for stack, template in stacks.items():
        for right in rights(template):
            if right.logical_id.startswith("Entities"):
                found.setdefault(str(right), (stack, right))
    return list(found.values())


def judge(right: Right, deployed: Deployed, deployment: Deployment) -> Verdict:
    """Take one right away and go the way that needs it."""
    pattern = rule_of(right)
    if pattern is None:
        return Verdict(right, "unknown", "no rule of bench/iam_rules.py fits")
    rule = RULES[pattern]
    if isinstance(rule, NotProvable):
        return Verdict(right, "not provable here", f"{rule.reason}; covered by {rule.test}")
    lines: list[str] = []
    with deployment.without(right):
        # What the right before was denied may be logged late, and ends the first try.
        for _ in range(2):
            text = PATHS[rule](deployed)
            lines = [line for line in text.splitlines() if any(sign.lower() in line.lower() for sign in right.signs)]
            if lines or not text:
                break
    if not lines:
        return Verdict(right, "unclear" if text else "unnecessary", f"{rule}: {text[-300:] or 'all went well'}")
    operation = _OPERATION.search(" ".join(lines))
    return Verdict(right, "necessary", f"{rule}: {' at '.join(operation.groups()) if operation else right.signs[0]}")


def page(verdicts: list[Verdict], known: Mapping[tuple[str, str], str]) -> str:
    """Return the table as Markdown; ``known`` are the sources of rights by holder and action."""
    lines = [
        "# Every permission, and what fails without it",
        "",
        "Written by `make prove-iam`. Each action on each resource in each policy of the template was removed alone",
        "from a workflow on the local AWS, where IAM checks every call. The path through the workflow that needs it",
        "had to fail with the action in its error. Conditions of trust policies and principals of key policies were",
        "changed to another account. The paths are in `bench/iam_paths.py`. None of it ran on a real account.",
        "The source is the AWS document that shows the statement; without one, CDK or the policy of a resource has it.",
        "",
        *(f"- **{way}**: {' '.join((path.__doc__ or '').split())}" for way, path in PATHS.items()),
        "",
        "| holder | action | resource | condition | verdict | how it showed | source |",
        "|---|---|---|---|---|---|---|",
    ]
    for (holder, action, resource, condition, *_), verdict, showed in verdicts:
        names, source = (action, resource, condition), known.get((holder, action), "")
        cells = (holder, *(f"`{cell}`" if cell else "" for cell in names), verdict, showed, source)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join([*lines, ""])


@contextmanager
def _deployed(folder: Path, stacks: Mapping[str, Any]) -> Iterator[dict[str, tuple[Deployed, Deployment]]]:
    with (
        tempfile.TemporaryDirectory() as state,
        Rehearsal(Path(state), clock_scale=CLOCK_SCALE, authorization=True) as rehearsal,
    ):
        rehearsal.comprehend.add_recognizer(RECOGNIZER, "Text,Type\nAda Lovelace,NAME\n")
        # The rights on network interfaces are not provable here, and jobs are to run nevertheless.
        rehearsal.comprehend.configure(network_rights="ignored", job_seconds=[366.5])
        yield {
            name: (
                Deployed(rehearsal, rehearsal.stacks.deploy(folder / name, name)),
                Deployment(rehearsal, name, template),
            )
            for name, template in stacks.items()
        }


def _check_whole(places: Mapping[str, tuple[Deployed, Deployment]]) -> None:
    for way, path in PATHS.items():
        if trouble := path(places["Plain"][0]):
            raise SystemExit(f"with every right in place, the way {way!r} fails:\n{trouble}")
    if trouble := PATHS["job"](places["Everything"][0]):
        raise SystemExit(f"with every right in place, a job with every setting fails:\n{trouble}")


def main() -> int:
    """Prove every right, print the table and the JSON line; 0 if each is necessary or covered elsewhere."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        stacks = templates(Path(folder))
        known = {right: source for name in stacks for right, source in sources(Path(folder) / name).items()}
        with _deployed(Path(folder), stacks) as places:
            _check_whole(places)
            found = track(every_right(stacks), "Taking rights away", console=console)
            verdicts = [judge(right, *places[stack]) for stack, right in found]
            _check_whole(places)
    table = Table("holder", "action", "resource", "condition", "verdict", "how it showed")
    for (holder, action, resource, condition, *_), verdict, showed in verdicts:
        colour = _COLOURS.get(verdict, "red")
        table.add_row(holder, action, resource, condition, f"[{colour}]{verdict}", showed)
    console.print(table)
    if "--write" in sys.argv:
        PAGE.write_text(page(verdicts, known), encoding="utf-8")
    counts = Counter(verdict.verdict.replace(" ", "_") for verdict in verdicts)
    print(json.dumps({name: counts[name] for name in ("necessary", "not_provable_here", "unnecessary")}))
    return int(counts["necessary"] + counts["not_provable_here"] != len(verdicts))


if __name__ == "__main__":
    sys.exit(main())
