"""Arrivals change the forecast of the running hour, which is told when it has moved far enough. The clock is set."""

from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest
from tests.issued import hours, to_issue
from tests.projections.read_models import a_runner, catch_up
from tests.scene import START, Scene, a_customer, opening

from supportix.bootstrap import Core
from supportix.domain.forecast_day import ForecastUpdated
from supportix.domain.forecast_words import LEVELS, Horizon, Steps
from supportix.domain.ids import DepartmentId
from supportix.forecasting.keeping import Keeping
from supportix.forecasting.running_forecasts import RunningForecasts
from supportix.forecasting.running_hour import running_hour
from supportix.projections.runner import ProjectionRunner
from supportix.store.committer import Command

NINE = START
HOUR = timedelta(hours=1)
ISSUED = hours(NINE, 12, 14)
CARRY = 0.5


class Shift:
    """An hour at a desk: tickets arrive, read models follow, and somebody looks at the forecasts."""

    def __init__(self, core: Core, runner: ProjectionRunner) -> None:
        self.core = core
        self.at = NINE
        self.keeping = Keeping(core.desk, lambda: self.at)
        self.running = self.a_forecaster()
        self._runner = runner

    def a_forecaster(self) -> RunningForecasts:
        return RunningForecasts(self.core.pool, self.keeping, lambda: self.at)

    async def issue(self, *department_ids: UUID | None, steps: Steps = ISSUED) -> None:
        """Issue them, and take them up where they are of the hour."""
        for department_id in department_ids:
            await self.keeping.save(to_issue(department_id, steps, carry=CARRY), based_on=7)
        await catch_up(self._runner)
        await self.running.begin(NINE)

    async def arrive(self, department_id: DepartmentId, tickets: int) -> None:
        for _ in range(tickets):
            await self.core.tickets.open(opening(department_id), a_customer(), Command(), at=self.at)

    async def look(self, minute: float, **arrivals: tuple[DepartmentId, int]) -> int:
        """So many tickets arrive so many minutes after nine, and somebody looks. Returns how many were told."""
        self.at = NINE + timedelta(minutes=minute)
        for department_id, tickets in arrivals.values():
            await self.arrive(department_id, tickets)
        await catch_up(self._runner)
        return await self.running.look()

    async def told(self) -> list[ForecastUpdated]:
        entries = await self.core.desk.reading.after(0, 10_000)
        return [entry.fact for entry in entries if isinstance(entry.fact, ForecastUpdated)]


@pytest.fixture
def shift(run, core) -> Shift:
    return Shift(core, run(a_runner(core)))


@pytest.fixture
def billing(run, core) -> DepartmentId:
    return run(Scene(core).department())


@pytest.fixture
def sales(run, core) -> DepartmentId:
    return run(Scene(core).department())


def after(minute: float, arrived: int) -> Steps:
    return running_hour(ISSUED, arrived=arrived, elapsed_seconds=minute * 60, carry=CARRY)


def moved(minute: float, arrived: int, since: Steps = ISSUED) -> float:
    """By how many deviations, the greater one of the two hours'."""
    low, high = (ISSUED.quantiles[LEVELS.index(level)] for level in (0.1, 0.9))
    means = zip(after(minute, arrived).means, since.means, low, high, strict=False)
    return max(abs(now - before) / ((above - below) / 2.56) for now, before, below, above in means)


def fewest(minute: float, deviations: float, since: Steps = ISSUED, *, beginning: int = 1) -> int:
    """The fewest arrivals by which a forecast has risen by so much."""
    return next(
        arrived
        for arrived in count(beginning)
        if moved(minute, arrived, since) >= deviations and after(minute, arrived).means > since.means
    )


async def test_it_is_told_when_it_has_moved_by_half_a_deviation(shift: Shift, billing: DepartmentId):
    await shift.issue(billing)
    enough = fewest(10, 0.5, beginning=2)
    assert moved(10, enough - 1) < 0.5
    assert await shift.look(10, tickets=(billing, enough - 1)) == 0
    assert await shift.told() == []

    assert await shift.look(10, tickets=(billing, 1)) == 1
    (update,) = await shift.told()
    assert update == ForecastUpdated(
        occurred_at=shift.at, department_id=billing, steps=after(10, enough), arrived=enough, elapsed_seconds=600
    )
    assert update.steps.means[0] > enough, "what has arrived is part of the hour"


