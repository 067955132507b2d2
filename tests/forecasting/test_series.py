"""Rows become a regular series; whatever was wrong with them is told."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from tests.forecasting.traffic import MONDAY, known_event

from supportix.domain.calendar import EventKind
from supportix.domain.schedule import Shift
from supportix.forecasting.calendar import ALWAYS_OPEN, HOUR, QUARTER, Calendar
from supportix.forecasting.series import SeriesInvalid, series_of

UNTIL = MONDAY + timedelta(hours=6)


def kinds(findings: object) -> dict[str, int]:
    return {each.kind: each.count for each in findings}  # type: ignore[attr-defined]


def test_rows_are_sorted_added_up_and_gaps_filled() -> None:
    rows = [(MONDAY + 3 * HOUR, 2.0), (MONDAY, 1.0), (MONDAY, 4.0), (MONDAY + timedelta(minutes=59), 1.0)]
    found, findings = series_of(rows, step=HOUR, until=UNTIL, calendar=ALWAYS_OPEN)
    assert found.begin == MONDAY
    assert found.counts.tolist() == [6, 0, 0, 2, 0, 0]
    assert found.trusted.all()
    assert kinds(findings) == {"duplicated": 1, "unsorted": 1, "missing": 4}


def test_rows_that_cannot_be_are_left_out_and_their_step_is_not_learned_from() -> None:
    rows = [(MONDAY, 3.0), (MONDAY + HOUR, -1.0), (MONDAY + 2 * HOUR, math.nan), (UNTIL, 5.0), (UNTIL + 9 * HOUR, 1.0)]
    found, findings = series_of(rows, step=HOUR, until=UNTIL, calendar=ALWAYS_OPEN)
    assert found.counts.tolist() == [3, 0, 0, 0, 0, 0]
    assert found.trusted.tolist() == [True, False, False, True, True, True]
    assert kinds(findings) == {"future": 2, "negative": 1, "not_a_number": 1, "missing": 5}
    assert next(each.example for each in findings if each.kind == "negative") == "-1.0 at 2024-01-01T01:00:00+00:00"


def test_the_running_step_is_not_a_part_of_it() -> None:
    found, _ = series_of([(MONDAY, 1.0)], step=QUARTER, until=MONDAY + timedelta(minutes=50), calendar=ALWAYS_OPEN)
    assert found.end == MONDAY + timedelta(minutes=45)


def test_no_rows_make_an_empty_series() -> None:
    found, findings = series_of([], step=HOUR, until=UNTIL, calendar=ALWAYS_OPEN)
    assert (len(found), findings) == (0, ())


@pytest.mark.parametrize(
    ("rows", "step", "says"),
    [
        ([(datetime(2024, 1, 1), 1.0)], HOUR, "time zone"),  # noqa: DTZ001 - that is the point.
        ([(MONDAY, 1.0)], timedelta(minutes=20), "15 minutes or an hour"),
        ([(datetime(1924, 1, 1, tzinfo=UTC), 1.0)], HOUR, "12 years"),
    ],
)
def test_what_makes_no_series_is_refused(rows: list[tuple[datetime, float]], step: timedelta, says: str) -> None:
    with pytest.raises(SeriesInvalid, match=says):
        series_of(rows, step=step, until=UNTIL, calendar=ALWAYS_OPEN)


def test_closed_hours_are_no_gaps_and_a_noted_outage_is_not_learned_from() -> None:
    outage = known_event("broken feed", EventKind.OUTAGE, MONDAY + 9 * HOUR, MONDAY + 10 * HOUR)
    calendar = Calendar(opening=(Shift(0, 8 * 60, 12 * 60),), events=(outage,))
    rows = [(MONDAY + hour * HOUR, 1.0) for hour in (0, 8, 9, 10, 11)]
    found, findings = series_of(rows, step=HOUR, until=MONDAY + 14 * HOUR, calendar=calendar)
    assert np.flatnonzero(found.open).tolist() == [8, 9, 10, 11]
    assert np.flatnonzero(~found.trusted).tolist() == [9]
    assert findings == ()


def test_quarters_make_hours_and_an_hour_that_is_not_over_is_left_out() -> None:
    begin = MONDAY + timedelta(minutes=30)
    rows = [(begin + step * QUARTER, 1.0) for step in range(9)]
    found, _ = series_of(rows, step=QUARTER, until=begin + 9 * QUARTER, calendar=ALWAYS_OPEN)
    hourly = found.hourly()
    assert hourly.begin == MONDAY
    assert hourly.counts.tolist() == [2, 4]
