"""The discrete-event simulation of a desk: the trace's tickets, given out by the dispatch board as time goes on.

At each moment what ends comes first, then what changes and who arrives, then the board gives out what it can. Beside
the policy's choices nothing is decided here: paths, handle times, people's own assignments and the agents' hours are
those of the trace. What a person did to a waiting ticket happens as long after it was queued as it really did; where an
agent has the ticket by then, the agent keeps it until then.
"""

import heapq
from collections.abc import Callable, Iterable
from enum import IntEnum
from itertools import count
from uuid import UUID

import msgspec

from supportix.domain.agent import Agent, WorkReleased
from supportix.domain.aggregate import DomainEvent, Fact
from supportix.domain.demand import NO_DEMAND, stored_demand
from supportix.domain.department import Department
from supportix.domain.errors import Refusal
from supportix.domain.ids import AgentId, DepartmentId, TicketId
from supportix.domain.merge import Merge
from supportix.domain.ticket_facts import TicketAssigned, TicketQueued, TicketTransferred
from supportix.domain.ticket_words import AssignedBy
from supportix.domain.waiting import WaitingTicket
from supportix.policies.dispatch import DispatchBoard
from supportix.simulation.handling import HandleTimes
from supportix.simulation.helping import Helping
from supportix.simulation.measuring import Meter, Visit, Window
from supportix.simulation.moments import moment
from supportix.simulation.trace import Change, Trace

DECISIONS_AT_ONCE = 1_000
TOLD_EVERY_TICKETS = 500
BY_HAND = frozenset({AssignedBy.PERSON, AssignedBy.PULL})
"""Who chose, where no policy would have been asked."""
_FIRST_VERSION = 1_000_000_000
"""Versions of simulated ticket events are above all real ones."""


class Turn(IntEnum):
    """What is due; at the same moment, in this order."""

    END = 0
    """The stay ends: the agent, where one has the ticket, lets go of it."""
    QUEUE = 1
    """The ticket enters the queue of its next stay."""
    BY_HAND = 2
    """A person assigns it, if it still waits."""


