"""The counts that forecasts are learned from: of each department and of the whole desk, by hours and by quarters.

Read whole once, and from then on hour by hour.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray
from psycopg_pool import AsyncConnectionPool

from supportix.domain.forecast_words import DESK_ID, DESK_NAME, hour_of
from supportix.forecasting.calendar import HOUR, QUARTER, Calendar, slots
from supportix.forecasting.quarters import Quarters
from supportix.forecasting.series import Series, on_grid
from supportix.projections.traffic_series import DepartmentSeries, department_series

LONGEST = timedelta(days=2 * 366)
"""What is older says nothing about tomorrow."""
QUARTERS_AN_HOUR = HOUR // QUARTER
SHARES_FROM = timedelta(days=56)

Counts = NDArray[np.float64]


class History(msgspec.Struct, eq=False):
    """One series. `quarters` are its counts from `begin`, on the hour, to the end of the last hour that ended."""

    series_id: UUID
    name: str
    calendar: Calendar
    begin: datetime
    quarters: Counts
    trusted: NDArray[np.bool_]

    @property
    def hours(self) -> Counts:
        return np.asarray(self.quarters.reshape(-1, QUARTERS_AN_HOUR).sum(axis=1))

    @property
    def end(self) -> datetime:
        return self.begin + len(self.quarters) * QUARTER

    def hourly(self) -> Series:
        """By hours, as models look at it."""
        trusted = np.asarray(self.trusted.reshape(-1, QUARTERS_AN_HOUR).all(axis=1))
        return on_grid(self.begin, HOUR, self.hours, self.calendar, trusted=trusted)

    def quarter_shares(self, begin: datetime, hours: int) -> Counts:
        """How the tickets of so many hours are likely to fall on their quarters: four shares for each."""
        latest = min(len(self.quarters), SHARES_FROM // QUARTER)
        first = self.end - latest * QUARTER
        series = on_grid(first, QUARTER, self.quarters[len(self.quarters) - latest :], self.calendar)
        hours_of_week = slots(self.calendar, begin, HOUR, hours).hour_of_week
        return Quarters(series, self.calendar).split(hours_of_week, np.ones(hours))

    def add(self, quarters: Counts) -> None:
        self.quarters = np.concatenate([self.quarters, quarters])
        self.trusted = np.concatenate([self.trusted, np.ones(len(quarters), np.bool_)])


class Histories(msgspec.Struct, frozen=True, eq=False):
    """All series that have had traffic, the desk's last; as of a position of the log."""

    position: int
    items: Sequence[History]


async def whole_histories(pool: AsyncConnectionPool[Any], until: datetime) -> Histories:
    """Of all departments, up to the hour that begins then."""
    found = await department_series(pool, None, until - LONGEST, until)
    histories = [_history(each, until) for each in found.value if each.begins_at is not None]
    with_traffic = [each for each in histories if each.quarters.any()]
    return Histories(found.position, [*with_traffic, *_desk(with_traffic, until)])


class Latest(msgspec.Struct, frozen=True, eq=False):
    """The quarters of every department from one hour to another, with its calendar as it is now."""

    position: int
    quarters: Mapping[UUID, Counts]
    calendars: Mapping[UUID, Calendar]


async def latest_counts(pool: AsyncConnectionPool[Any], begin: datetime, until: datetime) -> Latest:
    found = await department_series(pool, None, begin, until)
    return Latest(
        position=found.position,
        quarters={each.department_id: each.arrivals.astype(np.float64) for each in found.value},
        calendars={each.department_id: calendar_of(each) for each in found.value},
    )


def _history(of: DepartmentSeries, until: datetime) -> History:
    """From the first hour with traffic on. What is known by the day alone says nothing about hours."""
    if of.begins_at is None:
        raise AssertionError("only departments with traffic have a history")
    first = until - LONGEST
    skipped = max(timedelta(0), hour_of(of.begins_at) - first) // QUARTER
    begin = first + skipped * QUARTER
    quarters = of.arrivals[skipped:].astype(np.float64)
    trusted = np.ones(len(quarters), np.bool_)
    for past in of.pasts:
        if past.step > HOUR:
            places = slice(max(0, (past.begin - begin) // QUARTER), max(0, (past.end - begin) // QUARTER))
            trusted[places] = False
    return History(of.department_id, of.name, calendar_of(of), begin, quarters, trusted)


def calendar_of(department: DepartmentSeries) -> Calendar:
    own = department.calendar
    return Calendar(
        time_zone=own.time_zone,
        opening=own.opening,
        country=own.country,
        events=department.events,
    )


def _desk(histories: Sequence[History], until: datetime) -> list[History]:
    """The sum of all departments, by the clock that most of its traffic goes by; none of one department or none."""
    if not histories:
        return []
    begin = min(each.begin for each in histories)
    quarters, trusted = np.zeros((until - begin) // QUARTER), np.ones((until - begin) // QUARTER, np.bool_)
    for each in histories:
        place = (each.begin - begin) // QUARTER
        quarters[place:] += each.quarters
        trusted[place:] &= each.trusted
    busiest = max(histories, key=lambda each: float(each.quarters.sum()))
    calendar = Calendar(time_zone=busiest.calendar.time_zone, country=busiest.calendar.country)
    return [History(DESK_ID, DESK_NAME, calendar, begin, quarters, trusted)]
