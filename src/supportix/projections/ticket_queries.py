"""Reading the ticket list and a ticket's place in its queue, as far as the asker may see tickets."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, DateTime, Integer, Select, and_, cast, func, literal, or_, select, tuple_

from supportix.domain.ticket_words import Channel, Priority, Status
from supportix.projections.agent_load import AgentLoad, agent_load
from supportix.projections.checkpoint_queries import AsOf, ReadDatabase, bound, fetch, fetch_one
from supportix.projections.department_queue import DepartmentQueue, department_queue, place_columns
from supportix.projections.ticket_list import TicketList, tickets
from supportix.projections.traffic_history import TrafficHistory, quarter_of, queue_pace


class TicketScope(msgspec.Struct, frozen=True):
    """Which tickets an asker may see: those of a requester, those around an agent, or, with neither, all."""

    requester_id: UUID | None = None
    agent_id: UUID | None = None


class TicketSort(StrEnum):
    """Orders of the ticket list; a minus sign puts the latest first. `priority`: most urgent, then oldest."""

    OPENED_AT = "opened_at"
    LATEST_OPENED = "-opened_at"
    UPDATED_AT = "updated_at"
    LATEST_UPDATED = "-updated_at"
    PRIORITY = "priority"


class TicketFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions that all have to be met; of several values of one, any."""

    status: tuple[Status, ...] = ()
    priority: tuple[Priority, ...] = ()
    department_id: tuple[UUID, ...] = ()
    agent_id: tuple[UUID, ...] = ()
    requester_id: tuple[UUID, ...] = ()
    channel: tuple[Channel, ...] = ()
    tag: tuple[str, ...] = ()
    number: str | None = None
    opened_after: datetime | None = None
    opened_before: datetime | None = None
    q: str | None = None


class TicketSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket as lists show it. `position` is that of its last event.

    `suggested_tags` are those that a model suggests and nobody has accepted or dismissed yet; customers see none.
    """

    ticket_id: UUID
    number: str
    subject: str
    requester_id: UUID
    department_id: UUID | None
    agent_id: UUID | None
    status: Status
    priority: Priority
    channel: Channel
    tags: tuple[str, ...]
    suggested_tags: tuple[str, ...]
    external_reference: str | None
    opened_at: datetime
    queued_at: datetime | None
    assigned_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None
    updated_at: datetime
    assignment_count: int
    reopen_count: int
    version: int
    position: int


class TicketDetail(TicketSummary, frozen=True, kw_only=True):
    """A ticket as it stands. `queue_place` is 1 for the ticket that is next in its department; null unless it waits.

    `estimated_wait_seconds` goes by how many tickets the department has given out in the last hour; null where it gave
    out none, or the ticket doesn't wait.
    """

    description: str
    queue_place: int | None
    estimated_wait_seconds: int | None


PACE = timedelta(hours=1)
"""How far back the pace is measured by which a wait is estimated."""

_ORDERS: dict[TicketSort, tuple[ColumnElement[Any], ...]] = {
    TicketSort.OPENED_AT: (tickets.c.opened_at, tickets.c.ticket_id),
    TicketSort.LATEST_OPENED: (tickets.c.opened_at, tickets.c.ticket_id),
    TicketSort.UPDATED_AT: (tickets.c.updated_at, tickets.c.ticket_id),
    TicketSort.LATEST_UPDATED: (tickets.c.updated_at, tickets.c.ticket_id),
    TicketSort.PRIORITY: (tickets.c.priority_rank, tickets.c.opened_at, tickets.c.ticket_id),
}
_DESCENDING = {TicketSort.LATEST_OPENED, TicketSort.LATEST_UPDATED}


class TicketKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a ticket stands in an order."""

    rank: int
    moment: datetime
    ticket_id: UUID

    @classmethod
    def of(cls, ticket: TicketSummary, sort: TicketSort) -> "TicketKey":
        by_update = sort in {TicketSort.UPDATED_AT, TicketSort.LATEST_UPDATED}
        return cls(ticket.priority.rank, ticket.updated_at if by_update else ticket.opened_at, ticket.ticket_id)


