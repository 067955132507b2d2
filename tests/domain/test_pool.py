"""A department's agents in the order of its policy: one order per requirement, the most recent ones kept."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from tests.boards import must_be_ordered_as_if_anew

from supportix.domain.agent import Agent, Availability
from supportix.domain.demand import ANYBODY, Demand, Requirement
from supportix.domain.ids import AgentId
from supportix.policies.assignment import LEAST_BUSY, ROUND_ROBIN, STICKY, WEIGHTED
from supportix.policies.pool import CANDIDATES_KEPT, ORDERS_KEPT, Pool

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
POLICIES = (ROUND_ROBIN, LEAST_BUSY, WEIGHTED, STICKY)


def an_agent(number: int, **state) -> Agent:
    details = {"capacity": 40, "availability": Availability.ONLINE} | state
    return Agent(id=UUID(int=number), **details)


def a_pool(*agents: Agent, policy=LEAST_BUSY) -> Pool:
    pool = Pool(policy)
    for agent in agents:
        pool.place(agent)
    return pool


def ids(pool: Pool, requirement: Requirement) -> list[int]:
    return [each.agent_id.int for each in pool.order(requirement).first(100)]


def test_each_requirement_has_an_order_of_its_own():
    skilled = an_agent(1, open_work=9, skills={"vpn": 3})
    pool = a_pool(skilled, an_agent(2, capacity=3), an_agent(3, on_duty=False))
    assert ids(pool, ANYBODY) == [2, 1]
    assert ids(pool, Requirement(4)) == [1]
    assert ids(pool, Requirement(1, ("vpn",))) == [1]
    assert ids(pool, Requirement(32)) == []
    assert pool.order(Requirement(4)).exclusions == {"at capacity": 1, "off duty": 1}
    assert pool.order(Requirement(1, ("vpn",))).exclusions == {"lacks a skill": 1, "off duty": 1}
    assert not pool.can_take(Requirement(32))


def test_the_orders_asked_for_last_are_kept():
    pool = a_pool(an_agent(1))
    requirements = [Requirement(weight) for weight in range(1, ORDERS_KEPT + 2)]
    kept = [pool.order(requirement) for requirement in requirements[:-1]]
    assert pool.order(requirements[0]) is kept[0]  # Asked for again, it is younger than the second.
    pool.order(requirements[-1])
    assert len(pool._orders) == ORDERS_KEPT
    assert pool.order(requirements[0]) is kept[0]
    assert pool.order(requirements[2]) is kept[2]
    assert pool.order(requirements[1]) is not kept[1]


def test_an_order_that_was_given_up_is_made_from_the_agents_as_they_stand():
    pool = a_pool(an_agent(1), an_agent(2, open_work=1))
    assert ids(pool, ANYBODY) == [1, 2]
    for weight in range(2, ORDERS_KEPT + 2):
        pool.order(Requirement(weight))
    assert ANYBODY not in pool._orders
    pool.place(an_agent(1, open_work=5))
    assert ids(pool, ANYBODY) == [2, 1]


def test_another_policy_orders_them_anew():
    pool = a_pool(an_agent(1, open_work=5), an_agent(2), policy=ROUND_ROBIN)
    assert ids(pool, ANYBODY) == [1, 2]
    pool.follow(LEAST_BUSY)
    assert ids(pool, ANYBODY) == [2, 1]


def test_reasons_name_the_preferred_agent_first():
    pool = a_pool(*(an_agent(number, open_work=number) for number in range(1, 9)), policy=STICKY)
    reasons = pool.reasons(Demand(preferred_agent_id=AgentId(UUID(int=8))), 7)
    assert [each.agent_id.int for each in reasons.candidates] == [8, 1, 2, 3, 4]
    assert (reasons.eligible, reasons.tie_break) == (8, "the customer's previous agent")
    assert len(reasons.candidates) == CANDIDATES_KEPT


REQUIREMENTS = st.builds(Requirement, st.integers(1, 40), st.sampled_from([(), ("vpn",)]))
AGENTS = st.builds(
    an_agent,
    st.integers(1, 5),
    open_work=st.integers(0, 40),
    skills=st.sampled_from([{}, {"vpn": 1}, {"vpn": 5}]),
    availability=st.sampled_from(Availability),
    on_duty=st.booleans(),
)
MOVES = st.lists(
    st.one_of(REQUIREMENTS, AGENTS, st.integers(1, 5), st.sampled_from(POLICIES), st.tuples(st.integers(1, 5))),
    max_size=120,
)


@given(moves=MOVES)
def test_whatever_happens_orders_are_those_that_would_be_made_now(moves):
    """An agent is placed, a number leaves, a number in brackets has a turn, a requirement is asked for."""
    pool = a_pool()
    for position, move in enumerate(moves, 1):
        match move:
            case Requirement():
                pool.order(move)
            case Agent():
                pool.place(move)
            case int(number):
                pool.remove(UUID(int=number))
            case (number,):
                pool.turns[UUID(int=number)] = position
                if UUID(int=number) in pool.members:
                    pool.place(pool.members[UUID(int=number)])
            case policy:
                pool.follow(policy)
    assert len(pool._orders) <= ORDERS_KEPT
    must_be_ordered_as_if_anew(pool)
