"""Whatever happened on a desk, every alternative to it can be simulated, and keeps what no policy can change."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.histories import STEPS, history
from tests.merge_histories import MERGING_STEPS, merging_history
from tests.simulation.written import entries_of
from tests.small_desk import START, Step

from supportix.domain.ticket_facts import TicketOpened
from supportix.simulation.question import Alternative, CapacityChange, Marks, NothingToReplay, Question, StaffChange
from supportix.simulation.reproducing import Span, reproduce
from supportix.simulation.run import compare

ALTERNATIVES = (
    Alternative(policy="sticky"),
    Alternative(policy="weighted", agents=(StaffChange(1),)),
    Alternative(policy="round_robin", capacity=CapacityChange("plus", 1)),
    Alternative(merge_threshold=Marks(1, 2)),
)


def ignored(_stage: str, _done: int, _total: int) -> None:
    """Nobody looks how far it is."""


@given(STEPS)
@settings(max_examples=60)
def test_the_rounds_of_any_history_are_reproduced(steps: list[Step]) -> None:
    found = reproduce(entries_of(history(steps, agents=4).commands), Span())
    assert found.first_difference is None
    assert found.reproduced == found.assignments


@given(MERGING_STEPS)
@settings(max_examples=60)
def test_so_are_those_of_any_history_with_merges_and_pools(steps: list[Step]) -> None:
    found = reproduce(entries_of(merging_history(steps).commands), Span())
    assert found.first_difference is None
    assert found.reproduced == found.assignments


@given(MERGING_STEPS, st.integers(0, 120))
@settings(max_examples=40)
def test_alternatives_to_any_history(steps: list[Step], begins_after: int) -> None:
    entries = entries_of(merging_history(steps).commands)
    since = START + timedelta(minutes=begins_after) if begins_after > 20 else None
    question = Question(alternatives=ALTERNATIVES, since=since, target_minutes={"urgent": 5})
    opened = [e for e in entries if isinstance(e.fact, TicketOpened) and (not since or e.fact.occurred_at >= since)]
    try:
        comparison = compare(entries, question, ignored)
    except NothingToReplay:
        assert opened == []
        return
    assert compare(entries, question, ignored) == comparison
    for run in (each.figures for each in comparison.runs):
        assert run.tickets == len(opened)
        assert run.taken + run.waiting <= run.tickets
        assert run.assignments >= run.taken
        assert run.reassignments == run.assignments - run.taken
        assert 0 <= run.utilisation <= 1
        assert 0 <= run.gini < 1
        assert run.waits.p50 <= run.waits.p90 <= run.waits.p99
