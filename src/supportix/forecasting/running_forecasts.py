"""The forecasts of the running hour, as arrivals change them: told when they have moved far enough."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from psycopg_pool import AsyncConnectionPool

from supportix.domain.forecast_words import DESK_ID, HOUR_SECONDS, Horizon, Steps, department_of
from supportix.forecasting.keeping import Keeping
from supportix.forecasting.negative_binomial import deviation_of
from supportix.forecasting.running_hour import running_hour
from supportix.projections.traffic_history import TrafficHistory

PAUSE = timedelta(seconds=60)
"""An update follows the one before no sooner, unless the forecast jumps."""
WORTH_A_WORD = 0.5
JUMP = 2.0
"""By how many standard deviations a mean has to move."""

_ISSUED = """
SELECT department_id, steps, carry, updated FROM read_model.forecasts WHERE begin = %s AND horizon = %s
"""
_POSITION = "SELECT position FROM checkpoints WHERE name = %s"
_ARRIVED = """
SELECT department_id, sum(arrivals)::bigint FROM read_model.traffic_history
WHERE quarter >= %s AND quarter < %s GROUP BY 1
"""


class _Running(msgspec.Struct):
    """A series in the running hour: what was issued, what was told last, and of how many arrivals that was."""

    issued: Steps
    carry: float
    told: Steps
    told_at: datetime | None = None


class RunningForecasts:
    """Of one hour at a time."""

    def __init__(self, pool: AsyncConnectionPool[Any], keeping: Keeping, clock: Callable[[], datetime]) -> None:
        self._pool = pool
        self._keeping = keeping
        self._clock = clock
        self._hour: datetime | None = None
        self._series: dict[UUID, _Running] = {}
        self._position = -1

    async def begin(self, hour: datetime) -> None:
        """Take up what was issued for this hour."""
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_ISSUED, (hour, Horizon.DAY))).fetchall()
        self._hour, self._position = hour, -1
        self._series = {row[0]: _taken_up(row[1], row[2], row[3]) for row in rows}

    async def look(self) -> int:
        """Look at what has arrived, and tell the forecasts that it has changed. Returns how many those were."""
        if not self._series or self._hour is None:
            return 0
        async with self._pool.connection() as connection:
            row = await (await connection.execute(_POSITION, (TrafficHistory.name,), prepare=True)).fetchone()
            if row is None or row[0] == self._position:
                return 0
            self._position = row[0]
            ends = self._hour + timedelta(hours=1)
            rows = await (await connection.execute(_ARRIVED, (self._hour, ends), prepare=True)).fetchall()
        arrived = {department_id: int(count) for department_id, count in rows}
        arrived[DESK_ID] = sum(arrived.values())
        return await self._tell(arrived)

    async def _tell(self, arrived: dict[UUID, int]) -> int:
        if self._hour is None:
            return 0
        now = self._clock()
        elapsed = min(HOUR_SECONDS, max(0, round((now - self._hour).total_seconds())))
        told = 0
        for department_id, series in self._series.items():
            count = arrived.get(department_id, 0)
            steps = running_hour(series.issued, arrived=count, elapsed_seconds=elapsed, carry=series.carry)
            moved = _moved(series, steps)
            if moved < WORTH_A_WORD:
                continue
            if moved < JUMP and series.told_at is not None and now - series.told_at < PAUSE:
                self._position = -1  # To be told after the pause, though nothing more arrives.
                continue
            series.told, series.told_at = steps, now
            await self._keeping.update(department_of(department_id), steps, arrived=count, elapsed_seconds=elapsed)
            told += 1
        return told


def _taken_up(steps: Any, carry: float, updated: Any) -> _Running:
    issued = msgspec.convert(steps, Steps)
    if updated is None:
        return _Running(issued, carry, issued)
    told = msgspec.convert(updated["steps"], Steps)
    return _Running(issued, carry, told, msgspec.convert(updated["at"], datetime))


def _moved(series: _Running, steps: Steps) -> float:
    """How far either hour's mean is from what was told last, in standard deviations of what was issued."""
    return max(abs(steps.means[place] - series.told.means[place]) / _spread(series.issued, place) for place in (0, 1))


def _spread(steps: Steps, place: int) -> float:
    """About a standard deviation, one ticket at least."""
    return max(1.0, deviation_of(steps.quantiles_of(place)))
