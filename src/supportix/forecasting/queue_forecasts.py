"""How many tickets will wait in an hour from now: what merges are suggested by before the queue is long.

From the latest forecast and what has arrived of it, the tickets that wait, and the places of the agents who take new
work: those who are online and on duty, each for as long as its schedule says, and those whose duty begins meanwhile. A
ticket takes a place for as long as tickets were held in the last four weeks.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from psycopg_pool import AsyncConnectionPool

from supportix.domain.forecast_words import FEWEST_HOURS, HOUR_SECONDS, Horizon, Steps, hour_of
from supportix.domain.ids import DepartmentId
from supportix.forecasting.running_hour import running_hour

KEPT_SECONDS = 60.0
"""Forecasts and handle times are read again after so long, and as an hour begins."""
INTERVAL_SECONDS = 900
INTERVALS = 4
ASSUMED_SECONDS = 1_800.0
"""A ticket's time with its agent before any was measured, and the weight of that guess in tickets."""
ASSUMED_WEIGHT = 20
_OLDEST = timedelta(hours=12)
_HANDLED_DAYS = timedelta(days=28)

_FORECASTS = """
SELECT d.department_id, f.begin, f.steps, f.carry, (d.staffing->>'handle_seconds')::float,
    t.handled, t.handle_seconds
FROM read_model.departments AS d
JOIN LATERAL (
    SELECT begin, steps, carry FROM read_model.forecasts
    WHERE department_id = d.department_id AND horizon = %(horizon)s AND begin <= %(at)s AND begin > %(oldest)s
    ORDER BY begin DESC LIMIT 1
) AS f ON true
LEFT JOIN (
    SELECT department_id, sum(handled)::bigint AS handled, sum(handle_seconds)::bigint AS handle_seconds
    FROM read_model.traffic_history WHERE department_id = ANY(%(ids)s) AND quarter >= %(since)s GROUP BY 1
) AS t USING (department_id)
WHERE d.department_id = ANY(%(ids)s)
"""
_NOW = """
SELECT d.department_id, coalesce(q.waiting, 0), coalesce(t.arrived, 0), a.places
FROM unnest(%(ids)s::uuid[]) AS d (department_id)
LEFT JOIN (
    SELECT department_id, count(*) AS waiting
    FROM read_model.department_queue WHERE department_id = ANY(%(ids)s) GROUP BY 1
) AS q USING (department_id)
LEFT JOIN (
    SELECT department_id, sum(arrivals)::bigint AS arrived
    FROM read_model.traffic_history WHERE department_id = ANY(%(ids)s) AND quarter >= %(hour)s GROUP BY 1
) AS t USING (department_id)
LEFT JOIN (
    SELECT department_id, jsonb_agg(jsonb_build_array(on_duty, changes_in, places, held) ORDER BY changes_in) AS places
    FROM (
        SELECT unnest(department_ids) AS department_id, on_duty,
            CASE WHEN duty_changes_at < %(until)s THEN extract(epoch FROM duty_changes_at - %(at)s)::int END
                AS changes_in,
            sum(capacity::float / cardinality(department_ids)) AS places,
            sum(least(open_tickets, capacity)::float / cardinality(department_ids)) AS held
        FROM read_model.agent_load
        WHERE department_ids && %(ids)s
            AND CASE WHEN on_duty THEN availability = 'online' ELSE duty_changes_at < %(until)s END
        GROUP BY 1, 2, 3
    ) AS serving GROUP BY 1
) AS a USING (department_id)
"""


class _Forecast(msgspec.Struct, frozen=True):
    """A department's forecast, and how long a ticket takes one of its places."""

    begin: datetime
    steps: Steps
    carry: float
    held_seconds: float


class _Places(msgspec.Struct, frozen=True, array_like=True):
    """Places of agents whose duty changes in so many seconds; None: not within the hour. Tickets are `held` there."""

    on_duty: bool
    changes_in: int | None
    places: float
    held: float

    def at(self, seconds: float) -> float:
        """So many seconds from now."""
        has_changed = self.changes_in is not None and self.changes_in <= seconds
        return self.places if self.on_duty is not has_changed else 0.0


class _Scene(msgspec.Struct, frozen=True):
    """All that a queue's length in an hour depends on. The minute stands for the time."""

    minute: datetime
    forecast: _Forecast
    waiting: int
    arrived: int
    places: tuple[_Places, ...]


