"""A series as it is kept from hour to hour: what is fitted goes on with it, for as long as it can."""

from uuid import UUID

import numpy as np
from tests.forecasting.traffic import DAY, MONDAY, counts

from supportix.forecasting.calendar import Calendar
from supportix.forecasting.choosing import not_compared
from supportix.forecasting.forecaster import Forecaster
from supportix.forecasting.histories import QUARTERS_AN_HOUR, History
from supportix.forecasting.kept import Kept, taken_up

SALES = UUID(int=7)


def history(hours: int, calendar: Calendar = Calendar()) -> History:  # noqa: B008 - it can't be changed.
    quarters = np.repeat(counts(30)[:hours] / QUARTERS_AN_HOUR, QUARTERS_AN_HOUR)
    return History(SALES, "Sales", calendar, MONDAY, quarters, np.ones(len(quarters), np.bool_))


def a_week_of_sales() -> Kept:
    known = history(7 * DAY)
    choice = not_compared(known.hourly())
    forecaster = Forecaster.fit(known.hourly(), known.calendar, choice)
    return Kept(known, choice, forecaster=forecaster, fitted_at=known.end)


def test_what_came_since_is_taken_in_by_the_model_that_there_is():
    kept = a_week_of_sales()
    going_on = taken_up(history(8 * DAY), None, kept)
    assert going_on is kept
    assert kept.fitted.now == kept.history.end == history(8 * DAY).end


def test_a_model_that_is_too_old_to_go_on_is_given_up_and_the_counts_are_kept():
    kept = a_week_of_sales()
    kept.add(history(23 * DAY).quarters[7 * DAY * QUARTERS_AN_HOUR :])
    assert kept.forecaster is None
    assert kept.history.end == history(23 * DAY).end


def test_another_past_or_another_calendar_needs_another_model():
    other_past = history(8 * DAY)
    other_past.quarters[5] += 1
    assert taken_up(other_past, None, a_week_of_sales()).forecaster is None
    elsewhere = history(8 * DAY, Calendar(time_zone="Europe/Lisbon"))
    assert taken_up(elsewhere, None, a_week_of_sales()).forecaster is None
