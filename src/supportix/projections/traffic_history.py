"""Traffic per department and quarter hour. Consumes TicketRouted, TicketAssigned and TicketResolved."""

from datetime import datetime

from sqlalchemy import Column, DateTime, Integer, Table, Uuid

from supportix.domain.ticket import Ticket, TicketAssigned, TicketResolved, TicketRouted
from supportix.projections.rows import LIVE, Connection, Counts
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


class TrafficHistory:
    """Keeps the table `traffic_history`."""

    name = "traffic_history"
    tables = (traffic_history,)
    subjects = (Ticket,)

    def __init__(self, schema: str = LIVE) -> None:
        self._counts = Counts(traffic_history, schema)

    async def prepare(self, connection: Connection, entries: list[LogEntry]) -> None:
        """Counts are added to, so nothing is read."""

    def fold(self, entry: LogEntry) -> None:
        fact = entry.fact
        if isinstance(fact, TicketRouted):
            self._counts.add((fact.department_id, quarter_of(fact.occurred_at)), "arrivals")
        elif isinstance(fact, TicketAssigned):
            self._counts.add((fact.department_id, quarter_of(fact.occurred_at)), "assignments")
        elif isinstance(fact, TicketResolved):
            self._counts.add((fact.department_id, quarter_of(fact.occurred_at)), "resolutions")

    async def write(self, connection: Connection) -> None:
        await self._counts.write(connection)


def quarter_of(moment: datetime) -> datetime:
    """The start of the quarter hour that holds this moment."""
    return moment.replace(minute=moment.minute - moment.minute % 15, second=0, microsecond=0)
