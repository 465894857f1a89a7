"""The state machine's definition: valid by two independent checkers, and as the job's life asks for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import pytest

from bench.uploads import slot_pause
from cdk_comprehend_entities import EntitiesDetectionWorkflow
from entities_job.contracts import FAILED, Step
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


@pytest.mark.parametrize(
    ("step", "next_state"),
    [
        ("WAIT", "WaitForJob"),
        ("AWAIT", "WaitForOutput"),
        ("STOP", "StopJob"),
        ("PUBLISH", "PublishResult"),
        ("RESTART", "WaitBeforeRestart"),
    ],
)
def test_where_a_step_leads(states: dict[str, Any], step: str, next_state: str) -> None:
    """Which step a job's status leads to: tests/unit/handlers/test_poll_job.py."""
    leads = [c["Next"] for c in states["JobStatus"]["Choices"] if f"Step = '{step}'" in c["Condition"]]
    assert leads == [next_state]
    assert states["JobStatus"]["Default"] == "PublishFailure"


def test_every_step_of_a_poll_has_a_choice_of_its_own(states: dict[str, Any]) -> None:
    named = [re.findall(r"Step = '(\w+)'", choice["Condition"]) for choice in states["JobStatus"]["Choices"]]
    assert {*chain.from_iterable(named), "FAIL"} == set(get_args(Step))


FINAL = {
    "RequestRefused",
    "ContractNotUnderstood",
    "SlotTaken",
    "NoFreeSlot",
    "InvalidRequestException",
    "TooManyTagsException",
    "ResourceNotFoundException",
}


@pytest.fixture(scope="module")
def tasks(states: dict[str, Any]) -> dict[str, Any]:
    """The tasks that call a function and wait for its answer."""
    found = {name: state for name, state in states.items() if state["Type"] == "Task" and name != "WaitForOutput"}
    assert set(found) == {"InspectInput", "StartJob", "PollJob", "StopJob", "PublishResult", "PublishFailure"}
    return found


def test_retries_are_by_exclusion_with_full_jitter_and_a_cap(tasks: dict[str, Any]) -> None:
    for name, task in tasks.items():
        final, *_, others = task["Retry"]
        assert (set(final["ErrorEquals"]), final["MaxAttempts"]) == (FINAL, 0), name
        assert (others["ErrorEquals"], others["MaxAttempts"] >= 3) == (["States.ALL"], True), name
        for retry in task["Retry"]:
            assert (retry["JitterStrategy"], retry["MaxDelaySeconds"]) == ("FULL", 120), name


def test_throttling_is_sat_out_for_more_than_40_minutes(tasks: dict[str, Any]) -> None:
    for name in sorted(set(tasks) - {"PollJob"}):
        (throttled,) = [r for r in tasks[name]["Retry"] if "TooManyRequestsException" in r["ErrorEquals"]]
        # Full jitter waits half of the pause on average.
        pauses = [min(throttled["IntervalSeconds"] * 2**n, 120) for n in range(throttled["MaxAttempts"])]
        assert sum(pauses) / 2 > 2400, name


def test_what_stays_is_reported_with_the_job(states: dict[str, Any], tasks: dict[str, Any]) -> None:
    def caught(name: str) -> list[tuple[list[str], str]]:
        return [(each["ErrorEquals"], each["Next"]) for each in states[name].get("Catch", [])]

    for name in ("InspectInput", "StopJob", "PublishResult"):
        assert caught(name) == [(["States.ALL"], "PublishFailure")], name
    assert caught("StartJob") == [(["SlotTaken"], "WaitForSlot"), (["States.ALL"], "PublishFailure")]
    assert caught("PollJob") == [(["JobNotFoundException"], "PublishFailure"), (["States.ALL"], "PollFailed")]
    # The sweep reports an execution that can't report itself.
    assert caught("PublishFailure") == []
    # Where it fails, the plain wait takes its place.
    assert caught("WaitForOutput") == [(["States.Timeout"], "PollJob"), (["States.ALL"], "WaitForJob")]
    for name in tasks:
        for each in states[name].get("Catch", []):
            outputs = each.get("Output", "")
            assert "'Error': $states.errorOutput" in outputs or each["Next"] == "WaitForSlot", name


