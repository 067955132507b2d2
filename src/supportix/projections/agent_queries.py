"""Reading agents and their loads."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Select, func, select, tuple_

from supportix.domain.agent import Availability
from supportix.domain.schedule import Schedule
from supportix.projections.agent_load import AgentLoad, agent_load
from supportix.projections.checkpoint_queries import AsOf, ReadDatabase, RowT, bound, fetch, fetch_one
from supportix.projections.department_queries import NameKey


class AgentView(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as it stands. `position` is that of its last event."""

    agent_id: UUID
    name: str
    department_ids: tuple[UUID, ...]
    availability: Availability
    availability_since: datetime
    on_duty: bool
    duty_changes_at: datetime | None
    skills: dict[str, int]
    schedule: Schedule
    capacity: int
    version: int
    position: int


class LoadView(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent holds: `open_tickets`, which take `open_work` of `capacity` points; `free` are left."""

    agent_id: UUID
    name: str
    department_ids: tuple[UUID, ...]
    availability: Availability
    on_duty: bool
    capacity: int
    open_work: int
    open_tickets: int
    free: int
    assigned_total: int
    last_assigned_at: datetime | None


_AGENT = [agent_load.c[name] for name in AgentView.__struct_fields__]
_FREE = func.greatest(0, agent_load.c.capacity - agent_load.c.open_work).label("free")
_LOAD = [_FREE if name == "free" else agent_load.c[name] for name in LoadView.__struct_fields__]


async def agent_page(
    database: ReadDatabase, *, department_id: UUID | None, behind: NameKey | None, limit: int
) -> AsOf[list[AgentView]]:
    """Agents by name."""
    return await _page(database, select(*_AGENT), AgentView, department_id, behind, limit)


async def load_page(
    database: ReadDatabase, *, department_id: UUID | None, behind: NameKey | None, limit: int
) -> AsOf[list[LoadView]]:
    """Loads by the agents' names."""
    return await _page(database, select(*_LOAD), LoadView, department_id, behind, limit)


async def agent_detail(database: ReadDatabase, agent_id: UUID) -> AsOf[AgentView | None]:
    query = select(*_AGENT).where(agent_load.c.agent_id == agent_id)
    return await fetch_one(database, query, AgentView, of=[AgentLoad.name])


async def _page(
    database: ReadDatabase,
    query: Select[Any],
    row_type: type[RowT],
    department_id: UUID | None,
    behind: NameKey | None,
    limit: int,
) -> AsOf[list[RowT]]:
    order = [agent_load.c.name, agent_load.c.agent_id]
    if department_id is not None:
        query = query.where(agent_load.c.department_ids.contains([department_id]))
    if behind is not None:
        query = query.where(tuple_(*order) > bound(order, behind.name, behind.id))
    return await fetch(database, query, row_type, of=[AgentLoad.name], order=order, limit=limit)
