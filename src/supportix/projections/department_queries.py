"""Reading departments and their queues."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, literal, select, tuple_

from supportix.domain.calendar import BusinessCalendar, EventKind
from supportix.domain.demand import Demand
from supportix.domain.staffing_terms import StaffingTerms
from supportix.domain.ticket_words import Channel, Priority
from supportix.projections.agent_load import AgentLoad, agent_load
from supportix.projections.checkpoint_queries import AsOf, ReadDatabase, bound, fetch, fetch_one
from supportix.projections.department_queue import DepartmentQueue, department_queue, place_columns
from supportix.projections.departments import DepartmentDirectory, departments, known_events
from supportix.projections.ticket_list import TicketList, tickets


class DepartmentView(msgspec.Struct, frozen=True, kw_only=True):
    """A department as it stands.

    `targets`: minutes to resolve a ticket, by priority. `weights_by_...`: points that a ticket takes. `offline_after`,
    `unanswered_after`: seconds until work is taken back from an agent that is offline or didn't begin with it.
    `staffing` is null where nobody has said on which terms it is staffed.
    """

    department_id: UUID
    name: str
    policy: str
    paused: bool
    targets: dict[str, int]
    weights_by_priority: dict[str, int]
    weights_by_channel: dict[str, int]
    offline_after: int | None
    unanswered_after: int | None
    stays_online: bool
    calendar: BusinessCalendar
    staffing: StaffingTerms | None
    created_at: datetime
    version: int
    position: int


class KnownEventView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that moves a department's traffic or hides it, `end` not included."""

    event_id: UUID
    name: str
    kind: EventKind
    begin: datetime
    end: datetime


class NameKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a row stands in an order by name."""

    name: str
    id: UUID


class PlaceKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a ticket stands in its queue."""

    rank: int
    kept_back: bool
    due_at: datetime
    opened_at: datetime
    ticket_id: UUID


class QueueSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What waits in a department's queue, by priority and in all, and since when the oldest is open."""

    department_id: UUID
    name: str
    paused: bool
    waiting: int
    urgent: int
    high: int
    normal: int
    low: int
    oldest_opened_at: datetime | None
    oldest_queued_at: datetime | None


class QueueEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A waiting ticket. `place` is 1 for the one that is next; `demand` is what it asks of its agent.

    `kept_back` is false where it was taken back from an agent, which puts it before others of its priority. Without a
    target, `due_at` lies in the year 9999.
    """

    place: int
    ticket_id: UUID
    number: str
    subject: str
    requester_id: UUID
    priority: Priority
    channel: Channel
    kept_back: bool
    due_at: datetime
    demand: Demand
    opened_at: datetime
    queued_at: datetime
    version: int


_OWN = [departments.c[name] for name in DepartmentView.__struct_fields__]
_QUEUE = [DepartmentQueue.name, DepartmentDirectory.name, AgentLoad.name]


async def department_page(database: ReadDatabase, *, behind: NameKey | None, limit: int) -> AsOf[list[DepartmentView]]:
    """Departments by name."""
    query = select(*_OWN)
    order = [departments.c.name, departments.c.department_id]
    if behind is not None:
        query = query.where(tuple_(*order) > bound(order, behind.name, behind.id))
    return await fetch(database, query, DepartmentView, of=[DepartmentDirectory.name], order=order, limit=limit)


async def department_detail(database: ReadDatabase, department_id: UUID) -> AsOf[DepartmentView | None]:
    query = select(*_OWN).where(departments.c.department_id == department_id)
    return await fetch_one(database, query, DepartmentView, of=[DepartmentDirectory.name])


async def events_of_department(database: ReadDatabase, department_id: UUID) -> AsOf[list[KnownEventView]]:
    """All that it knows, in order of time."""
    own = known_events.c
    query = select(own.event_id, own.name, own.kind, own.begins_at.label("begin"), own.ends_at.label("end")).where(
        own.department_id == department_id
    )
    order = [own.begins_at, own.event_id]
    return await fetch(database, query, KnownEventView, of=[DepartmentDirectory.name], order=order)


async def queue_summaries(
    database: ReadDatabase, *, served_by: UUID | None, behind: NameKey | None, limit: int
) -> AsOf[list[QueueSummary]]:
    """All departments' queues, empty ones too, by name; only those that an agent serves where one is given."""
    queue = department_queue.c
    counts = [
        func.count(queue.ticket_id).filter(queue.priority == priority.value).label(priority.value)
        for priority in Priority
    ]
    order = [departments.c.name, departments.c.department_id]
    query = (
        select(
            departments.c.department_id,
            departments.c.name,
            departments.c.paused,
            func.count(queue.ticket_id).label("waiting"),
            *counts,
            func.min(queue.opened_at).label("oldest_opened_at"),
            func.min(queue.queued_at).label("oldest_queued_at"),
        )
        .select_from(departments.outerjoin(department_queue, queue.department_id == departments.c.department_id))
        .where(_served(departments.c.department_id, served_by))
        .group_by(departments.c.department_id)
    )
    if behind is not None:
        query = query.where(tuple_(*order) > bound(order, behind.name, behind.id))
    return await fetch(database, query, QueueSummary, of=_QUEUE, order=order, limit=limit)


async def queue_page(
    database: ReadDatabase, department_id: UUID, *, behind: PlaceKey | None, limit: int
) -> AsOf[list[QueueEntry]]:
    """A department's queue in order. Places count from the head of the queue on every page."""
    order = place_columns(department_queue.c)
    placed = (
        select(department_queue, func.row_number().over(order_by=order).label("place"))
        .where(department_queue.c.department_id == department_id)
        .subquery("placed")
    )
    own = placed.c
    query = select(
        own.place,
        own.ticket_id,
        tickets.c.number,
        tickets.c.subject,
        tickets.c.requester_id,
        own.priority,
        tickets.c.channel,
        own.kept_back,
        own.due_at,
        own.demand,
        own.opened_at,
        own.queued_at,
        own.version,
    ).select_from(placed.join(tickets, tickets.c.ticket_id == own.ticket_id))
    if behind is not None:
        columns = place_columns(own)
        query = query.where(tuple_(*columns) > bound(columns, *msgspec.structs.astuple(behind)))
    return await fetch(database, query, QueueEntry, of=[*_QUEUE, TicketList.name], order=[own.place], limit=limit)


async def serves(database: ReadDatabase, agent_id: UUID, department_id: UUID) -> bool:
    """Whether the agent belongs to the department."""
    query = select(_served(literal(department_id, departments.c.department_id.type), agent_id))
    async with database.connect() as connection:
        return bool((await connection.execute(query)).scalar())


def _served(department_id: ColumnElement[UUID], agent_id: UUID | None) -> ColumnElement[bool]:
    if agent_id is None:
        return literal(True)
    return department_id.in_(select(func.unnest(agent_load.c.department_ids)).where(agent_load.c.agent_id == agent_id))
