"""A log written by hand, in memory: departments, agents and tickets that came and went at given minutes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from supportix.domain.agent import Agent, Availability, register_agent
from supportix.domain.aggregate import Aggregate, DomainEvent, Fact
from supportix.domain.demand import NO_DEMAND, Demand
from supportix.domain.department import create_department
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, MergeId, TicketId
from supportix.domain.ticket import Ticket, open_ticket
from supportix.domain.ticket_words import AssignedBy, Channel, Priority, RoutingStep
from supportix.store.log import LogEntry

NOBODY = AgentId(UUID(int=0xBEEF))
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def entries_of(commands: Sequence[Sequence[DomainEvent]]) -> list[LogEntry]:
    """As they would stand in the log."""
    positions = count(1)
    return [
        LogEntry(
            next(positions),
            event.originator_id,
            event.originator_version,
            event.fact,
            UUID(int=n),
            event.fact.occurred_at,
        )
        for n, events in enumerate(commands, 1)
        for event in events
    ]


class Written:
    """Collects commands. Times are in minutes after START."""

    def __init__(self) -> None:
        self.commands: list[list[DomainEvent]] = []
        self.tickets: list[Ticket] = []
        self._agents: dict[UUID, Agent] = {}
        self._ids = (UUID(int=n) for n in count(0x1000))

    @property
    def entries(self) -> list[LogEntry]:
        return entries_of(sorted(self.commands, key=lambda events: events[0].fact.occurred_at))

    def department(self, name: str, policy: str = "least_busy", *, paused: bool = False) -> DepartmentId:
        department_id = DepartmentId(next(self._ids))
        department = create_department(department_id, name=name, policy=policy, at=START)
        self._save(department.pause_assignment(reason="by hand", at=START) if paused else department)
        return department_id

    def agent(self, *departments: DepartmentId, capacity: int = 1) -> AgentId:
        """Online from the start on."""
        agent_id = AgentId(next(self._ids))
        agent = register_agent(agent_id, name="Anna", department_ids=departments, capacity=capacity, at=START)
        self._agents[agent_id] = agent
        self._save(agent.change_availability(Availability.ONLINE, at=START))
        return agent_id

    def ticket(
        self,
        department: DepartmentId,
        opened: float,
        priority: Priority = Priority.NORMAL,
        demand: Demand = NO_DEMAND,
    ) -> Ticket:
        """A ticket that waits."""
        ticket_id = TicketId(next(self._ids))
        ticket = open_ticket(
            ticket_id,
            number=f"SUP-2026-{len(self.tickets):06}",
            subject="No invoice",
            description="",
            requester_id=CustomerId(UUID(int=1)),
            priority=priority,
            channel=Channel.API,
            tags=(),
            department_id=department,
            step=RoutingStep.REQUEST,
            at=at(opened),
            demand=demand,
        )
        self.tickets.append(ticket)
        self._save(ticket)
        return ticket

    def assigned(self, ticket: Ticket, agent: AgentId, when: float, by: AssignedBy = AssignedBy.HISTORY) -> Ticket:
        holder = self._agents[agent]
        ticket.assign(agent, at=at(when), by=by)
        holder.reserve(TicketId(ticket.id), ticket.department_id, at=at(when), requirement=ticket.demand.requirement)
        self._save(ticket, holder)
        return ticket

    def anyhow(self, department: DepartmentId, opened: float, ended: float) -> Ticket:
        """A ticket that somebody unknown had from its opening to its end, whom no capacity holds back."""
        ticket = self.ticket(department, opened)
        self._save(ticket.assign(NOBODY, at=at(opened), by=AssignedBy.HISTORY))
        self._save(ticket.resolve(resolution="", at=at(ended)))
        return ticket

    def forced(self, ticket: Ticket, agent: AgentId, when: float) -> Ticket:
        """By a person, beyond the agent's capacity."""
        holder = self._agents[agent]
        ticket.assign(agent, at=at(when), by=AssignedBy.PERSON)
        holder.force(TicketId(ticket.id), ticket.department_id, at=at(when))
        self._save(ticket, holder)
        return ticket

    def agent_fact(self, agent: AgentId, fact: Fact) -> None:
        self._save(self._agents[agent].record(fact))

    def resolved(self, ticket: Ticket, when: float) -> Ticket:
        holder = ticket.agent_id
        ticket.resolve(resolution="", at=at(when))
        self._save(ticket, *self._released(ticket, holder, when))
        return ticket

    def transferred(
        self, ticket: Ticket, department: DepartmentId, when: float, merge_id: MergeId | None = None
    ) -> Ticket:
        holder = ticket.agent_id
        ticket.transfer(department, reason="", at=at(when), merge_id=merge_id)
        self._save(ticket, *self._released(ticket, holder, when))
        return ticket

    def reopened(self, ticket: Ticket, when: float) -> Ticket:
        self._save(ticket.reopen(reason="", at=at(when)))
        return ticket

    def prioritised(self, ticket: Ticket, priority: Priority, when: float) -> Ticket:
        self._save(ticket.change_priority(priority, at=at(when)))
        return ticket

    def handled(
        self, department: DepartmentId, agent: AgentId, opened: float, taken: float, ended: float, **more: Priority
    ) -> Ticket:
        """A ticket's whole life."""
        return self.resolved(self.assigned(self.ticket(department, opened, **more), agent, taken), ended)

    def goes(self, agent: AgentId, availability: Availability, when: float) -> None:
        self._save(self._agents[agent].change_availability(availability, at=at(when)))

    def _released(self, ticket: Ticket, holder: AgentId | None, when: float) -> list[Agent]:
        return [self._agents[holder].release(TicketId(ticket.id), at=at(when))] if holder else []

    def _save(self, *aggregates: Aggregate) -> None:
        self.commands.append([event for each in aggregates for event in each.collect_events()])
