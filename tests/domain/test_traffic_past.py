"""A department's traffic from before this desk: what can be recorded, and how it is cut into events."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from tests.given import given

from supportix.domain.ids import DepartmentId
from supportix.domain.traffic_past import (
    LARGEST_COUNT,
    MOST_INTERVALS,
    MOST_QUARTERS,
    PastInterval,
    PastIntervalInvalid,
    PastOverlaps,
    TrafficPast,
    TrafficPastRecorded,
)

NOW = datetime(2026, 3, 2, 9, 10, tzinfo=UTC)
BILLING = DepartmentId(UUID(int=1))
DAY = datetime(2026, 2, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def quarters(count, *, begin=DAY, arrivals=3):
    return [PastInterval(begin=begin + number * QUARTER, arrivals=arrivals) for number in range(count)]


def recorded(*intervals, step_seconds=900):
    return TrafficPastRecorded(
        occurred_at=NOW, department_id=BILLING, step_seconds=step_seconds, intervals=tuple(intervals)
    )


def recording(*intervals, step_seconds=900):
    def decide(past):
        return (past or TrafficPast(id=UUID(int=9))).record_intervals(
            BILLING, intervals, step_seconds=step_seconds, at=NOW
        )

    return decide


def test_intervals_are_recorded_in_events_of_bounded_size():
    many = quarters(MOST_INTERVALS + 2)
    given(recorded(*quarters(1, begin=DAY - QUARTER))).when(recording(*many)).then(
        recorded(*many[:MOST_INTERVALS]), recorded(*many[MOST_INTERVALS:])
    )


def test_gaps_and_steps_of_any_length_fit_into_one_past():
    hour = PastInterval(begin=DAY + timedelta(hours=5), arrivals=7, resolutions=2, handle_seconds=0, quarters=4)
    day = PastInterval(begin=DAY + timedelta(days=1), arrivals=70, quarters=MOST_QUARTERS)
    given(recorded(*quarters(4))).when(recording(hour, day, step_seconds=3_600)).then(
        recorded(hour, day, step_seconds=3_600)
    )


@pytest.mark.parametrize("begin", [DAY - 3 * QUARTER, DAY, DAY + 3 * QUARTER])
def test_what_is_recorded_is_not_recorded_again(begin):
    hour = PastInterval(begin=begin, arrivals=1, quarters=4)
    given(recorded(*quarters(4))).when(recording(hour)).then_refused(PastOverlaps, saying="is recorded already")
    assert given(recorded(*quarters(4))).aggregate.overlapping(hour) is not None
    assert (
        given(recorded(*quarters(4))).aggregate.overlapping(PastInterval(begin=DAY + 4 * QUARTER, arrivals=1)) is None
    )


def test_intervals_come_in_order_of_time():
    first, second = quarters(2)
    given(recorded(*quarters(1, begin=DAY - QUARTER))).when(recording(second, first)).then_refused(
        PastIntervalInvalid, saying="in order of time"
    )


@pytest.mark.parametrize(
    ("changes", "saying"),
    [
        ({"begin": DAY + timedelta(minutes=5)}, "the start of a quarter hour"),
        ({"begin": DAY + timedelta(seconds=1)}, "the start of a quarter hour"),
        ({"begin": DAY.replace(tzinfo=None)}, "the start of a quarter hour"),
        ({"begin": datetime(2026, 3, 2, 9, 0, tzinfo=UTC)}, "a time from 1970 to 2026-03-02T09:10:00+00:00"),
        ({"begin": datetime(1969, 12, 31, 23, 45, tzinfo=UTC)}, "a time from 1970"),
        ({"quarters": 0}, "1 to 100"),
        ({"quarters": MOST_QUARTERS + 1}, "1 to 100"),
        ({"arrivals": -1}, "arrivals -1 was given"),
        ({"resolutions": LARGEST_COUNT + 1}, "0 to 1000000000"),
        ({"handle_seconds": 60}, "without resolutions"),
        ({"handle_seconds": -60, "resolutions": 1}, "handle_seconds -60 was given"),
    ],
)
def test_an_interval_that_does_not_hold_together_is_refused(changes, saying):
    interval = msgspec.structs.replace(PastInterval(begin=DAY, arrivals=3), **changes)
    given(recorded(*quarters(1, begin=DAY - QUARTER))).when(recording(interval)).then_refused(
        PastIntervalInvalid, saying=saying
    )
