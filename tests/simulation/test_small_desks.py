"""Simulations of a few tickets, against what they come to by hand. Times are in minutes."""

from typing import Any
from uuid import UUID

import pytest
from tests.simulation.written import Written, at

from supportix.commands.departments import UnknownPolicy
from supportix.commands.known_departments import UnknownDepartment
from supportix.domain.agent import Availability
from supportix.domain.ids import MergeId
from supportix.domain.merge_settings import MarksOutOfOrder
from supportix.domain.ticket_words import AssignedBy, Priority
from supportix.simulation.measuring import Figures
from supportix.simulation.question import (
    Alternative,
    AlternativesOutOfRange,
    CapacityChange,
    ChangeOutOfRange,
    Marks,
    NothingToReplay,
    Question,
    SpanBackwards,
    StaffChange,
    StaffingBelowNothing,
)
from supportix.simulation.run import Comparison, compare

AS_IT_WAS = Alternative()
ONE_MORE = Alternative(agents=(StaffChange(1),))


def asked(written: Written, *alternatives: Alternative, **question: Any) -> Comparison:
    return compare(written.entries, Question(alternatives=alternatives, **question), lambda *_: None)


def figures(written: Written, alternative: Alternative = AS_IT_WAS, **question: Any) -> Figures:
    """Of the simulated alternative."""
    return asked(written, alternative, **question).runs[-1].figures


def minutes(run: Figures) -> list[float]:
    return [run.waits.mean / 60, run.waits.p50 / 60, run.waits.p90 / 60, run.waits.p99 / 60]


@pytest.fixture
def a_busy_desk() -> Written:
    """One agent with one place; three tickets at 0, 1 and 2, of ten minutes each: they wait 0, 9 and 18."""
    written = Written()
    billing = written.department("Billing")
    anna = written.agent(billing)
    for n in range(3):
        written.handled(billing, anna, opened=n, taken=10 * n, ended=10 * n + 10)
    return written


def test_as_it_was_comes_out_as_it_happened(a_busy_desk: Written) -> None:
    happened, simulated = (run.figures for run in asked(a_busy_desk, AS_IT_WAS).runs)
    assert minutes(happened) == [9.0, 9.0, 18.0, 18.0]
    assert simulated == happened
    assert (happened.tickets, happened.taken, happened.waiting) == (3, 3, 0)
    assert happened.utilisation == pytest.approx(1.0)


def test_an_agent_more_halves_the_queue(a_busy_desk: Written) -> None:
    """The first goes to one agent, the second to the other, the third to whoever is free first, at 10."""
    run = figures(a_busy_desk, ONE_MORE)
    assert minutes(run) == pytest.approx([8 / 3, 0.0, 8.0, 8.0])
    # Thirty agent-minutes of work; until 10 the first, then the third; the other from 1 to 11; the desk ends at 30.
    assert run.utilisation == pytest.approx(30 / 60)
    # 20 and 10 of 30 minutes each.
    assert run.gini == pytest.approx(1 / 6)


