"""Who is on shift when, on days when clocks change too; and the runs of too few and too many."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportix.domain.schedule import ALWAYS, Leave, Schedule, Shift
from supportix.staffing.gaps import Gap, GapKind, gaps, on_shift
from supportix.staffing.work import StaffInvalid

HOUR = 3600.0
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
SPRING = datetime(2026, 3, 29, tzinfo=UTC)
"""A Sunday; at 01:00 UTC, clocks in Lisbon go from 01:00 to 02:00."""
AUTUMN = datetime(2026, 10, 25, tzinfo=UTC)
"""A Sunday; at 01:00 UTC, clocks in Lisbon go from 02:00 back to 01:00."""
MISSING, SURPLUS = GapKind.MISSING, GapKind.SURPLUS


def office(begin: int, end: int, zone: str = "UTC") -> Schedule:
    return Schedule(time_zone=zone, shifts=tuple(Shift(weekday, begin * 60, end * 60) for weekday in range(7)))


def test_agents_are_counted_while_their_shift_lasts():
    people = [office(9, 17), office(9, 17), office(12, 20), ALWAYS]
    told = on_shift(people, MONDAY, HOUR, 24)
    assert told == (1,) * 9 + (3,) * 3 + (4,) * 5 + (2,) * 3 + (1,) * 4


def test_a_shift_that_ends_at_half_past_counts_for_half_of_the_hour():
    half = Schedule(shifts=(Shift(0, 9 * 60, 9 * 60 + 30),))
    assert on_shift([half], MONDAY, HOUR, 11)[8:] == (0, 0.5, 0)
    assert on_shift([half], MONDAY + timedelta(hours=9), 900, 4) == (1, 1, 0, 0)


def test_a_quarter_counts_for_who_is_there_in_the_middle_of_it():
    late = Schedule(shifts=(Shift(0, 9 * 60 + 5, 9 * 60 + 20),))
    assert on_shift([late], MONDAY + timedelta(hours=9), 900, 3) == (1, 0, 0)


def test_leave_isnt_counted():
    away = Schedule(leave=(Leave(begin=MONDAY + timedelta(hours=1), end=MONDAY + timedelta(hours=3)),))
    assert on_shift([away, ALWAYS], MONDAY, HOUR, 4) == (2, 1, 1, 2)


def test_who_serves_two_departments_is_half_in_each():
    assert on_shift([ALWAYS, ALWAYS, office(0, 1)], MONDAY, HOUR, 2, shares=[0.5, 1, 0.5]) == (2, 1.5)


@pytest.mark.parametrize(("day", "first"), [(MONDAY, 9), (SPRING, 8), (AUTUMN, 9), (SPRING - timedelta(days=1), 9)])
def test_shifts_go_by_the_local_clock(day: datetime, first: int):
    told = on_shift([office(9, 17, "Europe/Lisbon")], day, HOUR, 24)
    assert [hour for hour, present in enumerate(told) if present] == [*range(first, first + 8)]


def test_the_night_on_which_clocks_change_lasts_an_hour_less_or_more():
    night = Schedule(time_zone="Europe/Lisbon", shifts=(Shift(6, 0, 4 * 60),))
    assert sum(on_shift([night], SPRING, HOUR, 12)) == 3
    assert sum(on_shift([night], AUTUMN - timedelta(hours=2), HOUR, 12)) == 5


def test_runs_of_too_few_and_too_many_are_told_as_spans():
    needed = [2, 2, 4, 4, 4, 2, 2, 1, 1]
    assert gaps(needed, [2, 2, 2, 2, 2, 2, 4, 4, 4], HOUR) == (Gap(MISSING, 2, 5, 2), Gap(SURPLUS, 6, 9, 2))


def test_enough_agents_is_no_gap_and_half_an_agent_too_few_is_one_missing():
    assert gaps([2, 2], [2, 2], HOUR) == ()
    assert gaps([2, 2], [1.5, 2.5], HOUR) == (Gap(MISSING, 0, 1, 1),)


def test_a_run_is_split_where_it_doubles():
    assert gaps([1, 1, 4, 4, 1], [0] * 5, HOUR) == (Gap(MISSING, 0, 2, 1), Gap(MISSING, 2, 4, 4), Gap(MISSING, 4, 5, 1))


def test_a_run_goes_on_over_one_quarter_with_just_enough():
    assert gaps([3, 3, 3, 2, 3, 3], [2] * 6, 900) == (Gap(MISSING, 0, 6, 1),)
    assert gaps([3, 3, 2, 2, 3, 3], [2] * 6, 900) == (Gap(MISSING, 0, 2, 1), Gap(MISSING, 4, 6, 1))


def test_a_quarter_of_an_hour_isnt_worth_a_word():
    assert gaps([2, 3, 2, 2], [2] * 4, 900) == ()
    assert gaps([2, 1, 1, 2], [2] * 4, 900) == ()


@given(pairs=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=48))
def test_with_the_agents_that_are_told_nobody_is_missing_any_more(pairs: list[tuple[int, int]]):
    needed, present = [need for need, _ in pairs], [there for _, there in pairs]
    after = [float(there) for there in present]
    told = gaps(needed, present, HOUR)
    for gap in told:
        for number in range(gap.begin, gap.end):
            after[number] += gap.agents if gap.kind is MISSING else -gap.agents
    assert all(there >= need for need, there in zip(needed, after, strict=True))
    assert all(one.end <= other.begin for one, other in pairwise(told))
    quiet = [need for number, need in enumerate(needed) if not any(gap.begin <= number < gap.end for gap in told)]
    assert quiet == [
        there for number, there in enumerate(present) if not any(gap.begin <= number < gap.end for gap in told)
    ]


@pytest.mark.parametrize(
    "refused",
    [
        lambda: on_shift([ALWAYS], MONDAY, 0, 2),
        lambda: on_shift([ALWAYS], MONDAY, HOUR, 2, shares=[0.5, 0.5]),
        lambda: on_shift([ALWAYS], MONDAY, HOUR, 2, shares=[1.5]),
        lambda: gaps([1, 2], [1], HOUR),
        lambda: gaps([1], [-1], HOUR),
    ],
)
def test_nonsense_is_refused(refused):
    with pytest.raises(StaffInvalid, match="expected"):
        refused()
