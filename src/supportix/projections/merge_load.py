"""How departments stand that merges may concern: their load, settings and part in merges, in one snapshot."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from psycopg_pool import AsyncConnectionPool

from supportix.domain.ids import DepartmentId, MergeId, TicketId
from supportix.domain.merge import LIVE
from supportix.domain.merge_evidence import DepartmentLoad, Evidence
from supportix.domain.merge_settings import MergeSettings
from supportix.policies.merging import ArrivalForecast, Standing, projected_wait_minutes
from supportix.projections.agent_load import AgentLoad
from supportix.projections.department_queue import DepartmentQueue
from supportix.projections.departments import DepartmentDirectory
from supportix.projections.merges import MergeList
from supportix.projections.rows import Connection
from supportix.projections.traffic_history import TrafficHistory, quarter_of

_READ_FROM = [DepartmentQueue.name, AgentLoad.name, DepartmentDirectory.name, TrafficHistory.name, MergeList.name]
_PACE = timedelta(hours=1)
_QUARTER = timedelta(minutes=15)

_CONCERNED = """
SELECT
    (SELECT CASE WHEN count(*) = %(models)s THEN min(position) ELSE 0 END
     FROM checkpoints WHERE name = ANY(%(read_from)s)),
    ARRAY(SELECT merge_id FROM read_model.merges WHERE state = ANY(%(live)s) ORDER BY suggested_at, merge_id),
    ARRAY(
        SELECT department_id FROM read_model.department_merging WHERE merge_id IS NOT NULL OR settings->>'mode' <> 'off'
        UNION SELECT jsonb_array_elements_text(settings->'compatible_ids')::uuid FROM read_model.department_merging
        WHERE settings->>'mode' <> 'off')
"""
"""Position, live merges, and the departments that take part in merges or may help one that does."""
_STANDINGS = """
SELECT d.department_id, d.paused, m.settings, m.merge_id, m.merge_left_at,
    q.waiting, q.oldest, a.free, a.capacity, t.taken
FROM read_model.departments AS d
LEFT JOIN read_model.department_merging AS m USING (department_id)
LEFT JOIN (
    SELECT department_id, count(*) AS waiting, min(queued_at) AS oldest
    FROM read_model.department_queue WHERE department_id = ANY(%(ids)s) GROUP BY 1
) AS q USING (department_id)
LEFT JOIN (
    SELECT unnest(department_ids) AS department_id, sum(greatest(0, capacity - open_work))::bigint AS free,
        sum(capacity)::bigint AS capacity
    FROM read_model.agent_load WHERE availability = 'online' AND on_duty AND department_ids && %(ids)s GROUP BY 1
) AS a USING (department_id)
LEFT JOIN (
    SELECT department_id, sum(taken)::bigint AS taken
    FROM read_model.queue_pace WHERE department_id = ANY(%(ids)s) AND quarter >= %(since)s GROUP BY 1
) AS t USING (department_id)
WHERE d.department_id = ANY(%(ids)s)
"""
_OLDEST_FITTING = """
SELECT q.ticket_id, coalesce((q.demand->>'weight')::int, 1)
FROM read_model.department_queue AS q
WHERE q.department_id = %(source)s AND (
    jsonb_array_length(coalesce(q.demand->'skills', '[]')) = 0 OR EXISTS (
        SELECT FROM read_model.agent_load AS a
        WHERE a.department_ids @> ARRAY[%(target)s] AND a.availability = 'online' AND a.on_duty
        AND a.skills ?& ARRAY(SELECT jsonb_array_elements_text(q.demand->'skills'))
    )
)
ORDER BY q.opened_at, q.ticket_id LIMIT %(count)s
"""


class MergeScene(msgspec.Struct, frozen=True):
    """The departments that merges may concern, and the live merges, as of a position of the log."""

    position: int
    standings: Mapping[DepartmentId, Standing]
    live: Sequence[MergeId] = ()

    def evidence(self, source_id: DepartmentId, target_id: DepartmentId) -> Evidence | None:
        """Both departments' load; None where one isn't known."""
        source, target = self.standings.get(source_id), self.standings.get(target_id)
        if source is None or target is None:
            return None
        return Evidence(position=self.position, source=source.load, target=target.load)


async def merge_scene(
    pool: AsyncConnectionPool[Any],
    at: datetime,
    *,
    department_ids: Sequence[UUID] | None = None,
    forecast: ArrivalForecast | None = None,
) -> MergeScene:
    """Of these departments; without any given, of all that take part in merges or may help one that does.

    Where merging is off everywhere, one look is all that it costs.
    """
    wanted = {"models": len(_READ_FROM), "read_from": _READ_FROM, "live": sorted(LIVE)}
    if department_ids is None:
        async with pool.connection() as connection:
            ((position, live, concerned),) = await _all(connection, _CONCERNED, wanted)
        if not live and not concerned:
            return MergeScene(position or 0, {})
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        ((position, live, concerned),) = await _all(connection, _CONCERNED, wanted)
        ids = department_ids or concerned
        first_quarter = quarter_of(at - _PACE) + _QUARTER
        rows = await _all(connection, _STANDINGS, {"ids": list(ids), "since": first_quarter}) if ids else []
    lengths = await forecast.queue_lengths([DepartmentId(each) for each in ids], at) if forecast and ids else {}
    standings = {row[0]: _standing(row, at, at - first_quarter, lengths.get(row[0])) for row in rows}
    return MergeScene(position or 0, standings, [MergeId(each) for each in live])


async def oldest_fitting(
    pool: AsyncConnectionPool[Any], source_id: UUID, target_id: UUID, count: int
) -> list[tuple[TicketId, int]]:
    """The tickets that wait in the source and some agent of the target has the skills for, with their weights.

    Oldest first, at most `count`.
    """
    wanted = {"source": source_id, "target": target_id, "count": count}
    async with pool.connection() as connection:
        return [(TicketId(row[0]), row[1]) for row in await _all(connection, _OLDEST_FITTING, wanted)]


def _standing(row: tuple[Any, ...], at: datetime, paced: timedelta, forecast: int | None) -> Standing:
    department_id, paused, settings, merge_id, merge_left_at, waiting, oldest, free, capacity, taken = row
    oldest_wait = int((at - oldest).total_seconds() // 60) if oldest is not None else 0
    pace = round((taken or 0) * (_PACE / paced))
    load = DepartmentLoad(
        department_id=department_id,
        queue_length=waiting or 0,
        oldest_wait_minutes=max(0, oldest_wait),
        taken_per_hour=pace,
        projected_wait_minutes=projected_wait_minutes(waiting or 0, pace, max(0, oldest_wait)),
        forecast_queue_length=forecast,
        free_capacity=free or 0,
        capacity=capacity or 0,
    )
    return Standing(
        load=load,
        settings=msgspec.convert(settings, MergeSettings) if settings is not None else None,
        paused=paused,
        merge_id=merge_id,
        merge_left_at=merge_left_at,
    )


async def _all(connection: Connection, statement: str, parameters: Any) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(statement, parameters)
    return await cursor.fetchall()
