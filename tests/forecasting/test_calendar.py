"""Days are the department's own: zone, opening hours, holidays, events; and changes of clocks move nothing."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from tests.forecasting.traffic import known_event

from supportix.domain.calendar import CalendarInvalid, EventKind
from supportix.domain.schedule import Shift
from supportix.forecasting.calendar import HOUR, QUARTER, Calendar, slots

LISBON = "Europe/Lisbon"


def local_hours(begin: datetime, length: int, zone: str) -> list[int]:
    return (slots(Calendar(time_zone=zone), begin, HOUR, length).hour_of_week % 24).tolist()


def test_an_hour_is_skipped_where_clocks_are_set_forward() -> None:
    """31 March 2024 at 1:00 UTC in Lisbon."""
    assert local_hours(datetime(2024, 3, 31, tzinfo=UTC), 4, LISBON) == [0, 2, 3, 4]


def test_and_comes_twice_where_they_are_set_back() -> None:
    """27 October 2024 at 1:00 UTC in Lisbon."""
    assert local_hours(datetime(2024, 10, 26, 23, tzinfo=UTC), 5, LISBON) == [0, 1, 1, 2, 3]


def test_a_shift_is_open_at_the_same_local_hours_on_both_sides_of_a_change_of_clocks() -> None:
    calendar = Calendar(time_zone=LISBON, opening=tuple(Shift(day, 9 * 60, 17 * 60) for day in range(7)))
    found = slots(calendar, datetime(2024, 3, 30, tzinfo=UTC), HOUR, 72)
    assert np.flatnonzero(found.open).tolist() == [*range(9, 17), *range(32, 40), *range(56, 64)]


def test_zones_off_the_hour_and_steps_that_are_open_by_part() -> None:
    calendar = Calendar(time_zone="Asia/Kolkata", opening=(Shift(0, 9 * 60, 10 * 60),))
    begin = datetime(2024, 1, 1, 3, tzinfo=UTC)
    assert np.flatnonzero(slots(calendar, begin, QUARTER, 8).open).tolist() == [2, 3, 4, 5]
    assert np.flatnonzero(slots(calendar, begin, HOUR, 3).open).tolist() == [0, 1]


def test_holidays_the_day_after_and_known_events_are_told_apart() -> None:
    begin = datetime(2024, 7, 3, tzinfo=UTC)
    fair = known_event("fair", EventKind.CAMPAIGN, begin + 72 * HOUR, begin + 75 * HOUR)
    closed = known_event("moving", EventKind.CLOSURE, begin + 80 * HOUR, begin + 82 * HOUR)
    found = slots(Calendar(country="US", events=(fair, closed)), begin, HOUR, 96)
    kinds = [found.kinds[code] for code in found.special]
    assert set(kinds[:24]) == {"normal/normal"}
    assert set(kinds[24:48]) == {"holiday/Independence Day"}
    assert set(kinds[48:72]) == {"after a holiday/any"}
    assert kinds[72:76] == ["campaign/fair"] * 3 + ["normal/normal"]
    assert np.flatnonzero(~found.open).tolist() == [80, 81]
    assert date(2024, 7, 4).weekday() == 3


@pytest.mark.parametrize(
    ("calendar", "says"),
    [
        (Calendar(time_zone="Mars/Olympus"), "time zone"),
        (Calendar(country="XX"), "no holidays are known for 'XX'"),
        (Calendar(country="US-QQ"), "US-CA"),
        (Calendar(opening=(Shift(0, 600, 600),)), "shift"),
    ],
)
def test_what_cannot_be_followed_is_refused(calendar: Calendar, says: str) -> None:
    with pytest.raises(CalendarInvalid, match=says):
        calendar.must_be_sound()


def test_an_event_has_to_end_after_it_begins() -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    event = known_event("fair", EventKind.CAMPAIGN, now, now - timedelta(hours=1))
    with pytest.raises(CalendarInvalid, match="'fair'"):
        Calendar(events=(event,)).must_be_sound()
    Calendar(time_zone=LISBON, country="PT").must_be_sound()
