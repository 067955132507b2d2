"""Round robin is fair over a month in which people join, leave and come back.

Agents of a department who could be chosen at exactly the same decisions got the same number of tickets, give or take
one. A board that forgets the turns of those who leave breaks that, which is tested too.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from uuid import UUID

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.small_desk import Desk

from supportix.domain.agent import Agent, AgentAvailabilityChanged, AgentLeftDepartment, Availability, register_agent
from supportix.domain.aggregate import DomainEvent
from supportix.domain.department import create_department
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, TicketId
from supportix.domain.ticket import Ticket, open_ticket
from supportix.domain.ticket_words import AssignedBy, Channel, Priority, RoutingStep, Status
from supportix.policies.dispatch import DispatchBoard

DAYS, MOMENTS_A_DAY = 30, 16
MOST_CREWS, MOST_IN_A_CREW = 10, 5
AMPLE = 10_000


class Month:
    """A desk of two round-robin departments. The members of a crew come and go together, at any time of day."""

    def __init__(self, seed: int, board: DispatchBoard) -> None:
        self.turns: Counter[tuple[UUID, UUID]] = Counter()
        """(department, agent) -> tickets given to it."""
        self.presence: defaultdict[tuple[UUID, UUID], int] = defaultdict(int)
        """(department, agent) -> bit n is set where the agent could have got the department's n-th ticket."""
        self._dice = random.Random(seed)  # noqa: S311 - repeatable, and no secret.
        self._desk = Desk()
        self._desk.board = board
        self._departments = [self._found(name) for name in ("Billing", "Sales")]
        self._crews: list[list[UUID]] = []
        self._given: Counter[UUID] = Counter()

    def days(self) -> Iterator[int]:
        """Lets a day pass for each that is taken."""
        for day in range(1, DAYS + 1):
            for _ in range(MOMENTS_A_DAY):
                self._desk.now += timedelta(days=1) / MOMENTS_A_DAY
                self._come_or_go()
                for _ in range(self._dice.randrange(6)):
                    self._open()
                self._give_out()
                self._resolve_some()
            yield day

    def equals(self) -> list[list[int]]:
        """How many tickets each got, of those who were there for the same tickets of the same department."""
        together: defaultdict[tuple[UUID, int], list[int]] = defaultdict(list)
        for (department_id, agent_id), presence in self.presence.items():
            together[department_id, presence].append(self.turns[department_id, agent_id])
        return [counts for counts in together.values() if len(counts) > 1]

    def comebacks(self) -> int:
        """How often an agent was there again after others had got tickets without it."""
        return sum(f"{presence:b}".rstrip("0").count("10") for presence in self.presence.values())

    def _found(self, name: str) -> DepartmentId:
        department_id = DepartmentId(self._desk.new_id())
        department = create_department(department_id, name=name, policy="round_robin", at=self._desk.now)
        self._desk.save(department.collect_events())
        return department_id

    def _come_or_go(self) -> None:
        if len(self._crews) < MOST_CREWS and self._dice.random() < 0.1:
            self._hire()
        if not self._crews or self._dice.random() < 0.4:
            return
        crew = self._dice.choice(self._crews)
        availability = self._dice.choice([Availability.ONLINE, *Availability])
        departments = self._some_departments() if self._dice.random() < 0.3 else None
        for agent_id in crew:
            agent = self._desk.state[agent_id].copy()
            assert isinstance(agent, Agent)
            agent.change_availability(availability, at=self._desk.now)
            if departments is not None:
                agent.change_departments(departments, at=self._desk.now)
            self._desk.save(agent.collect_events())

    def _hire(self) -> None:
        departments = self._some_departments()
        crew = [self._desk.new_id() for _ in range(self._dice.randint(1, MOST_IN_A_CREW))]
        for agent_id in self._dice.sample(crew, len(crew)):
            agent = register_agent(
                AgentId(agent_id), name="Anna", department_ids=departments, capacity=AMPLE, at=self._desk.now
            )
            self._desk.save(agent.change_availability(Availability.ONLINE, at=self._desk.now).collect_events())
        self._crews.append(crew)

    def _some_departments(self) -> tuple[DepartmentId, ...]:
        return tuple(self._dice.sample(self._departments, self._dice.choice([1, 1, 2])))

    def _open(self) -> None:
        ticket = open_ticket(
            TicketId(self._desk.new_id()),
            number=f"SUP-2026-{len(self._desk.log):06}",
            subject="No invoice",
            description="",
            requester_id=CustomerId(UUID(int=1)),
            priority=self._dice.choice(list(Priority)),
            channel=Channel.API,
            tags=(),
            department_id=self._dice.choice(self._departments),
            step=RoutingStep.REQUEST,
            at=self._desk.now,
        )
        self._desk.save(ticket.collect_events())

    def _give_out(self) -> None:
        board = self._desk.board
        decisions = board.decide(
            board.ready(), at=self._desk.now, by=AssignedBy.POLICY, limit=self._dice.randint(1, 20)
        )
        for claim, _ in decisions:
            department_id, agent_id = claim.fact.department_id, claim.fact.agent_id
            for present in self._present(department_id):
                self.presence[department_id, present] |= 1 << self._given[department_id]
            self._given[department_id] += 1
            self.turns[department_id, agent_id] += 1
        self._desk.save([event for decision in decisions for event in decision])

    def _present(self, department_id: UUID) -> Iterable[UUID]:
        return [
            agent.id
            for agent in self._desk.all(Agent)
            if agent.availability is Availability.ONLINE and department_id in agent.department_ids
        ]

    def _resolve_some(self) -> None:
        held = [each for each in self._desk.all(Ticket) if each.status is Status.ASSIGNED]
        for known in self._dice.sample(held, len(held) // 2):
            ticket, agent = known.copy(), self._desk.state[known.agent_id].copy()
            ticket.resolve(resolution="", at=self._desk.now)
            agent.release(TicketId(ticket.id), at=self._desk.now)
            self._desk.save([*ticket.collect_events(), *agent.collect_events()])


class ForgetfulBoard(DispatchBoard):
    """Whoever goes has had no turn when it comes back."""

    def fold(self, position: int, event: DomainEvent) -> None:
        super().fold(position, event)
        agent = self.agents.get(event.originator_id)
        if agent is None or not isinstance(event.fact, AgentAvailabilityChanged | AgentLeftDepartment):
            return
        for department_id in agent.department_ids:
            self.pool(department_id).turns.pop(agent.id, None)
            self.pool(department_id).place(agent)


def widest(counts: Iterable[list[int]]) -> int:
    return max((max(each) - min(each) for each in counts), default=0)


@settings(max_examples=12, phases=[Phase.explicit, Phase.generate])
@given(seed=st.integers(0, 2**32))
def test_agents_who_were_there_at_the_same_times_got_as_many_tickets_within_one(seed):
    month = Month(seed, DispatchBoard())
    for day in month.days():
        equals = month.equals()
        assert widest(equals) <= 1, f"day {day}: {equals}"
    assert sum(month.turns.values()) > 500
    assert sum(map(len, month.equals())) >= 10, "agents to compare"
    assert month.comebacks() > 50


def test_a_board_that_forgets_turns_is_found_to_be_unfair():
    months = [Month(seed, ForgetfulBoard()) for seed in range(3)]
    assert all(day for month in months for day in month.days())
    assert all(widest(month.equals()) > 1 for month in months)
