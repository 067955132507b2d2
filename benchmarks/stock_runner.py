"""The eventsourcing library as it comes: its recorder, and its ProjectionRunner keeping our ticket list."""

import time
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.persistence import StoredEvent, Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

from supportix.domain.aggregate import DomainEvent, Fact
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import (
    TicketAssigned,
    TicketAwaitingCustomer,
    TicketClosed,
    TicketOpened,
    TicketPriorityChanged,
    TicketResolved,
    TicketRouted,
    TicketWorkStarted,
)
from supportix.domain.ticket_words import Priority, Status
from supportix.projections.rows import LIVE
from supportix.store.log import Row

TABLE = "stock_tickets"
_OPEN = SQL(
    f"INSERT INTO {TABLE} (ticket_id, number, subject, description, requester_id, status, priority, priority_rank, "  # noqa: S608
    "channel, tags, suggested_tags, opened_at, updated_at, assignment_count, reopen_count, version, position) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '{}', %s, %s, 0, 0, %s, %s)"
)
_CHANGES: dict[type[Fact], str] = {
    TicketRouted: "status = 'queued', department_id = %(department_id)s, queued_at = %(occurred_at)s, agent_id = NULL",
    TicketAssigned: "status = 'assigned', agent_id = %(agent_id)s, assigned_at = %(occurred_at)s, "
    "assignment_count = assignment_count + 1",
    TicketWorkStarted: "status = 'in_progress'",
    TicketAwaitingCustomer: "status = 'pending'",
    TicketResolved: "status = 'resolved', resolved_at = %(occurred_at)s, agent_id = %(agent_id)s",
    TicketClosed: "status = 'closed', closed_at = %(occurred_at)s",
    TicketPriorityChanged: "priority = %(priority)s",
}
_CHANGE = {
    kind: SQL(
        f"UPDATE {TABLE} SET {change}, version = %(version)s, position = %(position)s, "  # noqa: S608
        "updated_at = %(occurred_at)s WHERE ticket_id = %(ticket_id)s"
    )
    for kind, change in _CHANGES.items()
}


class StockDesk(Application[UUID]):
    """Our events in the library's own tables."""

    name = "stockdesk"
    env: ClassVar[dict[str, str]] = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "MAPPER_TOPIC": "supportix.store.mapper:FactMapper",
    }


class TicketView(PostgresTrackingRecorder):
    """The table of tickets; a row and the tracking change in one transaction."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.sql_create_statements.append(
            SQL(f"CREATE TABLE IF NOT EXISTS {TABLE} (LIKE {LIVE}.tickets INCLUDING ALL)").format()
        )

    def keep(self, event: DomainEvent, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            if event.fact.AGGREGATE is Ticket:
                cursor.execute(*_statement(event, tracking.notification_id), prepare=True)
            self._insert_tracking(cursor, tracking)


def _statement(event: DomainEvent, position: int) -> tuple[SQL, Any]:
    fact, version = event.fact, event.originator_version
    if isinstance(fact, TicketOpened):
        priority = Priority(fact.priority)
        row = (event.originator_id, fact.number, fact.subject, fact.description, fact.requester_id, Status.QUEUED)
        more = (priority, priority.rank, fact.channel, list(fact.tags), fact.occurred_at, fact.occurred_at)
        return _OPEN, (*row, *more, version, position)
    fields = {name: getattr(fact, name) for name in fact.__struct_fields__}
    return _CHANGE[type(fact)], fields | {"ticket_id": event.originator_id, "version": version, "position": position}


class TicketProjection(Projection[TicketView]):
    """Hands each event to the view, as the library's documentation does it."""

    name = "ticket_list"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.keep(domain_event, tracking)


def stock_events_per_second(database_url: str, rows: Sequence[Row]) -> float:
    """Events a second that the library's runner gets through, starting with all of them in its log."""
    env = _environment(database_url)
    app = StockDesk(env)
    stored = [StoredEvent(stream_id, version, name, body) for _, stream_id, version, name, body, _, _ in rows]
    for first in range(0, len(stored), 1_000):
        app.recorder.insert_events(stored[first : first + 1_000])
    started = time.perf_counter()
    with ProjectionRunner(
        application_class=StockDesk, projection_class=TicketProjection, view_class=TicketView, env=env
    ) as runner:
        runner.projection.view.wait(StockDesk.name, len(stored), timeout=120)
        seconds = time.perf_counter() - started
    app.close()
    return len(stored) / seconds


def _environment(database_url: str) -> dict[str, str]:
    url = urlsplit(database_url)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": url.path.lstrip("/"),
        "POSTGRES_HOST": url.hostname or "",
        "POSTGRES_PORT": str(url.port),
        "POSTGRES_USER": url.username or "",
        "POSTGRES_PASSWORD": url.password or "",
        "POSTGRES_SCHEMA": "public",
    }
