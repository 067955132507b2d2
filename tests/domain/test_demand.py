"""What a ticket asks of an agent, and how its department's terms make that."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from tests.demands import ANNA, DEMANDS, NOW

from supportix.domain.demand import ANYBODY, NO_DEMAND, Demand, Requirement, stored_demand
from supportix.domain.department import Department
from supportix.domain.ticket_words import Channel, Priority


def test_a_ticket_that_asks_for_nothing_is_for_anybody():
    assert NO_DEMAND.requirement == ANYBODY == Requirement(1, ())


@given(demand=DEMANDS)
def test_what_an_agent_must_have_is_the_weight_and_the_skills(demand):
    assert demand.requirement == Requirement(demand.weight, demand.skills)


@given(demand=DEMANDS)
def test_an_event_carries_a_demand_unless_it_asks_for_nothing(demand):
    stored = stored_demand(demand)
    assert (stored is None) is (demand == Demand())
    assert (stored or NO_DEMAND) == demand
    assert msgspec.json.decode(msgspec.json.encode(demand), type=Demand) == demand


def test_terms_make_a_demand():
    department = Department(
        id=UUID(int=2),
        targets={Priority.URGENT: 60},
        weights_by_priority={Priority.URGENT: 3},
        weights_by_channel={Channel.PHONE: 2},
    )
    assert department.demand(
        Priority.URGENT, Channel.PHONE, since=NOW, skills=("vpn", "español", "vpn"), preferred_agent_id=ANNA
    ) == Demand(
        weight=6, skills=("español", "vpn"), due_at=NOW + timedelta(hours=1), preferred_agent_id=ANNA, returned=False
    )


@pytest.mark.parametrize(
    ("priority", "channel", "weight", "due_at"),
    [
        (Priority.URGENT, Channel.EMAIL, 3, NOW + timedelta(minutes=60)),
        (Priority.LOW, Channel.PHONE, 2, None),
        (Priority.LOW, Channel.EMAIL, 1, None),
    ],
)
def test_what_the_terms_do_not_name_weighs_one_and_is_never_due(priority, channel, weight, due_at):
    department = Department(
        id=UUID(int=2),
        targets={Priority.URGENT: 60},
        weights_by_priority={Priority.URGENT: 3},
        weights_by_channel={Channel.PHONE: 2},
    )
    demand = department.demand(priority, channel, since=NOW)
    assert (demand.weight, demand.due_at, demand.requirement) == (weight, due_at, Requirement(weight))


def test_a_department_without_terms_asks_for_nothing():
    assert Department(id=UUID(int=2)).demand(Priority.URGENT, Channel.PHONE, since=NOW) == NO_DEMAND
