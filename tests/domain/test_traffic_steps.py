"""Where steps of quarter hours, hours and days begin, also where clocks are set."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportix.projections.traffic_queries import TrafficStep, step_edges

LISBON, LORD_HOWE, KOLKATA = ZoneInfo("Europe/Lisbon"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kolkata")
CAIRO = ZoneInfo("Africa/Cairo")


def edges(begin: str, end: str, step: TrafficStep, zone: ZoneInfo):
    return step_edges(datetime.fromisoformat(begin), datetime.fromisoformat(end), step, zone)


def hours_of(found):
    return [(after - before) / timedelta(hours=1) for before, after in pairwise(found)]


@pytest.mark.parametrize(
    ("begin", "end", "zone", "hours"),
    [
        ("2026-03-28T00:00Z", "2026-03-30T23:00Z", LISBON, [24, 23, 24]),
        ("2026-10-23T23:00Z", "2026-10-27T00:00Z", LISBON, [24, 25, 24]),
        ("2026-04-22T22:00Z", "2026-04-24T21:00Z", CAIRO, [24, 23]),  # Clocks go from 23:59 to 01:00.
        ("2026-04-03T13:00Z", "2026-04-05T13:30Z", LORD_HOWE, [24, 24.5]),
    ],
)
def test_a_day_lasts_from_midnight_to_midnight(begin, end, zone, hours):
    found = edges(begin, end, TrafficStep.DAY, zone)
    assert hours_of(found) == hours
    assert found[0] == datetime.fromisoformat(begin)
    assert found[-1] == datetime.fromisoformat(end)


@pytest.mark.parametrize(
    ("begin", "end", "zone", "hours", "local"),
    [
        ("2026-03-29T00:00Z", "2026-03-29T03:00Z", LISBON, [1, 1, 1], ["00:00", "02:00", "03:00"]),
        ("2026-10-25T00:00Z", "2026-10-25T03:00Z", LISBON, [1, 1, 1], ["01:00", "01:00", "02:00"]),
        ("2026-03-01T00:00Z", "2026-03-01T02:00Z", KOLKATA, [1, 1], ["06:00", "07:00"]),
        ("2026-04-04T14:00Z", "2026-04-04T16:30Z", LORD_HOWE, [1.5, 1], ["01:00", "02:00"]),
    ],
)
def test_an_hour_is_a_real_one(begin, end, zone, hours, local):
    found = edges(begin, end, TrafficStep.HOUR, zone)
    assert hours_of(found) == hours
    assert [each.astimezone(zone).strftime("%H:%M") for each in found[:-1]] == local


def test_steps_begin_within_the_span():
    assert edges("2026-03-01T00:00:01Z", "2026-03-01T00:30Z", TrafficStep.QUARTER, LISBON) == [
        datetime(2026, 3, 1, 0, 15, tzinfo=UTC),
        datetime(2026, 3, 1, 0, 30, tzinfo=UTC),
    ]
    assert len(edges("2026-03-01T00:00Z", "2026-03-01T00:00Z", TrafficStep.DAY, LISBON)) == 1
    assert len(edges("2026-03-01T01:00Z", "2026-03-01T02:00Z", TrafficStep.DAY, LISBON)) == 1


@given(
    begin=st.datetimes(datetime(1980, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    days=st.integers(1, 20),
    zone=st.sampled_from([LISBON, LORD_HOWE, KOLKATA, CAIRO]),
    step=st.sampled_from(TrafficStep),
)
def test_steps_are_of_whole_quarter_hours_and_follow_each_other(begin, days, zone, step):
    end = begin + timedelta(days=days)
    found = step_edges(begin, end, step, zone)
    assert all(each.timestamp() % 900 == 0 for each in found)
    assert all(before < after for before, after in pairwise(found))
    assert begin <= found[0]
    assert found[-1] >= end
    assert all(each < end for each in found[:-1])
    longest = {TrafficStep.QUARTER: 0.25, TrafficStep.HOUR: 1.5, TrafficStep.DAY: 25}[step]
    assert max(hours_of(found), default=0) <= longest
