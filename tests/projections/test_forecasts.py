"""Reading forecasts, how they were met and the models behind them, beside the traffic that came."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.issued import hours, score, to_choose, to_issue
from tests.projections.read_models import a_runner, catch_up
from tests.scene import START, Scene

from supportix.bootstrap import Core
from supportix.domain.forecast_model import Drift
from supportix.domain.forecast_words import DESK_ID, CandidateScore, Confidence, Horizon, HourScore
from supportix.forecasting.keeping import Keeping
from supportix.forecasting.messages import ToSave, ToScore, ToTellDrift
from supportix.projections.checkpoint_queries import ReadDatabase
from supportix.projections.forecast_queries import (
    accuracy,
    against_actual,
    issued_forecast,
    latest_forecasts,
    models,
)
from supportix.settings import Settings

NINE = START
HOUR = timedelta(hours=1)
HALF_PAST = NINE + HOUR / 2
BILLING, SALES = UUID(int=0xB), UUID(int=0x5A)


async def saved(core: Core, *messages: ToSave, at: datetime = HALF_PAST) -> None:
    """Kept in this order, and taken in by the read models."""
    keeping = Keeping(core.desk, lambda: at)
    for message in messages:
        assert (await keeping.save(message, based_on=await core.desk.reading.head())).recorded
    await project(core)


async def project(core: Core) -> None:
    await catch_up(await a_runner(core, epoch=1 + await core.desk.reading.head()))


@pytest.fixture
def reading(database_url: str):
    @asynccontextmanager
    async def open_database() -> AsyncIterator[ReadDatabase]:
        database = ReadDatabase(Settings(database_url=database_url))
        try:
            yield database
        finally:
            await database.close()

    return open_database


def scored(department_id: UUID | None, *scores: HourScore) -> ToScore:
    return ToScore(department_id=department_id, day=NINE.date(), scores=scores)


async def test_the_latest_forecast_of_each_series_with_what_has_arrived_in_its_hour(core: Core, reading):
    scene = Scene(core)
    billing, sales, quiet = await scene.department(), await scene.department(), await scene.department()
    for department in (billing, billing, sales):
        await scene.ticket(department)
    before, later = hours(NINE - HOUR, 3, 4), hours(NINE + HOUR, 8, 9)
    await saved(
        core,
        *[to_issue(department_id, hours(NINE, 5, 6)) for department_id in (billing, sales, None)],
        *[to_issue(billing, before), to_issue(billing, later), to_issue(quiet, hours(NINE - 3 * HOUR, 1, 2))],
        to_issue(billing, hours(NINE + timedelta(minutes=15), 7, 7), Horizon.FORTNIGHT),
        to_issue(SALES, hours(NINE - timedelta(days=2), 1, 1)),
    )
    async with reading() as database:
        found = await latest_forecasts(database, HALF_PAST)
        of_two = await latest_forecasts(database, HALF_PAST, department_ids=[sales, DESK_ID])
    by_series = {each.department_id: each for each in found.value}
    assert {key: (each.begin, each.arrived) for key, each in by_series.items()} == {
        billing: (NINE, 2),
        sales: (NINE, 1),
        quiet: (NINE - 3 * HOUR, 0),
        DESK_ID: (NINE, 3),
    }, "one of two days ago is none any more"
    assert found.position == await core.desk.reading.head()
    desk = by_series[DESK_ID]
    assert desk.steps == hours(NINE, 5, 6)
    assert (desk.issued_at, desk.model, desk.confidence, desk.carry) == (
        HALF_PAST,
        "hour of the week",
        Confidence.NORMAL,
        0.5,
    )
    assert (desk.drifted, desk.hours_scored, desk.wape) == (False, 0, None)
    assert {each.department_id for each in of_two.value} == {sales, DESK_ID}


async def test_the_latest_forecast_tells_how_its_series_was_met_lately(core: Core, reading):
    worse = Drift(found=True, hours=24, pinball=3.0, expected=1.0, reason="thrice")
    await saved(
        core,
        to_issue(BILLING, hours(NINE, 5, 6)),
        to_issue(None, hours(NINE, 5, 6)),
        to_choose(BILLING),
        ToTellDrift(department_id=BILLING, drift=worse),
        scored(
            BILLING,
            score(NINE - HOUR, 10, 12),
            score(NINE - timedelta(days=27), 4, 8),
            score(NINE - timedelta(days=29), 0, 1_000),
            score(NINE - HOUR, 900, 12, lead_hours=24),
        ),
        scored(None, score(NINE - HOUR, 2, 0)),
    )
    async with reading() as database:
        desk, billing = sorted((await latest_forecasts(database, HALF_PAST)).value, key=lambda each: each.drifted)
    assert (billing.department_id, billing.hours_scored, billing.wape) == (BILLING, 2, pytest.approx(6 / 20))
    assert (desk.department_id, desk.hours_scored, desk.wape) == (DESK_ID, 1, None), "nothing came that it could miss"


async def test_the_forecast_that_was_the_latest_at_a_time(core: Core, reading):
    long = hours(NINE, *range(1, 337))
    await saved(
        core,
        to_issue(BILLING, long, Horizon.FORTNIGHT),
        to_issue(BILLING, hours(NINE + HOUR, 5, 6)),
        to_issue(BILLING, hours(NINE, 7, 8), carry=0.125, confidence=Confidence.LOW),
        to_issue(None, hours(NINE, 70, 80)),
    )
    async with reading() as database:

        async def begin(department_id: UUID, at: datetime) -> datetime | None:
            found = (await issued_forecast(database, department_id, Horizon.DAY, at)).value
            return found and found.begin

        assert await begin(BILLING, NINE) == NINE
        assert await begin(BILLING, NINE + HOUR - timedelta(microseconds=1)) == NINE
        assert await begin(BILLING, NINE + HOUR) == NINE + HOUR
        assert await begin(BILLING, NINE - timedelta(seconds=1)) is None
        assert await begin(SALES, NINE + HOUR) is None
        fortnight = (await issued_forecast(database, BILLING, Horizon.FORTNIGHT, NINE)).value
        of_the_desk = (await issued_forecast(database, DESK_ID, Horizon.DAY, NINE)).value
        low = (await issued_forecast(database, BILLING, Horizon.DAY, NINE)).value
    assert fortnight.steps == long
    assert of_the_desk.steps.means == (70, 80)
    assert (low.carry, low.confidence, low.based_on) == (0.125, Confidence.LOW, 2)


FOUR_HOURS = (
    score(NINE, 10, 12, naive_error=4.0, level=5.0, rank=0.26, pinball=1.0),
    score(NINE + HOUR, 8, 4, level=5.0, rank=0.08, pinball=2.0),
    score(NINE + 2 * HOUR, 7, 6, naive_error=1.0, rank=0.89, pinball=0.5),
    score(NINE + 3 * HOUR, 3, 0, naive_error=2.0, level=5.0, rank=0.98, pinball=0.5),
)


async def test_accuracy_is_what_is_worked_out_by_hand(core: Core, reading):
    outside = [score(hour, 500, 1) for hour in (NINE - HOUR, NINE + 4 * HOUR)]
    ahead = score(NINE, 6, 12, lead_hours=24, pinball=3.0, rank=0.2)
    await saved(core, scored(BILLING, *FOUR_HOURS, *outside, ahead), scored(None, score(NINE, 3, 0)))
    async with reading() as database:
        found = await accuracy(database, NINE, NINE + 4 * HOUR)
        of_the_desk = await accuracy(database, NINE, NINE + 4 * HOUR, department_ids=[DESK_ID])
        of_nothing = await accuracy(database, NINE, NINE)
    desk, next_hour, next_day = sorted(found.value, key=lambda each: (each.department_id == BILLING, each.lead_hours))
    assert (next_hour.department_id, next_hour.lead_hours, next_hour.hours, next_hour.arrivals) == (BILLING, 1, 4, 22)
    assert next_hour.wape == pytest.approx((2 + 4 + 1 + 3) / 22)
    assert next_hour.mase == pytest.approx((2 + 4 + 3) / 15), "the third hour's scale isn't known"
    assert next_hour.naive_wape == pytest.approx((4 + 1 + 2) / (12 + 6 + 0)), "the second hour had no week before"
    assert next_hour.wape_beside_naive == pytest.approx((2 + 1 + 3) / (12 + 6 + 0))
    assert next_hour.bias == pytest.approx((10 + 8 + 7 + 3) / 22 - 1)
    assert next_hour.pinball == pytest.approx(1.0)
    assert (next_hour.coverage50, next_hour.coverage80, next_hour.coverage95) == (0.25, 0.5, 0.75)
    assert (next_day.lead_hours, next_day.hours, next_day.wape, next_day.mase) == (24, 1, 0.5, None)
    assert (next_day.naive_wape, next_day.wape_beside_naive) == (None, None)
    assert (desk.department_id, desk.hours, desk.wape, desk.bias, desk.mase) == (DESK_ID, 1, None, None, None)
    assert of_the_desk.value == [desk]
    assert of_nothing.value == []


async def test_the_model_in_use_and_how_it_was_chosen(core: Core, reading):
    week = (NINE - timedelta(days=7), NINE)
    first, again = to_choose(BILLING), to_choose(BILLING, "boosting")
    await saved(core, first, to_choose(None, "poisson"))
    await saved(
        core, type(again)(**{name: getattr(again, name) for name in again.__struct_fields__} | {"evaluated": week})
    )
    worse = Drift(found=True, hours=24, pinball=3.0, expected=1.0, reason="thrice")
    await saved(core, ToTellDrift(department_id=None, drift=worse), at=NINE + HOUR)
    async with reading() as database:
        found = {each.department_id: each for each in (await models(database)).value}
        of_the_desk = (await models(database, department_ids=[DESK_ID])).value
    billing, desk = found.pop(BILLING), found.pop(DESK_ID)
    assert found == {}
    assert (billing.model, billing.members, billing.times_chosen) == ("boosting", ("boosting", "poisson"), 2)
    assert (billing.evaluated_from, billing.evaluated_until) == week
    assert billing.scores == (
        CandidateScore("boosting", wape=0.25, mase=0.75, crps=1.5),
        CandidateScore("poisson", why_not="short"),
    )
    assert (billing.confidence, billing.reason, billing.chosen_at) == (Confidence.LOW, "it was best", HALF_PAST)
    assert (billing.drifted, billing.drift_reason, billing.drift_at) == (False, "", None)
    assert (desk.drifted, desk.drift_reason, desk.drift_at) == (True, "thrice", NINE + HOUR)
    assert (desk.evaluated_from, desk.times_chosen, desk.choice_asked) == (None, 1, False)
    assert of_the_desk == [desk]

    await saved(core, to_choose(None, "arima"))
    async with reading() as database:
        (desk,) = (await models(database, department_ids=[DESK_ID])).value
    assert (desk.model, desk.drifted, desk.drift_reason, desk.drift_at) == ("arima", True, "thrice", NINE + HOUR)


async def test_what_came_in_each_hour_beside_what_was_forecast(core: Core, reading):
    scene = Scene(core)
    billing, sales = await scene.department(), await scene.department()
    for department in (billing, billing, sales):
        await scene.ticket(department)
    nine = hours(NINE, 5, 50)
    await saved(
        core,
        *[to_issue(billing, nine), to_issue(None, hours(NINE, 8, 8)), to_issue(billing, hours(NINE + 2 * HOUR, 4, 4))],
        to_issue(billing, hours(NINE + HOUR, 9, 9), Horizon.FORTNIGHT),
    )
    async with reading() as database:
        found = (await against_actual(database, billing, NINE - HOUR, NINE + 3 * HOUR)).value
        desk = (await against_actual(database, DESK_ID, NINE, NINE + HOUR)).value
        nothing = (await against_actual(database, billing, NINE, NINE)).value
    assert [(each.hour, each.actual, each.mean) for each in found] == [
        (NINE - HOUR, 0, None),
        (NINE, 2, 5),
        (NINE + HOUR, 0, None),
        (NINE + 2 * HOUR, 0, 4),
    ], "the next hour is told by the forecast that was issued as it began"
    row = found[1]
    low95, low80, *_, high80, high95 = [each[0] for each in nine.quantiles]
    assert (row.low95, row.low80, row.high80, row.high95) == (low95, low80, high80, high95)
    assert [(each.hour, each.actual, each.mean) for each in desk] == [(NINE, 3, 8)]
    assert nothing == []


async def test_a_desk_without_forecasts_reads_none(reading):
    async with reading() as database:
        assert (await latest_forecasts(database, datetime.now(UTC))).value == []
        assert (await models(database)).value == []
        assert (await accuracy(database, NINE, NINE + HOUR)).value == []
        (hour,) = (await against_actual(database, DESK_ID, NINE, NINE + HOUR)).value
    assert (hour.actual, hour.mean, hour.high95) == (0, None, None)
