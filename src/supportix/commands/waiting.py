"""What commands look up in the read models before they decide on a stream: a hint, which the stream then confirms."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from psycopg_pool import AsyncConnectionPool

from supportix.domain.demand import Demand, Requirement
from supportix.domain.ids import AgentId, TicketId

_WAITING = """
SELECT ticket_id, demand, priority_rank, kept_back, due_at, opened_at, ticket_id
FROM read_model.department_queue WHERE department_id = %s
ORDER BY priority_rank, kept_back, due_at, opened_at, ticket_id LIMIT %s
"""
_PREVIOUS_AGENT = """
SELECT agent_id FROM read_model.tickets
WHERE requester_id = %s AND department_id = %s AND agent_id IS NOT NULL
ORDER BY assigned_at DESC NULLS LAST LIMIT 1
"""


async def waiting_tickets(
    pool: AsyncConnectionPool[Any], department_ids: Iterable[UUID], limit: int
) -> list[tuple[TicketId, Requirement]]:
    """The first tickets of these departments' queues as if they were one, with what they ask for."""
    rows: list[tuple[Any, ...]] = []
    async with pool.connection() as connection:
        for department_id in department_ids:
            rows += await (await connection.execute(_WAITING, (department_id, limit))).fetchall()
    rows.sort(key=lambda row: row[2:])
    return [(TicketId(row[0]), msgspec.convert(row[1], Demand).requirement) for row in rows[:limit]]


async def previous_agent(pool: AsyncConnectionPool[Any], requester_id: UUID, department_id: UUID) -> AgentId | None:
    """Who last had a ticket of this customer in this department."""
    async with pool.connection() as connection:
        row = await (await connection.execute(_PREVIOUS_AGENT, (requester_id, department_id))).fetchone()
    return AgentId(row[0]) if row else None
