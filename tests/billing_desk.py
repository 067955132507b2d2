"""A small desk of one department, Billing, whose agents are online: for single cases."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tests.small_desk import Desk

from supportix.domain.agent import Availability, register_agent
from supportix.domain.aggregate import Aggregate
from supportix.domain.demand import NO_DEMAND, Demand
from supportix.domain.department import Department, create_department
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, TicketId
from supportix.domain.ticket import Ticket, open_ticket
from supportix.domain.ticket_words import Channel, Priority, RoutingStep

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def a_desk(*, agents: int, capacity: int = 1, policy: str = "round_robin") -> Desk:
    """One department with agents who are online."""
    desk = Desk()
    desk.now = NOW
    department = create_department(DepartmentId(desk.new_id()), name="Billing", policy=policy, at=NOW)
    desk.save(department.collect_events())
    for number in range(agents):
        agent = register_agent(
            AgentId(desk.new_id()),
            name=f"Agent {number}",
            department_ids=(DepartmentId(department.id),),
            capacity=capacity,
            at=NOW,
        )
        desk.save(agent.change_availability(Availability.ONLINE, at=NOW).collect_events())
    return desk


def billing(desk: Desk) -> UUID:
    return desk.all(Department)[0].id


def arrive(desk: Desk, priority: Priority = Priority.NORMAL, demand: Demand = NO_DEMAND) -> UUID:
    ticket = open_ticket(
        TicketId(desk.new_id()),
        number="",
        subject="No invoice",
        description="",
        requester_id=CustomerId(UUID(int=1)),
        priority=priority,
        channel=Channel.API,
        tags=(),
        department_id=DepartmentId(billing(desk)),
        step=RoutingStep.REQUEST,
        demand=demand,
        at=desk.now,
    )
    desk.save(ticket.collect_events())
    return ticket.id


def finish_some(desk: Desk, number: int) -> None:
    held = [ticket for ticket in desk.all(Ticket) if ticket.agent_id is not None]
    if held:
        finish(desk, held[number % len(held)].id)


def finish(desk: Desk, ticket_id: UUID) -> None:
    ticket = desk.state[ticket_id].copy()
    agent = desk.state[ticket.agent_id].copy()
    agent.release(TicketId(ticket_id), at=desk.now)
    desk.save([*ticket.resolve(resolution="", at=desk.now).collect_events(), *agent.collect_events()])


def change(desk: Desk, aggregate: Aggregate, decision: Callable[[Any], Aggregate]) -> None:
    desk.save(decision(aggregate.copy()).collect_events())
