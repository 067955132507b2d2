"""The traffic of many departments as series of numbers, with what is known of them: read at once, for forecasts.

Counts come out of the database as the bytes of whole columns, so that hundreds of departments take one statement and
no loop over quarter hours in Python.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray
from psycopg_pool import AsyncConnectionPool

from supportix.domain.calendar import BusinessCalendar, KnownEvent
from supportix.domain.staffing_terms import StaffingTerms
from supportix.projections.checkpoint_queries import AsOf
from supportix.projections.departments import DepartmentDirectory
from supportix.projections.traffic_history import HANDLE_TIME_EDGES, QUARTER, TrafficHistory, quarter_of

Counts = NDArray[np.int64]

_READ_FROM = [TrafficHistory.name, DepartmentDirectory.name]
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""From which PostgreSQL counts its microseconds."""
_ARRAY_HEADER_BYTES = 20
"""Of an array of one dimension."""

_SERIES = """
WITH reached AS (
    SELECT CASE WHEN count(*) = %(models)s THEN min(position) ELSE 0 END AS position
    FROM checkpoints WHERE name = ANY(%(read_from)s)
)
SELECT reached.position, d.department_id, d.name, d.calendar, d.staffing,
    (SELECT jsonb_agg(jsonb_build_object(
            'event_id', event_id, 'name', name, 'kind', kind, 'begin', begins_at, 'end', ends_at
        ) ORDER BY begins_at, event_id)
     FROM read_model.known_events WHERE department_id = d.department_id),
    (SELECT spans FROM read_model.traffic_pasts WHERE department_id = d.department_id),
    (SELECT quarter FROM read_model.traffic_history
     WHERE department_id = d.department_id AND arrivals > 0 ORDER BY quarter LIMIT 1),
    t.quarters, t.arrivals, t.past_arrivals, t.abandonments, t.handled, t.handle_seconds, h.buckets, h.tickets
FROM reached LEFT JOIN read_model.departments AS d ON %(all)s OR d.department_id = ANY(%(ids)s)
LEFT JOIN (
    SELECT department_id, array_send(array_agg(quarter)) AS quarters,
        array_send(array_agg(arrivals)) AS arrivals,
        array_send(array_agg(past_arrivals)) AS past_arrivals,
        array_send(array_agg(abandonments)) AS abandonments,
        array_send(array_agg(handled)) AS handled,
        array_send(array_agg(handle_seconds)) AS handle_seconds
    FROM read_model.traffic_history
    WHERE (%(all)s OR department_id = ANY(%(ids)s)) AND quarter >= %(begin)s AND quarter < %(end)s
    GROUP BY department_id
) AS t USING (department_id)
LEFT JOIN (
    SELECT department_id, array_send(array_agg(bucket)) AS buckets, array_send(array_agg(tickets)) AS tickets
    FROM (
        SELECT department_id, bucket, sum(tickets)::bigint AS tickets FROM read_model.handle_times
        WHERE (%(all)s OR department_id = ANY(%(ids)s)) AND day >= %(first_day)s AND day < %(end)s AT TIME ZONE 'UTC'
        GROUP BY department_id, bucket
    ) AS whole
    GROUP BY department_id
) AS h USING (department_id)
"""


class PastSpan(msgspec.Struct, frozen=True):
    """From when to when a past tells of a department in steps that long: within a step, it is spread evenly."""

    step: timedelta
    begin: datetime
    end: datetime


class DepartmentSeries(msgspec.Struct, frozen=True, kw_only=True):
    """One department's counts per quarter hour of the span, quiet ones too, and what it is planned by.

    `handle_times`: tickets handled on the span's days in UTC, by the buckets of HANDLE_TIME_EDGES. `begins_at`: the
    first quarter hour with an arrival, also one before the span; None without any. `past_arrivals` are those of
    `arrivals` that pasts from before this desk tell of.
    """

    department_id: UUID
    name: str
    calendar: BusinessCalendar
    staffing: StaffingTerms | None
    events: tuple[KnownEvent, ...]
    pasts: tuple[PastSpan, ...]
    begins_at: datetime | None
    arrivals: Counts
    past_arrivals: Counts
    abandonments: Counts
    handled: Counts
    handle_seconds: Counts
    handle_times: Counts


async def department_series(
    pool: AsyncConnectionPool[Any], department_ids: Sequence[UUID] | None, begin: datetime, end: datetime
) -> AsOf[tuple[DepartmentSeries, ...]]:
    """Of these departments, or of all, in the order of their ids, as of one position.

    The span holds the quarter hours that begin in [begin, end); the first one holds `begin`.
    """
    first = quarter_of(begin.astimezone(UTC))
    parameters: Mapping[str, Any] = {
        "models": len(_READ_FROM),
        "read_from": _READ_FROM,
        "all": department_ids is None,
        "ids": list(department_ids or ()),
        "begin": first,
        "end": end,
        "first_day": first.date(),
    }
    async with pool.connection() as connection:
        cursor = connection.cursor(binary=True)
        await cursor.execute(_SERIES, parameters)
        rows = await cursor.fetchall()
    length = max(0, -((first - end) // QUARTER))
    # Sorted here: the database would write the long rows to disk for it.
    known = sorted((row[1:] for row in rows if row[1] is not None), key=itemgetter(0))
    return AsOf(int(rows[0][0] or 0), tuple(_series(row, first, length) for row in known))


def _series(row: tuple[Any, ...], first: datetime, length: int) -> DepartmentSeries:
    department_id, name, calendar, staffing, events, spans, begins_at, quarters, *columns, buckets, tickets = row
    micros = _numbers(quarters, ">i8") - (first - _EPOCH) // timedelta(microseconds=1)
    places = micros // (QUARTER // timedelta(microseconds=1))
    arrivals, past_arrivals, abandonments, handled = (
        _spread(places, _numbers(each, ">i4"), length) for each in columns[:4]
    )
    return DepartmentSeries(
        department_id=department_id,
        name=name,
        calendar=msgspec.convert(calendar, BusinessCalendar),
        staffing=msgspec.convert(staffing, StaffingTerms | None),
        events=msgspec.convert(events or (), tuple[KnownEvent, ...]),
        pasts=tuple(_past_spans(spans or {})),
        begins_at=begins_at,
        arrivals=arrivals,
        past_arrivals=past_arrivals,
        abandonments=abandonments,
        handled=handled,
        handle_seconds=_spread(places, _numbers(columns[4], ">i8"), length),
        handle_times=_spread(_numbers(buckets, ">i2"), _numbers(tickets, ">i8"), len(HANDLE_TIME_EDGES)),
    )


def _past_spans(spans: Mapping[str, list[str]]) -> list[PastSpan]:
    steps = sorted(spans, key=int)
    return [PastSpan(timedelta(seconds=int(step)), *map(datetime.fromisoformat, spans[step])) for step in steps]


def _numbers(column: bytes | None, kind: str) -> Counts:
    """The numbers of an array in PostgreSQL's binary format: a header, then the length and the value of each."""
    if column is None:
        return np.zeros(0, dtype=np.int64)
    elements = np.frombuffer(column, dtype=[("length", ">i4"), ("value", kind)], offset=_ARRAY_HEADER_BYTES)
    return elements["value"].astype(np.int64)


def _spread(places: Counts, values: Counts, length: int) -> Counts:
    """The values at their places, and zeros elsewhere."""
    counts = np.zeros(length, dtype=np.int64)
    counts[places] = values
    return counts
