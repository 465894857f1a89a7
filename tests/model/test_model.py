"""Every path through the rendered definition, with the service's states and up to three faults, keeps what is promised.

What is promised: docs/architecture.md. A definition that is changed is judged anew, as the broken ones here show.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import aws_cdk as cdk
import pytest

from cdk_comprehend_entities import EntitiesDetectionWorkflow, ExecutionLimits
from entities_job.aws import logger
from entities_job.publish import ending
from tests.aws import installed
from tests.model.exploration import FOREVER, Explorer
from tests.model.rendering import Rendered, rendered
from tests.model.world import LIMITS, World
from tests.synth.reading import Synthesized

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def machine() -> Rendered:
    """The smallest use, with limits that are soon over."""
    limits = ExecutionLimits(**{name: cdk.Duration.minutes(minutes) for name, minutes in LIMITS.items()})  # type: ignore[arg-type]  # durations
    return rendered(Synthesized(lambda stack: EntitiesDetectionWorkflow(stack, "Entities", limits=limits)))


@pytest.fixture(scope="module")
def world(machine: Rendered) -> Iterator[World]:
    """AWS in memory, with the functions' own environment; what they answered is kept for all tests."""
    level = logger.log_level
    with pytest.MonkeyPatch.context() as patch:
        aws = installed(patch)
        for name, value in {**machine.environment, "POWERTOOLS_METRICS_DISABLED": "true"}.items():
            patch.setenv(name, value)
        logger.setLevel("CRITICAL")
        world = World(aws, machine)
        patch.setattr(ending, "time", world)
        yield world
    logger.setLevel(level)


def request(machine: Rendered, *, batch: bool = False) -> dict[str, Any]:
    settings = machine.definition["States"]["InspectInput"]["Arguments"]["Payload"]["Settings"]
    uri = settings["StagingUri"] if batch else settings["InputUris"][0]
    return {"InputDataConfig": {"S3Uri": f"{uri}batch/documents/"}}


def explored(machine: Rendered, world: World, *, faults: int, first: bool = False) -> Explorer:
    """All paths of all kinds of executions."""
    explorer = Explorer(machine, world, faults=faults)
    direct, batch, taken_up = request(machine), request(machine, batch=True), {"JobId": "by-hand"}
    refused: list[object] = [taken_up, {**direct, **taken_up}, {"JobId": 1}, {}, [], None, "text"]
    for wrong in refused:
        explorer.explore(wrong, world.begin(wrong), first=first)
    # Once its job is started, an execution is as any other.
    started = frozenset({"WaitForJob"})
    explorer.explore(batch, world.begin(batch), until=started, first=first)
    explorer.explore(direct, world.begin(direct, taken=True), until=started, first=first)
    # So is one that has taken up a job, once a poll has found that running.
    followed = frozenset({"WaitForOutput"})
    for status in ("COMPLETED", "FAILED", "IN_PROGRESS"):
        explorer.explore(taken_up, world.begin(taken_up, before=(status, "by-hand")), until=followed, first=first)
    explorer.explore(direct, world.begin(direct), first=first)
    return explorer


def test_every_path_keeps_what_is_promised(machine: Rendered, world: World) -> None:
    explorer = explored(machine, world, faults=3)
    told = [f"{each.rule}:\n    " + "\n    ".join(each.path) for each in explorer.complaints.values()]
    assert not told, "\n".join(told)
    assert explorer.entered == set(machine.definition["States"])
    print(f"{explorer.moments:,} moments, {explorer.steps:,} steps")


def without_catch(name: str, number: int) -> Change:
    return lambda states: states[name]["Catch"].pop(number)


def leads(name: str, step: str, target: str) -> Change:
    def change(states: dict[str, Any]) -> None:
        [choice] = [each for each in states[name]["Choices"] if step in each["Condition"]]
        choice["Next"] = target

    return change


def sets(name: str, field: str, value: object) -> Change:
    return lambda states: states[name].update({field: value})


def assigns(name: str, variable: str, value: object) -> Change:
    return lambda states: states[name]["Assign"].update({variable: value})


def forgets(name: str, variable: str) -> Change:
    return lambda states: states[name]["Assign"].pop(variable)


ALONE = "an execution ends by itself and does not report it"
UNNAMED = "there is a job that no outcome names"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        *[(without_catch(name, 0), ALONE) for name in ("InspectInput", "PublishResult", "StopJob", "StageBatch")],
        (without_catch("StartJob", 1), ALONE),
        (without_catch("PollJob", 1), ALONE),
        (without_catch("StartJob", 0), "gave up at the first slot"),
        (leads("JobStatus", "'PUBLISH'", "PublishFailure"), ALONE),
        (leads("JobStatus", "'RESTART'", "PublishResult"), "a result is published of a job that is FAILED"),
        (leads("JobStatus", "'STOP'", "WaitForJob"), "a job did not stop, and had not been asked to"),
        (leads("JobStatus", "'WAIT'", "JobEnded"), ALONE),
        (leads("TakenUp", "Job", "StartJob"), "an expression fails|more jobs are paid for"),
        (leads("Reported", "Status", "JobEnded"), "the outcome contradicts the execution's status"),
        (sets("JobStatus", "Default", "WaitForJob"), FOREVER),
        (sets("PollFailed", "Default", "PollAgain"), FOREVER),
        (sets("StopJob", "Next", "PublishResult"), "an outcome says|a result is published"),
        (sets("WaitForJob", "Next", "Nowhere"), "there is no state Nowhere"),
        (sets("PublishFailure", "Retry", []), "one passing fault ends the execution"),
        (sets("PublishFailure", "Output", "{% $states.result %}"), "the output is not the event|an expression fails"),
        (forgets("WaitBeforeRestart", "job"), UNNAMED),
        (forgets("StartJob", "job"), "an expression fails"),
        (forgets("InspectInput", "stopCode"), "an expression fails"),
        (assigns("PollAgain", "elapsed", 0), FOREVER),
    ],
)
def test_a_definition_that_is_broken_is_found(machine: Rendered, world: World, change: Change, rule: str) -> None:
    definition = copy.deepcopy(machine.definition)
    change(definition["States"])
    broken = explored(dataclasses.replace(machine, definition=definition), world, faults=1, first=True)
    assert any(part in complaint for part in rule.split("|") for complaint in broken.complaints), broken.complaints
