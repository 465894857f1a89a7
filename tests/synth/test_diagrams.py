"""The diagrams of docs/concepts.md show what the template has."""

from __future__ import annotations

from typing import Any

import pytest

from bench.diagrams import IMAGES, calls, definition, drawn, template, transitions


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    return template()


def picture(name: str) -> set[tuple[str, str]]:
    return drawn((IMAGES / name).read_text("utf-8"))


def test_the_state_machine_is_drawn_as_it_is(resources: dict[str, Any]) -> None:
    shown = picture("state-machine.svg")
    assert shown == {way[:2] for way in transitions(definition(resources)["States"])}, "run make diagrams"
    assert {("InspectInput", "TakenUp"), ("StartJob", "WaitForSlot"), ("Reported", "JobFailed")} <= shown


def test_calls_are_drawn_as_policies_allow_them(resources: dict[str, Any]) -> None:
    shown = picture("calls.svg")
    assert shown == {call[:2] for call in calls(resources)}, "run make diagrams"
    assert ("PollJob", "Amazon Comprehend") in shown
    assert ("PollJob", "Amazon S3") not in shown


def test_pictures_load_nothing_and_name_no_font_of_the_machine() -> None:
    for name in ("state-machine.svg", "calls.svg"):
        text = (IMAGES / name).read_text("utf-8")
        assert "<script" not in text
        assert "href=" not in text
