"""What departments are staffed by, in one snapshot: terms, calendar, forecast, handle times, queue and people.

Read for plans of the next day; what it tells is as of one position of the log.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from psycopg_pool import AsyncConnectionPool

from supportix.domain.calendar import BusinessCalendar, KnownEvent
from supportix.domain.forecast_words import Confidence, Horizon, Steps
from supportix.domain.ids import DepartmentId
from supportix.domain.merge_settings import MergeMode, MergeSettings
from supportix.domain.schedule import Schedule
from supportix.domain.staffing_terms import StaffingTerms
from supportix.projections.agent_load import AgentLoad
from supportix.projections.department_queue import DepartmentQueue
from supportix.projections.departments import DepartmentDirectory
from supportix.projections.forecasts import Forecasts
from supportix.projections.merges import MergeList
from supportix.projections.rows import Connection
from supportix.projections.traffic_history import TrafficHistory

READ_FROM = (
    DepartmentDirectory.name,
    MergeList.name,
    Forecasts.name,
    TrafficHistory.name,
    DepartmentQueue.name,
    AgentLoad.name,
)
HANDLE_TIME_DAYS = 28
"""Handle times of so many days count."""
OLDEST_FORECAST = timedelta(hours=12)
"""One that was issued longer ago is none: half of its day is over."""

_POSITION = """
SELECT CASE WHEN count(*) = %(models)s THEN min(position) ELSE 0 END FROM checkpoints WHERE name = ANY(%(read_from)s)
"""
_DEPARTMENTS = """
SELECT d.department_id, d.name, d.calendar, d.staffing, m.settings,
    f.begin, f.issued_at, f.steps, f.model, f.confidence,
    (SELECT jsonb_agg(jsonb_build_object(
            'event_id', event_id, 'name', name, 'kind', kind, 'begin', begins_at, 'end', ends_at))
     FROM read_model.known_events
     WHERE department_id = d.department_id AND kind = 'closure' AND ends_at > %(hour)s - interval '1 day'
        AND begins_at < %(hour)s + interval '3 days'),
    (SELECT count(*) FROM read_model.department_queue WHERE department_id = d.department_id),
    t.handled, t.handle_seconds,
    (SELECT jsonb_object_agg(bucket, tickets) FROM (
        SELECT bucket, sum(tickets) AS tickets FROM read_model.handle_times
        WHERE department_id = d.department_id AND day >= %(first_day)s GROUP BY bucket) AS whole)
FROM read_model.departments AS d
LEFT JOIN read_model.department_merging AS m USING (department_id)
LEFT JOIN LATERAL (
    SELECT begin, issued_at, steps, model, confidence FROM read_model.forecasts
    WHERE department_id = d.department_id AND horizon = %(horizon)s AND begin <= %(hour)s AND begin > %(oldest)s
    ORDER BY begin DESC LIMIT 1
) AS f ON true
LEFT JOIN (
    SELECT department_id, sum(handled)::bigint AS handled, sum(handle_seconds)::bigint AS handle_seconds
    FROM read_model.traffic_history
    WHERE quarter >= %(first_day)s::timestamp AT TIME ZONE 'UTC' AND (%(all)s OR department_id = ANY(%(ids)s))
    GROUP BY 1
) AS t USING (department_id)
WHERE CASE WHEN %(all)s THEN d.staffing IS NOT NULL ELSE d.department_id = ANY(%(ids)s) END
ORDER BY d.department_id
"""
_PEOPLE = """
SELECT department_ids, schedule, count(*) FROM read_model.agent_load
WHERE department_ids && %s::uuid[] GROUP BY department_ids, schedule
"""


class IssuedDay(msgspec.Struct, frozen=True, kw_only=True):
    """The latest forecast of a day, hour by hour."""

    begin: datetime
    issued_at: datetime
    steps: Steps
    model: str
    confidence: Confidence


class People(msgspec.Struct, frozen=True):
    """So many agents serve these departments by the same schedule."""

    department_ids: tuple[DepartmentId, ...]
    schedule: Schedule
    count: int


class DepartmentToStaff(msgspec.Struct, frozen=True, kw_only=True):
    """`handled` tickets took `handle_seconds` in all, `handle_times` of them by buckets of HANDLE_TIME_EDGES."""

    department_id: DepartmentId
    name: str
    calendar: BusinessCalendar
    closures: tuple[KnownEvent, ...]
    terms: StaffingTerms | None
    compatible_ids: tuple[DepartmentId, ...]
    forecast: IssuedDay | None
    waiting: int
    handled: int
    handle_seconds: int
    handle_times: Mapping[int, int]


class StaffingScene(msgspec.Struct, frozen=True):
    """Departments and the people who serve them, as of a position of the log."""

    position: int
    departments: Sequence[DepartmentToStaff]
    people: Sequence[People]


async def staffing_scene(
    pool: AsyncConnectionPool[Any], hour: datetime, *, department_ids: Sequence[UUID] | None = None
) -> StaffingScene:
    """Of these departments; without any given, of all with terms of staffing. Forecasts begin by `hour`."""
    parameters: Mapping[str, Any] = {
        "hour": hour,
        "oldest": hour - OLDEST_FORECAST,
        "horizon": Horizon.DAY,
        "first_day": (hour.astimezone(UTC) - timedelta(days=HANDLE_TIME_DAYS)).date(),
        "all": department_ids is None,
        "ids": list(department_ids or ()),
    }
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        ((position,),) = await _all(connection, _POSITION, {"models": len(READ_FROM), "read_from": list(READ_FROM)})
        departments = [_department(row) for row in await _all(connection, _DEPARTMENTS, parameters)]
        people = await people_of(connection, [each.department_id for each in departments])
    return StaffingScene(position or 0, departments, people)


async def people_of(connection: Connection, department_ids: Sequence[UUID]) -> list[People]:
    """Who serves these departments, whether online or not."""
    rows = await _all(connection, _PEOPLE, (list(department_ids),))
    return [People(tuple(row[0]), msgspec.convert(row[1], Schedule), row[2]) for row in rows]


def _department(row: tuple[Any, ...]) -> DepartmentToStaff:
    department_id, name, calendar, terms, merging, begin, issued_at, steps, model, confidence, closures, *counts = row
    waiting, handled, handle_seconds, buckets = counts
    settings = msgspec.convert(merging, MergeSettings | None)
    forecast = None
    if begin is not None:
        forecast = IssuedDay(
            begin=begin,
            issued_at=issued_at,
            steps=msgspec.convert(steps, Steps),
            model=model,
            confidence=Confidence(confidence),
        )
    return DepartmentToStaff(
        department_id=department_id,
        name=name,
        calendar=msgspec.convert(calendar, BusinessCalendar),
        closures=msgspec.convert(closures or (), tuple[KnownEvent, ...]),
        terms=msgspec.convert(terms, StaffingTerms | None),
        compatible_ids=settings.compatible_ids if settings and settings.mode is not MergeMode.OFF else (),
        forecast=forecast,
        waiting=waiting,
        handled=handled or 0,
        handle_seconds=handle_seconds or 0,
        handle_times={int(bucket): int(tickets) for bucket, tickets in (buckets or {}).items()},
    )


async def _all(connection: Connection, statement: str, parameters: Any) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(statement, parameters)
    return await cursor.fetchall()
