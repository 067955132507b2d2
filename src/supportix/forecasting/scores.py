"""What became of forecasts: each hour that has ended against what had been issued for it, at several leads."""

import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray
from psycopg_pool import AsyncConnectionPool

from supportix.domain.forecast_day import utc_day
from supportix.domain.forecast_words import LEVELS, Horizon, HourScore, department_of
from supportix.forecasting.messages import ToScore
from supportix.forecasting.negative_binomial import cumulative, deviation_of, gamma_shape

HOUR = timedelta(hours=1)
WEEK_HOURS = 168
LEVEL_WEEKS = 8
LARGE_COUNT = 20.0
NARROWEST = 1e-9

_ISSUED = """
SELECT department_id, begin, lead, (steps->'means'->>place)::float,
    ARRAY(SELECT (row->>place)::float FROM jsonb_array_elements(steps->'quantiles') WITH ORDINALITY AS q(row, number)
          ORDER BY number)
FROM (
    SELECT department_id, begin, steps, 1 AS lead, 0 AS place FROM read_model.forecasts
    WHERE horizon = %(day)s AND begin = %(hour)s
    UNION ALL
    SELECT department_id, begin, steps, 24, 23 FROM read_model.forecasts
    WHERE horizon = %(day)s AND begin = %(hour)s - interval '23 hours'
    UNION ALL
    SELECT department_id, begin, steps, 24 * days, extract(epoch FROM %(hour)s - begin)::int / 3600
    FROM read_model.forecasts CROSS JOIN (VALUES (7), (14)) AS leads (days)
    WHERE horizon = %(fortnight)s AND begin > %(hour)s - days * interval '24 hours'
        AND begin <= %(hour)s - (days - 1) * interval '24 hours'
) AS issued
WHERE jsonb_array_length(steps->'means') > place
"""
"""Leads in hours: the next hour, a day, and the last day of one and of two weeks."""


class IssuedHour(msgspec.Struct, frozen=True):
    """What had been issued for an hour, by the forecast that begins at `begin`."""

    series_id: UUID
    begin: datetime
    lead_hours: int
    mean: float
    quantiles: Sequence[float]


class Past(msgspec.Struct, frozen=True, eq=False):
    """A series' hourly counts up to the end of the hour in question."""

    hours: NDArray[np.float64]

    @property
    def actual(self) -> int:
        return int(self.hours[-1])

    @property
    def naive_error(self) -> float | None:
        """By how much the count a week before missed; None where there was none."""
        return abs(float(self.hours[-1] - self.hours[-1 - WEEK_HOURS])) if len(self.hours) > WEEK_HOURS else None

    @property
    def level(self) -> float:
        """The seasonal naive's mean miss over the weeks before; 0 where it isn't known."""
        before = self.hours[-1 - LEVEL_WEEKS * WEEK_HOURS - WEEK_HOURS : -1]
        if len(before) <= WEEK_HOURS:
            return 0.0
        return float(np.abs(before[WEEK_HOURS:] - before[:-WEEK_HOURS]).mean())


async def issued_for(pool: AsyncConnectionPool[Any], hour: datetime) -> list[IssuedHour]:
    """Of all series and leads."""
    wanted = {"day": Horizon.DAY, "fortnight": Horizon.FORTNIGHT, "hour": hour}
    async with pool.connection() as connection:
        rows = await (await connection.execute(_ISSUED, wanted)).fetchall()
    return [IssuedHour(*row) for row in rows]


def scored(issued: Iterable[IssuedHour], hour: datetime, past_of: dict[UUID, Past]) -> list[ToScore]:
    """What to record of this hour. A series whose counts aren't known is passed over."""
    return [
        ToScore(
            department_id=department_of(each.series_id),
            day=utc_day(each.begin),
            scores=(hour_score(each, hour, past_of[each.series_id]),),
        )
        for each in issued
        if each.series_id in past_of
    ]


def hour_score(issued: IssuedHour, hour: datetime, past: Past) -> HourScore:
    """Of one hour. What is drawn for its rank follows from the series, the hour and the lead alone."""
    actual = past.actual
    losses = [
        max(level * (actual - quantile), (level - 1) * (actual - quantile))
        for level, quantile in zip(LEVELS, issued.quantiles, strict=True)
    ]
    draw = random.Random(f"{issued.series_id} {hour.timestamp():.0f} {issued.lead_hours}").random()  # noqa: S311 - no secret.
    return HourScore(
        hour=hour,
        lead_hours=issued.lead_hours,
        mean=issued.mean,
        actual=actual,
        pinball=sum(losses) / len(losses),
        rank=rank(actual, issued.mean, issued.quantiles, draw),
        naive_error=past.naive_error,
        level=past.level,
    )


def rank(actual: int, mean: float, quantiles: Sequence[float], draw: float) -> float:
    """Where the count lies in the issued distribution, from 0 to 1: randomised PIT (Czado, Gneiting & Held 2009).

    `draw`, from 0 to 1, places it within the count's own probability. A small count's distribution is taken to be
    negative binomial, a large one's to be even between the issued quantiles.
    """
    if mean < LARGE_COUNT:
        shape = gamma_shape(max(mean, NARROWEST), deviation_of(quantiles))
        below = cumulative(actual - 1, mean, shape)
        return below + draw * (cumulative(actual, mean, shape) - below)
    place = actual - 0.5 + draw
    if place <= quantiles[0]:
        return draw * LEVELS[0]
    if place >= quantiles[-1]:
        return 1 - draw * (1 - LEVELS[-1])
    return float(np.interp(place, quantiles, LEVELS))
