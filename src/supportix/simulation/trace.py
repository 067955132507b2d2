"""What the log says would have happened under any policy: the trace that all alternatives replay.

Consumes the whole log. A ticket's path is a sequence of stays: in which queue it waited, and how long an agent held it
afterwards, or how it left the queue without one. Departments, agents and priorities change at the moments at which they
did. Times never run backwards within a stream, though the clocks of several machines wrote them.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from supportix.domain.agent import Agent, WorkForced, WorkReleased, WorkReserved
from supportix.domain.aggregate import Fact
from supportix.domain.demand import Demand
from supportix.domain.department import IMPORT_PAUSE_REASON, Department
from supportix.domain.department_facts import AssignmentPaused
from supportix.domain.ids import AgentId, CustomerId
from supportix.domain.merge import Merge, MergeWorkShared
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import (
    TicketAssigned,
    TicketClosed,
    TicketOpened,
    TicketPriorityChanged,
    TicketQueued,
    TicketResolved,
    TicketTransferred,
)
from supportix.domain.ticket_words import AssignedBy, Priority
from supportix.simulation.moments import micros
from supportix.store.log import LogEntry

WORK = (WorkReserved, WorkReleased, MergeWorkShared)
"""What the streams of agents and merges tell of tickets, which in a simulation is the policy's doing."""
_SUBJECTS = (Ticket, Agent, Department, Merge)


class Stay(msgspec.Struct, gc=False):
    """One stay of a ticket in a queue, and with the agent who then took it. Times are in microseconds.

    `queued` says where it waits, and as what. It ended at `ended_at`, None where it hadn't when the log ended.
    `leaving` is the fact that ended it, unless that is the next stay's `queued`. `due_at` is when the ticket has to be
    resolved; None where it has no target. `forced`: a person gave it to the agent beyond capacity or skills.
    """

    queued: TicketQueued
    queued_at: int
    taken_at: int | None = None
    agent_id: AgentId | None = None
    taken_by: AssignedBy | None = None
    ended_at: int | None = None
    leaving: Fact | None = None
    due_at: int | None = None
    forced: bool = False

    @property
    def resolves(self) -> bool:
        """Whether the ticket is resolved at its end; so it is taken to be where the log doesn't tell the end."""
        return self.leaving is not None or self.ended_at is None

    @property
    def department_id(self) -> UUID:
        return self.queued.waits_in

    @property
    def left_after(self) -> int | None:
        """How long after it was queued the ticket left without an agent; None where one took it, or it still waits."""
        return self.ended_at - self.queued_at if self.ended_at is not None and self.taken_at is None else None

    @property
    def held_for(self) -> int | None:
        """From the assignment to its end, the time in which the customer was waited for included."""
        return self.ended_at - self.taken_at if self.ended_at is not None and self.taken_at is not None else None


class TicketTrace(msgspec.Struct):
    """A ticket's path. `priority` is that of its opening."""

    id: UUID
    number: str
    opened_at: int
    requester_id: CustomerId
    priority: Priority
    stays: list[Stay] = []


class Change(NamedTuple):
    """Something that happens to a department, an agent or a ticket at its moment, whatever the policy does."""

    at: int
    position: int
    stream_id: UUID
    fact: Fact


class Trace:
    """The log as a simulation wants it. `tickets` are in the order in which they were opened.

    Without `merges`, as if there had been none: a ticket that one moved waited on where it was.
    """

    def __init__(self, *, merges: bool = True) -> None:
        self._merges = merges
        self.tickets: list[TicketTrace] = []
        self.changes: list[Change] = []
        """What is so under any policy."""
        self.claims: list[Change] = []
        """Who really got which ticket."""
        self.agent_events: list[Change] = []
        """All that really happened to agents, their work included."""
        self.position = 0
        self.last_at = 0
        self._by_id: dict[UUID, TicketTrace] = {}
        self._told: dict[UUID, int] = {}

    def take(self, entry: LogEntry) -> None:
        """Take in the next entry of the log."""
        self.position = entry.position
        kind = entry.fact.AGGREGATE
        if kind not in _SUBJECTS or (kind is Merge and not self._merges):
            return
        at = self._time(entry.stream_id, entry.fact.occurred_at)
        change = Change(at, entry.position, entry.stream_id, entry.fact)
        if kind is Ticket:
            self._take_ticket(change)
            return
        if kind is Agent:
            self.agent_events.append(change)
            if isinstance(entry.fact, WorkForced):
                self._force(entry.fact)
        if not isinstance(entry.fact, WORK) and not _is_imports_pause(entry.fact):
            self.changes.append(change)

    def finish(self) -> "Trace":
        """Order everything by time; where times are equal, as in the log."""
        self.tickets.sort(key=lambda ticket: ticket.opened_at)
        for changes in (self.changes, self.claims, self.agent_events):
            changes.sort(key=lambda change: change[:2])
        return self

    def _time(self, stream_id: UUID, occurred_at: datetime) -> int:
        at = max(micros(occurred_at), self._told.get(stream_id, 0))
        self._told[stream_id] = at
        self.last_at = max(self.last_at, at)
        return at

    def _take_ticket(self, change: Change) -> None:
        fact = change.fact
        if isinstance(fact, TicketOpened):
            ticket = TicketTrace(change.stream_id, fact.number, change.at, fact.requester_id, fact.priority)
            self._by_id[ticket.id] = ticket
            self.tickets.append(ticket)
            return
        known = self._by_id.get(change.stream_id)
        if known is not None:
            self._go_on(known, change)

    def _force(self, fact: WorkForced) -> None:
        ticket = self._by_id.get(fact.ticket_id)
        if ticket is not None and ticket.stays:
            ticket.stays[-1].forced = True

    def _go_on(self, ticket: TicketTrace, change: Change) -> None:
        at, _, _, fact = change
        stay = ticket.stays[-1] if ticket.stays and ticket.stays[-1].ended_at is None else None
        if isinstance(fact, TicketTransferred) and fact.merge_id is not None and not self._merges:
            return
        if isinstance(fact, TicketQueued):
            if stay is not None:
                stay.ended_at = at
            ticket.stays.append(Stay(fact, at, due_at=_due_at(fact.demand)))
        elif isinstance(fact, TicketPriorityChanged):
            self.changes.append(change)
            if stay is not None and fact.demand is not None:
                stay.due_at = _due_at(fact.demand)
        elif stay is None:
            return
        elif isinstance(fact, TicketAssigned):
            stay.taken_at, stay.agent_id, stay.taken_by = at, fact.agent_id, fact.assigned_by
            self.claims.append(change)
        elif isinstance(fact, TicketResolved | TicketClosed):
            stay.ended_at, stay.leaving = at, fact


def trace_of(entries: Iterable[LogEntry], *, merges: bool = True) -> Trace:
    """The trace of a whole log, with its merges or as if there had been none."""
    trace = Trace(merges=merges)
    for entry in entries:
        trace.take(entry)
    return trace.finish()


def _due_at(demand: Demand | None) -> int | None:
    return micros(demand.due_at) if demand is not None and demand.due_at is not None else None


def _is_imports_pause(fact: Fact) -> bool:
    """A pause that keeps the live assigner out while a history is written: nobody's tickets waited for it."""
    return isinstance(fact, AssignmentPaused) and fact.reason == IMPORT_PAUSE_REASON
