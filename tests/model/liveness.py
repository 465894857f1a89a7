"""What of an execution's input and variables a later state may read: all else makes no difference.

Without it, each poll would be a moment of its own, since its whole answer is the next states' input.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.model.language import NAME

INPUT = "states.input"


class Liveness:
    """For each state of a definition, the variables (and :data:`INPUT`) that are read before they are set anew."""

    def __init__(self, states: dict[str, Any]) -> None:
        self._states = states
        self._live: dict[str, frozenset[str]] = dict.fromkeys(states, frozenset())
        while (grown := {name: self._of(name) for name in states}) != self._live:
            self._live = grown

    def kept(self, name: str, variables: dict[str, Any], given: Any) -> tuple[dict[str, Any], Any]:
        """The variables and the input that matter as a state is entered."""
        live = self._live.get(name, frozenset())
        return {key: value for key, value in variables.items() if key in live}, given if INPUT in live else None

    def _of(self, name: str) -> frozenset[str]:
        state = self._states[name]
        if state["Type"] == "Map" or state["Type"] == "Succeed":
            # A JSONPath state hands its input on, and the end of all is the execution's output.
            return frozenset({INPUT}).union(*(self._live.get(next_name, ()) for next_name, _, _ in _ways(state)))
        read = set(NAME.findall(json.dumps(state)))
        for next_name, assigned, passes in _ways(state):
            after = self._live.get(next_name, frozenset()) - assigned
            read |= after if passes else after - {INPUT}
        return frozenset(read)


def _ways(state: dict[str, Any]) -> Iterator[tuple[str, frozenset[str], bool]]:
    """Yield the states that may follow, the variables that are set on the way, and whether the input is handed on."""
    hands_on = state["Type"] in ("Wait", "Choice", "Pass") and "Output" not in state
    if "Next" in state:
        yield state["Next"], frozenset(state.get("Assign", {})), hands_on
    if "Default" in state:
        yield state["Default"], frozenset(), hands_on
    for choice in state.get("Choices", []):
        yield choice["Next"], frozenset(choice.get("Assign", {})), "Output" not in choice
    for catch in state.get("Catch", []):
        yield catch["Next"], frozenset(catch.get("Assign", {})), False
