"""Traffic per department and quarter hour, and how long its tickets took. Consumes tickets' events: TicketRouted,
TicketAssigned, TicketUnassigned, TicketTransferred, TicketWorkStarted, TicketAwaitingCustomer,
TicketCustomerAnswered, TicketResolved, TicketClosed and TicketReopened; and TrafficPastRecorded.

A ticket that a merge moved counts at its home: traffic tells where work came from, whoever did it. How fast queues are
served is kept apart from that: there each assignment counts in the department out of whose queue the ticket was taken.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Index, Integer, SmallInteger, Table, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from supportix.domain.aggregate import Fact
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import (
    TicketAssigned,
    TicketAwaitingCustomer,
    TicketClosed,
    TicketCustomerAnswered,
    TicketReopened,
    TicketResolved,
    TicketRouted,
    TicketTransferred,
    TicketUnassigned,
    TicketWorkStarted,
)
from supportix.domain.traffic_past import QUARTER_SECONDS, TrafficPast, TrafficPastRecorded
from supportix.projections.rows import LIVE, Connection, Counts, Rows, stream_ids
from supportix.schema import metadata
from supportix.store.log import LogEntry

_MILLISECOND = timedelta(milliseconds=1)
QUARTER = timedelta(seconds=QUARTER_SECONDS)
HANDLE_TIME_EDGES = (0, *sorted({round(2 ** (number / 2)) for number in range(53)}))
"""Seconds: bucket n holds handle times from the n-th edge on to below the next, each about √2 times the one before; the
last one, from two years on, is open.
"""

traffic_history = Table(
    "traffic_history",
    metadata,
    Column("department_id", Uuid, primary_key=True),
    Column("quarter", DateTime(timezone=True), primary_key=True),
    Column("arrivals", Integer, nullable=False),
    Column("past_arrivals", Integer, nullable=False),
    Column("assignments", Integer, nullable=False),
    Column("resolutions", Integer, nullable=False),
    Column("abandonments", Integer, nullable=False),
    Column("handled", Integer, nullable=False),
    Column("handle_seconds", BigInteger, nullable=False),
    Index("ix_traffic_history_quarter", "quarter"),
    schema=LIVE,
)
"""A ticket counts once as an arrival, in the department that it was first routed to, and at most once as an
abandonment: where it was closed before any agent had it and before anyone resolved it.

`handled` counts resolutions by an agent, `handle_seconds` sums their handle times: the time that the agent who resolved
it held the ticket since it was opened or last reopened, less the time in which it waited for the customer. What other
agents held it for before isn't counted. `past_arrivals` are those arrivals that a past from before this desk tells of.
"""

queue_pace = Table(
    "queue_pace",
    metadata,
    Column("department_id", Uuid, primary_key=True),
    Column("quarter", DateTime(timezone=True), primary_key=True),
    Column("taken", Integer, nullable=False),
    schema=LIVE,
)
"""How many tickets agents were given out of each department's queue, wherever these are at home."""

