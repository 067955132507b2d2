"""The dispatch board after any history: it chooses what looking at all agents would choose, and says why."""

from collections import Counter

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.boards import face, must_be_ordered_as_if_anew
from tests.dispatching import NaiveDispatch, chosen, decide, serve
from tests.histories import EVENTFUL, STEPS, attempt, history, queue, staffed_desk

from supportix.domain.agent import Agent
from supportix.domain.demand import ANYBODY, NO_DEMAND, Requirement
from supportix.domain.department import Department
from supportix.domain.department_facts import MergeJoined, MergeLeft, MergingChanged
from supportix.domain.history import FACTS
from supportix.domain.merge import Merge
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import ConsideredAgent
from supportix.policies import POLICIES
from supportix.policies.dispatch import DispatchBoard
from supportix.policies.pool import CANDIDATES_KEPT

LIMITS = st.integers(1, 6)
REQUIREMENTS = (ANYBODY, Requirement(3), Requirement(1, ("vpn",)), Requirement(2, ("español", "vpn")))
OBSTACLES = ("away", "offline", "off duty", "lacks a skill", "at capacity")
IN_MERGES = {MergingChanged, MergeJoined, MergeLeft}


@settings(max_examples=150)
@example(steps=EVENTFUL, limit=6)
@given(steps=STEPS, limit=LIMITS)
def test_the_board_chooses_what_looking_at_all_agents_would_choose(steps, limit):
    desk = history(steps)
    departments = [department.id for department in desk.all(Department)]
    assert chosen(decide(desk, departments, limit)) == NaiveDispatch(desk).decide(departments, limit)


@settings(max_examples=100)
@example(steps=EVENTFUL)
@given(steps=STEPS)
def test_ready_are_the_departments_where_a_ticket_can_be_given_out_now(steps):
    desk = staffed_desk()
    for step in steps:
        attempt(desk, step)
        ready = desk.board.ready()
        assert len(ready) == len(set(ready))
        assert set(ready) == NaiveDispatch(desk).ready()


@example(steps=EVENTFUL)
@given(steps=STEPS)
def test_agents_stand_in_the_policys_order_after_every_single_event(steps):
    """Between a claim and its reservation too: a follower may have read up to there."""
    board = DispatchBoard()
    for position, event in enumerate(history(steps).log, 1):
        board.fold(position, event)
        for pool in board._pools.values():
            for requirement in REQUIREMENTS:
                pool.order(requirement)
            must_be_ordered_as_if_anew(pool)


@example(steps=EVENTFUL, limit=6)
@given(steps=STEPS, limit=LIMITS)
def test_deciding_leaves_the_board_as_it_was(steps, limit):
    desk = history(steps)
    departments = [department.id for department in desk.all(Department)]
    before = face(desk.board)
    first = decide(desk, departments, limit)
    assert face(desk.board) == before
    assert decide(desk, departments, limit) == first


@example(steps=EVENTFUL, limit=6)
@given(steps=STEPS, limit=LIMITS)
def test_decisions_can_be_saved_as_they_are(steps, limit):
    desk = history(steps)
    decisions = decide(desk, [department.id for department in desk.all(Department)], limit)
    for claim, reservation in decisions:
        ticket, agent = desk.state[claim.originator_id].copy(), desk.state[reservation.originator_id].copy()
        assert isinstance(ticket, Ticket)
        assert isinstance(agent, Agent)
        fact, requirement = claim.fact, ticket.demand.requirement
        ticket.assign(fact.agent_id, at=desk.now, by=fact.assigned_by, reasons=fact.reasons)
        assert ticket.collect_events() == [claim]
        agent.reserve(ticket.id, ticket.department_id, at=desk.now, requirement=requirement)
        assert agent.collect_events() == [reservation]
        desk.save([claim, reservation])


@example(steps=EVENTFUL)
@given(steps=STEPS)
def test_an_agent_never_takes_on_more_than_its_capacity(steps):
    """Unless it was forced to."""
    desk = staffed_desk()
    for step in steps:
        before = {agent.id: agent.open_work for agent in desk.all(Agent)}
        attempt(desk, step)
        serve(desk)
        if step.name != "force":
            for agent in desk.all(Agent):
                assert agent.open_work <= max(agent.capacity, before.get(agent.id, 0))


@example(steps=EVENTFUL)
@given(steps=STEPS)
def test_open_work_is_what_the_held_tickets_weigh(steps):
    desk = history(steps)
    assert {agent.id: agent.open_work for agent in desk.all(Agent)} == NaiveDispatch(desk).work


@example(steps=EVENTFUL)
@given(steps=STEPS)
def test_reasons_are_those_of_the_board_that_decided(steps):
    desk = history(steps)
    for department in desk.all(Department):
        naive = NaiveDispatch(desk)
        ticket = next((each for each in queue(desk, department.id) if naive.order(each)), None)
        decisions = decide(desk, [department.id], 1)
        assert [ticket_id for ticket_id, _ in chosen(decisions)] == ([ticket.id] if ticket is not None else [])
        if ticket is None:
            continue
        order = naive.order(ticket)
        reasons = decisions[0].claim.fact.reasons
        assert (reasons.policy, reasons.policy_version) == (department.policy, 1)
        assert (reasons.based_on, reasons.eligible) == (len(desk.log), len(order))
        assert reasons.excluded == dict(naive.excluded(ticket))
        assert (reasons.demand or NO_DEMAND) == ticket.demand
        assert reasons.candidates == tuple(
            ConsideredAgent(
                agent.id,
                agent.open_work,
                agent.capacity,
                naive.turns.get((department.id, agent.id), 0),
                naive.level(ticket, agent),
            )
            for agent in order[:CANDIDATES_KEPT]
        )


def test_the_eventful_history_holds_what_the_properties_are_about():
    """Choices of each policy on tickets of every kind of demand, every obstacle, and every kind of fact."""
    log = history(EVENTFUL).log
    choices: Counter[str] = Counter(dict.fromkeys((*POLICIES, *OBSTACLES), 0))
    for reasons in (getattr(event.fact, "reasons", None) for event in log):
        if reasons is not None:
            demand = reasons.demand or NO_DEMAND
            choices.update((reasons.policy, *reasons.excluded))
            choices["weighs more than one"] += demand.weight > 1
            choices["asks for skills"] += bool(demand.skills)
            choices["is due"] += demand.due_at is not None
            choices["was taken back"] += demand.returned
            choices["goes to the preferred agent"] += reasons.tie_break == "the customer's previous agent"
    assert min(choices.values()) > 0, choices
    missing = {fact for fact in FACTS.values() if fact.AGGREGATE is not Merge} - {type(event.fact) for event in log}
    assert missing == IN_MERGES