def test_a_failed_poll_is_repeated_until_the_jobs_own_limit(states: dict[str, Any]) -> None:
    failed = states["PollFailed"]
    assert [(choice["Condition"], choice["Next"]) for choice in failed["Choices"]] == [
        ("{% $elapsed < $limit %}", "PollAgain"),
        ("{% $stopCode = null %}", "StopJob"),
    ]
    assert failed["Default"] == "PublishFailure"
    assert states["PollAgain"]["Next"] == "PollJob"
    assert set(states["PollAgain"]["Assign"]) == {"elapsed"}


def test_a_stop_that_no_poll_asked_for_has_a_reason_and_an_hour(states: dict[str, Any]) -> None:
    """As where polls fail; a poll that asks for a stop says both."""
    assert states["StopJob"]["Assign"] == {
        "stopCode": "{% $stopCode = null ? 'JobTimedOut' : $stopCode %}",
        "limit": "{% $stopCode = null ? $elapsed + 3600 : $limit %}",
    }


def test_a_wait_for_a_slot_is_two_transitions_a_look_and_a_hundred_in_all(states: dict[str, Any]) -> None:
    assert (states["WaitForSlot"]["Next"], set(states["WaitForSlot"]["Assign"])) == (
        "StartJob",
        {"slotPause", "slotSeconds"},
    )
    waited, looks, most = 0.0, 1, 12 * 3600
    while waited < most:
        # Half on average; the least that chance may give in all looks would be twice as many.
        waited += slot_pause(waited, most, 0.5)
        looks += 1
    assert 2 * looks <= 100


def test_a_job_that_is_taken_up_is_never_started(states: dict[str, Any]) -> None:
    assert states["InspectInput"]["Next"] == "TakenUp"
    assert [choice["Next"] for choice in states["TakenUp"]["Choices"]] == ["PollJob"]
    assert states["TakenUp"]["Default"] == "StartJob"
    assert states["InspectInput"]["Assign"]["attempt"].endswith("Job) ? 3 : 1 %}")


def test_publishing_that_timed_out_is_repeated_once(states: dict[str, Any]) -> None:
    (retry,) = [r for r in states["PublishResult"]["Retry"] if "Sandbox.Timedout" in r["ErrorEquals"]]
    assert (retry["ErrorEquals"], retry["MaxAttempts"]) == (["Sandbox.Timedout"], 1)


def test_the_status_of_the_outcome_says_whether_the_execution_succeeds(states: dict[str, Any]) -> None:
    assert states["PublishResult"]["Next"] == states["PublishFailure"]["Next"] == "Reported"
    [failed] = states["Reported"]["Choices"]
    assert failed["Condition"] == f"{{% $states.input.Status in {list(FAILED)} %}}"
    assert (failed["Next"], states["Reported"]["Default"]) == ("JobFailed", "JobEnded")


def test_the_machine_runs_as_long_as_all_limits_together(default: Synthesized) -> None:
    assert json.loads(default.settings())["TimeoutSeconds"] == (12 + 24 + 1 + 12) * 3600


@pytest.mark.parametrize("waiting", ["WaitForJob", "WaitForOutput"])
def test_a_round_of_waiting_is_three_states_and_carries_nothing_that_grows(
    states: dict[str, Any], waiting: str
) -> None:
    """What bench.completion counts for the history of a job of thirty days."""
    assert [states[waiting]["Next"], states["PollJob"]["Next"]] == ["PollJob", "JobStatus"]
    assigned = {"elapsed", "job", "lagSeconds", "limit", "looks", "polls", "stopCode", "waitSeconds", "warnings"}
    assert set(states["PollJob"]["Assign"]) == assigned
    assert set(states[waiting].get("Assign", {})) <= {"elapsed", "looks"}