handle_times = Table(
    "handle_times",
    metadata,
    Column("department_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("bucket", SmallInteger, primary_key=True),
    Column("tickets", Integer, nullable=False),
    schema=LIVE,
)
"""Tickets handled per day in UTC, by handle time. A past that tells only sums isn't in it."""

open_tickets = Table(
    "open_tickets",
    metadata,
    Column("ticket_id", Uuid, primary_key=True),
    Column("home_department_id", Uuid),
    Column("untouched", Boolean, nullable=False),
    Column("agent_id", Uuid),
    Column("counting_since", DateTime(timezone=True)),
    Column("held_ms", JSONB, nullable=False),
    schema=LIVE,
)
"""The tickets that haven't ended, and those that a merge moved away from their home, for good."""

traffic_pasts = Table(
    "traffic_pasts",
    metadata,
    Column("past_id", Uuid, primary_key=True),
    Column("department_id", Uuid, nullable=False),
    Column("spans", JSONB, nullable=False),
    schema=LIVE,
)
"""From when to when pasts tell of a department, by the step in seconds for which they were told."""


class OpenTicket(msgspec.Struct):
    """`untouched`: no agent had it yet, nor was it ever ended. `held_ms`: milliseconds by agent since it was opened or
    reopened; since `counting_since`, more of them pass for its agent.
    """

    ticket_id: UUID
    home_department_id: UUID | None = None
    untouched: bool = False
    agent_id: UUID | None = None
    counting_since: datetime | None = None
    held_ms: dict[str, int] = {}

    def held_by_agent(self, moment: datetime) -> int:
        """Milliseconds for which its present agent has held it by then."""
        before = self.held_ms.get(str(self.agent_id), 0) if self.held_ms else 0
        if self.counting_since is None:
            return before
        return before + max(0, (moment - self.counting_since) // _MILLISECOND)

    def stop_counting(self, moment: datetime) -> None:
        if self.counting_since is not None:
            self.held_ms[str(self.agent_id)] = self.held_by_agent(moment)
            self.counting_since = None


class PastSpans(msgspec.Struct):
    past_id: UUID
    department_id: UUID
    spans: dict[str, list[str]]


class TrafficHistory:
    """Keeps the tables `traffic_history`, `queue_pace`, `handle_times`, `open_tickets` and `traffic_pasts`."""

    name = "traffic_history"
    tables = (traffic_history, queue_pace, handle_times, open_tickets, traffic_pasts)
    subjects = (Ticket, TrafficPast)

    def __init__(self, schema: str = LIVE) -> None:
        self._counts = Counts(traffic_history, schema)
        self._pace = Counts(queue_pace, schema)
        self._handle_times = Counts(handle_times, schema)
        self._tickets = Rows(open_tickets, OpenTicket, schema)
        self._pasts = Rows(traffic_pasts, PastSpans, schema)
        self._rules: Mapping[type[Fact], Callable[[UUID, Any], None]] = {
            TicketRouted: self._arrived,
            TicketAssigned: self._assigned,
            TicketUnassigned: self._let_go,
            TicketTransferred: self._transferred,
            TicketWorkStarted: self._resumed,
            TicketAwaitingCustomer: self._paused,
            TicketCustomerAnswered: self._resumed,
            TicketResolved: self._resolved,
            TicketClosed: self._closed,
            TicketReopened: self._reopened,
            TrafficPastRecorded: self._recorded,
        }

    async def prepare(self, connection: Connection, entries: list[LogEntry]) -> None:
        """Counts are added to, so only tickets that began earlier and pasts are read."""
        await self._tickets.fetch(connection, self._known_before(entries))
        await self._pasts.fetch(connection, stream_ids(entries, TrafficPast))

    def fold(self, entry: LogEntry) -> None:
        rule = self._rules.get(type(entry.fact))
        if rule is not None:
            rule(entry.stream_id, entry.fact)

    async def write(self, connection: Connection) -> None:
        await self._counts.write(connection)
        await self._pace.write(connection)
        await self._handle_times.write(connection)
        await self._tickets.write(connection)
        await self._pasts.write(connection)

    def _known_before(self, entries: list[LogEntry]) -> Iterator[UUID]:
        """Each ticket once that these entries say more about than that it came."""
        asking = self._rules.keys() - {TicketRouted, TrafficPastRecorded}
        return iter({entry.stream_id.int: entry.stream_id for entry in entries if type(entry.fact) in asking}.values())

    def _ticket(self, ticket_id: UUID) -> OpenTicket:
        """What is known of it; nothing of one that came before this read model told of tickets."""
        return self._tickets.get(ticket_id) or OpenTicket(ticket_id)

    def _count(self, ticket: OpenTicket, fact: Any, counter: str) -> None:
        home = ticket.home_department_id or fact.department_id
        self._counts.add((home, quarter_of(fact.occurred_at)), counter)

    def _arrived(self, ticket_id: UUID, fact: TicketRouted) -> None:
        ticket = OpenTicket(ticket_id, untouched=True)
        self._tickets.put(ticket)
        self._count(ticket, fact, "arrivals")

    def _assigned(self, ticket_id: UUID, fact: TicketAssigned) -> None:
        ticket = self._ticket(ticket_id)
        ticket.untouched, ticket.agent_id, ticket.counting_since = False, fact.agent_id, fact.occurred_at
        self._tickets.put(ticket)
        self._count(ticket, fact, "assignments")
        self._pace.add((fact.department_id, quarter_of(fact.occurred_at)), "taken")

    def _let_go(self, ticket_id: UUID, fact: TicketUnassigned | TicketTransferred) -> None:
        ticket = self._ticket(ticket_id)
        ticket.stop_counting(fact.occurred_at)
        ticket.agent_id = None
        self._tickets.put(ticket)

    def _transferred(self, ticket_id: UUID, fact: TicketTransferred) -> None:
        self._let_go(ticket_id, fact)
        ticket = self._ticket(ticket_id)
        if fact.merge_id is None:
            ticket.home_department_id = None
        elif ticket.home_department_id is None:
            ticket.home_department_id = fact.from_department_id

    def _paused(self, ticket_id: UUID, fact: TicketAwaitingCustomer) -> None:
        ticket = self._ticket(ticket_id)
        ticket.stop_counting(fact.occurred_at)
        self._tickets.put(ticket)

    def _resumed(self, ticket_id: UUID, fact: TicketWorkStarted | TicketCustomerAnswered) -> None:
        ticket = self._ticket(ticket_id)
        if ticket.agent_id is not None and ticket.counting_since is None:
            ticket.counting_since = fact.occurred_at
            self._tickets.put(ticket)

    def _resolved(self, ticket_id: UUID, fact: TicketResolved) -> None:
        ticket = self._ticket(ticket_id)
        home = ticket.home_department_id or fact.department_id
        counts = self._counts.added((home, quarter_of(fact.occurred_at)))
        counts["resolutions"] += 1
        if ticket.agent_id is not None:
            seconds = (ticket.held_by_agent(fact.occurred_at) + 500) // 1000
            counts["handled"] += 1
            counts["handle_seconds"] += seconds
            day = fact.occurred_at.astimezone(UTC).date()
            self._handle_times.add((home, day, bucket_of(seconds)), "tickets")
        self._end(ticket)

    def _closed(self, ticket_id: UUID, fact: TicketClosed) -> None:
        ticket = self._ticket(ticket_id)
        if ticket.untouched:
            self._count(ticket, fact, "abandonments")
        self._end(ticket)

    def _reopened(self, ticket_id: UUID, _: TicketReopened) -> None:
        self._tickets.put(OpenTicket(ticket_id, self._ticket(ticket_id).home_department_id))

    def _end(self, ticket: OpenTicket) -> None:
        if ticket.home_department_id is None:
            self._tickets.drop(ticket.ticket_id)
        else:
            self._tickets.put(OpenTicket(ticket.ticket_id, ticket.home_department_id))

    def _recorded(self, past_id: UUID, fact: TrafficPastRecorded) -> None:
        """Longer intervals are spread evenly over their quarter hours; what is left over goes to the first ones."""
        for each in fact.intervals:
            handled = 0 if each.handle_seconds is None else each.resolutions
            totals = {"arrivals": each.arrivals, "past_arrivals": each.arrivals, "resolutions": each.resolutions}
            for counter, total in (totals | {"handled": handled, "handle_seconds": each.handle_seconds or 0}).items():
                share, left_over = divmod(total, each.quarters)
                for number in range(each.quarters if share else left_over):
                    key = (fact.department_id, each.begin + number * QUARTER)
                    self._counts.add(key, counter, share + (number < left_over))
        begin = min(each.begin for each in fact.intervals).isoformat()
        end = max(each.end for each in fact.intervals).isoformat()
        past = self._pasts.get(past_id) or PastSpans(past_id, fact.department_id, {})
        known = past.spans.get(str(fact.step_seconds), [begin, end])
        past.spans[str(fact.step_seconds)] = [min(begin, known[0]), max(end, known[1])]
        self._pasts.put(past)


def bucket_of(seconds: int) -> int:
    """The bucket of `HANDLE_TIME_EDGES` that holds this handle time."""
    return bisect_right(HANDLE_TIME_EDGES, seconds) - 1


def quarter_of(moment: datetime) -> datetime:
    """The start of the quarter hour that holds this moment."""
    return moment.replace(minute=moment.minute - moment.minute % 15, second=0, microsecond=0)
