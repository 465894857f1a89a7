"""Payloads between construct and functions: no key too many or too few, on either side."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from cdk_comprehend_entities import EntitiesDetectionWorkflow
from cdk_comprehend_entities._payloads import fields, payload, read
from entities_job import contracts
from tests.synth.reading import Synthesized, shown

INPUTS: dict[str, Any] = {
    name: contract for name, contract in inspect.getmembers(contracts, inspect.isclass) if name.endswith("Input")
}
OTHER = ("Execution", "Settings", "DispatcherSettings", "TriggerSettings", "Wake")
"""What the construct builds beside the payloads of tasks."""


def keys(contract: type) -> set[str]:
    return set(contract.__annotations__)


@pytest.fixture(scope="module")
def built() -> dict[str, list[dict[str, Any]]]:
    """All that the construct builds, by the contract that its receiver is typed by."""

    def build(stack: Any) -> EntitiesDetectionWorkflow:
        workflow = EntitiesDetectionWorkflow(stack, "Entities")
        workflow.start_on_upload("English", prefix="uploads/")
        return workflow

    synthesized = Synthesized(build)
    states = json.loads(synthesized.settings())["States"]
    selector = states["StageBatch"]["ItemSelector"]
    found = {
        f"{name}Input": [state["Arguments"]["Payload"]]
        for name, state in states.items()
        if state["Type"] == "Task" and name != "WaitForOutput"
    }
    rules = synthesized.of_type("AWS::Events::Rule").values()
    targets = [
        (shown(each["Arn"]), json.loads(shown(each["Input"])))
        for rule in rules
        for each in rule["Targets"]
        if "Input" in each
    ]
    dispatcher = synthesized.one("AWS::Lambda::Function", "UploadDispatcherDispatchUploads")
    uploads = json.loads(shown(dispatcher["Environment"]["Variables"]["UPLOADS"]))
    tasks = [given for payloads in found.values() for given in payloads]
    return {
        **found,
        "AwaitOutputInput": [states["WaitForOutput"]["Arguments"]["Payload"]],
        "StageInput": [{name.removesuffix(".$"): value for name, value in selector.items()}],
        "StopOrphansInput": [given for arn, given in targets if "StopOrphans" in arn],
        "Execution": [given["Execution"] for given in tasks if "Execution" in given],
        "Settings": [given["Settings"] for given in tasks if isinstance(given.get("Settings"), dict)],
        "DispatcherSettings": [uploads],
        "TriggerSettings": list(uploads["Triggers"].values()),
        "Wake": [given for arn, given in targets if "WakeQueue" in arn],
    }


def test_every_contract_is_built_and_nothing_else(built: dict[str, list[dict[str, Any]]]) -> None:
    assert set(built) == {*INPUTS, *OTHER}
    assert all(built.values())


@pytest.mark.parametrize("name", [*INPUTS, *OTHER])
def test_what_is_built_has_the_keys_of_its_contract(built: dict[str, list[dict[str, Any]]], name: str) -> None:
    contract = getattr(contracts, name)
    required = {key for key, field in fields(contract).items() if field.required}
    for given in built[name]:
        assert required <= set(given) <= {*fields(contract)}


@pytest.mark.parametrize("name", INPUTS)
def test_a_missing_key_and_an_unknown_one_fail(name: str) -> None:
    contract = INPUTS[name]
    whole = dict.fromkeys(keys(contract), "x")
    assert payload("Task", contract, whole) == whole
    for key in (name for name, field in fields(contract).items() if field.required):
        less = {other: value for other, value in whole.items() if other != key}
        with pytest.raises(
            ValueError, match=rf"the payload of Task does not fit {name}: missing \['{key}'\], unknown \[\]"
        ):
            payload("Task", contract, less)
    with pytest.raises(ValueError, match=rf"does not fit {name}: missing \[\], unknown \['Extra'\]"):
        payload("Task", contract, {**whole, "Extra": "x"})


def test_keys_that_may_be_missing_may_be() -> None:
    assert payload("DispatchUploads", contracts.Wake, {}) == {}
    assert payload("Stage", contracts.Ceilings, {"Bytes": 1}) == {"Bytes": 1}
    with pytest.raises(ValueError, match=r"missing \['Name', .*'RedriveCount'\], unknown \[\]"):
        payload("Task", contracts.Execution, {"Id": "x"})


@pytest.mark.parametrize(
    ("contract", "path"),
    [
        (contracts.StartJobOutput, "Jobs"),
        (contracts.StartJobOutput, "Job.Id"),
        (contracts.OutcomeOutput, "Outcome.Error.Reason"),
        (contracts.OutcomeOutput, "Outcome.Error.Code.Number"),
    ],
)
def test_reading_an_unknown_field_fails(contract: type, path: str) -> None:
    with pytest.raises(ValueError, match=f"{contract.__name__} has no field {path}"):
        read(contract, path)


def test_reading_a_known_field_is_jsonata() -> None:
    assert read(contracts.OutcomeOutput, "Outcome.Error.Hint") == "$states.result.Payload.Outcome.Error.Hint"
    assert read(contracts.PollJobOutput, "Step", of="$states.input") == "$states.input.Step"


def test_inherited_keys_count() -> None:
    assert set(fields(contracts.TriggerSettings)) == {*fields(contracts.BatchSettings), "Prefix", "Queue"}
