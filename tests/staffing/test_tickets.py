"""Agents for tickets that may wait: deadlines, the evenest pace, and the share that is taken in time."""

from datetime import UTC, datetime
from itertools import accumulate
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.staffing.queues import played_day

from supportix.staffing.deadlines import blocks, due, even_pace
from supportix.staffing.erlang import service_level
from supportix.staffing.required import Bound
from supportix.staffing.tickets import agents_for_tickets, expected_share
from supportix.staffing.work import Arrivals, ArrivalsInvalid, StaffInvalid, Target, Work

HOUR = 3600.0
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
FOUR_HOURS = Target(share=0.8, within_seconds=4 * HOUR)
TICKETS = Work(handle_seconds=20 * 60)
NINE_TO_FIVE = tuple(9 <= hour % 24 < 17 for hour in range(72))


def hourly(means: list[float], **quantiles: list[float]) -> Arrivals:
    named = {name.replace("p", "0."): tuple(values) for name, values in quantiles.items()}
    return Arrivals(begin=MONDAY, step_seconds=HOUR, mean=tuple(means), quantiles=named)


def test_tickets_are_due_after_the_targets_time():
    assert due((True,) * 3, HOUR, Target(within_seconds=1.5 * HOUR)) == (1.5, 2.5, 3.5, 4.5)


def test_in_opening_hours_the_clock_stands_still_overnight():
    """Of a ticket at 15:00, two hours are left that day, and two on the next; one at 20:00 begins at 9:00."""
    told = due(NINE_TO_FIVE, HOUR, Target(within_seconds=4 * HOUR, opening_hours_only=True))
    assert (told[10], told[15], told[20], told[32]) == (14, 24 + 11, 24 + 13, 24 + 13)
    assert told[70] == float("inf"), "due on a day that isn't looked at"
    half = due(NINE_TO_FIVE, HOUR, Target(within_seconds=1.5 * HOUR, opening_hours_only=True))
    assert (half[10], half[16], half[20]) == (11.5, 24 + 9.5, 24 + 10.5)


def test_shifts_begin_with_the_opening_and_leave_no_stump():
    assert blocks(NINE_TO_FIVE[:24], 4) == [range(9, 13), range(13, 17)]
    assert blocks((True,) * 9, 4) == [range(4), range(4, 9)]
    assert blocks((True, True, False, True), 4) == [range(2), range(3, 4)]
    assert blocks((False,) * 3, 4) == []


def test_shifts_end_when_they_end_whenever_it_is_looked_at_them():
    for passed in range(8):
        rest = [range(max(0, shift.start - passed), shift.stop - passed) for shift in (range(4), range(4, 8))]
        assert blocks((True,) * (8 - passed) + (False,), 4, passed) == [shift for shift in rest if len(shift)]
    assert blocks((False, True, True), 4, 3) == [range(1, 3)]


WORKLOADS = st.lists(st.integers(0, 20), min_size=1, max_size=14)


@given(work=WORKLOADS, late=st.integers(1, 6))
def test_the_even_pace_is_in_time_never_ahead_of_the_work_and_as_low_as_can_be(work: list[int], late: int):
    """No pace can be lower than the work that both comes and is due within a span, over its length."""
    length = len(work)
    released = [0.0, *accumulate(map(float, work))]
    dues = [0.0] * (length + 1)
    for number, amount in enumerate(work):
        dues[min(length, number + late)] += amount
    needed = [*accumulate(dues)]
    pace = even_pace(released, needed)
    done = [*accumulate(pace, initial=0.0)]
    for least, there, most in zip(needed, done, released, strict=True):
        assert least - 1e-6 <= there <= most + 1e-6
    spans = [(first, last) for first in range(length) for last in range(first + 1, length + 1)]
    least_peak = max(max(0.0, needed[last] - released[first]) / (last - first) for first, last in spans)
    assert max(pace) == pytest.approx(least_peak, abs=1e-6)


