"""Agents for calls and chats: no more and no fewer than the target and the occupancy ask for."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supportix.domain.errors import InvalidInput
from supportix.staffing.required import (
    Bound,
    agents_for_calls,
    needs_for_calls,
    performance,
    scheduled_for,
    square_root_agents,
)
from supportix.staffing.work import Arrivals, ArrivalsInvalid, Target, TargetInvalid, Work, WorkInvalid

HALF_HOUR = 1800.0
TARGET = Target(share=0.8, within_seconds=20)
CALLS = Work(handle_seconds=180)


def test_a_hundred_calls_in_half_an_hour_need_14_at_work_and_20_on_shift():
    need = agents_for_calls(100, HALF_HOUR, CALLS, TARGET)
    assert (need.raw, need.scheduled, need.bound_by) == (14, 20, Bound.TARGET)
    assert round(need.service_level or 0, 5) == 0.88835
    assert round(need.occupancy, 5) == 0.71429
    assert round(need.p_wait or 0, 5) == 0.17413


def test_the_limit_of_occupancy_may_ask_for_more_than_the_target():
    easy = Target(share=0.5, within_seconds=600)
    need = agents_for_calls(100, HALF_HOUR, CALLS, easy)
    assert (need.raw, need.bound_by) == (12, Bound.OCCUPANCY)
    assert agents_for_calls(100, HALF_HOUR, Work(handle_seconds=180, max_occupancy=1), easy).raw == 11


def test_callers_who_leave_make_room_but_are_not_served_in_time():
    patient = Work(handle_seconds=180, max_occupancy=1)
    impatient = Work(handle_seconds=180, max_occupancy=1, patience_seconds=120)
    fewer, more = (agents_for_calls(2_000, 900, each, TARGET) for each in (impatient, patient))
    assert fewer.raw < more.raw
    assert fewer.abandonment is not None
    assert 0 < fewer.abandonment <= 1 - TARGET.share


def test_nobody_is_needed_where_nobody_calls():
    need = agents_for_calls(0, HALF_HOUR, CALLS, TARGET)
    assert (need.raw, need.scheduled, need.service_level, need.bound_by) == (0, 0, 1, Bound.NOTHING)


@settings(max_examples=60)
@given(
    arrivals=st.floats(0.01, 600),
    handle=st.floats(20, 1_200),
    patience=st.none() | st.floats(10, 3_600),
    share=st.floats(0.3, 0.98),
    within=st.floats(0, 600),
    occupancy=st.floats(0.5, 1),
    concurrency=st.integers(1, 4),
)
def test_one_agent_fewer_would_not_do(arrivals, handle, patience, share, within, occupancy, concurrency):
    work = Work(handle_seconds=handle, patience_seconds=patience, max_occupancy=occupancy, concurrency=concurrency)
    target = Target(share=share, within_seconds=within)
    need = agents_for_calls(arrivals, 900, work, target)
    enough, fewer = (performance(each, arrivals, 900, work, target) for each in (need.raw, need.raw - 1))
    assert enough.service_level >= share
    assert enough.occupancy <= occupancy + 1e-6
    assert fewer.service_level < share or fewer.occupancy > occupancy
    assert need.scheduled * (1 - work.shrinkage) >= need.raw - 1e-6 > (need.scheduled - 1) * (1 - work.shrinkage) - 1e-6


@given(arrivals=st.floats(1, 5_000), share=st.floats(0.5, 0.95), within=st.floats(0, 120))
def test_the_square_root_rule_agrees_within_a_person_or_two_percent(arrivals: float, share: float, within: float):
    work, target = Work(handle_seconds=240, max_occupancy=1), Target(share=share, within_seconds=within)
    need = agents_for_calls(arrivals, HALF_HOUR, work, target)
    assert need.square_root == square_root_agents(work.load(arrivals, HALF_HOUR), work, target)
    assert abs(need.raw - need.square_root) <= max(1.5, 0.02 * need.raw)


def test_chats_that_grow_no_longer_need_agents_as_many_times_fewer():
    one = agents_for_calls(400, HALF_HOUR, Work(handle_seconds=600), TARGET)
    three = agents_for_calls(400, HALF_HOUR, Work(handle_seconds=600, concurrency=3), TARGET)
    assert three.raw == pytest.approx(one.raw / 3, abs=1)


def test_a_chat_beside_two_others_takes_as_much_longer_as_told():
    work = Work(handle_seconds=600, concurrency=3, handle_growth=0.25)
    assert work.seconds_each == 900
    assert work.per_agent_hour == 12
    alone = agents_for_calls(400, HALF_HOUR, Work(handle_seconds=900, concurrency=3), TARGET)
    assert agents_for_calls(400, HALF_HOUR, work, TARGET) == alone


def test_between_whole_agents_what_is_expected_lies_between():
    low, middle, high = (performance(each, 100, HALF_HOUR, CALLS, TARGET) for each in (13, 13.5, 14))
    assert middle.service_level == pytest.approx((low.service_level + high.service_level) / 2)
    assert performance(9.5, 100, HALF_HOUR, CALLS, TARGET).mean_wait_seconds == float("inf")


def test_shrinkage_of_no_rounding_error_asks_for_no_person():
    assert [scheduled_for(7 * each, Work(handle_seconds=1, shrinkage=0.3)) for each in range(6)] == [
        0,
        10,
        20,
        30,
        40,
        50,
    ]


def expected(mean: tuple[float, ...], **quantiles: tuple[float, ...]) -> Arrivals:
    named = {name.replace("p", "0."): values for name, values in quantiles.items()}
    return Arrivals(begin=datetime(2026, 3, 2, tzinfo=UTC), step_seconds=HALF_HOUR, mean=mean, quantiles=named)


def test_staffing_for_a_quantile_takes_it_from_between_those_that_are_told():
    arrivals = expected((100, 50), p1=(80, 40), p75=(110, 56), p9=(130, 66))
    at_80 = arrivals.at_level(0.8)
    assert at_80[0] == pytest.approx(115.5, abs=0.05), "as of a normal distribution; a straight line says 116.7"
    assert arrivals.at_level(0.9) == (130, 66)
    assert arrivals.at_level(None) == (100, 50)
    plain, safe = (needs_for_calls(arrivals, CALLS, TARGET, level=level) for level in (None, 0.8))
    assert [need.raw for need in plain] == [14, 8]
    assert [need.raw for need in safe] == [agents_for_calls(each, HALF_HOUR, CALLS, TARGET).raw for each in at_80]
    assert safe[0].raw > plain[0].raw


@pytest.mark.parametrize(
    ("refusal", "refused"),
    [
        (ArrivalsInvalid, lambda: agents_for_calls(-1, HALF_HOUR, CALLS, TARGET)),
        (ArrivalsInvalid, lambda: agents_for_calls(float("nan"), HALF_HOUR, CALLS, TARGET)),
        (ArrivalsInvalid, lambda: agents_for_calls(1, 0, CALLS, TARGET)),
        (WorkInvalid, lambda: agents_for_calls(1, 900, Work(handle_seconds=0), TARGET)),
        (WorkInvalid, lambda: agents_for_calls(1, 900, Work(handle_seconds=180, patience_seconds=-5), TARGET)),
        (WorkInvalid, lambda: agents_for_calls(1, 900, Work(handle_seconds=180, concurrency=0), TARGET)),
        (WorkInvalid, lambda: agents_for_calls(1, 900, Work(handle_seconds=180, handle_growth=-0.1), TARGET)),
        (WorkInvalid, lambda: agents_for_calls(1, 900, Work(handle_seconds=180, shrinkage=1), TARGET)),
        (WorkInvalid, lambda: agents_for_calls(1, 900, Work(handle_seconds=180, max_occupancy=0), TARGET)),
        (WorkInvalid, lambda: agents_for_calls(1, 900, Work(handle_seconds=180, max_occupancy=1.1), TARGET)),
        (TargetInvalid, lambda: agents_for_calls(1, 900, CALLS, Target(share=1, within_seconds=20))),
        (TargetInvalid, lambda: agents_for_calls(1, 900, CALLS, Target(share=0, within_seconds=20))),
        (TargetInvalid, lambda: agents_for_calls(1, 900, CALLS, Target(within_seconds=-1))),
        (ArrivalsInvalid, lambda: needs_for_calls(expected((1, -2)), CALLS, TARGET)),
        (ArrivalsInvalid, lambda: needs_for_calls(expected(()), CALLS, TARGET)),
        (ArrivalsInvalid, lambda: needs_for_calls(expected((1, 2), p9=(3,)), CALLS, TARGET)),
        (ArrivalsInvalid, lambda: needs_for_calls(expected((1, 2), p9=(3, 4)), CALLS, TARGET, level=0.95)),
        (ArrivalsInvalid, lambda: needs_for_calls(expected((1, 2)), CALLS, TARGET, level=0.8)),
    ],
)
def test_nonsense_is_refused_with_what_was_expected(refusal, refused):
    with pytest.raises(refusal, match="expected") as caught:
        refused()
    assert isinstance(caught.value, InvalidInput)
