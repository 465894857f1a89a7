"""The state machine's definition: valid by two independent checkers, and as the job's life asks for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cdk_comprehend_entities import EntitiesDetectionWorkflow
from entities_job.request.model import model
from tests.synth.reading import Synthesized

ROOT = Path(__file__).parents[2]
NODE = Path(sys.executable).parent / "node"
LANGUAGE_SERVICE = """
const { getLanguageService, TextDocument } = require("amazon-states-language-service");
const text = require("fs").readFileSync(process.argv[1], "utf8");
const document = TextDocument.create("file:///definition.asl", "asl", 1, text);
const service = getLanguageService({});
service.doValidation(document, service.parseJSONDocument(document)).then((found) => console.log(JSON.stringify(found)));
"""


def definition(synthesized: Synthesized) -> dict[str, Any]:
    """The definition as Step Functions gets it, every reference an ARN."""
    (machine,) = synthesized.of_type("AWS::StepFunctions::StateMachine").values()
    parts = machine["DefinitionString"]["Fn::Join"][1]
    text = "".join(
        part if isinstance(part, str) else "arn:aws:lambda:us-east-1:111122223333:function:f" for part in parts
    )
    text = text.replace("arn:arn:aws:lambda:us-east-1:111122223333:function:f:states", "arn:aws:states")
    found: dict[str, Any] = json.loads(text)
    return found


def with_uploads() -> Synthesized:
    def build(stack: Any) -> EntitiesDetectionWorkflow:
        workflow = EntitiesDetectionWorkflow(stack, "Entities")
        workflow.start_on_upload(prefix="uploads/")
        return workflow

    return Synthesized(build)


@pytest.fixture(scope="module")
def states(default: Synthesized) -> dict[str, Any]:
    found: dict[str, Any] = definition(default)["States"]
    return found


@pytest.fixture(scope="module", params=["default", "uploads"])
def file(request: pytest.FixtureRequest, default: Synthesized, tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("definition") / "definition.asl.json"
    synthesized = default if request.param == "default" else with_uploads()
    written.write_text(json.dumps(definition(synthesized)))
    return written


def test_asl_validator_finds_nothing(file: Path) -> None:
    validator = ROOT / "node_modules" / "asl-validator" / "dist" / "bin" / "asl-validator.js"
    done = subprocess.run([NODE, validator, "--json-path", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_language_service_finds_nothing(file: Path) -> None:
    done = subprocess.run([NODE, "-e", LANGUAGE_SERVICE, file], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_each_of_the_six_states_is_named_by_a_choice_of_its_own(states: dict[str, Any]) -> None:
    conditions = [choice["Condition"] for choice in states["JobStatus"]["Choices"]]
    named = [re.findall(r"JobStatus = '(\w+)'", condition) for condition in conditions]
    assert all(len(names) == 1 for names in named)
    assert {names[0] for names in named} == set(model()["shapes"]["JobStatus"]["enum"])


@pytest.mark.parametrize(
    ("status", "next_state"),
    [
        ("SUBMITTED", "WaitForJob"),
        ("IN_PROGRESS", "WaitForJob"),
        ("STOP_REQUESTED", "WaitForJob"),
        ("COMPLETED", "PublishResult"),
        ("STOPPED", "PublishResult"),
        ("FAILED", "PublishFailure"),
    ],
)
def test_where_a_status_leads(states: dict[str, Any], status: str, next_state: str) -> None:
    choices = states["JobStatus"]["Choices"]
    leads = [c["Next"] for c in choices if f"'{status}'" in c["Condition"] and " and " not in c["Condition"]]
    assert leads == [next_state]


def test_an_unknown_status_is_no_silent_default(states: dict[str, Any]) -> None:
    assert states["JobStatus"]["Default"] == "PublishFailure"


def test_every_task_retries_with_full_jitter_and_a_cap_and_reports_what_stays(states: dict[str, Any]) -> None:
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}
    assert set(tasks) >= {"InspectInput", "StartJob", "PollJob", "StopJob", "PublishResult", "PublishFailure"}
    # Where it fails, the plain wait takes its place.
    waiting = tasks.pop("WaitForOutput")
    assert [(c["ErrorEquals"], c["Next"]) for c in waiting["Catch"]] == [
        (["States.Timeout"], "PollJob"),
        (["States.ALL"], "WaitForJob"),
    ]
    for name, task in tasks.items():
        for retry in task["Retry"]:
            assert retry["JitterStrategy"] == "FULL", name
            assert retry["MaxDelaySeconds"] <= 120, name
        if name != "PublishFailure":
            assert [(c["ErrorEquals"], c["Next"]) for c in task["Catch"]] == [(["States.ALL"], "PublishFailure")], name


def test_publishing_that_timed_out_is_repeated_once(states: dict[str, Any]) -> None:
    (retry,) = [r for r in states["PublishResult"]["Retry"] if "Sandbox.Timedout" in r["ErrorEquals"]]
    assert (retry["ErrorEquals"], retry["MaxAttempts"]) == (["Sandbox.Timedout"], 1)
    assert states["PublishResult"]["Next"] == "Published"
    assert all(choice["Next"] != "PublishResult" for choice in states["Published"]["Choices"])


def test_errors_that_stay_are_not_retried(states: dict[str, Any]) -> None:
    final = {
        "RequestRefused",
        "InvalidRequestException",
        "TooManyTagsException",
        "ResourceNotFoundException",
        "AccessDeniedException",
        "States.ALL",
        "States.TaskFailed",
    }
    # Staging copies files, again and again if need be; it calls no paid service.
    for name in sorted(set(states) - {"StageBatch"}):
        retried = {error for retry in states[name].get("Retry", []) for error in retry["ErrorEquals"]}
        assert not retried & final, name


def test_a_full_quota_is_sat_out_for_more_than_an_hour(states: dict[str, Any]) -> None:
    (throttled,) = [r for r in states["StartJob"]["Retry"] if "TooManyRequestsException" in r["ErrorEquals"]]
    # Full jitter waits half of the pause on average.
    pauses = [min(throttled["IntervalSeconds"] * 2**n, 120) for n in range(throttled["MaxAttempts"])]
    assert sum(pauses) / 2 > 2400


@pytest.mark.parametrize("waiting", ["WaitForJob", "WaitForOutput"])
def test_a_round_of_waiting_is_three_states_and_carries_nothing_that_grows(
    states: dict[str, Any], waiting: str
) -> None:
    """What bench.completion counts for the history of a job of thirty days."""
    assert [states[waiting]["Next"], states["PollJob"]["Next"]] == ["PollJob", "JobStatus"]
    assert set(states["PollJob"]["Assign"]) == {"job", "lagSeconds", "looks", "polls", "waitSeconds"}
    assert set(states[waiting].get("Assign", {})) <= {"looks"}
