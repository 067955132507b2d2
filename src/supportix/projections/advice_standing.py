"""The advice that isn't over or hasn't been scored yet, and what was really there in a span, to judge advice by."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from psycopg_pool import AsyncConnectionPool

from supportix.domain.advice_words import AdviceEvidence, AdviceKind, AdviceState, Advised
from supportix.domain.ids import AdviceId, DepartmentId, TicketId

_STANDING = """
SELECT advice_id, department_id, state, kind, begins_at, ends_at, agents, with_department_id, share_without, share_with,
    sentence, evidence
FROM read_model.staffing_advice
WHERE state <> 'withdrawn' AND (ends_at > %(at)s OR (scored_at IS NULL AND ends_at > %(oldest)s))
ORDER BY begins_at, advice_id
"""
_ARRIVALS = """
SELECT floor(extract(epoch FROM quarter - %(begin)s) / %(step)s)::int, sum(arrivals)::bigint
FROM read_model.traffic_history WHERE department_id = %(department)s AND quarter >= %(begin)s AND quarter < %(end)s
GROUP BY 1
"""
_TICKETS = """
SELECT count(*), count(*) FILTER (WHERE assigned_at <= opened_at + %(within)s),
    coalesce(array_agg(ticket_id) FILTER (WHERE assigned_at > opened_at + %(within)s AND assignment_count > 1), '{}')
FROM read_model.tickets WHERE department_id = %(department)s AND opened_at >= %(begin)s AND opened_at < %(end)s
"""
_WAITED = """
SELECT count(*) FROM read_model.tickets
WHERE department_id = %(department)s AND opened_at < %(begin)s AND opened_at >= %(begin)s - interval '30 days'
    AND coalesce(assigned_at, resolved_at, closed_at, 'infinity') >= %(begin)s
"""
_MERGED = """
SELECT EXISTS (SELECT FROM read_model.merges WHERE source_id = %(department)s AND target_id = %(helper)s
    AND begun_at < %(end)s AND coalesce(ended_at, 'infinity') > %(begin)s)
"""
OLDEST = timedelta(days=45)
"""What ended longer ago, while no worker ran, is no longer scored."""


class StandingAdvice(msgspec.Struct, frozen=True, kw_only=True):
    """An advice that is upheld, as it was told last."""

    advice_id: AdviceId
    department_id: DepartmentId
    state: AdviceState
    told: Advised


class Reality(msgspec.Struct, frozen=True, kw_only=True):
    """What was really there in a span.

    Of `came` tickets, `in_time` were given to an agent in time, and of `reassigned` ones the first assignment isn't
    known here: they were given out again, the last time too late. `merged`: with the one that was proposed.
    """

    arrivals: tuple[float, ...]
    came: int
    in_time: int
    reassigned: tuple[TicketId, ...]
    waiting: int
    merged: bool


async def standing_advice(pool: AsyncConnectionPool[Any], at: datetime) -> list[StandingAdvice]:
    """In order of time, those that are over too where they weren't scored."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_STANDING, {"at": at, "oldest": at - OLDEST})
        return [_standing(row) for row in await cursor.fetchall()]


async def reality_of(pool: AsyncConnectionPool[Any], department_id: UUID, told: Advised) -> Reality:
    """As the read models have it in the end."""
    step = told.evidence.step_seconds
    asked = {
        "department": department_id,
        "helper": told.with_department_id,
        "begin": told.begin,
        "end": told.end,
        "step": step,
        "within": timedelta(seconds=told.evidence.target_seconds),
    }
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        arrivals = dict(await (await connection.execute(_ARRIVALS, asked)).fetchall())
        ((came, in_time, reassigned),) = await (await connection.execute(_TICKETS, asked)).fetchall()
        ((waiting,),) = await (await connection.execute(_WAITED, asked)).fetchall()
        ((merged,),) = await (await connection.execute(_MERGED, asked)).fetchall()
    return Reality(
        arrivals=tuple(float(arrivals.get(number, 0)) for number in range(len(told.evidence.arrivals))),
        came=came,
        in_time=in_time,
        reassigned=tuple(map(TicketId, reassigned)),
        waiting=waiting,
        merged=merged,
    )


def _standing(row: tuple[Any, ...]) -> StandingAdvice:
    advice_id, department_id, state, kind, begin, end, agents, helper, without, with_it, sentence, evidence = row
    return StandingAdvice(
        advice_id=advice_id,
        department_id=department_id,
        state=AdviceState(state),
        told=Advised(
            kind=AdviceKind(kind),
            begin=begin,
            end=end,
            agents=agents,
            with_department_id=helper,
            share_without=without,
            share_with=with_it,
            sentence=sentence,
            evidence=msgspec.convert(evidence, AdviceEvidence),
        ),
    )
