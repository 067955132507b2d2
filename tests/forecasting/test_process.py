"""The forecaster at the turn of an hour: what is reckoned is issued. Another program stands in for the reckoner's."""

import asyncio
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from tests.forecasting.test_reckoner import SETTING, STAND_IN, answers
from tests.issued import hours, score, to_choose, to_issue
from tests.projections.read_models import LEASE as PROJECTIONS_LEASE
from tests.projections.read_models import a_runner, catch_up
from tests.scene import START, Scene
from tests.staffed import StaffedDesk, ticket_terms
from tests.waiting import until

from supportix.bootstrap import Core
from supportix.domain.aggregate import Fact
from supportix.domain.forecast_day import ForecastFact, ForecastIssued, ForecastScored, ForecastUpdated
from supportix.domain.forecast_model import ForecastModelChosen
from supportix.domain.forecast_words import hour_of
from supportix.domain.staffing_advice import AdviceGiven
from supportix.forecasting.messages import Ask, Failed, Read, Reckoned, Told, ToScore
from supportix.forecasting.process import LEASE, Forecasting
from supportix.projections.runner import ProjectionRunner
from supportix.store.committer import Fence
from supportix.store.errors import LeaseLost
from supportix.store.leases import Leases

NINE = START
TEN = NINE + timedelta(hours=1)
DEPARTMENTS = [UUID(int=number) for number in range(1, 101)]
TO_SAVE = (
    to_choose(None),
    ToScore(department_id=None, day=NINE.date(), scores=(score(NINE, 5, 6),)),
    *[to_issue(department_id, hours(TEN, 5, 6)) for department_id in [None, *DEPARTMENTS]],
)


class Rolling:
    def __init__(self, core: Core, folder: Path, fence: Fence) -> None:
        program = (sys.executable, str(STAND_IN), str(folder))
        self.core, self.folder, self.at = core, folder, TEN
        self.forecasting = Forecasting(core.desk, SETTING, fence, lambda: self.at, program)

    async def roll(self) -> bool:
        await catch_up(await a_runner(self.core, epoch=1 + await self.core.desk.reading.head()))
        return await self.forecasting.roll(TEN)

    async def facts(self) -> list[Fact]:
        entries = await self.core.desk.reading.after(0, 10_000)
        return [entry.fact for entry in entries if isinstance(entry.fact, ForecastFact)]


@pytest.fixture
def fence(run, core) -> Fence:
    return run(Leases(core.pool, "the forecaster").acquire(LEASE))


@pytest.fixture
def rolling(run, core, fence, tmp_path) -> Iterator[Rolling]:
    rolling = Rolling(core, tmp_path, fence)
    yield rolling
    run(rolling.forecasting._reckoner.close())


@pytest.fixture
def traffic(run, core) -> None:
    """One ticket, so that there is something to forecast."""
    scene = Scene(core)
    run(scene.ticket(run(scene.department())))


@pytest.mark.usefixtures("traffic")
async def test_all_that_was_reckoned_is_recorded_with_the_position_it_was_read_at(rolling: Rolling):
    answers(rolling.folder, (Read(2), Told("fitting", 1, 2), *TO_SAVE, Reckoned()))
    assert await rolling.roll()
    facts = await rolling.facts()
    issued = [fact for fact in facts if isinstance(fact, ForecastIssued)]
    assert sorted(str(fact.department_id) for fact in issued) == sorted(map(str, [None, *DEPARTMENTS]))
    assert {(fact.based_on, fact.steps.begin, fact.occurred_at) for fact in issued} == {(2, TEN, TEN)}
    assert {type(fact) for fact in facts} == {ForecastIssued, ForecastScored, ForecastModelChosen}
    assert len(facts) == len(TO_SAVE)
    question = (rolling.folder / "heard").read_bytes().splitlines()[1]
    assert msgspec.json.decode(question, type=Ask).hour == TEN


