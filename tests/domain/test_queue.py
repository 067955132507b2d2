"""The waiting tickets of one department, in order, whoever can take which of them."""

from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from tests.demands import DEMANDS, NOW

from supportix.domain.demand import Requirement
from supportix.domain.ids import DepartmentId, TicketId
from supportix.domain.ticket_words import Priority
from supportix.domain.waiting import WaitingTicket
from supportix.policies.queue import Queue


def waiting(number: int, priority: Priority, minutes: int, demand) -> WaitingTicket:
    opened_at = NOW + timedelta(minutes=minutes)
    return WaitingTicket(TicketId(UUID(int=number)), 2, DepartmentId(UUID(int=0xB1)), priority, opened_at, demand)


TICKETS = st.lists(
    st.builds(waiting, st.integers(1, 1_000), st.sampled_from(Priority), st.integers(0, 3), DEMANDS),
    unique_by=lambda ticket: ticket.ticket_id,
    max_size=30,
)
PLACES = st.dictionaries(
    st.builds(Requirement, st.integers(1, 3), st.sampled_from([(), ("vpn",), ("español", "vpn")])), st.integers(0, 9)
)
"""How many tickets of a requirement can be taken."""


def a_queue(tickets: list[WaitingTicket]) -> Queue:
    queue = Queue()
    for ticket in tickets:
        queue.add(ticket)
    return queue


@given(tickets=TICKETS)
def test_all_tickets_in_the_order_of_the_queue(tickets):
    queue = a_queue(tickets)
    assert list(queue.in_order(lambda _: True)) == [
        ticket.ticket_id for ticket in sorted(tickets, key=lambda ticket: ticket.order)
    ]
    assert len(queue) == len(tickets)
    assert set(queue.requirements()) == {ticket.requirement for ticket in tickets}


@given(tickets=TICKETS, places=PLACES)
def test_those_for_whom_nobody_is_left_are_passed_over(tickets, places):
    """Each that is taken leaves fewer who can take the next, also while it is asked who is next."""
    expected, left = [], dict(places)
    for ticket in sorted(tickets, key=lambda ticket: ticket.order):
        if left.get(ticket.requirement, 0) > 0:
            left[ticket.requirement] -= 1
            expected.append(ticket.ticket_id)
    requirement_of = {ticket.ticket_id: ticket.requirement for ticket in tickets}
    found = []
    for ticket_id in a_queue(tickets).in_order(lambda requirement: places.get(requirement, 0) > 0):
        places[requirement_of[ticket_id]] -= 1
        found.append(ticket_id)
    assert found == expected


@given(tickets=TICKETS, seed=st.randoms())
def test_a_ticket_that_left_is_gone(tickets, seed):
    queue = a_queue(tickets)
    gone = [ticket for ticket in tickets if seed.random() < 0.5]
    for ticket in gone:
        queue.remove(ticket)
    stayed = [ticket for ticket in tickets if ticket not in gone]
    assert list(queue.in_order(lambda _: True)) == list(a_queue(stayed).in_order(lambda _: True))
    assert set(queue.requirements()) == {ticket.requirement for ticket in stayed}
    assert len(queue) == len(stayed)
