"""Reading what the page on the accuracy of forecasts shows: of which series, in which order, and up to when."""

from datetime import timedelta
from uuid import UUID

from tests.issued import hours, score, to_choose, to_issue
from tests.projections.test_forecasts import HALF_PAST, HOUR, NINE, reading, saved, scored
from tests.scene import ADMIN, Scene

from supportix.bootstrap import Core
from supportix.domain.calendar import BusinessCalendar
from supportix.domain.forecast_words import DESK_ID
from supportix.domain.ids import DepartmentId
from supportix.projections.forecast_report_queries import common_time_zone, forecast_report
from supportix.store.committer import Command

__all__ = ["reading"]
UNKNOWN = UUID(int=0xB)
SINCE, UNTIL = NINE - 2 * HOUR, NINE + 2 * HOUR


async def in_berlin(scene: Scene, name: str) -> DepartmentId:
    department = await scene.department(name)
    berlin = BusinessCalendar(time_zone="Europe/Berlin")
    await scene.core.planning.change_calendar(department, berlin, ADMIN, Command(), None, at=scene.now)
    return department


async def test_every_series_with_a_forecast_a_model_or_a_score_the_desk_first(core: Core, reading):
    scene = Scene(core)
    sales, billing = await in_berlin(scene, "Sales"), await in_berlin(scene, "billing")
    await in_berlin(scene, "Nothing of it is forecast")
    scores = [score(NINE, 10, 12), score(NINE, 9, 12, lead_hours=24), score(NINE + 2 * HOUR, 1, 1)]
    await saved(
        core,
        to_issue(billing, hours(NINE, 5, 6)),
        to_choose(sales),
        scored(None, *scores),
        scored(UNKNOWN, *scores[:1]),
    )
    async with reading() as database:
        found = await forecast_report(database, SINCE, UNTIL, at=HALF_PAST)
    desk, unknown, of_billing, of_sales = found.series
    assert [(each.series_id, each.name, each.time_zone) for each in found.series] == [
        (DESK_ID, "The whole desk", "Europe/Berlin"),
        (UNKNOWN, str(UNKNOWN), "UTC"),
        (billing, "billing", "Europe/Berlin"),
        (sales, "Sales", "Europe/Berlin"),
    ]
    assert (found.at, found.since, found.until) == (HALF_PAST, SINCE, UNTIL)
    assert found.position == await core.desk.reading.head()
    assert [(each.lead_hours, each.hours) for each in desk.accuracy] == [(1, 1), (24, 1)], "before `until`"
    assert (of_billing.latest.begin, of_billing.model, of_billing.accuracy) == (NINE, None, ())
    assert (of_sales.latest, of_sales.model.model) == (None, "hour of the week")
    assert (unknown.latest, unknown.model) == (None, None)


async def test_ranks_are_counted_by_tenths_over_the_next_hours_of_the_span(core: Core, reading):
    ranks = (0.0, 0.05, 0.1, 0.55, 0.999, 1.0)
    scores = [score(NINE - HOUR + place * HOUR / 6, 1, 1, rank=rank) for place, rank in enumerate(ranks)]
    others = [
        score(NINE, 1, 1, rank=0.3, lead_hours=24),
        score(SINCE - HOUR, 1, 1, rank=0.3),
        score(UNTIL, 1, 1, rank=0.3),
    ]
    await saved(core, scored(None, *scores, *others), scored(UNKNOWN, score(NINE, 1, 1, rank=0.7, lead_hours=24)))
    async with reading() as database:
        desk, unknown = (await forecast_report(database, SINCE, UNTIL, at=HALF_PAST)).series
    assert desk.ranks == (2, 1, 0, 0, 0, 1, 0, 0, 0, 2)
    assert unknown.ranks == (0,) * 10


async def test_charts_are_of_the_seven_days_up_to_the_last_full_hour(core: Core, reading):
    await saved(core, to_issue(None, hours(NINE - HOUR, 5, 6)))
    async with reading() as database:
        (now,) = (await forecast_report(database, SINCE, NINE + timedelta(days=9), at=HALF_PAST)).series
        (before,) = (await forecast_report(database, SINCE, NINE - HOUR, at=HALF_PAST)).series
    assert (now.hours[0].hour, now.hours[-1].hour, len(now.hours)) == (NINE - timedelta(days=7), NINE - HOUR, 168)
    assert [each.mean for each in now.hours[-2:]] == [None, 5]
    assert before.hours[-1].hour == NINE - 2 * HOUR


async def test_a_desk_without_forecasts_has_no_series(reading):
    async with reading() as database:
        assert (await forecast_report(database, SINCE, UNTIL, at=HALF_PAST)).series == ()


def test_the_desk_goes_by_the_clock_that_all_departments_share():
    assert common_time_zone(["Asia/Tokyo", "Asia/Tokyo"]) == "Asia/Tokyo"
    assert common_time_zone(["Asia/Tokyo", "UTC"]) == "UTC"
    assert common_time_zone([]) == "UTC"