def test_even_arrivals_need_their_work_at_the_occupancy_that_is_allowed():
    """24 an hour of 20 minutes are 8 agents' work; at 85 % of their time, of 9.4."""
    found = agents_for_tickets(hourly([24.0] * 24), TICKETS, FOUR_HOURS)
    assert {(need.raw, need.scheduled) for need in found.needs} == {(10, 15)}
    assert {need.bound_by for need in found.needs} == {Bound.WORK}
    assert found.needs[12].occupancy == pytest.approx(0.8, abs=0.01)
    assert found.share > 0.99


def test_a_peak_is_spread_over_the_time_that_its_tickets_may_wait():
    means = [6.0] * 9 + [60.0] + [6.0] * 14
    patient = agents_for_tickets(hourly(means), TICKETS, Target(within_seconds=8 * HOUR), shift_seconds=HOUR)
    hasty = agents_for_tickets(hourly(means), TICKETS, Target(within_seconds=HOUR), shift_seconds=HOUR)
    peak = max(need.raw for need in patient.needs)
    assert peak <= 8
    assert max(need.raw for need in hasty.needs) >= 15
    assert min(patient.share, hasty.share) >= 0.8


def test_what_waits_already_is_worked_off_within_the_targets_time():
    clear, behind = (
        agents_for_tickets(hourly([6.0] * 24), TICKETS, FOUR_HOURS, waiting=waiting) for waiting in (0, 60)
    )
    assert behind.needs[0].raw > clear.needs[0].raw + 2
    assert behind.needs[20].raw == clear.needs[20].raw


def test_agents_are_added_until_the_share_in_time_is_as_the_target_says():
    """Alone, the work of 2.4 agents would be done by 3; but in an hour too many wait longer than that."""
    target = Target(share=0.95, within_seconds=HOUR)
    found = agents_for_tickets(hourly([7.2] * 48, p1=[4] * 48, p9=[11] * 48), TICKETS, target)
    assert found.share >= 0.95
    assert max(need.raw for need in found.needs) > 3
    assert Bound.TARGET in {need.bound_by for need in found.needs}


def test_every_shift_keeps_the_target_not_only_the_day():
    means = [4.0] * 12 + [30.0] * 4 + [4.0] * 8
    found = agents_for_tickets(hourly(means), TICKETS, Target(within_seconds=HOUR))
    for shift in range(0, 24, 4):
        told = [need.service_level for need in found.needs[shift : shift + 4]]
        weights = means[shift : shift + 4]
        assert sum(w * (s or 0.0) for w, s in zip(weights, told, strict=True)) >= 0.8 * sum(weights) - 1e-6


def test_while_closed_nobody_is_needed_and_what_comes_then_is_told_to_be_late():
    found = agents_for_tickets(hourly([5.0] * 72), TICKETS, FOUR_HOURS, opening=NINE_TO_FIVE)
    assert {need.raw for need, is_open in zip(found.needs, NINE_TO_FIVE, strict=True) if not is_open} == {0}
    assert found.reachable < 0.7, "most tickets come overnight, and a clock that runs then has run out by the opening"
    assert found.share >= found.reachable * 0.8 - 1e-9
    assert max(need.raw for need in found.needs) <= 16, "nobody is added for what can't be in time"
    in_hours = Target(within_seconds=4 * HOUR, opening_hours_only=True)
    fair = agents_for_tickets(hourly([5.0] * 72), TICKETS, in_hours, opening=NINE_TO_FIVE)
    assert fair.reachable > 0.99
    assert fair.share >= 0.8
    assert fair.needs[24].service_level is not None


def test_nobody_is_needed_before_the_work_is_there():
    """All comes on Tuesday from 2:00 to 8:00, when it is closed, and would be due within the hour."""
    means = [0.0] * 26 + [10.0] * 6 + [0.0] * 40
    found = agents_for_tickets(hourly(means), TICKETS, Target(within_seconds=HOUR), opening=NINE_TO_FIVE)
    assert max(need.raw for need in found.needs[:33]) == 0
    assert found.needs[33].raw >= 5


