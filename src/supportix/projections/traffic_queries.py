"""Reading the traffic history in steps of quarter hours, hours and days."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import BigInteger, DateTime, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from supportix.projections.checkpoint_queries import AsOf, ReadDatabase, fetch
from supportix.projections.traffic_history import QUARTER, TrafficHistory, quarter_of, traffic_history

_MOMENT = DateTime(timezone=True)


_OWN_SINCE = """
SELECT coalesce((SELECT position FROM checkpoints WHERE name = %s), 0), own.department_id, own.since
FROM (VALUES (1)) AS always LEFT JOIN (
    SELECT department_id, min(quarter) AS since FROM read_model.traffic_history
    WHERE arrivals > past_arrivals OR assignments > 0 GROUP BY department_id
) AS own ON true
"""


class TrafficStep(StrEnum):
    """How long a time is counted together."""

    QUARTER = "15m"
    HOUR = "1h"
    DAY = "1d"


class TrafficCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What happened from `begin` to before `end`.

    `past_arrivals`: those arrivals that a past from before this desk tells of. `abandonments`: tickets that were closed
    before any agent had them. `handled`: resolutions by agents, who needed `handle_seconds` for all of them together.
    """

    begin: datetime
    end: datetime
    arrivals: int
    past_arrivals: int
    assignments: int
    resolutions: int
    abandonments: int
    handled: int
    handle_seconds: int


COUNTED = TrafficCounts.__struct_fields__[2:]


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    arrivals: int
    past_arrivals: int
    assignments: int
    resolutions: int
    abandonments: int
    handled: int
    handle_seconds: int


async def traffic(
    database: ReadDatabase,
    *,
    department_id: UUID | None,
    begin: datetime,
    end: datetime,
    step: TrafficStep = TrafficStep.QUARTER,
    time_zone: str = "UTC",
) -> AsOf[list[TrafficCounts]]:
    """Each step that begins in [begin, end), quiet ones too; of all departments together where none is given."""
    edges = step_edges(begin, end, step, ZoneInfo(time_zone))
    history = traffic_history.c
    number = func.width_bucket(history.quarter, literal(edges, ARRAY(_MOMENT))).label("number")
    query = (
        select(number, *(func.sum(history[name]).cast(BigInteger).label(name) for name in COUNTED))
        .where(history.quarter >= edges[0], history.quarter < edges[-1])
        .group_by(number)
    )
    if department_id is not None:
        query = query.where(history.department_id == department_id)
    found = await fetch(database, query, _Found, of=[TrafficHistory.name], order=[number])
    by_number = {each.number: each for each in found.value}
    return AsOf(found.position, [_counts(edges, index, by_number.get(index)) for index in range(1, len(edges))])


def step_edges(begin: datetime, end: datetime, step: TrafficStep, zone: ZoneInfo) -> Sequence[datetime]:
    """Where steps begin in [begin, end) as clocks in the zone have it, and where the last one ends; in UTC.

    An hour is always a real one: where a clock is set back, the local hour comes twice. A day lasts from midnight to
    midnight, 23 or 25 hours where a clock is set. Where a zone sets it by half an hour, an hour is as much longer.
    """
    moments = {TrafficStep.QUARTER: _quarters, TrafficStep.HOUR: _hours, TrafficStep.DAY: _days}[step](begin, zone)
    edges = [first := next(moments)]
    while first < end:
        edges.append(first := next(moments))
    return edges


def _quarters(begin: datetime, _: ZoneInfo) -> Iterator[datetime]:
    moment = quarter_of(begin.astimezone(UTC) - timedelta(microseconds=1)) + QUARTER
    while True:
        yield moment
        moment += QUARTER


def _hours(begin: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    return (each for each in _quarters(begin, zone) if each.astimezone(zone).minute == 0)


def _days(begin: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Local midnights; the moment of the change where the clock skips midnight, the first where it comes twice."""
    day = begin.astimezone(zone).date()
    if midnight_of(day, zone) < begin:
        day += timedelta(days=1)
    while True:
        yield midnight_of(day, zone)
        day += timedelta(days=1)


def midnight_of(day: date, zone: ZoneInfo) -> datetime:
    """When the day begins in that zone, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _counts(edges: Sequence[datetime], number: int, found: _Found | None) -> TrafficCounts:
    counts = dict.fromkeys(COUNTED, 0) if found is None else {name: getattr(found, name) for name in COUNTED}
    return TrafficCounts(begin=edges[number - 1], end=edges[number], **counts)


async def own_traffic_since(pool: AsyncConnectionPool[Any]) -> AsOf[dict[UUID, datetime]]:
    """The first quarter hour in which this desk itself counted something for each department."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_OWN_SINCE, (TrafficHistory.name,))
        rows = await cursor.fetchall()
    return AsOf(rows[0][0], {row[1]: row[2] for row in rows if row[1] is not None})