async def test_it_is_told_at_most_once_a_minute(shift: Shift, billing: DepartmentId):
    await shift.issue(billing)
    first = fewest(10, 0.5)
    assert await shift.look(10, tickets=(billing, first)) == 1
    then = fewest(10.75, 0.5, after(10, first))
    assert moved(10.75, then, after(10, first)) < 2
    assert await shift.look(10.75, tickets=(billing, then - first)) == 0
    assert await shift.look(10.98) == 0
    assert await shift.look(11) == 1, "though nothing more has arrived since"
    assert [(fact.arrived, fact.elapsed_seconds) for fact in await shift.told()] == [(first, 600), (then, 660)]


async def test_a_jump_is_told_at_once(shift: Shift, billing: DepartmentId):
    await shift.issue(billing)
    first = fewest(10, 0.5)
    assert await shift.look(10, tickets=(billing, first)) == 1
    jump = fewest(10.1, 2, after(10, first))
    assert await shift.look(10.1, tickets=(billing, jump - first - 1)) == 0
    assert await shift.look(10.1, tickets=(billing, 1)) == 1
    assert [fact.arrived for fact in await shift.told()] == [first, jump]


async def test_a_jump_is_measured_from_what_was_told_last(shift: Shift, billing: DepartmentId):
    await shift.issue(billing)
    jump = fewest(10, 2)
    assert await shift.look(10, tickets=(billing, jump)) == 1
    assert await shift.look(10.1, tickets=(billing, 1)) == 0


async def test_nothing_is_told_where_nothing_arrived(shift: Shift, billing: DepartmentId):
    await shift.issue(billing)
    for minute in (0, 1, 30, 59):
        assert await shift.look(minute) == 0
    assert await shift.told() == []


async def test_nothing_is_told_where_nothing_was_issued(shift: Shift, billing: DepartmentId):
    assert await shift.look(10, tickets=(billing, 5)) == 0
    await shift.issue(billing, steps=hours(NINE + HOUR, 12, 14))
    assert await shift.look(10, tickets=(billing, 30)) == 0
    await shift.keeping.save(to_issue(billing, ISSUED, Horizon.FORTNIGHT), based_on=7)
    assert await shift.look(11, tickets=(billing, 30)) == 0
    assert await shift.told() == []


async def test_the_quiet_of_one_department_is_told_as_another_is_busy(
    shift: Shift, billing: DepartmentId, sales: DepartmentId
):
    await shift.issue(billing, sales)
    assert await shift.look(30, tickets=(billing, 6)) == 1
    (update,) = await shift.told()
    assert (update.department_id, update.arrived) == (sales, 0)
    assert update.steps == after(30, 0)


async def test_the_desk_counts_what_arrives_in_every_department(
    shift: Shift, billing: DepartmentId, sales: DepartmentId
):
    await shift.issue(billing, None)
    assert await shift.look(10, some=(billing, 2), others=(sales, 20)) == 1
    (update,) = await shift.told()
    assert (update.department_id, update.arrived) == (None, 22)


async def test_what_arrived_before_the_hour_is_not_of_it(shift: Shift, billing: DepartmentId):
    await shift.issue(billing)
    assert await shift.look(-5, tickets=(billing, 50)) == 0
    assert await shift.look(0) == 0


async def test_what_arrives_just_after_the_hour_is_not_of_it(shift: Shift, billing: DepartmentId):
    await shift.issue(billing)
    assert await shift.look(60.02, tickets=(billing, 50)) == 1
    (update,) = await shift.told()
    assert (update.arrived, update.elapsed_seconds, update.steps.means[0]) == (0, 3_600, 0)


async def test_another_forecaster_goes_on_from_what_was_told(shift: Shift, billing: DepartmentId):
    await shift.issue(billing)
    first = fewest(10, 0.5)
    assert await shift.look(10, tickets=(billing, first)) == 1
    shift.running = shift.a_forecaster()
    await shift.look(10.2)
    await shift.running.begin(NINE)
    assert await shift.look(10.3) == 0, "that was told before"
    then = fewest(10.5, 0.5, after(10, first))
    assert await shift.look(10.5, tickets=(billing, then - first)) == 0, "the minute is that of the one before"
    assert await shift.look(11.1) == 1


async def test_each_hour_begins_with_what_was_issued_for_it(shift: Shift, billing: DepartmentId):
    await shift.issue(billing)
    await shift.issue(billing, steps=hours(NINE + HOUR, 14, 9))
    assert await shift.look(30, tickets=(billing, 30)) == 1
    await shift.running.begin(NINE + HOUR)
    assert await shift.look(60) == 0, "those of the hour before are not of this one"
    assert await shift.look(70, tickets=(billing, 10)) == 1
    assert [(fact.steps.begin, fact.arrived) for fact in await shift.told()] == [(NINE, 30), (NINE + HOUR, 10)]