async def ticket_page(
    database: ReadDatabase,
    scope: TicketScope,
    wanted: TicketFilter,
    *,
    sort: TicketSort,
    behind: TicketKey | None,
    limit: int,
) -> AsOf[list[TicketSummary]]:
    """Up to `limit` tickets in order, those behind the key."""
    columns = _ORDERS[sort]
    query = select(*_summary(scope)).where(_visible(scope), *_conditions(wanted))
    if behind is not None:
        here, there = tuple_(*columns), bound(columns, *(behind.rank, behind.moment, behind.ticket_id)[-len(columns) :])
        query = query.where(here < there if sort in _DESCENDING else here > there)
    order = [column.desc() for column in columns] if sort in _DESCENDING else list(columns)
    return await fetch(database, query, TicketSummary, of=[TicketList.name, AgentLoad.name], order=order, limit=limit)


async def ticket_detail(
    database: ReadDatabase,
    scope: TicketScope,
    *,
    ticket_id: UUID | None = None,
    number: str | None = None,
    now: datetime,
) -> AsOf[TicketDetail | None]:
    """The ticket of that id or number; None where there is none, or where the asker may not see it."""
    found = tickets.c.ticket_id == ticket_id if ticket_id is not None else tickets.c.number == number
    place = _queue_place()
    estimate = cast(place * PACE.total_seconds() / func.nullif(_assigned_since(now - PACE), 0), Integer)
    query = select(
        *_summary(scope), tickets.c.description, place.label("queue_place"), estimate.label("estimated_wait_seconds")
    ).where(found, _visible(scope))
    models = [TicketList.name, DepartmentQueue.name, AgentLoad.name, TrafficHistory.name]
    return await fetch_one(database, query, TicketDetail, of=models)


def _assigned_since(moment: datetime) -> Any:
    """Correlated with `tickets`: how many were given out of its queue in the quarter hours from that one on."""
    pace = queue_pace.c
    assigned = select(func.sum(pace.taken)).where(
        pace.department_id == tickets.c.department_id,
        pace.quarter >= literal(quarter_of(moment), DateTime(timezone=True)),
    )
    return assigned.scalar_subquery()


def _queue_place() -> Any:
    """Correlated with `tickets`: how many wait in its queue up to and including it; null where it doesn't wait."""
    own, other = department_queue.alias("own"), department_queue.alias("other")
    ahead = and_(
        other.c.department_id == own.c.department_id,
        tuple_(*place_columns(other.c)) <= tuple_(*place_columns(own.c)),
    )
    place: Select[Any] = (
        select(func.nullif(func.count(other.c.ticket_id), 0))
        .select_from(own.join(other, ahead))
        .where(own.c.ticket_id == tickets.c.ticket_id)
    )
    return place.scalar_subquery()


def _summary(scope: TicketScope) -> list[ColumnElement[Any]]:
    """What a model suggests is for staff, who decide on it: customers see no suggested tags."""
    columns: dict[str, ColumnElement[Any]] = {name: tickets.c[name] for name in TicketSummary.__struct_fields__}
    if scope.requester_id is not None:
        columns["suggested_tags"] = literal([], tickets.c.suggested_tags.type).label("suggested_tags")
    return list(columns.values())


def _visible(scope: TicketScope) -> ColumnElement[bool]:
    if scope.requester_id is not None:
        return tickets.c.requester_id == scope.requester_id
    if scope.agent_id is not None:
        served = select(func.unnest(agent_load.c.department_ids)).where(agent_load.c.agent_id == scope.agent_id)
        return or_(tickets.c.agent_id == scope.agent_id, tickets.c.department_id.in_(served))
    return literal(True)


def _conditions(wanted: TicketFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for name in ("status", "priority", "department_id", "agent_id", "requester_id", "channel"):
        values = getattr(wanted, name)
        if values:
            conditions.append(tickets.c[name].in_(values))
    if wanted.tag:
        conditions.append(tickets.c.tags.overlap(wanted.tag))
    if wanted.number is not None:
        conditions.append(tickets.c.number == wanted.number)
    if wanted.opened_after is not None:
        conditions.append(tickets.c.opened_at > wanted.opened_after)
    if wanted.opened_before is not None:
        conditions.append(tickets.c.opened_at < wanted.opened_before)
    if wanted.q is not None:
        conditions.append(tickets.c.subject.icontains(wanted.q, autoescape=True))
    return conditions
