"""Running the checks against the deployed stack, in their stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...aws import CommandError, explain
from ..record import Result
from ..scenarios import AFTER, ALONE, SCENARIOS
from ..terms import CheckFailed, NotHere
from ..trial import Trial
from . import CHECKS, Check


def chosen(names: Sequence[str]) -> list[tuple[int, Check]]:
    """Return checks by name, with their numbers; all of them without a name.

    Raises:
        CommandError: there is none of a name.
    """
    numbered = list(enumerate(CHECKS, 1))
    known = {check.name for check in CHECKS}
    if unknown := [name for name in names if name not in known]:
        raise CommandError(f"There is no check {', '.join(unknown)}.", f"The checks: {', '.join(sorted(known))}.")
    return [(number, check) for number, check in numbered if not names or check.name in names]


def run_checks(trial: Trial, checks: Sequence[tuple[int, Check]], told: Callable[[Result], None]) -> None:
    """Run checks; ``told`` gets the result of each at once."""
    wanted = {name for _, check in checks for name in check.needs}
    wanted |= {name for each in wanted for name in AFTER.get(each, ())}
    for name, scenario in SCENARIOS.items():
        if name in wanted:
            trial.begin(name, scenario)
    for stage in (0, 1, 2):
        due = [(number, check) for number, check in checks if check.stage == stage]
        if due and stage:
            trial.settle()
        if due and stage == 1:
            trial.begin(ALONE.__name__, ALONE)
        for number, check in due:
            told(_result(trial, number, check))


def _result(trial: Trial, number: int, check: Check) -> Result:
    try:
        return Result.of(number, check, "passed", evidence=check.run(trial))
    except NotHere as reason:
        return Result.of(number, check, "not_here", str(reason))
    except CheckFailed as finding:
        return Result.of(number, check, "failed", str(finding))
    except Exception as error:
        return Result.of(number, check, "failed", ". ".join(filter(None, explain(error))))
