"""Who of a department could not have had a ticket, and why: found by replaying its agents up to what was known then."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
from sqlalchemy import select

from supportix.api.backend import Backend
from supportix.domain.agent import Agent
from supportix.domain.demand import NO_DEMAND
from supportix.domain.ticket_facts import Reasons, TicketAssigned
from supportix.projections.agent_load import agent_load
from supportix.store.log import LogEntry

MOST_AGENTS = 200
"""Of larger departments the counts alone are told: replaying everybody would take too long for a request."""


class ExcludedAgent(msgspec.Struct, frozen=True):
    """An agent that could not take the ticket when it was given out."""

    agent_id: UUID
    name: str
    reason: str


async def excluded_agents(
    backend: Backend, entry: LogEntry, fact: TicketAssigned, reasons: Reasons
) -> tuple[ExcludedAgent, ...]:
    """Those of the department's present agents who belonged to it then and were excluded, by name."""
    names = await _members(backend, fact.department_id)
    if len(names) > MOST_AGENTS:
        return ()
    streams = await backend.core.desk.reading.streams(list(names), up_to=entry.position)
    requirement = (reasons.demand or NO_DEMAND).requirement
    excluded = []
    for agent_id, agent in _as_known(streams, entry, reasons.based_on).items():
        obstacle = agent.obstacle(requirement) if fact.department_id in agent.department_ids else None
        if obstacle is not None:
            excluded.append(ExcludedAgent(agent_id, names[agent_id], obstacle))
    return tuple(sorted(excluded, key=lambda each: (each.name, each.agent_id)))


async def _members(backend: Backend, department_id: UUID) -> dict[UUID, str]:
    query = (
        select(agent_load.c.agent_id, agent_load.c.name)
        .where(agent_load.c.department_ids.contains([department_id]))
        .limit(MOST_AGENTS + 1)
    )
    async with backend.database.connect() as connection:
        return {row.agent_id: row.name for row in await connection.execute(query)}


def _as_known(streams: Mapping[UUID, Sequence[LogEntry]], decision: LogEntry, based_on: int) -> dict[UUID, Agent]:
    """The agents as the decision knew them: up to a position, and by what its own command had done before it."""
    known: dict[UUID, Agent] = {}
    for agent_id, entries in streams.items():
        state = None
        for entry in entries:
            if entry.position <= based_on or entry.command_id == decision.command_id:
                state = entry.event.mutate(state)
        if isinstance(state, Agent):
            known[agent_id] = state
    return known
