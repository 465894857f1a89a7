"""Poll schedules: their rules for any schedule, and what the benchmark promises of the library's own."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.completion import EVENT, FIXED_30, GRID, HISTORY_LIMIT, LOG_NORMAL, Watch, history, promised, simulate
from entities_job.job.schedule import PollSchedule

AGES = st.floats(0, 30 * 86_400)
STEPS = st.floats(1, 3600)
GROWTHS = st.floats(0, 1)


@st.composite
def schedules(draw: st.DrawFn) -> PollSchedule:
    first_looks = draw(st.lists(st.floats(1, 3600), max_size=4, unique=True))
    return PollSchedule(tuple(sorted(first_looks)), draw(STEPS), draw(GROWTHS))


@given(schedules(), AGES)
def test_a_wait_leads_to_the_next_look_and_lasts_a_second_at_least(schedule: PollSchedule, age: float) -> None:
    wait = schedule.wait_seconds(age)
    assert wait >= 1
    assert age + wait >= schedule.next_look(age) - 1e-6


@pytest.mark.parametrize(("step", "age"), [(1.1, 16.5), (1.3, 14.3), (33.3, 99.9), (86.1, 258.3)])
def test_steps_that_floats_cannot_hold_lead_on(step: float, age: float) -> None:
    assert PollSchedule((), step).next_look(age) > age


@given(schedules(), AGES, AGES)
def test_an_older_job_is_not_looked_at_earlier(schedule: PollSchedule, one: float, other: float) -> None:
    younger, older = sorted((one, other))
    assert schedule.next_look(younger) <= schedule.next_look(older)


@given(schedules(), AGES)
def test_after_the_first_looks_a_wait_is_a_step_or_a_share_of_the_age(schedule: PollSchedule, age: float) -> None:
    age += max(schedule.first_looks, default=0)
    assert schedule.next_look(age) - age <= max(schedule.step_seconds, schedule.growth * age) + 1e-6


@given(schedules())
def test_settings_make_the_same_schedule(schedule: PollSchedule) -> None:
    assert PollSchedule.from_settings(schedule.settings()) == schedule


@pytest.mark.parametrize(
    "wrong",
    [
        *[((), 0.5, 0), ((), 30, -0.1), ((0.5,), 30, 0), ((40, 20), 30, 0), ((20, 20), 30, 0)],
        *[((), math.nan, 0), ((), math.inf, 0), ((), 30, math.nan), ((math.inf,), 30, 0)],
        *[((), "60", 0), ((), True, 0), ((), 30, None), ("20", 30, 0), (("20",), 30, 0), (None, 30, 0), (20, 30, 0)],
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused(wrong: tuple[Any, Any, Any]) -> None:
    with pytest.raises(ValueError, match="poll schedule"):
        PollSchedule(*wrong)


@given(st.floats(60, 3600), st.floats(0.05, 1))
def test_a_job_of_thirty_days_fits_into_the_history_of_growing_schedules(minimum: float, share: float) -> None:
    events, watched_for = history(Watch("", PollSchedule.proportional(share, minimum_seconds=minimum).wait_seconds))
    assert events < HISTORY_LIMIT
    assert watched_for == 30 * 86_400


@pytest.mark.parametrize("how", [GRID, EVENT], ids=lambda how: how.name)
def test_a_job_of_thirty_days_fits_into_the_history_tenfold(how: Watch) -> None:
    assert history(how)[0] < HISTORY_LIMIT / 10


def test_a_fixed_wait_of_thirty_seconds_fills_the_history_within_a_day() -> None:
    events, watched_for = history(FIXED_30)
    assert events > HISTORY_LIMIT
    assert 23 * 3600 < watched_for < 24 * 3600


def test_ends_are_noticed_within_seconds_for_few_transitions() -> None:
    figures = promised(jobs=1_500)
    assert figures["grid_lag_s"] < 5
    assert figures["grid_transitions"] <= 9
    assert figures["event_lag_s"] < 4
    assert figures["event_transitions"] <= 7
    assert figures["long_event_lag_s"] < 4
    assert figures["long_event_transitions"] <= 35
    assert figures["fixed30_lag_s"] == pytest.approx(28, abs=1)
    assert figures["fixed30_transitions"] == pytest.approx(51, abs=1)


def test_a_fixed_wait_costs_long_jobs_twenty_times_the_looks() -> None:
    fixed, event = (simulate(how, LOG_NORMAL, 300) for how in (FIXED_30, EVENT))
    assert fixed.transitions > 15 * event.transitions
    assert fixed.lag > 4 * event.lag
