"""The runbook has an entry for every alarm, status and error code that the code has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import IConstruct

from cdk_comprehend_entities import EntitiesDetectionWorkflow
from entities_job import errors
from entities_job.contracts import Status, StopCode
from entities_job.publish import ending, outcome

ROOT = Path(__file__).parents[2]
ENTRIES = re.findall(r"^### (.+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
FUNCTIONS = ROOT / "lambdas" / "entities_job"
DOCUMENT_CODES = re.compile(r'"((?:SOURCE|EMPTY|DOCUMENT|UNEXPECTED|BATCH|NOT|UNSUPPORTED)_[A-Z_]+)"')
INTERNAL = {"NOT_STARTED"}
"""A job status of outcomes, and no code."""


def _subclasses(kind: type[Any]) -> Iterator[str]:
    for each in kind.__subclasses__():
        yield each.__name__
        yield from _subclasses(each)


def codes() -> set[str]:
    """Every status and code that the functions name themselves."""
    own = {name for name in _subclasses(errors.JobError) if vars(errors).get(name)}
    found = own | set(errors.HINTS) | {*get_args(Status), *get_args(StopCode), *ending._CODES.values()}
    found |= {code for code, status in outcome.NOTHING.items() if status != "COMPLETED"}
    for path in FUNCTIONS.rglob("*.py"):
        text = path.read_text()
        found |= set(DOCUMENT_CODES.findall(text)) - INTERNAL
        # ``code = "ArchiveDamaged"`` of an exception, and codes that are written where they are decided.
        found |= set(re.findall(r'\bcode(?:: str)? = "([A-Za-z]+)"', text))
        found |= set(re.findall(r'"((?:Job|Execution|Result)(?:Failed|Incomplete))"', text))
    # Both are bases of what an outcome says.
    return found - {"ServiceError"}


def alarms() -> set[str]:
    """The ids of every alarm of a workflow with an upload trigger."""
    stack = cdk.Stack(cdk.App(), "Stack")
    workflow = EntitiesDetectionWorkflow(stack, "Entities")
    workflow.start_on_upload()
    workflow.monitor(alarm_topic=sns.Topic(stack, "Topic"), daily_cost_usd=1)

    def below(node: IConstruct) -> Iterator[str]:
        for child in node.node.children:
            if isinstance(child, cloudwatch.AlarmBase):
                yield child.node.id
            yield from below(child)

    return set(below(stack))


def test_every_code_and_status_has_an_entry() -> None:
    assert codes() - set(ENTRIES) == set()
    # What is collected from the code is what is meant.
    assert {"JobFailed", "ResultTooLarge", "SOURCE_UNREADABLE", "ExecutionAborted", "REFUSED"} <= codes()


def test_every_alarm_has_an_entry() -> None:
    assert {"FailingPolls", "OldestUpload", "DeadLetters", "DailyCost", "SlotsTaken"} <= alarms() <= set(ENTRIES)


def test_no_entry_comes_twice() -> None:
    assert len(ENTRIES) == len(set(ENTRIES))


def test_links_within_the_page_lead_somewhere() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text()
    headings = {
        re.sub(r"[^\w -]", "", found).lower().replace(" ", "-") for found in re.findall("^#+ (.+)$", text, re.M)
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", text)) <= headings
