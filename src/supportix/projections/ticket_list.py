"""The ticket list: one row per ticket as it stands. Consumes every event of tickets."""

from datetime import datetime
from functools import singledispatch
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, SmallInteger, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY

from supportix.domain.aggregate import Fact
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import (
    TicketAssigned,
    TicketAwaitingCustomer,
    TicketClosed,
    TicketCustomerAnswered,
    TicketOpened,
    TicketPriorityChanged,
    TicketQueued,
    TicketReopened,
    TicketResolved,
    TicketTagsAccepted,
    TicketTagsDismissed,
    TicketTagsSuggested,
    TicketWorkStarted,
)
from supportix.domain.ticket_words import Priority, Status
from supportix.projections.rows import LIVE, Connection, Rows, stream_ids
from supportix.schema import metadata
from supportix.store.log import LogEntry

tickets = Table(
    "tickets",
    metadata,
    Column("ticket_id", Uuid, primary_key=True),
    Column("number", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("requester_id", Uuid, nullable=False),
    Column("department_id", Uuid),
    Column("agent_id", Uuid),
    Column("status", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("priority_rank", SmallInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("tags", ARRAY(Text), nullable=False),
    Column("suggested_tags", ARRAY(Text), nullable=False),
    Column("external_reference", Text),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("queued_at", DateTime(timezone=True)),
    Column("assigned_at", DateTime(timezone=True)),
    Column("resolved_at", DateTime(timezone=True)),
    Column("closed_at", DateTime(timezone=True)),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("assignment_count", Integer, nullable=False),
    Column("reopen_count", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Index("ix_tickets_number", "number", unique=True),
    Index("ix_tickets_opened_at_ticket_id", "opened_at", "ticket_id"),
    Index("ix_tickets_requester_id_opened_at", "requester_id", "opened_at"),
    Index("ix_tickets_department_id_opened_at", "department_id", "opened_at"),
    Index("ix_tickets_agent_id_opened_at", "agent_id", "opened_at"),
    Index("ix_tickets_held", "agent_id", postgresql_where=text("status IN ('assigned', 'in_progress')")),
    schema=LIVE,
)


class TicketRow(msgspec.Struct):
    """A ticket as the list shows it. `position` is that of its last event."""

    ticket_id: UUID
    number: str
    subject: str
    description: str
    requester_id: UUID
    department_id: UUID | None
    agent_id: UUID | None
    status: str
    priority: str
    priority_rank: int
    channel: str
    tags: list[str]
    suggested_tags: list[str]
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


class TicketList:
    """Keeps the table `tickets`."""

    name = "ticket_list"
    tables = (tickets,)
    subjects = (Ticket,)

    def __init__(self, schema: str = LIVE) -> None:
        self._rows = Rows(tickets, TicketRow, schema)

    async def prepare(self, connection: Connection, entries: list[LogEntry]) -> None:
        await self._rows.fetch(connection, stream_ids(entries, Ticket))

    def fold(self, entry: LogEntry) -> None:
        if isinstance(entry.fact, TicketOpened):
            row = _opened(entry, entry.fact)
        else:
            known = self._rows.get(entry.stream_id)
            if known is None:
                raise LookupError(f"ticket {entry.stream_id} has no row; its first event was expected before")
            row = known
            _apply(entry.fact, row)
        row.version, row.position, row.updated_at = entry.version, entry.position, entry.fact.occurred_at
        self._rows.put(row)

    async def write(self, connection: Connection) -> None:
        await self._rows.write(connection)


@singledispatch
def _apply(fact: Fact, row: TicketRow) -> None:
    raise NotImplementedError(f"the ticket list has no rule for {type(fact).TOPIC}")


@_apply.register
def _(fact: TicketTagsSuggested, row: TicketRow) -> None:
    row.suggested_tags = [tag.name for tag in fact.tags]


@_apply.register
def _(fact: TicketTagsAccepted, row: TicketRow) -> None:
    row.tags = list(dict.fromkeys((*row.tags, *fact.tags)))
    row.suggested_tags = [tag for tag in row.suggested_tags if tag not in fact.tags]


@_apply.register
def _(fact: TicketTagsDismissed, row: TicketRow) -> None:
    row.suggested_tags = [tag for tag in row.suggested_tags if tag not in fact.tags]


@_apply.register
def _(fact: TicketQueued, row: TicketRow) -> None:
    row.status, row.department_id, row.queued_at, row.agent_id = (
        Status.QUEUED,
        fact.waits_in,
        fact.occurred_at,
        None,
    )


@_apply.register
def _(fact: TicketReopened, row: TicketRow) -> None:
    row.status, row.queued_at, row.agent_id = Status.QUEUED, fact.occurred_at, None
    row.resolved_at = row.closed_at = None
    row.reopen_count += 1


@_apply.register
def _(fact: TicketAssigned, row: TicketRow) -> None:
    row.status, row.agent_id, row.assigned_at = Status.ASSIGNED, fact.agent_id, fact.occurred_at
    row.assignment_count += 1


@_apply.register
def _(_: TicketWorkStarted, row: TicketRow) -> None:
    row.status = Status.IN_PROGRESS


@_apply.register
def _(_: TicketAwaitingCustomer, row: TicketRow) -> None:
    row.status = Status.PENDING


@_apply.register
def _(_: TicketCustomerAnswered, row: TicketRow) -> None:
    row.status = Status.IN_PROGRESS


@_apply.register
def _(fact: TicketResolved, row: TicketRow) -> None:
    row.status, row.resolved_at, row.agent_id = Status.RESOLVED, fact.occurred_at, fact.agent_id


@_apply.register
def _(fact: TicketClosed, row: TicketRow) -> None:
    row.status, row.closed_at = Status.CLOSED, fact.occurred_at


@_apply.register
def _(fact: TicketPriorityChanged, row: TicketRow) -> None:
    row.priority, row.priority_rank = fact.priority, fact.priority.rank


def _opened(entry: LogEntry, fact: TicketOpened) -> TicketRow:
    priority = Priority(fact.priority)
    return TicketRow(
        ticket_id=entry.stream_id,
        number=fact.number,
        subject=fact.subject,
        description=fact.description,
        requester_id=fact.requester_id,
        department_id=None,
        agent_id=None,
        status=Status.QUEUED,
        priority=priority,
        priority_rank=priority.rank,
        channel=fact.channel,
        tags=list(fact.tags),
        suggested_tags=[],
        external_reference=fact.external_reference,
        opened_at=fact.occurred_at,
        queued_at=None,
        assigned_at=None,
        resolved_at=None,
        closed_at=None,
        updated_at=fact.occurred_at,
        assignment_count=0,
        reopen_count=0,
        version=entry.version,
        position=entry.position,
    )