@pytest.mark.parametrize(
    ("capacity", "waits"),
    [
        (CapacityChange("times", 2.0), [8 / 3, 0.0, 8.0, 8.0]),
        (CapacityChange("plus", 1), [8 / 3, 0.0, 8.0, 8.0]),
        (CapacityChange("to", 3), [0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_more_places_are_as_good_as_more_agents(a_busy_desk: Written, capacity: Any, waits: list[float]) -> None:
    assert minutes(figures(a_busy_desk, Alternative(capacity=capacity))) == pytest.approx(waits)


def test_without_its_only_agent_a_department_s_tickets_wait_to_the_end(a_busy_desk: Written) -> None:
    run = figures(a_busy_desk, Alternative(agents=(StaffChange(-1, "Billing"),)))
    assert (run.taken, run.waiting, run.assignments) == (0, 3, 0)
    assert (run.utilisation, run.gini) == (0.0, 0.0)
    assert minutes(run) == pytest.approx([29.0, 29.0, 30.0, 30.0], abs=1e-6)


def test_targets_are_held_from_the_opening_to_the_resolution(a_busy_desk: Written) -> None:
    """They are resolved after 10, 19 and 28 minutes; with two agents after 10, 10 and 18."""
    targets = {Priority.NORMAL: 19}
    runs = asked(a_busy_desk, ONE_MORE, target_minutes=targets).runs
    assert [(run.figures.breaches, run.figures.with_target) for run in runs] == [(1, 3), (1, 3), (0, 3)]
    assert figures(a_busy_desk, target_minutes={Priority.HIGH: 1}).breaches is None


def test_round_robin_and_least_busy_part_ways_where_work_is_uneven() -> None:
    """Anna gets the long ticket. When the third comes, Boris is free but it is Anna's turn."""
    written = Written()
    billing = written.department("Billing")
    anna, boris = written.agent(billing, capacity=2), written.agent(billing, capacity=2)
    written.handled(billing, anna, opened=0, taken=0, ended=100)
    written.handled(billing, boris, opened=1, taken=1, ended=2)
    written.handled(billing, boris, opened=3, taken=3, ended=53)
    runs = asked(written, Alternative(policy="least_busy"), Alternative(policy="round_robin")).runs
    happened, _, least_busy, round_robin = (run.figures for run in runs)
    assert least_busy == happened
    # By turns Anna holds 100 + 50 minutes of her 200, Boris 1.
    assert round_robin.gini == pytest.approx(abs(150 - 1) / (2 * 151))
    assert least_busy.gini == pytest.approx(abs(100 - 51) / (2 * 151))


def test_an_urgent_ticket_passes_those_that_wait_and_a_change_of_priority_counts_from_its_moment() -> None:
    written = Written()
    billing = written.department("Billing")
    anna = written.agent(billing)
    written.handled(billing, anna, opened=0, taken=0, ended=10)
    low = written.ticket(billing, 1)
    written.prioritised(written.ticket(billing, 2), Priority.URGENT, 5)
    urgent = written.tickets[-1]
    written.resolved(written.assigned(urgent, anna, 10), 20)
    written.resolved(written.assigned(low, anna, 20), 30)
    happened, simulated = (run.figures for run in asked(written, AS_IT_WAS).runs)
    assert simulated == happened
    assert simulated.queue_seconds == {"normal": pytest.approx((0 + 19 + 8) * 60 / 3)}


def test_a_ticket_that_people_move_keeps_its_path_and_is_handled_as_long_in_each_department() -> None:
    """It waits 5 in Billing, is held 10, moves to Shipping, waits 20 more there, and is held 5."""
    written = Written()
    billing, shipping = written.department("Billing"), written.department("Shipping")
    anna, boris = written.agent(billing), written.agent(shipping)
    moving = written.assigned(written.ticket(billing, 0), anna, 5)
    written.transferred(moving, shipping, 15)
    written.resolved(written.assigned(moving, boris, 35), 40)
    happened, simulated = (run.figures for run in asked(written, AS_IT_WAS).runs)
    assert (happened.assignments, happened.reassignments) == (2, 1)
    assert happened.queue_seconds == {"normal": 25 * 60}
    # Nobody else wants the agents, so a policy has it wait nowhere: 0 to 10 in Billing, 10 to 15 in Shipping.
    assert (simulated.assignments, simulated.reassignments) == (2, 1)
    assert simulated.queue_seconds == {"normal": 0.0}
    by_department = [figures(written, department=name) for name in ("billing", "Shipping")]
    assert [(run.tickets, run.assignments, run.reassignments) for run in by_department] == [(1, 1, 0), (0, 1, 1)]


def test_a_ticket_that_left_the_queue_unassigned_leaves_it_as_long_after_it_came() -> None:
    """The customer gave up after 7 minutes. Nobody serves Triage."""
    written = Written()
    triage = written.department("Triage")
    written.resolved(written.ticket(triage, 3), 10)
    simulated = figures(written)
    assert (simulated.taken, simulated.waiting, simulated.waits.mean) == (0, 0, 7 * 60)
    held = figures(written, Alternative(agents=(StaffChange(1, "Triage"),)))
    assert (held.taken, held.waits.mean) == (1, 0.0)


def test_a_reopened_ticket_comes_back_as_long_after_its_end() -> None:
    written = Written()
    billing = written.department("Billing")
    anna = written.agent(billing)
    ticket = written.handled(billing, anna, opened=0, taken=0, ended=10)
    written.reopened(ticket, 40)
    written.resolved(written.assigned(ticket, anna, 45), 50)
    other = written.handled(billing, anna, opened=1, taken=10, ended=30)
    assert other is written.tickets[1]
    run = figures(written, Alternative(capacity=CapacityChange("plus", 1)))
    assert (run.assignments, run.reassignments, run.waits.mean) == (3, 1, 0.0)


def test_what_a_person_assigned_goes_to_the_same_agent_unless_the_policy_was_faster() -> None:
    written = Written()
    billing = written.department("Billing")
    anna, boris = written.agent(billing), written.agent(billing)
    written.goes(anna, Availability.AWAY, 1)
    written.goes(boris, Availability.AWAY, 1)
    waiting = written.ticket(billing, 2)
    written.goes(boris, Availability.ONLINE, 10)
    written.assigned(waiting, boris, 10, by=AssignedBy.PERSON)
    written.resolved(waiting, 20)
    assert asked(written, AS_IT_WAS).reproduction.assignments == 0
    happened, simulated = (run.figures for run in asked(written, AS_IT_WAS).runs)
    assert simulated == happened
    faster = figures(written, Alternative(agents=(StaffChange(3, "Billing"),)))
    assert faster.taken == 1
    assert faster.waits.mean == 8 * 60  # All share the hours of those who are there.


def test_a_queue_at_its_mark_is_helped_out() -> None:
    """Six wait in Billing, whose agent is busy for an hour; Shipping's three places are free."""
    written = Written()
    billing, shipping = written.department("Billing"), written.department("Shipping")
    anna, boris = written.agent(billing), written.agent(shipping, capacity=3)
    written.handled(billing, anna, opened=0, taken=0, ended=60)
    for n in range(6):
        written.handled(billing, anna, opened=n + 1, taken=60 + n, ended=61 + n)
    written.handled(shipping, boris, opened=90, taken=90, ended=91)
    run = figures(written, Alternative(merge_threshold=Marks(1, 6)))
    assert run.moved == 3
    # Half of six go to Shipping at 6, the oldest: they waited 5, 4 and 3. The others wait for Anna until 60.
    assert run.waits.mean == pytest.approx((0 + 5 + 4 + 3 + (60 - 4) + (61 - 5) + (62 - 6) + 0) * 60 / 8)
    assert figures(written, Alternative(merge_threshold=Marks(3, 7))).moved == 0


def test_another_threshold_stands_in_the_place_of_the_merges_that_there_were() -> None:
    """Anna is busy until 60. A merge moved the waiting ticket to Shipping at 5, where Boris was free."""
    written = Written()
    billing, shipping = written.department("Billing"), written.department("Shipping")
    anna, boris = written.agent(billing), written.agent(shipping)
    written.handled(billing, anna, opened=0, taken=0, ended=60)
    waiting = written.ticket(billing, 1)
    written.transferred(waiting, shipping, 5, merge_id=MergeId(UUID(int=7)))
    written.resolved(written.assigned(waiting, boris, 5), 15)
    never = Alternative(merge_threshold=Marks(1, 100))
    happened, simulated, unmerged = (run.figures for run in asked(written, never).runs)
    assert simulated == happened
    assert happened.waits.mean == 4 * 60 / 2
    assert unmerged.waits.mean == 59 * 60 / 2


def test_a_span_begins_with_the_desk_as_it_stood() -> None:
    """Anna holds a ticket until 30, from before the span; the one opened in it waits for her."""
    written = Written()
    billing = written.department("Billing")
    anna = written.agent(billing)
    written.handled(billing, anna, opened=0, taken=0, ended=30)
    written.handled(billing, anna, opened=20, taken=30, ended=40)
    within = {"since": at(10), "until": at(60)}
    happened, simulated = (run.figures for run in asked(written, AS_IT_WAS, **within).runs)
    assert simulated == happened
    assert (simulated.tickets, simulated.waits.mean) == (1, 10 * 60)
    assert simulated.utilisation == pytest.approx(30 / 50)
    assert figures(written, ONE_MORE, **within).waits.mean == 0.0
    gone = figures(written, Alternative(agents=(StaffChange(-1),)), **within)
    assert (gone.taken, gone.waits.mean) == (0, 40 * 60)


def test_only_handle_times_that_the_log_does_not_tell_depend_on_the_seed() -> None:
    written = Written()
    billing = written.department("Billing")
    anna = written.agent(billing)
    for n in range(6):
        written.handled(billing, anna, opened=100 * n, taken=100 * n, ended=100 * n + 10 * (n + 1))
    written.assigned(written.ticket(billing, 700), anna, 700)
    written.ticket(billing, 701)
    written.goes(written.agent(billing), Availability.OFFLINE, 800)  # The log goes on a while.
    runs = [asked(written, AS_IT_WAS, seed=seed) for seed in (1, 1, 2, 3, 4, 5)]
    assert runs[0] == runs[1]
    assert {run.sampled_handle_times for run in runs} == {2}
    assert runs[0].runs[0] == runs[-1].runs[0]


def test_what_can_not_be_meant_is_refused(a_busy_desk: Written) -> None:
    def refused(kind: type[Exception], match: str, *alternatives: Alternative, **question: Any) -> None:
        with pytest.raises(kind, match=match):
            asked(a_busy_desk, *(alternatives or (AS_IT_WAS,)), **question)

    refused(UnknownPolicy, "least_busy, round_robin", Alternative(policy="loudest"))
    refused(StaffingBelowNothing, "'Billing', which has 1", Alternative(agents=(StaffChange(-2),)))
    refused(SpanBackwards, "before", since=at(5), until=at(5))
    refused(MarksOutOfOrder, "low 5 and high 5", Alternative(merge_threshold=Marks(5, 5)))
    refused(ChangeOutOfRange, "above 0", Alternative(capacity=CapacityChange("times", 0)))
    refused(ChangeOutOfRange, "20000 places", Alternative(capacity=CapacityChange("to", 20_000)))
    refused(UnknownDepartment, "Billing", department="Bills")
    refused(UnknownDepartment, "Billing", Alternative(agents=(StaffChange(1, "Bills"),)))
    refused(NothingToReplay, "no ticket was opened", since=at(1_000))
    refused(AlternativesOutOfRange, "13 alternatives", *([AS_IT_WAS] * 13))