class QueueForecasts:
    """What forecasting offers to merging. Departments without a forecast of the last hours are left out.

    Reads in one statement; queues are reckoned anew where something has changed or a minute has passed, in a thread.
    """

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._read_at = -KEPT_SECONDS
        self._read_for: tuple[frozenset[UUID], datetime] | None = None
        self._forecasts: Mapping[UUID, _Forecast] = {}
        self._known: dict[UUID, tuple[_Scene, int]] = {}

    async def queue_lengths(self, department_ids: Iterable[DepartmentId], at: datetime) -> dict[DepartmentId, int]:
        """How many tickets will wait in each of these departments an hour later."""
        ids = frozenset(department_ids)
        await self._look_up_forecasts(ids, at)
        scenes = await self._scenes([each for each in ids if each in self._forecasts], at)
        stale = {key: scene for key, scene in scenes.items() if key not in self._known or self._known[key][0] != scene}
        if stale:
            self._known |= await asyncio.to_thread(_lengths, stale, at)
        return {DepartmentId(key): self._known[key][1] for key in scenes}

    async def _look_up_forecasts(self, ids: frozenset[UUID], at: datetime) -> None:
        read_for = (ids, hour_of(at))
        if read_for == self._read_for and time.monotonic() - self._read_at < KEPT_SECONDS:
            return
        wanted = {
            "ids": list(ids),
            "at": at,
            "oldest": at - _OLDEST,
            "since": at - _HANDLED_DAYS,
            "horizon": Horizon.DAY,
        }
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_FORECASTS, wanted)).fetchall()
        self._forecasts = {row[0]: _forecast(row) for row in rows}
        self._read_for, self._read_at = read_for, time.monotonic()

    async def _scenes(self, ids: Sequence[UUID], at: datetime) -> dict[UUID, _Scene]:
        if not ids:
            return {}
        until = at + timedelta(seconds=INTERVALS * INTERVAL_SECONDS)
        wanted = {"ids": ids, "at": at, "until": until, "hour": hour_of(at)}
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_NOW, wanted, prepare=True)).fetchall()
        return {
            row[0]: _Scene(
                minute=at.replace(second=0, microsecond=0),
                forecast=self._forecasts[row[0]],
                waiting=row[1],
                arrived=row[2],
                places=msgspec.convert(row[3] or (), tuple[_Places, ...]),
            )
            for row in rows
        }


def _forecast(row: tuple[Any, ...]) -> _Forecast:
    _, begin, steps, carry, told_seconds, handled, handle_seconds = row
    assumed = told_seconds or ASSUMED_SECONDS
    held = ((handle_seconds or 0) + ASSUMED_WEIGHT * assumed) / ((handled or 0) + ASSUMED_WEIGHT)
    return _Forecast(begin, msgspec.convert(steps, Steps), carry, max(1.0, held))


def _lengths(scenes: Mapping[UUID, _Scene], at: datetime) -> dict[UUID, tuple[_Scene, int]]:
    from supportix.staffing.backlog import queue_forecast  # It takes numpy, which only those need who merge.
    from supportix.staffing.work import Arrivals, Work

    found = {}
    for department_id, scene in scenes.items():
        at_work = [
            sum(each.at((number + 0.5) * INTERVAL_SECONDS) for each in scene.places) for number in range(INTERVALS)
        ]
        forecast = queue_forecast(
            Arrivals(begin=at, step_seconds=INTERVAL_SECONDS, mean=_to_come(scene, at)),
            at_work,
            Work(handle_seconds=scene.forecast.held_seconds),
            waiting=scene.waiting,
            in_work=sum(each.held for each in scene.places if each.on_duty),
        )
        found[department_id] = (scene, forecast.length)
    return found


def _to_come(scene: _Scene, at: datetime) -> tuple[float, ...]:
    """Arrivals of the intervals from now on, by the forecasts of this hour and the next as they stand now."""
    hour = hour_of(at)
    elapsed = (at - hour).total_seconds()
    now, following = _hours(scene, hour, elapsed)
    left = HOUR_SECONDS - elapsed
    rates = []
    for number in range(INTERVALS):
        inside = min(INTERVAL_SECONDS, max(0.0, left - number * INTERVAL_SECONDS))
        rates.append(now * inside / left + following * (INTERVAL_SECONDS - inside) / HOUR_SECONDS)
    return tuple(rates)


def _hours(scene: _Scene, hour: datetime, elapsed: float) -> tuple[float, float]:
    """What is still to come in the running hour, and in the next one."""
    steps = scene.forecast.steps
    place = min(int((hour - scene.forecast.begin).total_seconds() // HOUR_SECONDS), len(steps.means) - FEWEST_HOURS)
    quantiles = tuple(row[place:] for row in steps.quantiles)
    rest = Steps(steps.begin_of(place), HOUR_SECONDS, steps.means[place:], quantiles)
    updated = running_hour(rest, arrived=scene.arrived, elapsed_seconds=elapsed, carry=scene.forecast.carry)
    return max(0.0, updated.means[0] - scene.arrived), updated.means[1]
