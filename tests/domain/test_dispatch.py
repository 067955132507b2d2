"""The dispatch board: what waits, who can take it, and who gets it."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from tests.billing_desk import NOW, a_desk, arrive, billing, change, finish, finish_some
from tests.boards import face
from tests.dispatching import chosen, decide, serve
from tests.histories import attempt, queue, staffed_desk
from tests.small_desk import Step

from supportix.domain.agent import Agent, Availability
from supportix.domain.demand import Demand
from supportix.domain.department import Department
from supportix.domain.ids import DepartmentId, TicketId
from supportix.domain.ticket_facts import ConsideredAgent, Reasons, TicketAssigned
from supportix.domain.ticket_words import AssignedBy, Priority
from supportix.domain.waiting import NEVER_DUE
from supportix.policies.dispatch import DispatchBoard

DUE = st.one_of(st.none(), st.integers(0, 3))


@given(arrivals=st.lists(st.tuples(st.sampled_from(Priority), st.integers(0, 3), DUE, st.booleans()), max_size=30))
def test_a_queue_is_served_by_priority_then_what_came_back_then_due_then_age(arrivals):
    desk = a_desk(agents=1, capacity=100)
    for priority, minutes, due, returned in arrivals:
        desk.now += timedelta(minutes=minutes)
        due_at = None if due is None else NOW + timedelta(minutes=due)
        arrive(desk, priority, Demand(due_at=due_at, returned=returned))
    served = [desk.state[ticket_id] for ticket_id, _ in chosen(serve(desk))]
    assert len(served) == len(arrivals)
    order = [
        (each.priority.rank, not each.demand.returned, each.demand.due_at or NEVER_DUE, each.opened_at, each.id.int)
        for each in served
    ]
    assert order == sorted(order)


@given(
    agents=st.integers(2, 5),
    moves=st.lists(st.one_of(st.just("arrive"), st.just("serve"), st.integers(0, 20)), max_size=60),
)
def test_round_robin_gives_equally_present_agents_equally_many(agents, moves):
    """A number finishes one of the tickets that are held: who finishes sooner gets no more."""
    desk = a_desk(agents=agents, capacity=100)
    turns: Counter[UUID] = Counter({agent.id: 0 for agent in desk.all(Agent)})
    for move in moves:
        if move == "arrive":
            arrive(desk)
        elif move == "serve":
            turns.update(agent_id for _, agent_id in chosen(serve(desk)))
        else:
            finish_some(desk, move)
        assert max(turns.values()) - min(turns.values()) <= 1


# Single cases.


def test_nobody_gets_a_ticket_while_none_waits():
    desk = a_desk(agents=2)
    assert desk.board.ready() == []
    assert decide(desk, [billing(desk)]) == []


def test_a_choice_tells_what_was_known():
    desk = a_desk(agents=3)
    first, second, third = desk.all(Agent)
    change(desk, third, lambda agent: agent.change_availability(Availability.AWAY, at=NOW))
    arrive(desk)
    [decision] = serve(desk)
    assert decision.claim.fact == TicketAssigned(
        occurred_at=NOW,
        agent_id=first.id,
        department_id=billing(desk),
        assigned_by=AssignedBy.POLICY,
        reasons=Reasons(
            policy="round_robin",
            policy_version=1,
            based_on=10,
            eligible=2,
            candidates=(ConsideredAgent(first.id, 0, 1, 0), ConsideredAgent(second.id, 0, 1, 0)),
            excluded={"away": 1},
            tie_break="none had a turn yet; lowest id",
        ),
    )
    arrive(desk)
    [decision] = serve(desk)
    reasons = decision.claim.fact.reasons
    assert reasons.excluded == {"at capacity": 1, "away": 1}
    assert reasons.tie_break == "the only one who can take it"


def test_a_choice_sees_the_choices_before_it_in_the_same_batch():
    desk = a_desk(agents=2, capacity=2)
    for _ in range(5):
        arrive(desk)
    assert Counter(agent_id for _, agent_id in chosen(serve(desk))) == {agent.id: 2 for agent in desk.all(Agent)}
    assert desk.board.queue_length(billing(desk)) == 1
    assert desk.board.ready() == []


def test_the_queue_goes_on_as_soon_as_capacity_frees():
    desk = a_desk(agents=1)
    held, waiting = arrive(desk), arrive(desk)
    serve(desk)
    finish(desk, held)
    assert [ticket_id for ticket_id, _ in chosen(serve(desk))] == [waiting]


def test_the_queue_goes_on_as_soon_as_an_agent_comes_online():
    desk = a_desk(agents=1)
    [agent] = desk.all(Agent)
    change(desk, agent, lambda agent: agent.change_availability(Availability.OFFLINE, at=NOW))
    arrive(desk)
    assert desk.board.ready() == []
    change(desk, agent, lambda agent: agent.change_availability(Availability.ONLINE, at=NOW))
    assert desk.board.ready() == [billing(desk)]


def test_the_queue_goes_on_as_soon_as_an_agent_gets_capacity():
    desk = a_desk(agents=1, capacity=0)
    arrive(desk)
    assert desk.board.ready() == []
    change(desk, desk.all(Agent)[0], lambda agent: agent.change_capacity(1, at=NOW))
    assert desk.board.ready() == [billing(desk)]


def test_the_queue_goes_on_as_soon_as_an_agent_joins():
    desk = a_desk(agents=1)
    [agent] = desk.all(Agent)
    change(desk, agent, lambda agent: agent.change_departments((), at=NOW))
    arrive(desk)
    assert desk.board.ready() == []
    change(desk, agent, lambda agent: agent.change_departments((DepartmentId(billing(desk)),), at=NOW))
    assert desk.board.ready() == [billing(desk)]


def test_a_paused_department_waits_until_it_is_resumed():
    desk = a_desk(agents=1)
    arrive(desk)
    [department] = desk.all(Department)
    change(desk, department, lambda department: department.pause_assignment(reason="", at=NOW))
    assert desk.board.ready() == []
    change(desk, department, lambda department: department.resume_assignment(at=NOW))
    assert desk.board.ready() == [billing(desk)]


def test_another_policy_reorders_the_agents_at_once():
    desk = a_desk(agents=2, capacity=10)
    slow, quick = desk.all(Agent)
    for _ in range(4):
        arrive(desk)
    finished = [ticket_id for ticket_id, agent_id in chosen(serve(desk)) if agent_id == quick.id]
    for ticket_id in finished:
        finish(desk, ticket_id)
    arrive(desk)
    assert chosen(decide(desk, [billing(desk)]))[0][1] == slow.id
    change(desk, desk.all(Department)[0], lambda department: department.change_policy("least_busy", at=NOW))
    assert chosen(decide(desk, [billing(desk)]))[0][1] == quick.id


def test_a_turn_is_kept_by_an_agent_who_was_away():
    desk = a_desk(agents=2, capacity=10)
    first, second = desk.all(Agent)
    arrive(desk)
    serve(desk)
    change(desk, first, lambda agent: agent.change_availability(Availability.AWAY, at=NOW))
    change(desk, first, lambda agent: agent.change_availability(Availability.ONLINE, at=NOW))
    arrive(desk)
    assert [agent_id for _, agent_id in chosen(serve(desk))] == [second.id]


def test_what_is_folded_twice_counts_once():
    """Agents, departments and waiting tickets may be known at a later version than the position says."""
    desk = a_desk(agents=2, capacity=3)
    arrive(desk)
    before = face(desk.board)
    for position, event in enumerate(desk.log, 1):
        desk.board.fold(position, event)
    assert face(desk.board) == before


def test_a_turn_counts_where_the_ticket_is_known_to_wait_again_already():
    """The queue's read model may be further than the one that tells of turns."""
    desk = a_desk(agents=2)
    ticket_id = arrive(desk)
    known = len(desk.log)
    serve(desk)
    finish(desk, ticket_id)
    change(desk, desk.state[ticket_id], lambda ticket: ticket.reopen(reason="", at=NOW))
    board = DispatchBoard()
    agents = [agent.copy() for agent in desk.all(Agent)]
    board.restore(known, desk.all(Department), agents, [desk.board.waiting[TicketId(ticket_id)]], turns=[])
    for position, event in enumerate(desk.log[known:], known + 1):
        board.fold(position, event)
    assert face(board) == face(desk.board)


def test_a_board_knows_where_it_stands():
    desk = a_desk(agents=1)
    assert desk.board.position == len(desk.log)
    assert DispatchBoard().position == 0


def test_a_stream_left_alone_takes_no_part_any_more():
    """A ticket leaves its queue, an agent its pools, a department's queue waits, whatever their events say later."""
    desk = staffed_desk(departments=2, agents=4)
    first, second = desk.all(Department)
    for number in range(6):
        attempt(desk, Step("open", number, number, 1))
    ticket, agent = queue(desk, first.id)[0], next(each for each in desk.all(Agent) if first.id in each.department_ids)
    for stream in (ticket, agent, second):
        desk.board.leave_alone(desk.board.position + 1, stream.id)
    agent.change_availability(Availability.AWAY, at=desk.now).change_availability(Availability.ONLINE, at=desk.now)
    for event in agent.collect_events():
        desk.board.fold(desk.board.position + 1, event)
    assert desk.board.ready() == [first.id]
    decisions = chosen(decide(desk, desk.board.ready()))
    assert decisions
    assert ticket.id not in {ticket_id for ticket_id, _ in decisions}
    assert agent.id not in {agent_id for _, agent_id in decisions}
