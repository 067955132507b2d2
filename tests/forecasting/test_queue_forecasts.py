"""How many will wait in an hour, by forecasts, agents and what waits now; and merges that are suggested by it."""

from datetime import timedelta
from uuid import UUID

import pytest
from tests.issued import hours, to_issue
from tests.merging import MergingDesk, take_lease
from tests.scene import START, SUPERVISOR
from tests.staffed import BUSY_AT_TWO, NINE_TO_FIVE, USUAL, StaffedDesk, at, ticket_terms

from supportix.domain.agent import Availability
from supportix.domain.ids import DepartmentId
from supportix.domain.merge import MergeState
from supportix.domain.merge_evidence import Trigger
from supportix.domain.schedule import Leave, Schedule, Shift
from supportix.forecasting.keeping import Keeping
from supportix.forecasting.queue_forecasts import QueueForecasts
from supportix.store.committer import Command


@pytest.fixture
def desk(core) -> StaffedDesk:
    return StaffedDesk(core)


async def length(desk: StaffedDesk, department: DepartmentId, *, hour: int = 9, minute: int = 0) -> int:
    """As somebody tells it who looks for the first time."""
    await desk.project()
    return (await QueueForecasts(desk.core.pool).queue_lengths([department], at(hour, minute)))[department]


async def test_where_nobody_works_all_that_comes_will_wait(desk: StaffedDesk):
    billing = await desk.department("Billing")
    await desk.forecast(billing, at(9), USUAL)
    await desk.ticket(billing, at(8))
    await desk.ticket(billing, at(8))
    assert await length(desk, billing) == pytest.approx(26, abs=1)


async def test_agents_take_what_they_have_places_for(desk: StaffedDesk):
    billing = await desk.department("Billing", terms=ticket_terms())
    await desk.forecast(billing, at(9), USUAL)
    await desk.agents(1, billing)
    assert await length(desk, billing) < 2, "ten places of ten minutes are sixty tickets an hour"


async def test_the_rest_of_this_hour_counts_and_the_beginning_of_the_next(desk: StaffedDesk):
    billing = await desk.department("Billing")
    await desk.forecast(billing, at(13), BUSY_AT_TWO)
    assert await length(desk, billing, hour=13) == pytest.approx(24, abs=1)
    for minute in range(18):  # As many as were to be expected by then.
        await desk.ticket(billing, at(13, minute))
    assert await length(desk, billing, hour=13, minute=45) == pytest.approx(18 + 6 + 45, abs=2)


async def test_more_arrivals_than_expected_make_the_queue_longer_than_by_themselves(desk: StaffedDesk):
    billing = await desk.department("Billing")
    await desk.forecast(billing, at(9), USUAL)
    for _ in range(36):
        await desk.ticket(billing, at(9, 20))
    assert await length(desk, billing, minute=30) > 36 + 24 + 3


async def test_an_hour_that_has_no_forecast_yet_goes_by_the_one_before(desk: StaffedDesk):
    billing = await desk.department("Billing")
    await desk.forecast(billing, at(12), BUSY_AT_TWO)
    assert await length(desk, billing, hour=14) == pytest.approx(60, abs=1)


async def test_who_goes_home_within_the_hour_is_missed(desk: StaffedDesk):
    billing = await desk.department("Billing", terms=ticket_terms())
    await desk.forecast(billing, at(9), USUAL)
    early = Schedule(shifts=NINE_TO_FIVE.shifts, leave=(Leave(at(9, 29), at(17)),))
    await desk.agents(1, billing, schedule=early)
    assert await length(desk, billing) == pytest.approx(12, abs=2)


async def test_who_comes_within_the_hour_is_counted_on(desk: StaffedDesk):
    billing = await desk.department("Billing", terms=ticket_terms())
    await desk.forecast(billing, at(9), USUAL)
    (agent_id,) = await desk.agents(1, billing, schedule=Schedule(shifts=(Shift(0, 585, 1_020),)))
    assert await length(desk, billing) < 3
    await desk.reschedule(agent_id, Schedule(shifts=(Shift(0, 660, 1_020),)))
    assert await length(desk, billing) == pytest.approx(24, abs=1)


async def test_who_is_away_takes_nothing(desk: StaffedDesk):
    billing = await desk.department("Billing", terms=ticket_terms())
    await desk.forecast(billing, at(9), USUAL)
    (agent_id,) = await desk.agents(1, billing)
    await desk.scene.set_availability(agent_id, Availability.AWAY)
    assert await length(desk, billing) == pytest.approx(24, abs=1)


async def test_departments_without_a_forecast_are_left_out(desk: StaffedDesk):
    billing, old, none = [await desk.department(name) for name in ("Billing", "Old", "None")]
    await desk.forecast(billing, at(9), USUAL)
    await desk.forecast(old, at(9) - timedelta(hours=12), USUAL)
    await desk.forecast(None, at(9), USUAL)
    await desk.project()
    found = await QueueForecasts(desk.core.pool).queue_lengths([billing, old, none, DepartmentId(UUID(int=9))], at(9))
    assert found.keys() == {billing}
    assert await QueueForecasts(desk.core.pool).queue_lengths([], at(9)) == {}


async def test_what_changes_is_seen_at_the_next_look_a_new_forecast_too(desk: StaffedDesk):
    billing = await desk.department("Billing")
    await desk.forecast(billing, at(9), USUAL)
    await desk.project()
    forecasts = QueueForecasts(desk.core.pool)
    first = await forecasts.queue_lengths([billing], at(9))
    assert await forecasts.queue_lengths([billing], at(9)) == first
    await desk.ticket(billing, at(8))
    await desk.project()
    assert await forecasts.queue_lengths([billing], at(9)) == {billing: first[billing] + 1}
    await desk.forecast(billing, at(10), [80] * 8)
    await desk.project()
    assert (await forecasts.queue_lengths([billing], at(10)))[billing] == pytest.approx(81, abs=2)


async def test_a_merge_is_suggested_while_the_queue_is_still_short(core):
    await take_lease(core)
    desk = await MergingDesk(core).open()
    await desk.tickets(2)
    assert await desk.until_nothing_is_to_do() == 0
    keeping = Keeping(core.desk, lambda: START)
    await keeping.save(to_issue(desk.busy, hours(START, *[12.0] * 24)), based_on=7)
    assert await desk.until_nothing_is_to_do() == 0, "forecasts are nothing to a process that isn't given them"

    await desk.until_nothing_is_to_do(desk.merging(forecast=QueueForecasts(core.pool)))
    (merge,) = await desk.merges()
    (fact,) = [entry.fact for entry in await core.desk.reading.stream(merge.id)]
    assert (fact.source_id, fact.target_id, fact.triggers) == (desk.busy, desk.idle, (Trigger.FORECAST,))
    assert fact.evidence.source.queue_length == 2
    assert fact.evidence.source.forecast_queue_length == pytest.approx(14, abs=1)
    assert fact.evidence.target.forecast_queue_length is None

    await core.merges.approve(merge.id, SUPERVISOR, Command(), None, at=desk.scene.now)
    await desk.until_nothing_is_to_do(desk.merging(forecast=QueueForecasts(core.pool)))
    assert [(each.state, each.moved) for each in await desk.merges()] == [(MergeState.FINISHED, 1)]