class Engine:
    """One run. `visits` holds every stay that began within it."""

    def __init__(
        self,
        trace: Trace,
        times: HandleTimes,
        window: Window,
        helping: Helping | None = None,
        remembering: frozenset[UUID] = frozenset(),
    ) -> None:
        """`remembering`: departments whose policy goes by who last had a ticket of the same customer."""
        self.board = DispatchBoard()
        self.visits: dict[tuple[int, int], Visit] = {}
        self.meter = Meter(window)
        self.overtaken = 0
        """Assignments by people that found the ticket gone, or the agent unable to take it."""
        self.moved = 0
        """Waiting tickets that went to another department, since that one could help."""
        self._helping = helping
        self._remembering = remembering
        self._previous: dict[tuple[UUID, UUID], AgentId] = {}
        self._trace = trace
        self._times = times
        self._window = window
        self._numbers = {ticket.id: number for number, ticket in enumerate(trace.tickets)}
        self._agenda: list[tuple[int, int, int, int]] = []
        self._holders: dict[int, UUID] = {}
        self._places: dict[int, int] = {}
        self._versions = count(_FIRST_VERSION)
        self._position = 0

    def fold_change(self, change: Change) -> None:
        """Take in what happens to a department, an agent, a merge or a waiting ticket's priority, or an old claim."""
        kind = change.fact.AGGREGATE
        if kind is Agent:
            self._fold_agent(change.stream_id, change.fact, change.at)
        elif kind is Merge:
            merge = self.board.pooling.merges.get(change.stream_id)
            self._fold(DomainEvent(change.stream_id, merge.version + 1 if merge else 1, change.fact))
        elif kind is Department:
            known = self.board.departments.get(change.stream_id)
            self._fold(DomainEvent(change.stream_id, known.version + 1 if known else 1, change.fact))
        elif isinstance(change.fact, TicketAssigned):
            requester_id = self._trace.tickets[self._numbers[change.stream_id]].requester_id
            self._previous[requester_id, change.fact.department_id] = change.fact.agent_id
            self._fold(DomainEvent(change.stream_id, next(self._versions), change.fact))
        elif change.stream_id in self.board.waiting:
            self._fold(DomainEvent(change.stream_id, next(self._versions), change.fact))

    def resume(self, number: int, place: int) -> None:
        """Take up a ticket in the middle of its path, as it stood when the run begins."""
        stay = self._trace.tickets[number].stays[place]
        begun = self._window.since
        self._places[number] = place
        self.visits[number, place] = Visit(number, place, stay.queued_at, stay.taken_at, stay.agent_id, None)
        if stay.taken_at is not None and stay.taken_at < begun and stay.agent_id is not None:
            self._holders[number] = stay.agent_id
            self._schedule(stay.taken_at + self._times.of(number, place), Turn.END, number, place)
        else:
            self._queue(number, place, stay.queued_at)

    def schedule_return(self, number: int, place: int) -> None:
        """A ticket that has ended by the beginning of the run, and will be reopened."""
        self._schedule(self._trace.tickets[number].stays[place].queued_at, Turn.QUEUE, number, place)

    def run(self, changes: Iterable[Change], arrivals: Iterable[int], told: Callable[[int], None]) -> None:
        """Simulate up to the window's end. `arrivals`: numbers of tickets, in the order in which they were opened."""
        coming = iter(arrivals)
        arriving = next(coming, None)
        changing = iter(changes)
        change = next(changing, None)
        arrived = 0
        self._drain(self._window.since)
        while True:
            now = self._next_moment(change, arriving)
            if now is None or now >= self._window.until:
                break
            self._take_due(now)
            while change is not None and change.at <= now:
                self.fold_change(change)
                change = next(changing, None)
            while arriving is not None and self._opened_at(arriving) <= now:
                self._queue(arriving, 0, now)
                arriving = next(coming, None)
                arrived += 1
                if arrived % TOLD_EVERY_TICKETS == 0:
                    told(arrived)
            self._take_due(now)
            self._drain(now)
        self.meter.finish()

    def _next_moment(self, change: Change | None, arriving: int | None) -> int | None:
        due = [self._agenda[0][0]] if self._agenda else []
        if change is not None:
            due.append(change.at)
        if arriving is not None:
            due.append(self._opened_at(arriving))
        return min(due, default=None)

    def _opened_at(self, number: int) -> int:
        return self._trace.tickets[number].stays[0].queued_at

    def _take_due(self, now: int) -> None:
        while self._agenda and self._agenda[0][0] <= now:
            _, turn, number, place = heapq.heappop(self._agenda)
            if turn == Turn.END:
                self._end(number, place, now)
            elif turn == Turn.QUEUE:
                self._queue(number, place, now)
            else:
                self._assign_by_hand(number, place, now)

    def _queue(self, number: int, place: int, now: int) -> None:
        """The ticket waits, unless a person or its end takes it out of the queue."""
        ticket = self._trace.tickets[number]
        stay = ticket.stays[place]
        self._places[number] = place
        self.visits[number, place] = Visit(number, place, now, None, None, None)
        queued = self._remembered(number, stay.queued) if stay.department_id in self._remembering else stay.queued
        self._fold(DomainEvent(ticket.id, next(self._versions), queued))
        if stay.left_after is not None:
            self._schedule(now + stay.left_after, Turn.END, number, place)
        elif stay.taken_by in BY_HAND and stay.taken_at is not None:
            self._schedule(now + stay.taken_at - stay.queued_at, Turn.BY_HAND, number, place)

    def _remembered(self, number: int, queued: TicketQueued) -> TicketQueued:
        """Waiting for the agent who last had a ticket of its customer in this department."""
        requester_id = self._trace.tickets[number].requester_id
        previous = self._previous.get((requester_id, queued.waits_in))
        demand = msgspec.structs.replace(queued.demand or NO_DEMAND, preferred_agent_id=previous)
        return msgspec.structs.replace(queued, demand=stored_demand(demand))

    def _end(self, number: int, place: int, now: int) -> None:
        ticket = self._trace.tickets[number]
        stay = ticket.stays[place]
        holder = self._holders.pop(number, None)
        if holder is not None:
            self._fold_agent(holder, WorkReleased(occurred_at=moment(now), ticket_id=TicketId(ticket.id)), now)
        visit = self.visits[number, place]
        self.visits[number, place] = visit._replace(left_at=now if holder is None else visit.left_at, ended_at=now)
        following = ticket.stays[place + 1] if place + 1 < len(ticket.stays) else None
        if following is not None and stay.ended_at == following.queued_at:
            self._queue(number, place + 1, now)
            return
        if holder is None and stay.leaving is not None:
            self._fold(DomainEvent(ticket.id, next(self._versions), stay.leaving))
        if following is not None and stay.ended_at is not None:
            self._schedule(now + following.queued_at - stay.ended_at, Turn.QUEUE, number, place + 1)

    def _assign_by_hand(self, number: int, place: int, now: int) -> None:
        """As a person did, if the ticket still waits where it did and the agent can take it."""
        ticket = self._trace.tickets[number]
        agent_id = ticket.stays[place].agent_id
        waiting = self.board.waiting.get(TicketId(ticket.id))
        agent = self.board.agents.get(agent_id) if agent_id is not None else None
        if waiting is None or agent is None or agent_id is None or self._places[number] != place:
            self.overtaken += 1
            return
        try:
            reserving = self._reserve(agent.copy(), waiting, now, forced=ticket.stays[place].forced)
        except Refusal:
            self.overtaken += 1
            return
        claim = TicketAssigned(
            occurred_at=moment(now),
            agent_id=agent_id,
            department_id=DepartmentId(waiting.department_id),
            assigned_by=AssignedBy.PERSON,
        )
        self._fold(DomainEvent(ticket.id, waiting.version + 1, claim))
        self._take(ticket.id, agent_id, list(reserving.collect_events()), now)

    def _reserve(self, agent: Agent, waiting: WaitingTicket, now: int, *, forced: bool) -> Agent:
        return (agent.force if forced else agent.reserve)(
            waiting.ticket_id,
            waiting.department_id,
            at=moment(now),
            requirement=waiting.requirement,
            lent=self.board.pooling.lending(agent.department_ids, waiting.department_id),
        )

    def _drain(self, now: int) -> None:
        """Let the board give out what it can; what is handled in no time at all frees its agent at once."""
        while True:
            self._give_out(now)
            if self._helping is not None and self._help(self._helping, now):
                continue
            if not self._agenda or self._agenda[0][0] > now:
                return
            self._take_due(now)

    def _give_out(self, now: int) -> None:
        while ready := self.board.ready():
            decisions = self.board.decide(ready, at=moment(now), by=AssignedBy.POLICY, limit=DECISIONS_AT_ONCE)
            for claim, reservation in decisions:
                self._fold(claim)
                self._take(claim.originator_id, AgentId(reservation.originator_id), [reservation], now)
            if len(decisions) < DECISIONS_AT_ONCE:  # Then nothing is left that anybody could take.
                return

    def _help(self, helping: Helping, now: int) -> bool:
        """Move waiting tickets to departments that can help. Whether any was."""
        moves = helping.moves(self.board, now)
        for waiting, target_id in moves:
            moved = TicketTransferred(
                occurred_at=moment(now),
                from_department_id=waiting.department_id,
                to_department_id=target_id,
                priority=waiting.priority,
                opened_at=waiting.opened_at,
                demand=stored_demand(waiting.demand),
            )
            self._fold(DomainEvent(waiting.ticket_id, next(self._versions), moved))
        self.moved += len(moves)
        return bool(moves)

    def _take(self, ticket_id: UUID, agent_id: UUID, reservation: Iterable[DomainEvent], now: int) -> None:
        """The agent has the ticket from now on, until its stay ends."""
        for event in reservation:
            self._fold(event)
        self.meter.see(now, self.board.agents[agent_id])
        number = self._numbers[ticket_id]
        place = self._places[number]
        self._holders[number] = agent_id
        ticket = self._trace.tickets[number]
        self._previous[ticket.requester_id, ticket.stays[place].department_id] = AgentId(agent_id)
        self.visits[number, place] = self.visits[number, place]._replace(left_at=now, agent_id=agent_id)
        if ticket.stays[place].left_after is None:
            self._schedule(now + self._times.of(number, place), Turn.END, number, place)

    def _fold_agent(self, agent_id: UUID, fact: Fact, now: int) -> None:
        known = self.board.agents.get(agent_id)
        self._fold(DomainEvent(agent_id, known.version + 1 if known else 1, fact))
        self.meter.see(now, self.board.agents[agent_id])

    def _fold(self, event: DomainEvent) -> None:
        self._position += 1
        self.board.fold(self._position, event)

    def _schedule(self, at: int, turn: Turn, number: int, place: int) -> None:
        heapq.heappush(self._agenda, (at, turn, number, place))
