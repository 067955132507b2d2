"""The dispatch board: what waits, who can take it, and who gets it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.boards import face, must_be_ordered_as_if_anew
from tests.histories import STEPS, Desk, Step, history, queue, staffed_desk

from supportix.domain.agent import Agent, Availability, register_agent
from supportix.domain.aggregate import Aggregate
from supportix.domain.department import Department, create_department
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, TicketId
from supportix.domain.ticket import (
    AssignedBy,
    Channel,
    ConsideredAgent,
    Priority,
    Reasons,
    RoutingStep,
    Ticket,
    TicketAssigned,
    open_ticket,
)
from supportix.policies.dispatch import Decision, DispatchBoard
from supportix.policies.pool import CANDIDATES_KEPT

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LIMITS = st.integers(1, 6)


def chosen(decisions: list[Decision]) -> list[tuple[UUID, UUID]]:
    return [(decision.claim.originator_id, decision.reservation.originator_id) for decision in decisions]


def decide(desk: Desk, department_ids: list[UUID], limit: int = 100) -> list[Decision]:
    return desk.board.decide(department_ids, at=desk.now, by=AssignedBy.POLICY, limit=limit)


def serve(desk: Desk, limit: int = 100) -> list[Decision]:
    """Give out what can be given out."""
    decisions = decide(desk, desk.board.ready(), limit)
    desk.save([event for decision in decisions for event in decision])
    return decisions


class NaiveDispatch:
    """The same choices as the board's, computed from scratch: all agents looked at for each ticket."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.work = {agent.id: len(agent.work) for agent in desk.all(Agent)}
        self.turns: dict[tuple[UUID, UUID], int] = {}
        for position, event in enumerate(desk.log, 1):
            if isinstance(event.fact, TicketAssigned):
                self.turns[event.fact.department_id, event.fact.agent_id] = position

    def eligible(self, department_id: UUID) -> list[Agent]:
        return [
            agent
            for agent in self.desk.all(Agent)
            if department_id in agent.department_ids
            and agent.availability is Availability.ONLINE
            and self.work[agent.id] < agent.capacity
        ]

    def key(self, department_id: UUID, agent: Agent) -> tuple[int, ...]:
        turn = self.turns.get((department_id, agent.id), 0)
        policy = self.desk.state[department_id].policy
        if policy == "round_robin":
            return (turn, agent.id.int)
        if policy == "weighted":
            return ((self.work[agent.id] + 1) * 100_000_000 // (agent.capacity * 300), turn, agent.id.int)
        return (self.work[agent.id] * 1_000_000 // agent.capacity, turn, agent.id.int)

    def ready(self) -> set[UUID]:
        return {
            department.id
            for department in self.desk.all(Department)
            if not department.paused and queue(self.desk, department.id) and self.eligible(department.id)
        }

    def decide(self, department_ids: list[UUID], limit: int) -> list[tuple[UUID, UUID]]:
        decisions: list[tuple[UUID, UUID]] = []
        for department_id in department_ids:
            for ticket in queue(self.desk, department_id)[: limit - len(decisions)]:
                if not (eligible := self.eligible(department_id)):
                    break
                agent = min(eligible, key=lambda agent: self.key(department_id, agent))
                decisions.append((ticket.id, agent.id))
                self.work[agent.id] += 1
                self.turns[department_id, agent.id] = len(self.desk.log) + 2 * len(decisions) - 1
        return decisions


@settings(max_examples=150)
@given(steps=STEPS, limit=LIMITS)
def test_the_board_chooses_what_looking_at_all_agents_would_choose(steps, limit):
    desk = history(steps)
    departments = [department.id for department in desk.all(Department)]
    assert chosen(decide(desk, departments, limit)) == NaiveDispatch(desk).decide(departments, limit)


@settings(max_examples=100)
@given(steps=STEPS)
def test_ready_are_the_departments_where_a_ticket_can_be_given_out_now(steps):
    desk = staffed_desk()
    for step in steps:
        desk.attempt(step)
        ready = desk.board.ready()
        assert len(ready) == len(set(ready))
        assert set(ready) == NaiveDispatch(desk).ready()


@given(steps=STEPS)
def test_agents_stand_in_the_policys_order_after_every_single_event(steps):
    """Between a claim and its reservation too: a follower may have read up to there."""
    board = DispatchBoard()
    for position, event in enumerate(history(steps).log, 1):
        board.fold(position, event)
        for pool in board._pools.values():
            must_be_ordered_as_if_anew(pool)


@given(steps=STEPS, limit=LIMITS)
def test_deciding_leaves_the_board_as_it_was(steps, limit):
    desk = history(steps)
    departments = [department.id for department in desk.all(Department)]
    before = face(desk.board)
    first = decide(desk, departments, limit)
    assert face(desk.board) == before
    assert decide(desk, departments, limit) == first


@given(steps=STEPS, limit=LIMITS)
def test_decisions_can_be_saved_as_they_are(steps, limit):
    desk = history(steps)
    decisions = decide(desk, [department.id for department in desk.all(Department)], limit)
    for claim, reservation in decisions:
        ticket, agent = desk.state[claim.originator_id].copy(), desk.state[reservation.originator_id].copy()
        assert isinstance(ticket, Ticket)
        assert isinstance(agent, Agent)
        fact = claim.fact
        assert ticket.assign(
            fact.agent_id, at=desk.now, by=fact.assigned_by, reasons=fact.reasons
        ).collect_events() == [claim]
        assert agent.reserve(ticket.id, ticket.department_id, at=desk.now).collect_events() == [reservation]
        desk.save([claim, reservation])


@given(steps=STEPS)
def test_an_agent_never_takes_on_more_than_its_capacity(steps):
    desk = staffed_desk()
    for step in steps:
        before = {agent.id: agent.open_work for agent in desk.all(Agent)}
        desk.attempt(step)
        serve(desk)
        for agent in desk.all(Agent):
            assert agent.open_work <= max(agent.capacity, before.get(agent.id, 0))


@given(steps=STEPS)
def test_reasons_are_those_of_the_board_that_decided(steps):
    desk = history(steps)
    for department in desk.all(Department):
        if not queue(desk, department.id):
            continue
        naive = NaiveDispatch(desk)
        ranked = sorted(naive.eligible(department.id), key=lambda agent: naive.key(department.id, agent))
        decisions = decide(desk, [department.id], 1)
        assert len(decisions) == (1 if ranked else 0)
        if not ranked:
            continue
        reasons = decisions[0].claim.fact.reasons
        excluded = Counter(
            agent.availability.value if agent.availability is not Availability.ONLINE else "at capacity"
            for agent in desk.all(Agent)
            if department.id in agent.department_ids and agent not in ranked
        )
        assert (reasons.policy, reasons.policy_version) == (department.policy, 1)
        assert (reasons.based_on, reasons.eligible) == (len(desk.log), len(ranked))
        assert reasons.excluded == dict(excluded)
        assert reasons.candidates == tuple(
            ConsideredAgent(agent.id, agent.open_work, agent.capacity, naive.turns.get((department.id, agent.id), 0))
            for agent in ranked[:CANDIDATES_KEPT]
        )


@given(arrivals=st.lists(st.tuples(st.sampled_from(Priority), st.integers(0, 3)), max_size=30))
def test_a_queue_is_served_by_priority_then_age(arrivals):
    desk = a_desk(agents=1, capacity=100)
    for priority, minutes in arrivals:
        desk.now += timedelta(minutes=minutes)
        arrive(desk, priority)
    served = [desk.state[ticket_id] for ticket_id, _ in chosen(serve(desk))]
    assert len(served) == len(arrivals)
    order = [(ticket.priority.rank, ticket.opened_at, ticket.id.int) for ticket in served]
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


def arrive(desk: Desk, priority: Priority = Priority.NORMAL) -> UUID:
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


def change(desk: Desk, aggregate: Aggregate, decision) -> None:
    desk.save(decision(aggregate.copy()).collect_events())


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


def test_a_board_knows_where_it_stands():
    desk = a_desk(agents=1)
    assert desk.board.position == len(desk.log)
    assert DispatchBoard().position == 0


def test_a_stream_left_alone_takes_no_part_any_more():
    """A ticket leaves its queue, an agent its pools, a department's queue waits, whatever their events say later."""
    desk = staffed_desk(departments=2, agents=4)
    first, second = desk.all(Department)
    for number in range(6):
        desk.attempt(Step("open", number, number, 1))
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
