"""What commands look up in the read models before they decide on a stream: a hint, which the stream then confirms."""

from typing import Any
from uuid import UUID

import msgspec
from psycopg_pool import AsyncConnectionPool

from supportix.domain.demand import Demand, Requirement
from supportix.domain.ids import AgentId, TicketId

_WAITING = """
SELECT ticket_id, demand FROM read_model.department_queue WHERE department_id = %s
ORDER BY priority_rank, kept_back, due_at, opened_at, ticket_id LIMIT %s
"""
_PREVIOUS_AGENT = """
SELECT agent_id FROM read_model.tickets
WHERE requester_id = %s AND department_id = %s AND agent_id IS NOT NULL
ORDER BY assigned_at DESC NULLS LAST LIMIT 1
"""


async def waiting_tickets(
    pool: AsyncConnectionPool[Any], department_id: UUID, limit: int
) -> list[tuple[TicketId, Requirement]]:
    """The first tickets of a department's queue, with what they ask for."""
    async with pool.connection() as connection:
        rows = await (await connection.execute(_WAITING, (department_id, limit))).fetchall()
    return [(TicketId(ticket_id), msgspec.convert(demand, Demand).requirement) for ticket_id, demand in rows]


async def previous_agent(pool: AsyncConnectionPool[Any], requester_id: UUID, department_id: UUID) -> AgentId | None:
    """Who last had a ticket of this customer in this department."""
    async with pool.connection() as connection:
        row = await (await connection.execute(_PREVIOUS_AGENT, (requester_id, department_id))).fetchone()
    return AgentId(row[0]) if row else None
