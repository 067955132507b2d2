"""What tickets ask for and agents can: weights, due times, skills, duty, forced work and remembered agents."""

from datetime import timedelta

import pytest
from tests.simulation.written import Written, at

from supportix.domain.agent import AgentDutyChanged, AgentSkillsChanged
from supportix.domain.demand import Demand
from supportix.domain.ids import AgentId
from supportix.domain.ticket_words import AssignedBy
from supportix.simulation.question import Alternative, CapacityChange, Question, StaffChange
from supportix.simulation.run import Simulated, compare
from supportix.simulation.trace import trace_of


def runs_of(written: Written, *alternatives: Alternative, **question: object) -> list:
    return [
        run.figures for run in compare(written.entries, Question(alternatives=alternatives, **question), ignored).runs
    ]


def ignored(_stage: str, _done: int, _total: int) -> None:
    """Nobody looks how far it is."""


def test_a_due_time_of_its_own_goes_before_the_target_of_the_question() -> None:
    """Both are resolved after 30 minutes: one is due after 20, of the other the question says 40."""
    written = Written()
    billing = written.department("Billing")
    anna = written.agent(billing, capacity=2)
    due = Demand(due_at=at(0) + timedelta(minutes=20))
    written.resolved(written.assigned(written.ticket(billing, 0, demand=due), anna, 0), 30)
    written.handled(billing, anna, opened=0, taken=0, ended=30)
    happened, simulated = runs_of(written, Alternative(), target_minutes={"normal": 40})
    assert (happened.breaches, happened.with_target) == (1, 2)
    assert simulated == happened


def test_a_heavy_ticket_takes_the_points_that_it_weighs() -> None:
    """Anna has three points; the second ticket, of two, waits for the first, of two. Light ones pass."""
    written = Written()
    billing = written.department("Billing")
    anna = written.agent(billing, capacity=3)
    heavy = Demand(weight=2)
    written.resolved(written.assigned(written.ticket(billing, 0, demand=heavy), anna, 0), 10)
    written.resolved(written.assigned(written.ticket(billing, 1, demand=heavy), anna, 10), 20)
    written.handled(billing, anna, opened=2, taken=2, ended=4)
    happened, simulated, roomy = runs_of(written, Alternative(capacity=CapacityChange("plus", 1)))
    assert simulated == happened
    assert happened.waits.mean == 9 * 60 / 3
    assert happened.utilisation == pytest.approx((2 * 20 + 2) / (3 * 20))
    # With four points both heavy ones fit, and the light one waits for the first to end, at 10.
    assert roomy.waits.mean == 8 * 60 / 3


def test_skills_and_duty_are_those_of_the_log_and_an_added_agent_shares_them() -> None:
    """Anna speaks Czech and comes on duty at 5."""
    written = Written()
    billing = written.department("Billing")
    anna, boris = written.agent(billing), written.agent(billing)
    written.agent_fact(anna, AgentSkillsChanged(occurred_at=at(0), skills={"czech": 3}))
    written.agent_fact(anna, AgentDutyChanged(occurred_at=at(0), on_duty=False))
    czech = Demand(skills=("czech",))
    first = written.ticket(billing, 1, demand=czech)
    second = written.ticket(billing, 2, demand=czech)
    written.handled(billing, boris, opened=3, taken=3, ended=4)
    written.agent_fact(anna, AgentDutyChanged(occurred_at=at(5), on_duty=True))
    written.resolved(written.assigned(first, anna, 5), 15)
    written.resolved(written.assigned(second, anna, 15), 25)
    happened, simulated, with_another = runs_of(written, Alternative(agents=(StaffChange(1),)))
    assert simulated == happened
    assert happened.waits.mean == pytest.approx((4 + 13 + 0) * 60 / 3)
    assert with_another.waits.mean == pytest.approx((4 + 3 + 0) * 60 / 3)


def test_what_a_person_forced_is_forced_again() -> None:
    written = Written()
    billing = written.department("Billing")
    anna = written.agent(billing)
    written.assigned(written.ticket(billing, 0), anna, 0)
    forced = written.ticket(billing, 1)
    written.forced(forced, anna, 2)
    written.resolved(forced, 4)
    written.resolved(written.tickets[0], 10)
    happened, simulated = runs_of(written, Alternative())
    assert simulated == happened
    assert happened.waits.mean == 30


def test_a_pull_is_the_agent_s_own_doing() -> None:
    """In a department whose assignment is paused nobody else gives out tickets."""
    written = Written()
    billing = written.department("Billing", paused=True)
    anna = written.agent(billing)
    written.resolved(written.assigned(written.ticket(billing, 0), anna, 7, by=AssignedBy.PULL), 10)
    happened, simulated = runs_of(written, Alternative())
    assert simulated == happened
    assert happened.waits.mean == 7 * 60


def test_sticky_goes_by_whom_the_customer_had_in_the_simulation() -> None:
    """All tickets are of one customer, one after the other: one agent gets them all."""
    written = Written()
    billing = written.department("Billing", policy="round_robin")
    agents = [written.agent(billing) for _ in range(3)]
    for n in range(6):
        written.handled(billing, agents[n % 3], opened=10 * n, taken=10 * n, ended=10 * n + 5)

    def holders(policy: str) -> set[AgentId | None]:
        simulated = Simulated(trace_of(written.entries), Question(alternatives=(Alternative(),)))
        engine = simulated.simulate("", Alternative(policy=policy), ignored)
        return {visit.agent_id for visit in engine.visits.values()}

    assert len(holders("sticky")) == 1
    assert len(holders("round_robin")) == 3
