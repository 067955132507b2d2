"""The queues: one row per ticket that waits. Consumes what puts tickets into queues and takes them out."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from supportix.domain.demand import Demand
from supportix.domain.ids import DepartmentId, TicketId
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_words import Priority
from supportix.domain.waiting import NEVER_DUE, WaitingTicket, waiting_after
from supportix.projections.rows import LIVE, Connection, Rows, stream_ids
from supportix.schema import metadata
from supportix.store.log import LogEntry

department_queue = Table(
    "department_queue",
    metadata,
    Column("ticket_id", Uuid, primary_key=True),
    Column("department_id", Uuid, nullable=False),
    Column("priority", Text, nullable=False),
    Column("priority_rank", SmallInteger, nullable=False),
    Column("kept_back", Boolean, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("queued_at", DateTime(timezone=True), nullable=False),
    Column("demand", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Index(
        "ix_department_queue_order", "department_id", "priority_rank", "kept_back", "due_at", "opened_at", "ticket_id"
    ),
    schema=LIVE,
)


def place_columns(columns: Any) -> list[ColumnElement[Any]]:
    """What a queue is ordered by, from the columns of this table or of an alias of it."""
    return [columns[name] for name in ("priority_rank", "kept_back", "due_at", "opened_at", "ticket_id")]


class QueueRow(msgspec.Struct):
    """A waiting ticket. Its place follows from its columns in the order of WaitingTicket.order.

    `kept_back`: no agent had it before, so it comes after those that were taken back; `due_at` lies in the last year
    that there is where the ticket has no target.
    """

    ticket_id: UUID
    department_id: UUID
    priority: str
    priority_rank: int
    kept_back: bool
    due_at: datetime
    opened_at: datetime
    queued_at: datetime
    demand: dict[str, Any]
    version: int
    position: int

    @property
    def waiting(self) -> WaitingTicket:
        return WaitingTicket(
            TicketId(self.ticket_id),
            self.version,
            DepartmentId(self.department_id),
            Priority(self.priority),
            self.opened_at,
            msgspec.convert(self.demand, Demand),
        )


class DepartmentQueue:
    """Keeps the table `department_queue`."""

    name = "department_queue"
    tables = (department_queue,)
    subjects = (Ticket,)

    def __init__(self, schema: str = LIVE) -> None:
        self._rows = Rows(department_queue, QueueRow, schema)

    async def prepare(self, connection: Connection, entries: list[LogEntry]) -> None:
        await self._rows.fetch(connection, stream_ids(entries, Ticket))

    def fold(self, entry: LogEntry) -> None:
        known = self._rows.get(entry.stream_id)
        before = known.waiting if known else None
        after = waiting_after(entry.event, before)
        if after is None:
            if known is not None:
                self._rows.drop(entry.stream_id)
            return
        keeps_place = known is not None and before is not None and after.department_id == before.department_id
        self._rows.put(
            QueueRow(
                ticket_id=entry.stream_id,
                department_id=after.department_id,
                priority=after.priority,
                priority_rank=after.priority.rank,
                kept_back=not after.demand.returned,
                due_at=after.demand.due_at or NEVER_DUE,
                opened_at=after.opened_at,
                queued_at=known.queued_at if known is not None and keeps_place else entry.fact.occurred_at,
                demand=msgspec.to_builtins(after.demand),
                version=after.version,
                position=entry.position,
            )
        )

    async def write(self, connection: Connection) -> None:
        await self._rows.write(connection)
