"""Traffic per department and quarter hour. Consumes TicketRouted, TicketAssigned, TicketResolved and TicketTransferred.

A ticket that a merge moved counts at its home: traffic tells where work came from, whoever did it. How fast queues are
served is kept apart from that: there each assignment counts in the department out of whose queue the ticket was taken.
"""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import Column, DateTime, Integer, Table, Uuid

from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import TicketAssigned, TicketResolved, TicketRouted, TicketTransferred
from supportix.projections.rows import LIVE, Connection, Counts, Rows
from supportix.schema import metadata
from supportix.store.log import LogEntry

traffic_history = Table(
    "traffic_history",
    metadata,
    Column("department_id", Uuid, primary_key=True),
    Column("quarter", DateTime(timezone=True), primary_key=True),
    Column("arrivals", Integer, nullable=False),
    Column("assignments", Integer, nullable=False),
    Column("resolutions", Integer, nullable=False),
    schema=LIVE,
)
"""A ticket counts once as an arrival, in the department that it was first routed to."""

queue_pace = Table(
    "queue_pace",
    metadata,
    Column("department_id", Uuid, primary_key=True),
    Column("quarter", DateTime(timezone=True), primary_key=True),
    Column("taken", Integer, nullable=False),
    schema=LIVE,
)
"""How many tickets agents were given out of each department's queue, wherever these are at home."""

moved_tickets = Table(
    "moved_tickets",
    metadata,
    Column("ticket_id", Uuid, primary_key=True),
    Column("home_department_id", Uuid, nullable=False),
    schema=LIVE,
)
"""The home of each ticket that a merge moved away from it."""


class MovedTicket(msgspec.Struct):
    ticket_id: UUID
    home_department_id: UUID


class TrafficHistory:
    """Keeps the tables `traffic_history`, `queue_pace` and `moved_tickets`."""

    name = "traffic_history"
    tables = (traffic_history, queue_pace, moved_tickets)
    subjects = (Ticket,)

    def __init__(self, schema: str = LIVE) -> None:
        self._counts = Counts(traffic_history, schema)
        self._pace = Counts(queue_pace, schema)
        self._moved = Rows(moved_tickets, MovedTicket, schema)

    async def prepare(self, connection: Connection, entries: list[LogEntry]) -> None:
        """Counts are added to, so only the homes are read."""
        await self._moved.fetch(connection, _whose_home_counts(entries))

    def fold(self, entry: LogEntry) -> None:
        fact = entry.fact
        if isinstance(fact, TicketRouted):
            self._counts.add((fact.department_id, quarter_of(fact.occurred_at)), "arrivals")
        elif isinstance(fact, TicketAssigned):
            self._counts.add((self._home(entry.stream_id, fact), quarter_of(fact.occurred_at)), "assignments")
            self._pace.add((fact.department_id, quarter_of(fact.occurred_at)), "taken")
        elif isinstance(fact, TicketResolved):
            self._counts.add((self._home(entry.stream_id, fact), quarter_of(fact.occurred_at)), "resolutions")
        elif isinstance(fact, TicketTransferred):
            self._move(entry.stream_id, fact)

    async def write(self, connection: Connection) -> None:
        await self._counts.write(connection)
        await self._pace.write(connection)
        await self._moved.write(connection)

    def _home(self, ticket_id: UUID, fact: TicketAssigned | TicketResolved) -> UUID:
        moved = self._moved.get(ticket_id)
        return fact.department_id if moved is None else moved.home_department_id

    def _move(self, ticket_id: UUID, fact: TicketTransferred) -> None:
        moved = self._moved.get(ticket_id)
        if fact.merge_id is None:
            if moved is not None:
                self._moved.drop(ticket_id)
        elif moved is None:
            self._moved.put(MovedTicket(ticket_id, fact.from_department_id))


def _whose_home_counts(entries: list[LogEntry]) -> Iterator[UUID]:
    """Each ticket once whose home these entries ask for or change."""
    asking = (TicketAssigned, TicketResolved, TicketTransferred)
    return iter({entry.stream_id.int: entry.stream_id for entry in entries if isinstance(entry.fact, asking)}.values())


def quarter_of(moment: datetime) -> datetime:
    """The start of the quarter hour that holds this moment."""
    return moment.replace(minute=moment.minute - moment.minute % 15, second=0, microsecond=0)
