"""Who comes first under each assignment policy, and what it says about it."""

from uuid import UUID

import msgspec
import pytest

from supportix.domain.demand import ANYBODY, Demand, Requirement
from supportix.domain.ids import AgentId
from supportix.policies.assignment import (
    LEAST_BUSY,
    ROUND_ROBIN,
    STICKY,
    WEIGHTED,
    AssignmentPolicy,
    Candidate,
    ranked,
    tie_break,
)
from supportix.policies.registry import KNOWN, POLICIES, PolicyRefused, by_version, newest


def candidate(
    number: int, *, open_work: int = 0, capacity: int = 5, last_turn: int = 0, proficiency: int = 0
) -> Candidate:
    return Candidate(AgentId(UUID(int=number)), open_work, capacity, last_turn, proficiency)


def ranking(policy: AssignmentPolicy, *candidates: Candidate, requirement: Requirement = ANYBODY) -> list[int]:
    return [each.agent_id.int for each in sorted(candidates, key=lambda each: policy.place(each, requirement))]


def test_policies_by_name_and_version():
    """A changed key needs a higher version: old choices are proved by running the version that made them."""
    assert {name: policy.version for name, policy in POLICIES.items()} == {
        "round_robin": 1,
        "least_busy": 1,
        "weighted": 1,
        "sticky": 1,
    }
    assert all((policy.name, policy.version) == key for key, policy in KNOWN.items())


def test_departments_use_the_newest_version_and_former_ones_stay_known():
    former = msgspec.structs.replace(LEAST_BUSY, name="own", version=1)
    present = msgspec.structs.replace(LEAST_BUSY, name="own", version=2)
    known = by_version([present, former])
    assert known == {("own", 1): former, ("own", 2): present}
    assert newest(known) == {"own": present}


def test_two_policies_of_one_name_and_version_are_refused():
    with pytest.raises(PolicyRefused, match="two policies 'round_robin' of version 1"):
        by_version([ROUND_ROBIN, msgspec.structs.replace(ROUND_ROBIN, explain=LEAST_BUSY.explain)])


def test_weighted_goes_by_the_load_with_the_ticket_per_capacity_and_level():
    skilled = Requirement(weight=2, skills=("french",))
    assert ranking(
        WEIGHTED,
        candidate(1, open_work=2, capacity=4, proficiency=500),
        candidate(2, open_work=0, capacity=4, proficiency=200),
        candidate(3, open_work=1, capacity=4, proficiency=200),
        requirement=skilled,
    ) == [1, 2, 3]
    assert ranking(WEIGHTED, candidate(1, open_work=1, capacity=4), candidate(2, open_work=1, capacity=2)) == [1, 2]


def test_sticky_puts_the_preferred_agent_first_where_it_can_take_the_ticket():
    first, second, third = candidate(1), candidate(2, open_work=1), candidate(3, open_work=2)
    demand = Demand(preferred_agent_id=third.agent_id)
    assert STICKY.preferred(demand) == third.agent_id
    assert ranked([first, second, third], third) == [third, first, second]
    assert ranked([first, second], third) == [third, first]
    assert ranked([first, second], None) == [first, second]
    assert tie_break(STICKY, demand, [third, first]) == "the customer's previous agent"
    assert tie_break(STICKY, Demand(), [first, second]) == "smallest load for its capacity"
    assert tie_break(STICKY, Demand(), [first]) == "the only one who can take it"


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())
def test_a_key_never_ties(policy):
    assert len({policy.place(candidate(number), ANYBODY) for number in range(10)}) == 10


def test_round_robin_goes_by_who_had_no_turn_for_the_longest():
    assert ranking(ROUND_ROBIN, candidate(1, last_turn=30), candidate(2, last_turn=10), candidate(3, last_turn=20)) == [
        2,
        3,
        1,
    ]


def test_round_robin_does_not_mind_loads():
    assert ranking(ROUND_ROBIN, candidate(1, last_turn=10, open_work=4), candidate(2, last_turn=20)) == [1, 2]


def test_who_never_had_a_turn_comes_before_all_others_by_id():
    assert ranking(ROUND_ROBIN, candidate(3), candidate(1, last_turn=1), candidate(2)) == [2, 3, 1]


def test_least_busy_goes_by_load_relative_to_capacity():
    assert ranking(
        LEAST_BUSY,
        candidate(1, open_work=2, capacity=4),
        candidate(2, open_work=3, capacity=10),
        candidate(3, open_work=1, capacity=1),
    ) == [2, 1, 3]


def test_least_busy_between_equals_goes_by_turn_then_id():
    assert ranking(
        LEAST_BUSY,
        candidate(1, open_work=1, capacity=2, last_turn=9),
        candidate(3, open_work=2, capacity=4, last_turn=7),
        candidate(2, open_work=3, capacity=6, last_turn=9),
    ) == [3, 1, 2]


@pytest.mark.parametrize(
    ("policy", "first", "second", "why"),
    [
        (ROUND_ROBIN, candidate(1, last_turn=1), candidate(2, last_turn=2), "longest since a turn"),
        (ROUND_ROBIN, candidate(1), candidate(2), "none had a turn yet; lowest id"),
        (LEAST_BUSY, candidate(1), candidate(2, open_work=1), "smallest load for its capacity"),
        (LEAST_BUSY, candidate(1, last_turn=1), candidate(2, last_turn=2), "equal load; longest since a turn"),
        (LEAST_BUSY, candidate(1), candidate(2), "equal in all; lowest id"),
    ],
)
def test_a_choice_names_what_decided_between_the_two_first(policy, first, second, why):
    assert policy.place(first, ANYBODY) < policy.place(second, ANYBODY)
    assert policy.explain(first, second) == why
