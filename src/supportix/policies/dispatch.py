"""The dispatch board: what is waiting, who can take it, and who gets it.

Folded from the log by the assigner, the audit and the importer alike, so that each sees what the others saw. Consumes
the events of departments, agents and merges, and those of tickets that enter or leave a queue.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from supportix.domain.agent import Agent
from supportix.domain.aggregate import DomainEvent
from supportix.domain.department import Department
from supportix.domain.ids import AgentId, TicketId
from supportix.domain.merge import Merge
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import TicketAssigned
from supportix.domain.ticket_words import AssignedBy
from supportix.domain.waiting import WaitingTicket, waiting_after
from supportix.policies.pool import Pool
from supportix.policies.pooling import Pooling, shared_tickets
from supportix.policies.queue import Queue
from supportix.policies.registry import POLICIES


class Decision(NamedTuple):
    """A ticket given to an agent: two events that are only ever saved together."""

    claim: DomainEvent
    reservation: DomainEvent


class DispatchBoard:
    """Queues, pools and agents of all departments as of one position of the log."""

    def __init__(self) -> None:
        self.position = 0
        self.departments: dict[UUID, Department] = {}
        self.agents: dict[UUID, Agent] = {}
        self.waiting: dict[UUID, WaitingTicket] = {}
        self.pooling = Pooling()
        self._pools: dict[UUID, Pool] = {}
        self._queues: dict[UUID, Queue] = {}
        self._ready: set[UUID] = set()
        self._left_alone: set[UUID] = set()

    def fold(self, position: int, event: DomainEvent) -> None:
        """Take in the event at the next position. What was decided on but not saved must have been discarded."""
        self.position = position
        if self._left_alone and event.originator_id in self._left_alone:
            return
        kind = event.fact.AGGREGATE
        if kind is Ticket:
            self._fold_ticket(position, event)
        elif kind is Agent:
            self._fold_agent(event)
        elif kind is Department:
            self._fold_department(event)
        elif kind is Merge:
            self._regroup(self.pooling.fold(event))

    def leave_alone(self, position: int, stream_id: UUID) -> None:
        """Go past the event at this position, which can't be read; nobody knows how its stream stands from here on.

        A ticket leaves its queue, an agent gets no work, a department's queue waits, a pool is used no more.
        """
        self.position = position
        self._left_alone.add(stream_id)
        ticket = self.waiting.get(stream_id)
        if ticket is not None:
            self._dequeue(ticket)
        agent = self.agents.pop(stream_id, None)
        for department_id in self.pooling.queues_served_by(agent.department_ids if agent is not None else ()):
            self.pool(department_id).remove(stream_id)
        self.departments.pop(stream_id, None)
        self._regroup(self.pooling.leave_alone(stream_id))

    def restore(
        self,
        position: int,
        departments: Iterable[Department],
        agents: Iterable[Agent],
        waiting: Iterable[WaitingTicket],
        turns: Iterable[tuple[UUID, UUID, int]],
        merges: Iterable[Merge] = (),
    ) -> None:
        """Start from read models instead of from the first event. `turns`: department, agent, position of its turn."""
        self.position = position
        self.pooling = Pooling(merges)
        for department in departments:
            self.departments[department.id] = department
            self._apply_policy(department)
        for department_id, agent_id, turn in turns:
            self.pool(department_id).turns[agent_id] = turn
        for agent in agents:
            self.agents[agent.id] = agent
            self._place(agent)
        for ticket in waiting:
            self._enqueue(ticket)

    def ready(self, *, even_paused: bool = False) -> list[UUID]:
        """Departments where a ticket waits that an agent could take."""
        ready = []
        for department_id in list(self._ready):
            queue, pool = self._queues.get(department_id), self.pool(department_id)
            if queue is None or not any(pool.can_take(requirement) for requirement in queue.requirements()):
                self._ready.discard(department_id)
            elif even_paused or not self._paused(department_id):
                ready.append(department_id)
        return ready

    def decide(
        self, department_ids: Sequence[UUID], *, at: datetime, by: AssignedBy, limit: int, based_on: int | None = None
    ) -> list[Decision]:
        """Give up to `limit` waiting tickets of these departments to their agents, in the queues' order.

        A ticket that nobody can take now is passed over. Each choice knows this board and the choices before it in this
        list, nothing else. The board itself doesn't change: save the decisions, then fold what the log says. `based_on`
        is the last position of the log that is on the board, where events that are not saved yet were folded after it.
        """
        trial = _Trial(self)
        decisions: list[Decision] = []
        for department_id in department_ids:
            queue, pool = self._queues.get(department_id), self.pool(department_id)
            if queue is None or len(decisions) == limit:
                continue
            for ticket_id in queue.in_order(pool.can_take):
                ticket = self.waiting[ticket_id]
                reasons = pool.reasons(ticket.demand, self.position if based_on is None else based_on)
                agent_id = reasons.candidates[0].agent_id
                claim = ticket.claim(agent_id, reasons=reasons, by=by, at=at)
                decisions.append(Decision(claim, trial.give(ticket, agent_id, at=at)))
                if len(decisions) == limit:
                    break
        trial.undo()
        return decisions

    def events_of(self, decisions: Sequence[Decision], *, at: datetime) -> list[DomainEvent]:
        """What to save of these decisions, as one command: for those across pools, only while the pools last."""
        events = [event for decision in decisions for event in decision]
        return events + self.pooling.share(shared_tickets(events), at=at)

    def pool(self, department_id: UUID) -> Pool:
        pool = self._pools.get(department_id)
        if pool is None:
            pool = self._pools[department_id] = Pool(POLICIES["round_robin"])
        return pool

    def shift_turns(self, beyond: int, by: int) -> None:
        """Events folded as standing right after position `beyond` were saved `by` positions further on."""
        for pool in self._pools.values():
            late = {agent_id: turn + by for agent_id, turn in pool.turns.items() if turn > beyond}
            pool.turns.update(late)
            for agent_id in late:
                if agent_id in pool.members:
                    pool.place(pool.members[agent_id])

    def queue_length(self, department_id: UUID) -> int:
        return len(self._queues.get(department_id, ()))

    def _paused(self, department_id: UUID) -> bool:
        department = self.departments.get(department_id)
        return department is None or department.paused or department.policy not in POLICIES

    def _fold_ticket(self, position: int, event: DomainEvent) -> None:
        if isinstance(event.fact, TicketAssigned):  # A turn, however much newer than this the ticket is known.
            self._take_turn(event.fact, position)
        before = self.waiting.get(event.originator_id)
        if before is not None:
            if event.originator_version <= before.version:
                return
            self._dequeue(before)
        after = waiting_after(event, before)
        if after is not None:
            self._enqueue(after)

    def _take_turn(self, fact: TicketAssigned, position: int) -> None:
        pool = self.pool(fact.department_id)
        pool.turns[fact.agent_id] = position
        if fact.agent_id in pool.members:
            pool.place(pool.members[fact.agent_id])

    def _fold_agent(self, event: DomainEvent) -> None:
        known = self.agents.get(event.originator_id)
        if known is not None and event.originator_version <= known.version:
            return
        former = known.department_ids if known is not None else ()
        agent = event.mutate(known)
        if not isinstance(agent, Agent):
            raise TypeError(f"stream {event.originator_id} is not an agent's")
        self.agents[agent.id] = agent
        if agent.department_ids is not former:
            served = set(self.pooling.queues_served_by(agent.department_ids))
            for department_id in set(self.pooling.queues_served_by(former)) - served:
                self.pool(department_id).remove(agent.id)
        self._place(agent)

    def _place(self, agent: Agent) -> None:
        for department_id in self.pooling.queues_served_by(agent.department_ids):
            self.pool(department_id).place(agent)
            self._ready.add(department_id)

    def _regroup(self, department_ids: Sequence[UUID]) -> None:
        """Put the agents of departments where they belong whose pool was formed or has ended."""
        members = {agent.id: agent for each in department_ids for agent in self.pool(each).members.values()}
        for agent in members.values():
            for department_id in department_ids:
                self.pool(department_id).remove(agent.id)
            self._place(agent)

    def _fold_department(self, event: DomainEvent) -> None:
        known = self.departments.get(event.originator_id)
        if known is not None and event.originator_version <= known.version:
            return
        department = event.mutate(known)
        if not isinstance(department, Department):
            raise TypeError(f"stream {event.originator_id} is not a department's")
        self.departments[department.id] = department
        self._apply_policy(department)

    def _apply_policy(self, department: Department) -> None:
        pool = self.pool(department.id)
        policy = POLICIES.get(department.policy)
        if policy is not None and pool.policy is not policy:
            pool.follow(policy)
        self._ready.add(department.id)

    def _enqueue(self, ticket: WaitingTicket) -> None:
        self.waiting[ticket.ticket_id] = ticket
        queue = self._queues.get(ticket.department_id)
        if queue is None:
            queue = self._queues[ticket.department_id] = Queue()
        queue.add(ticket)
        self._ready.add(ticket.department_id)

    def _dequeue(self, ticket: WaitingTicket) -> None:
        del self.waiting[TicketId(ticket.ticket_id)]
        self._queues[ticket.department_id].remove(ticket)


class _Trial:
    """Choices that are not saved yet, laid over a board so that the next choice sees them."""

    def __init__(self, board: DispatchBoard) -> None:
        self._board = board
        self._agents: dict[UUID, Agent] = {}
        self._turns: dict[tuple[UUID, UUID], int | None] = {}
        self._given = 0

    def give(self, ticket: WaitingTicket, agent_id: AgentId, *, at: datetime) -> DomainEvent:
        """Reserve the ticket's work on the agent; returns that event."""
        agent = self._agents.get(agent_id)
        if agent is None:
            agent = self._agents[agent_id] = self._board.agents[agent_id].copy()
        lent = self._board.pooling.lending(agent.department_ids, ticket.department_id)
        agent.reserve(ticket.ticket_id, ticket.department_id, at=at, requirement=ticket.requirement, lent=lent)
        (reservation,) = agent.collect_events()
        self._given += 1
        pool = self._board.pool(ticket.department_id)
        self._turns.setdefault((ticket.department_id, agent_id), pool.turns.get(agent_id))
        pool.turns[agent_id] = self._board.position + 2 * self._given - 1  # Where the claim will stand.
        self._place(agent)
        return reservation

    def undo(self) -> None:
        for (department_id, agent_id), turn in self._turns.items():
            turns = self._board.pool(department_id).turns
            if turn is None:
                del turns[agent_id]
            else:
                turns[agent_id] = turn
        for agent_id in self._agents:
            self._place(self._board.agents[agent_id])

    def _place(self, agent: Agent) -> None:
        for department_id in self._board.pooling.queues_served_by(agent.department_ids):
            self._board.pool(department_id).place(agent)
