"""Giving out tickets at a small desk: as its board does, and by looking at all agents for each ticket."""

from collections import Counter
from uuid import UUID

from tests.histories import queue
from tests.small_desk import Desk

from supportix.domain.agent import Agent, Availability
from supportix.domain.department import Department
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import TicketAssigned
from supportix.domain.ticket_words import AssignedBy
from supportix.policies.dispatch import Decision


def chosen(decisions: list[Decision]) -> list[tuple[UUID, UUID]]:
    return [(decision.claim.originator_id, decision.reservation.originator_id) for decision in decisions]


def decide(desk: Desk, department_ids: list[UUID], limit: int = 100) -> list[Decision]:
    return desk.board.decide(department_ids, at=desk.now, by=AssignedBy.POLICY, limit=limit)


def serve(desk: Desk, limit: int = 100) -> list[Decision]:
    """Give out what can be given out."""
    decisions = decide(desk, desk.board.ready(), limit)
    desk.save(desk.board.events_of(decisions, at=desk.now))
    return decisions


class NaiveDispatch:
    """The same choices as the board's, computed from scratch: all agents looked at for each ticket."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        weights = _held_weights(desk)
        self.work = {
            agent.id: sum(weights[agent.id, UUID(ticket_id)] for ticket_id in agent.work) for agent in desk.all(Agent)
        }
        self.turns: dict[tuple[UUID, UUID], int] = {}
        for position, event in enumerate(desk.log, 1):
            if isinstance(event.fact, TicketAssigned):
                self.turns[event.fact.department_id, event.fact.agent_id] = position

    def obstacle(self, agent: Agent, ticket: Ticket) -> str | None:
        if agent.availability is not Availability.ONLINE:
            return str(agent.availability)
        if not agent.on_duty:
            return "off duty"
        if not set(ticket.demand.skills) <= set(agent.skills):
            return "lacks a skill"
        return "at capacity" if self.work[agent.id] + ticket.demand.weight > agent.capacity else None

    def team(self, department_id: UUID) -> list[Agent]:
        return [agent for agent in self.desk.all(Agent) if department_id in agent.department_ids]

    def excluded(self, ticket: Ticket) -> Counter[str]:
        obstacles = (self.obstacle(agent, ticket) for agent in self.team(ticket.department_id))
        return Counter(obstacle for obstacle in obstacles if obstacle is not None)

    def order(self, ticket: Ticket) -> list[Agent]:
        """Who can take the ticket, the first of them gets it."""
        able = [agent for agent in self.team(ticket.department_id) if self.obstacle(agent, ticket) is None]
        return sorted(able, key=lambda agent: self._key(ticket, agent))

    def level(self, ticket: Ticket, agent: Agent) -> int:
        """The mean of its levels in the skills asked for, in hundredths."""
        levels = [agent.skills[skill] for skill in ticket.demand.skills]
        return 100 * sum(levels) // len(levels) if levels else 0

    def _key(self, ticket: Ticket, agent: Agent) -> tuple[int, ...]:
        turn, work = self.turns.get((ticket.department_id, agent.id), 0), self.work[agent.id]
        after_that = (turn, agent.id.int)
        match self.desk.state[ticket.department_id].policy:
            case "round_robin":
                return after_that
            case "weighted":
                level = self.level(ticket, agent) if ticket.demand.skills else 300
                return ((work + ticket.demand.weight) * 100_000_000 // (agent.capacity * level), *after_that)
            case "sticky":
                is_another = int(agent.id != ticket.demand.preferred_agent_id)
                return (is_another, work * 1_000_000 // agent.capacity, *after_that)
            case _:
                return (work * 1_000_000 // agent.capacity, *after_that)

    def ready(self) -> set[UUID]:
        return {
            department.id
            for department in self.desk.all(Department)
            if not department.paused and any(self.order(ticket) for ticket in queue(self.desk, department.id))
        }

    def decide(self, department_ids: list[UUID], limit: int) -> list[tuple[UUID, UUID]]:
        """A ticket that nobody can take is passed over."""
        decisions: list[tuple[UUID, UUID]] = []
        for department_id in department_ids:
            for ticket in queue(self.desk, department_id):
                order = self.order(ticket)
                if order and len(decisions) < limit:
                    agent = order[0]
                    decisions.append((ticket.id, agent.id))
                    self.work[agent.id] += ticket.demand.weight
                    self.turns[department_id, agent.id] = len(self.desk.log) + 2 * len(decisions) - 1
        return decisions


def _held_weights(desk: Desk) -> dict[tuple[UUID, UUID], int]:
    """What each ticket weighed when it was last given to an agent, as it had been queued: by agent and ticket."""
    asked: dict[UUID, int] = {}
    held: dict[tuple[UUID, UUID], int] = {}
    for event in desk.log:
        ticket_id = event.originator_id
        if isinstance(event.fact, TicketAssigned):
            held[event.fact.agent_id, ticket_id] = asked[ticket_id]
        demand = getattr(event.fact, "demand", None)
        if hasattr(event.fact, "waits_in") or demand is not None:
            asked[ticket_id] = demand.weight if demand is not None else 1
    return held
