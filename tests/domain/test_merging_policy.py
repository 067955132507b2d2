"""When merges are suggested, with whom, and how much is moved."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.merging import load, settings

from supportix.domain.ids import DepartmentId, MergeId, TicketId
from supportix.domain.merge_evidence import Trigger
from supportix.domain.merge_settings import MergeMode, MergeStrategy
from supportix.policies.merging import (
    MOST_MOVED,
    Standing,
    has_fallen,
    is_underused,
    moves,
    projected_wait_minutes,
    reached_marks,
    suggestions,
    to_move,
)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
A, B, C, D = (DepartmentId(UUID(int=number)) for number in (0xA, 0xB, 0xC, 0xD))
COUNT = st.integers(0, 40)


def standing(department_id: DepartmentId, *, queue_length: int = 0, **changes) -> Standing:
    """Without settings and idle, unless told otherwise."""
    free = changes.pop("free_capacity", 10)
    found = load(department_id, queue_length=queue_length, free_capacity=free)
    return Standing(load=found, **({"settings": None} | changes))


def pairs(*standings: Standing) -> list[tuple[DepartmentId, DepartmentId]]:
    found = suggestions(standings, NOW)
    return [(each.source.department_id, each.target.department_id) for each in found]


@pytest.mark.parametrize(
    ("queue_length", "taken_per_hour", "oldest", "expected"),
    [(0, 0, 0, 0), (6, 12, 0, 30), (7, 12, 0, 35), (1, 60, 45, 45), (5, 0, 20, 20), (5, 0, 0, None)],
)
def test_the_projected_wait(queue_length, taken_per_hour, oldest, expected):
    assert projected_wait_minutes(queue_length, taken_per_hour, oldest) == expected


def test_each_mark_is_told_that_is_reached():
    wanted = settings(B, queue_high=10, wait_high_minutes=60, wait_low_minutes=10)
    assert reached_marks(load(A, queue_length=9, projected_wait_minutes=59), wanted) == ()
    assert reached_marks(load(A, queue_length=10), wanted) == (Trigger.QUEUE_LENGTH,)
    assert reached_marks(load(A, projected_wait_minutes=60), wanted) == (Trigger.PROJECTED_WAIT,)
    assert reached_marks(load(A, forecast_queue_length=10), wanted) == (Trigger.FORECAST,)
    assert reached_marks(load(A, projected_wait_minutes=None), wanted) == ()


def test_a_load_has_fallen_below_both_low_marks_and_the_forecast():
    wanted = settings(B, queue_low=3, wait_low_minutes=10)
    assert has_fallen(load(A, queue_length=2, projected_wait_minutes=9), wanted)
    assert not has_fallen(load(A, queue_length=3), wanted)
    assert not has_fallen(load(A, projected_wait_minutes=10), wanted)
    assert not has_fallen(load(A, forecast_queue_length=3), wanted)


def test_underused_is_who_has_a_share_of_its_capacity_free_and_no_queue():
    wanted = settings(B, underused_percent=50, queue_low=2)
    assert is_underused(load(B, free_capacity=5, capacity=10), wanted)
    assert not is_underused(load(B, free_capacity=4, capacity=10), wanted)
    assert not is_underused(load(B, free_capacity=0, capacity=0), wanted)
    assert not is_underused(load(B, queue_length=2), wanted)


@given(COUNT, COUNT, COUNT, st.lists(st.integers(1, 5), max_size=60))
def test_what_is_moved_fits_the_target_and_never_turns_the_tables(source_length, target_length, free, weights):
    source = load(A, queue_length=source_length)
    target = load(B, queue_length=target_length, free_capacity=free)
    waiting = [(TicketId(UUID(int=number)), weight) for number, weight in enumerate(weights[:source_length])]
    chosen = to_move(waiting, source, target)
    assert chosen == [ticket_id for ticket_id, _ in waiting[: len(chosen)]]
    assert len(chosen) <= moves(source, target) <= MOST_MOVED
    assert sum(weight for _, weight in waiting[: len(chosen)]) <= free
    if chosen:
        assert target_length + len(chosen) <= source_length - len(chosen)


def test_a_busy_department_is_helped_by_the_least_used_one():
    busy = standing(A, queue_length=6, settings=settings(B, C, D))
    assert pairs(busy, standing(B, free_capacity=6), standing(C, free_capacity=9), standing(D, free_capacity=9)) == [
        (A, C)
    ]


def test_nobody_helps_who_is_not_compatible():
    assert pairs(standing(A, queue_length=6, settings=settings(B)), standing(C)) == []


def test_a_department_stands_in_one_suggestion_and_the_longest_queue_comes_first():
    wanted = settings(C)
    assert pairs(
        standing(A, queue_length=6, settings=wanted), standing(B, queue_length=9, settings=wanted), standing(C)
    ) == [(B, C)]


def test_who_needs_help_gives_none():
    assert (
        pairs(standing(A, queue_length=30, settings=settings(B)), standing(B, queue_length=6, settings=settings(A)))
        == []
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"merge_id": MergeId(UUID(int=1))},
        {"paused": True},
        {"merge_left_at": NOW - timedelta(minutes=29)},
        {"settings": settings(A, mode=MergeMode.OFF, cool_down_minutes=30)},
    ],
)
def test_who_takes_no_part_now(changes):
    wanted = settings(B, cool_down_minutes=30)
    source = {"settings": wanted} | changes
    assert pairs(standing(A, queue_length=6, **source), standing(B)) == []
    assert pairs(standing(A, queue_length=6, settings=wanted), standing(B, **changes)) == []
    rested = NOW - timedelta(minutes=30)
    assert pairs(standing(A, queue_length=6, settings=wanted, merge_left_at=rested), standing(B)) == [(A, B)]


def test_where_nothing_could_be_moved_only_a_pool_helps():
    """One ticket that waits for long: half the difference of the queues is none."""
    waits = load(A, queue_length=1, projected_wait_minutes=90)
    for strategy, expected in ((MergeStrategy.REDISTRIBUTE, []), (MergeStrategy.POOL, [(A, B)])):
        wanted = settings(B, strategy=strategy, wait_low_minutes=10, wait_high_minutes=60)
        assert pairs(Standing(load=waits, settings=wanted), standing(B)) == expected
