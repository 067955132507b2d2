"""Who comes first under each assignment policy, and what it says about it."""

from uuid import UUID

import pytest

from supportix.policies.assignment import LEAST_BUSY, POLICIES, ROUND_ROBIN, AssignmentPolicy, Candidate


def candidate(number: int, *, open_work: int = 0, capacity: int = 5, last_turn: int = 0) -> Candidate:
    return Candidate(UUID(int=number), open_work, capacity, last_turn)


def ranking(policy: AssignmentPolicy, *candidates: Candidate) -> list[int]:
    return [each.agent_id.int for each in sorted(candidates, key=policy.key)]


def test_policies_by_name_and_version():
    """A changed key needs a higher version: old choices are proved by running the version that made them."""
    assert {name: policy.version for name, policy in POLICIES.items()} == {"round_robin": 1, "least_busy": 1}
    assert all(policy.name == name for name, policy in POLICIES.items())


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())
def test_a_key_never_ties(policy):
    assert len({policy.key(candidate(number)) for number in range(10)}) == 10


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
    assert policy.key(first) < policy.key(second)
    assert policy.explain(first, second) == why