@pytest.mark.usefixtures("traffic")
async def test_an_hour_is_issued_once_though_it_is_reckoned_twice(rolling: Rolling):
    answers(rolling.folder, (Read(2), *TO_SAVE, Reckoned()), (Read(2), *TO_SAVE, Reckoned()))
    assert await rolling.roll()
    recorded = await rolling.facts()
    assert await rolling.roll()
    assert await rolling.facts() == recorded


@pytest.mark.usefixtures("traffic")
async def test_what_was_reckoned_before_a_failure_is_kept_and_the_rest_comes_with_the_next_try(rolling: Rolling):
    answers(rolling.folder, (Read(2), *TO_SAVE[:9], Failed("no memory")), (Read(2), *TO_SAVE, Reckoned()))
    assert not await rolling.roll()
    assert len(await rolling.facts()) == 9
    assert await rolling.roll()
    assert len(await rolling.facts()) == len(TO_SAVE)


async def test_a_desk_without_traffic_needs_no_reckoning(rolling: Rolling):
    assert await rolling.roll()
    assert not (rolling.folder / "heard").exists()
    assert await rolling.facts() == []


@pytest.mark.usefixtures("traffic")
async def test_who_has_lost_the_lease_says_so(rolling: Rolling, fence: Fence):
    leases = Leases(rolling.core.pool, "the forecaster")
    await leases.release(fence)
    await Leases(rolling.core.pool, "another").acquire(LEASE)
    answers(rolling.folder, (Read(2), *TO_SAVE, Reckoned()))
    with pytest.raises(LeaseLost):
        await rolling.roll()
    assert await rolling.facts() == []


async def test_a_running_forecaster_issues_the_hour_and_follows_its_arrivals(rolling: Rolling):
    scene = Scene(rolling.core)
    department = await scene.department()
    await scene.ticket(department)
    rolling.at = NINE + timedelta(minutes=10)
    forecast = to_issue(None, hours(NINE, 12, 14))
    answers(rolling.folder, (Read(2), forecast, Reckoned()))
    runner = ProjectionRunner(rolling.core.pool, rolling.core.feed, Fence(PROJECTIONS_LEASE, 1))
    work = [asyncio.create_task(each.run()) for each in (runner, rolling.forecasting)]

    async def issued() -> bool:
        return any(isinstance(fact, ForecastIssued) for fact in await rolling.facts())

    async def updated() -> bool:
        return any(isinstance(fact, ForecastUpdated) and fact.arrived > 1 for fact in await rolling.facts())

    try:
        await until(issued, "a forecast")
        for _ in range(30):
            await scene.ticket(department)
        rolling.at += timedelta(minutes=2)
        await until(updated, "an update")
    finally:
        for task in work:
            task.cancel()
        await asyncio.wait(work)
    assert rolling.forecasting._reckoner._process is None, "it ends with its owner"


async def test_a_running_forecaster_advises_by_what_it_has_issued(rolling: Rolling):
    desk = StaffedDesk(rolling.core)
    billing = await desk.department("Billing", terms=ticket_terms())
    await desk.ticket(billing, NINE)
    rolling.at = NINE + timedelta(minutes=10)
    answers(rolling.folder, (Read(2), to_issue(billing, hours(NINE, *[24.0] * 24)), Reckoned()), (Reckoned(),))
    runner = ProjectionRunner(rolling.core.pool, rolling.core.feed, Fence(PROJECTIONS_LEASE, 1))
    work = [asyncio.create_task(each.run()) for each in (runner, rolling.forecasting)]

    async def advised() -> bool:
        entries = await rolling.core.desk.reading.after(0, 10_000)
        return any(isinstance(entry.fact, AdviceGiven) and entry.fact.department_id == billing for entry in entries)

    try:
        await until(advised, "advice for a department without agents")
    finally:
        for task in work:
            task.cancel()
        await asyncio.wait(work)


def test_hours_are_those_of_utc():
    assert hour_of(NINE + timedelta(minutes=59, seconds=59)) == NINE
    in_delhi = msgspec.convert("2026-03-02T14:45:00+05:30", type(NINE))
    assert hour_of(in_delhi) == NINE