def test_agents_who_have_five_at_a_time_are_counted_by_what_they_end_in_an_hour():
    one = agents_for_tickets(hourly([10.0] * 24), Work(handle_seconds=HOUR), FOUR_HOURS)
    five = agents_for_tickets(hourly([10.0] * 24), Work(handle_seconds=5 * HOUR, concurrency=5), FOUR_HOURS)
    assert {need.raw for need in one.needs} == {need.raw for need in five.needs} == {12}


def test_the_same_question_has_the_same_answer():
    arrivals = hourly([9.0] * 24, p1=[5] * 24, p9=[14] * 24)
    one, other = (agents_for_tickets(arrivals, TICKETS, Target(within_seconds=HOUR)) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(
    ("agents", "load", "within"), [(4, 3.2, HOUR), (2, 1.6, HOUR), (10, 9.0, HOUR / 2), (6, 5.4, HOUR)]
)
def test_over_many_days_the_expected_share_is_that_of_erlang_c(agents: int, load: float, within: float):
    means = [load / 1_200 * 900] * (4 * 24 * 5)
    arrivals = Arrivals(begin=MONDAY, step_seconds=900, mean=tuple(means))
    shares, _ = expected_share(arrivals, [agents] * len(means), TICKETS, Target(within_seconds=within))
    later = [share for share in shares[len(means) // 2 :] if share is not None]
    assert mean(later) == pytest.approx(service_level(agents, load, 1_200, within), abs=0.03)


def test_the_expected_share_of_an_uneven_day_is_that_of_days_played_out():
    means = [4.0, 8.0, 20.0, 30.0, 22.0, 12.0, 8.0, 6.0]
    agents = [4, 4, 4, 6, 8, 6, 4, 4]
    days = [played_day(means, agents, 1_200, HOUR, HOUR, waiting=5, seed=seed) for seed in range(400)]
    shares, _ = expected_share(hourly(means), agents, TICKETS, Target(within_seconds=HOUR), waiting=5)
    judged = [(count, share) for count, share in zip(means[:7], shares[:7], strict=True) if share is not None]
    told = sum(count * share for count, share in judged) / sum(means[:7])
    assert told == pytest.approx(sum(day.in_time for day in days) / sum(day.came for day in days), abs=0.03)


@settings(max_examples=15)
@given(
    means=st.lists(st.floats(0, 30), min_size=4, max_size=30),
    hours=st.floats(1, 12),
    waiting=st.floats(0, 50),
    quiet=st.integers(0, 3),
)
def test_any_day_gets_as_many_agents_as_its_target_needs(means: list[float], hours: float, waiting: float, quiet: int):
    opening = tuple(number % 4 >= quiet for number in range(len(means)))
    target = Target(within_seconds=hours * HOUR)
    found = agents_for_tickets(hourly(means), TICKETS, target, opening=opening, waiting=waiting)
    assert len(found.needs) == len(means)
    assert found.share >= min(0.8, 0.8 * found.reachable) - 0.02
    assert all(need.scheduled >= need.raw >= 0 for need in found.needs)


@pytest.mark.parametrize(
    ("refusal", "refused"),
    [
        (ArrivalsInvalid, lambda: agents_for_tickets(hourly([-1.0]), TICKETS, FOUR_HOURS)),
        (ArrivalsInvalid, lambda: agents_for_tickets(hourly([1.0]), TICKETS, FOUR_HOURS, opening=(True, False))),
        (ArrivalsInvalid, lambda: agents_for_tickets(hourly([1.0]), TICKETS, FOUR_HOURS, shift_seconds=0)),
        (StaffInvalid, lambda: agents_for_tickets(hourly([1.0]), TICKETS, FOUR_HOURS, waiting=-1)),
        (StaffInvalid, lambda: expected_share(hourly([1.0, 2.0]), [1.0], TICKETS, FOUR_HOURS)),
        (StaffInvalid, lambda: expected_share(hourly([1.0]), [-1.0], TICKETS, FOUR_HOURS)),
    ],
)
def test_nonsense_is_refused(refusal, refused):
    with pytest.raises(refusal, match="expected"):
        refused()
