"""When agents are on duty: shifts by the local clock, on days when it is put forward or back too, less leave."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from supportix.domain.schedule import (
    ALWAYS,
    LAST_YEAR,
    MOST_LEAVES,
    MOST_SHIFTS,
    Leave,
    Schedule,
    ScheduleInvalid,
    Shift,
)

LISBON, NEW_YORK = "Europe/Lisbon", "America/New_York"
MONDAY, SUNDAY = 0, 6
SPRING_LISBON, AUTUMN_LISBON = (2026, 3, 29), (2026, 10, 25)
"""At 01:00 UTC, 01:00 becomes 02:00; 02:00 becomes 01:00."""
SPRING_NEW_YORK, AUTUMN_NEW_YORK = (2026, 3, 8), (2026, 11, 1)
"""At 07:00 UTC, 02:00 becomes 03:00; at 06:00 UTC, 02:00 becomes 01:00."""

PLAIN = (2026, 3, 2)
OFFICE = Schedule(time_zone=LISBON, shifts=tuple(Shift(weekday, 540, 1020) for weekday in range(5)))


def utc(day: tuple[int, int, int], hour: int = 0, minute: int = 0) -> datetime:
    return datetime(*day, hour, minute, tzinfo=UTC)


def shift(begin: str, end: str, weekday: int = SUNDAY) -> Shift:
    """From a local time to another, as in "09:00" to "24:00"."""
    minutes = [int(each[:2]) * 60 + int(each[3:]) for each in (begin, end)]
    return Shift(weekday, *minutes)


def spans(schedule: Schedule, since: datetime, until: datetime) -> list[str]:
    """When it is on duty in between, in UTC, looked at minute by minute."""
    found: list[list[datetime]] = []
    moment, before = since, False
    while moment <= until:
        now = schedule.on_duty(moment)
        if now and not before:
            found.append([moment, moment])
        if before:
            found[-1][1] = moment
        moment, before = moment + timedelta(minutes=1), now
    return [f"{begin:%H:%M}-{end:%H:%M}" for begin, end in found]


def test_without_shifts_an_agent_is_always_on_duty():
    assert ALWAYS.on_duty(utc(PLAIN))
    assert ALWAYS.next_change(utc(PLAIN)) is None


def test_a_shift_lasts_from_its_start_until_just_before_its_end():
    moments = [utc(PLAIN, 8, 59), utc(PLAIN, 9), utc(PLAIN, 16, 59) + timedelta(seconds=59), utc(PLAIN, 17)]
    assert [OFFICE.on_duty(moment) for moment in moments] == [False, True, True, False]


def test_the_next_change_is_the_next_beginning_or_end():
    assert OFFICE.next_change(utc(PLAIN)) == utc(PLAIN, 9)
    assert OFFICE.next_change(utc(PLAIN, 9)) == utc(PLAIN, 17)
    assert OFFICE.next_change(utc(PLAIN, 17)) == utc((2026, 3, 3), 9)
    assert OFFICE.next_change(utc((2026, 3, 6), 17)) == utc((2026, 3, 9), 9)


def test_the_only_shift_of_a_week_comes_again_after_a_week():
    once = Schedule(shifts=(shift("09:00", "10:00", MONDAY),))
    assert once.next_change(utc(PLAIN, 10)) == utc((2026, 3, 9), 9)
    assert once.next_change(utc(PLAIN, 9)) == utc(PLAIN, 10)


def test_a_shift_until_midnight_goes_on_in_the_next_days_one_from_midnight():
    night = Schedule(time_zone=NEW_YORK, shifts=(shift("22:00", "24:00", MONDAY), shift("00:00", "06:00", MONDAY + 1)))
    begins, ends = utc((2026, 3, 3), 3), utc((2026, 3, 3), 11)
    assert night.next_change(utc(PLAIN, 12)) == begins
    assert night.next_change(begins) == ends
    assert spans(night, utc(PLAIN, 12), utc((2026, 3, 3), 12)) == ["03:00-11:00"]


def test_a_shift_until_midnight_ends_at_midnight():
    late = Schedule(time_zone=NEW_YORK, shifts=(shift("22:00", "24:00", SUNDAY),))
    assert late.next_change(utc((2026, 3, 2), 4)) == utc((2026, 3, 2), 5)
    assert not late.on_duty(utc((2026, 3, 2), 5))


def test_shifts_that_overlap_or_touch_are_one():
    schedule = Schedule(
        shifts=(
            shift("09:00", "12:00", MONDAY),
            shift("11:00", "13:00", MONDAY),
            shift("13:00", "14:00", MONDAY),
        )
    )
    assert schedule.next_change(utc(PLAIN, 9)) == utc(PLAIN, 14)


def test_shifts_around_the_clock_never_change():
    always = Schedule(time_zone=LISBON, shifts=tuple(Shift(weekday, 0, 1440) for weekday in range(7)))
    assert always.next_change(utc(PLAIN)) is None
    assert always.next_change(utc(SPRING_LISBON)) is None
    assert always.next_change(utc(AUTUMN_LISBON)) is None


@pytest.mark.parametrize(
    ("day", "zone", "begin", "end", "in_utc"),
    [
        (SPRING_LISBON, LISBON, "00:00", "06:00", "00:00-05:00"),  # An hour less.
        (AUTUMN_LISBON, LISBON, "00:00", "06:00", "23:00-06:00"),  # An hour more.
        (SPRING_NEW_YORK, NEW_YORK, "00:00", "06:00", "05:00-10:00"),
        (AUTUMN_NEW_YORK, NEW_YORK, "00:00", "06:00", "04:00-11:00"),
        (SPRING_LISBON, LISBON, "09:00", "17:00", "08:00-16:00"),
        (AUTUMN_LISBON, LISBON, "09:00", "17:00", "09:00-17:00"),
        (SPRING_NEW_YORK, NEW_YORK, "09:00", "17:00", "13:00-21:00"),
        (AUTUMN_NEW_YORK, NEW_YORK, "09:00", "17:00", "14:00-22:00"),
        (SPRING_LISBON, LISBON, "00:30", "01:30", "00:30-01:30"),  # 01:30 is skipped: as long as on other days.
        (SPRING_LISBON, LISBON, "01:30", "04:00", "01:30-03:00"),
        (SPRING_NEW_YORK, NEW_YORK, "01:00", "02:30", "06:00-07:30"),
        (AUTUMN_LISBON, LISBON, "00:30", "01:30", "23:30-00:30"),  # 01:30 comes twice: the first of both.
        (AUTUMN_LISBON, LISBON, "01:30", "03:00", "00:30-03:00"),
        (AUTUMN_NEW_YORK, NEW_YORK, "01:30", "03:00", "05:30-08:00"),
        (SPRING_LISBON, LISBON, "20:00", "24:00", "19:00-23:00"),
        (AUTUMN_NEW_YORK, NEW_YORK, "20:00", "24:00", "01:00-05:00"),
    ],
)
def test_a_shift_on_the_day_when_clocks_change(day, zone, begin, end, in_utc):
    schedule = Schedule(time_zone=zone, shifts=(shift(begin, end),))
    since, until = utc(day) - timedelta(hours=3), utc(day) + timedelta(hours=30)
    assert spans(schedule, since, until) == [in_utc]
    begins = schedule.next_change(since)
    assert f"{begins:%H:%M}-{schedule.next_change(begins):%H:%M}" == in_utc


def test_a_skipped_midnight_keeps_nights_whole():
    """Beirut goes from 24:00 on Saturday to 01:00 on Sunday."""
    night = Schedule(time_zone="Asia/Beirut", shifts=(shift("22:00", "24:00", 5), shift("00:00", "06:00")))
    saturday = utc((2026, 3, 28))
    assert spans(night, saturday, saturday + timedelta(hours=40)) == ["20:00-03:00"]


def test_a_shift_may_end_on_the_next_day_where_its_end_is_skipped():
    """Nuuk goes from 23:00 on Saturday to 00:00 on Sunday."""
    evening = Schedule(time_zone="America/Nuuk", shifts=(shift("20:00", "23:30", 5),))
    saturday = utc((2026, 3, 28))
    assert spans(evening, saturday, saturday + timedelta(hours=40)) == ["22:00-01:30"]
    assert evening.next_change(utc(SPRING_LISBON, 1)) == utc(SPRING_LISBON, 1, 30)


def test_leave_takes_an_agent_off_duty_whatever_its_shifts():
    leave = Leave(utc(PLAIN, 12), utc(PLAIN, 15))
    assert spans(Schedule(leave=(leave,)), utc(PLAIN, 11), utc(PLAIN, 16)) == ["11:00-12:00", "15:00-16:00"]
    working = Schedule(time_zone=LISBON, shifts=OFFICE.shifts, leave=(leave,))
    assert spans(working, utc(PLAIN), utc(PLAIN, 23)) == ["09:00-12:00", "15:00-17:00"]
    assert working.next_change(utc(PLAIN, 9)) == leave.begin
    assert working.next_change(leave.begin) == leave.end


def test_leave_over_the_end_of_a_shift_lasts_until_the_next_one():
    working = Schedule(time_zone=LISBON, shifts=OFFICE.shifts, leave=(Leave(utc(PLAIN, 16), utc(PLAIN, 20)),))
    assert working.next_change(utc(PLAIN, 9)) == utc(PLAIN, 16)
    assert working.next_change(utc(PLAIN, 16)) == utc((2026, 3, 3), 9)


def test_months_of_leave_end_at_the_first_shift_after_them():
    leave = Leave(utc(PLAIN, 12), utc((2026, 8, 1), 12))
    working = Schedule(time_zone=LISBON, shifts=OFFICE.shifts, leave=(leave,))
    assert working.next_change(utc(PLAIN, 12)) == utc((2026, 8, 3), 8)


def test_leaves_that_follow_each_other_are_one():
    first, second = Leave(utc(PLAIN, 9), utc(PLAIN, 12)), Leave(utc(PLAIN, 11), utc(PLAIN, 18))
    assert Schedule(leave=(second, first)).next_change(utc(PLAIN, 9)) == utc(PLAIN, 18)


ZONES = (LISBON, NEW_YORK, "UTC", "Asia/Kathmandu", "Asia/Beirut", "Australia/Lord_Howe")
DAYS = (PLAIN, SPRING_LISBON, AUTUMN_LISBON, SPRING_NEW_YORK, AUTUMN_NEW_YORK, (2026, 4, 5), (2026, 10, 4))


@st.composite
def scheduled(draw: st.DrawFn, unit: int) -> tuple[Schedule, datetime]:
    """A schedule and a moment near a day on which many clocks change; all in whole units of minutes."""
    day = utc(draw(st.sampled_from(DAYS)))
    weekdays = st.sampled_from([*range(7), day.weekday(), day.weekday(), (day.weekday() - 1) % 7])
    times = st.integers(0, 1440 // unit)
    shifts = [
        Shift(weekday, min(bounds) * unit, max(bounds) * unit)
        for weekday, bounds in draw(st.lists(st.tuples(weekdays, st.tuples(times, times)), max_size=5))
        if bounds[0] != bounds[1]
    ]
    hours = st.integers(-1440 // unit, 2 * 1440 // unit)
    leave = [
        Leave(day + timedelta(minutes=min(bounds) * unit), day + timedelta(minutes=max(bounds) * unit))
        for bounds in draw(st.lists(st.tuples(hours, hours), max_size=2))
        if bounds[0] != bounds[1]
    ]
    zone = draw(st.sampled_from(ZONES))
    after = day + timedelta(minutes=draw(st.integers(-1440 // unit, 1440 // unit)) * unit)
    return Schedule(time_zone=zone, shifts=tuple(shifts), leave=tuple(leave)), after


def walked(schedule: Schedule, after: datetime, unit: int, days: int) -> datetime | None:
    """The first change within so many days, found step by step."""
    now = schedule.on_duty(after)
    moments: Iterator[datetime] = (after + timedelta(minutes=unit * n) for n in range(1, days * 1440 // unit + 1))
    return next((moment for moment in moments if schedule.on_duty(moment) is not now), None)


@settings(max_examples=150)
@given(case=scheduled(15))
def test_the_next_change_is_the_first_that_a_walk_finds(case):
    """Leave is over after three days, so that ten days show all that a week holds."""
    schedule, after = case
    assert schedule.next_change(after) == walked(schedule, after, 15, 11)


@settings(max_examples=40)
@given(case=scheduled(1))
def test_the_next_change_is_right_to_the_minute(case):
    schedule, after = case
    found = schedule.next_change(after)
    in_two_days = found if found is not None and found <= after + timedelta(days=2) else None
    assert walked(schedule, after, 1, 2) == in_two_days


@settings(max_examples=300)
@given(case=scheduled(1), minutes=st.integers(0, 366 * 1440))
def test_on_days_without_a_change_of_clocks_the_clock_on_the_wall_decides(case, minutes):
    schedule, day = case
    at = day + timedelta(minutes=minutes)
    local = at.astimezone(ZoneInfo(schedule.time_zone))
    day_and_a_half = timedelta(hours=36)
    assume((local - day_and_a_half).utcoffset() == (local + day_and_a_half).utcoffset())
    minute = local.hour * 60 + local.minute
    in_shift = not schedule.shifts or any(
        each.weekday == local.weekday() and each.start <= minute < each.end for each in schedule.shifts
    )
    on_leave = any(leave.begin <= at < leave.end for leave in schedule.leave)
    assert schedule.on_duty(at) is (in_shift and not on_leave)


@pytest.mark.parametrize(
    ("schedule", "saying"),
    [
        (Schedule(time_zone="Europe/Atlantis"), "'Europe/Atlantis' isn't known"),
        (Schedule(time_zone=""), "'' isn't known"),
        (Schedule(time_zone="../../etc/passwd"), "isn't known"),
        (Schedule(time_zone="Europe"), "isn't known"),
        (Schedule(shifts=(Shift(7, 0, 60),)), "a shift was expected"),
        (Schedule(shifts=(Shift(-1, 0, 60),)), "a shift was expected"),
        (Schedule(shifts=(Shift(0, 60, 60),)), "to end after it starts"),
        (Schedule(shifts=(Shift(0, 60, 1441),)), "on the same day"),
        (Schedule(shifts=(Shift(0, -1, 60),)), "a shift was expected"),
        (Schedule(shifts=(Shift(0, 0, 60),) * (MOST_SHIFTS + 1)), f"at most {MOST_SHIFTS}"),
        (Schedule(leave=(Leave(utc(PLAIN), utc(PLAIN)),)), "was expected to end after that"),
        (Schedule(leave=(Leave(utc(PLAIN, 1), utc(PLAIN)),)), "was expected to end after that"),
        (Schedule(leave=(Leave(utc(PLAIN), utc(PLAIN, 1)),) * (MOST_LEAVES + 1)), f"and {MOST_LEAVES} were"),
        (Schedule(leave=(Leave(utc(PLAIN), datetime.max.replace(tzinfo=UTC)),)), f"by the year {LAST_YEAR}"),
    ],
)
def test_what_makes_no_schedule_is_refused(schedule, saying):
    with pytest.raises(ScheduleInvalid) as caught:
        schedule.must_be_sound()
    assert saying in str(caught.value)


def test_the_limits_of_a_schedule_are_allowed():
    last = Leave(utc(PLAIN), datetime(LAST_YEAR, 12, 31, 23, 59, tzinfo=UTC))
    schedule = Schedule(
        time_zone="Pacific/Kiritimati", shifts=(Shift(6, 0, 1440),) * MOST_SHIFTS, leave=(last,) * MOST_LEAVES
    )
    schedule.must_be_sound()
    assert schedule.next_change(utc(PLAIN)) is not None
