"""Who of a department could not have had a ticket, and why: found by replaying its agents up to what was known then.

Where a pool was formed then, the agents of both its departments count.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import select

from supportix.api.backend import Backend
from supportix.domain.agent import Agent
from supportix.domain.aggregate import Aggregate, fold
from supportix.domain.demand import NO_DEMAND
from supportix.domain.department import Department
from supportix.domain.ids import DepartmentId
from supportix.domain.merge import Merge, MergeState
from supportix.domain.ticket_facts import Reasons, TicketAssigned
from supportix.projections.agent_load import agent_load
from supportix.store.log import LogEntry

AggregateT = TypeVar("AggregateT", bound=Aggregate)

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
    """Those of its present agents who served the department's queue then and were excluded, by name."""
    teams = await _teams(backend, fact.department_id, reasons.based_on)
    names = await _members(backend, teams)
    if len(names) > MOST_AGENTS:
        return ()
    streams = await backend.core.desk.reading.streams(list(names), up_to=entry.position)
    requirement = (reasons.demand or NO_DEMAND).requirement
    excluded = []
    for agent_id, agent in _as_known(streams, entry, reasons.based_on).items():
        obstacle = None if teams.isdisjoint(agent.department_ids) else agent.obstacle(requirement)
        if obstacle is not None:
            excluded.append(ExcludedAgent(agent_id, names[agent_id], obstacle))
    return tuple(sorted(excluded, key=lambda each: (each.name, each.agent_id)))


async def _teams(backend: Backend, department_id: DepartmentId, based_on: int) -> set[DepartmentId]:
    """The department, and its partner where they were pooled as of that position."""
    department = await _as_of(backend, Department, department_id, based_on)
    merge = await _as_of(backend, Merge, department.merge_id, based_on) if department and department.merge_id else None
    partner = merge.partner_of(department_id) if merge is not None and merge.state is MergeState.POOLED else None
    return {department_id} if partner is None else {department_id, partner}


async def _as_of(backend: Backend, kind: type[AggregateT], stream_id: UUID, position: int) -> AggregateT | None:
    """None where it wasn't there yet."""
    entries = await backend.core.desk.reading.stream(stream_id)
    aggregate = fold([entry.event for entry in entries if entry.position <= position])
    return aggregate if isinstance(aggregate, kind) else None


async def _members(backend: Backend, teams: Collection[DepartmentId]) -> dict[UUID, str]:
    query = (
        select(agent_load.c.agent_id, agent_load.c.name)
        .where(agent_load.c.department_ids.overlap(list(teams)))
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
