"""An agent's availability, capacity and departments, and the work that it may take on."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.given import STREAM, but, given, given_nothing

from supportix.domain.agent import (
    CAPACITY_LIMIT,
    AgentAtCapacity,
    AgentAvailabilityChanged,
    AgentCapacityChanged,
    AgentJoinedDepartment,
    AgentLeftDepartment,
    AgentRegistered,
    AgentUnavailable,
    Availability,
    CapacityOutOfRange,
    NotInDepartment,
    WorkReleased,
    WorkReserved,
    register_agent,
)
from supportix.domain.ids import DepartmentId, TicketId

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOW = AT + timedelta(hours=1)
BILLING = DepartmentId(UUID("00000000-0000-7000-8000-0000000000b1"))
NETWORK = DepartmentId(UUID("00000000-0000-7000-8000-0000000000b2"))
FIRST, SECOND, THIRD = (TicketId(UUID(int=n)) for n in (1, 2, 3))

REGISTERED = AgentRegistered(occurred_at=AT, name="Anna Beck", department_ids=(BILLING,), capacity=2)
ONLINE, AWAY, OFFLINE = (
    AgentAvailabilityChanged(occurred_at=AT, availability=availability) for availability in Availability
)


def reserved(ticket_id: TicketId, at: datetime = AT, department_id: DepartmentId = BILLING) -> WorkReserved:
    return WorkReserved(occurred_at=at, ticket_id=ticket_id, department_id=department_id)


def released(ticket_id: TicketId, at: datetime = AT) -> WorkReleased:
    return WorkReleased(occurred_at=at, ticket_id=ticket_id)


def registering(**changes):
    details = {"name": "Anna Beck", "department_ids": (BILLING,), "capacity": 2, "at": AT} | changes
    return lambda _: register_agent(STREAM, **details)


def reserving(ticket_id: TicketId, department_id: DepartmentId = BILLING):
    return lambda agent: agent.reserve(ticket_id, department_id, at=NOW)


def test_an_agent_is_registered():
    given_nothing().when(registering()).then(REGISTERED)


def test_an_agent_is_offline_at_first():
    given(REGISTERED).when(reserving(FIRST)).then_refused(AgentUnavailable)


def test_a_department_named_twice_is_joined_once():
    given_nothing().when(registering(department_ids=(NETWORK, BILLING, NETWORK))).then(
        but(REGISTERED, department_ids=(NETWORK, BILLING))
    )


@pytest.mark.parametrize("capacity", [-1, CAPACITY_LIMIT + 1])
def test_a_capacity_out_of_range_is_refused(capacity):
    given_nothing().when(registering(capacity=capacity)).then_refused(CapacityOutOfRange)
    given(REGISTERED).when(lambda agent: agent.change_capacity(capacity, at=NOW)).then_refused(CapacityOutOfRange)


@pytest.mark.parametrize("capacity", [0, CAPACITY_LIMIT])
def test_the_limits_of_capacity_are_allowed(capacity):
    given_nothing().when(registering(capacity=capacity)).then(but(REGISTERED, capacity=capacity))
    given(REGISTERED).when(lambda agent: agent.change_capacity(capacity, at=NOW)).then(
        AgentCapacityChanged(occurred_at=NOW, capacity=capacity)
    )


def test_an_online_agent_takes_a_ticket_on():
    given(REGISTERED, ONLINE).when(reserving(FIRST)).then(reserved(FIRST, at=NOW))


@pytest.mark.parametrize("unavailable", [AWAY, OFFLINE], ids=["away", "offline"])
def test_only_an_online_agent_takes_tickets_on(unavailable):
    given(REGISTERED, ONLINE, unavailable).when(reserving(FIRST)).then_refused(
        AgentUnavailable, saying=f"is {unavailable.availability}; an online one was expected"
    )


def test_an_agent_takes_on_no_more_than_its_capacity():
    given(REGISTERED, ONLINE, reserved(FIRST)).when(reserving(SECOND)).then(reserved(SECOND, at=NOW))
    given(REGISTERED, ONLINE, reserved(FIRST), reserved(SECOND)).when(reserving(THIRD)).then_refused(
        AgentAtCapacity, saying="holds 2 of at most 2 points, and the ticket weighs 1"
    )


def test_an_agent_without_capacity_takes_nothing_on():
    given(but(REGISTERED, capacity=0), ONLINE).when(reserving(FIRST)).then_refused(AgentAtCapacity)


def test_released_work_makes_room():
    given(REGISTERED, ONLINE, reserved(FIRST), reserved(SECOND), released(FIRST)).when(reserving(THIRD)).then(
        reserved(THIRD, at=NOW)
    )


def test_an_agent_takes_nothing_from_departments_that_it_does_not_serve():
    given(REGISTERED, ONLINE).when(reserving(FIRST, NETWORK)).then_refused(NotInDepartment)


def test_held_work_is_released():
    given(REGISTERED, ONLINE, reserved(FIRST)).when(lambda agent: agent.release(FIRST, at=NOW)).then(
        released(FIRST, at=NOW)
    )


def test_work_can_be_released_while_offline():
    given(REGISTERED, ONLINE, reserved(FIRST), OFFLINE).when(lambda agent: agent.release(FIRST, at=NOW)).then(
        released(FIRST, at=NOW)
    )


def test_the_release_of_unknown_work_is_nothing():
    given(REGISTERED, ONLINE, reserved(FIRST)).when(lambda agent: agent.release(SECOND, at=NOW)).then_nothing()
    given(REGISTERED, ONLINE, reserved(FIRST), released(FIRST)).when(
        lambda agent: agent.release(FIRST, at=NOW)
    ).then_nothing()


def test_a_capacity_below_the_work_lets_it_finish_and_takes_no_new():
    busy = (REGISTERED, ONLINE, reserved(FIRST), reserved(SECOND))
    lowered = AgentCapacityChanged(occurred_at=NOW, capacity=1)
    given(*busy).when(lambda agent: agent.change_capacity(1, at=NOW)).then(lowered)
    agent = given(*busy, lowered).aggregate
    assert (agent.open_work, agent.free) == (2, 0)
    given(*busy, lowered, released(FIRST)).when(reserving(THIRD)).then_refused(AgentAtCapacity)
    given(*busy, lowered, released(FIRST), released(SECOND)).when(reserving(THIRD)).then(reserved(THIRD, at=NOW))


def test_what_is_the_case_already_is_nothing_new():
    given(REGISTERED).when(lambda agent: agent.change_availability(Availability.OFFLINE, at=NOW)).then_nothing()
    given(REGISTERED).when(lambda agent: agent.change_capacity(2, at=NOW)).then_nothing()
    given(REGISTERED).when(lambda agent: agent.change_departments((BILLING,), at=NOW)).then_nothing()


def test_availability_changes():
    given(REGISTERED).when(lambda agent: agent.change_availability(Availability.ONLINE, at=NOW)).then(
        but(ONLINE, occurred_at=NOW)
    )


def test_departments_are_joined_before_others_are_left():
    given(REGISTERED).when(lambda agent: agent.change_departments((NETWORK,), at=NOW)).then(
        AgentJoinedDepartment(occurred_at=NOW, department_id=NETWORK),
        AgentLeftDepartment(occurred_at=NOW, department_id=BILLING),
    )


def test_all_departments_can_be_left():
    given(but(REGISTERED, department_ids=(BILLING, NETWORK))).when(
        lambda agent: agent.change_departments((), at=NOW)
    ).then(
        AgentLeftDepartment(occurred_at=NOW, department_id=BILLING),
        AgentLeftDepartment(occurred_at=NOW, department_id=NETWORK),
    )


def test_work_stays_with_an_agent_that_leaves_its_department():
    left = AgentLeftDepartment(occurred_at=NOW, department_id=BILLING)
    agent = given(REGISTERED, ONLINE, reserved(FIRST), left).aggregate
    assert agent.work == {str(FIRST): str(BILLING)}


def test_a_copy_decides_for_itself():
    agent = given(REGISTERED, ONLINE).aggregate
    twin = agent.copy()
    twin.reserve(FIRST, BILLING, at=NOW)
    assert (agent.open_work, agent.version, agent.pending_events) == (0, 2, [])
