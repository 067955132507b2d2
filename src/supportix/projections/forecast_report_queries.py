"""Reading all that the page on the accuracy of forecasts shows, of every series that has a forecast, score or model."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import Integer, cast, func, select

from supportix.domain.forecast_words import DESK_ID, DESK_NAME, hour_of
from supportix.projections.checkpoint_queries import AsOf, ReadDatabase, fetch
from supportix.projections.departments import DepartmentDirectory, departments
from supportix.projections.forecast_queries import (
    NEXT_HOUR,
    Accuracy,
    HourAgainstForecast,
    LatestForecast,
    ModelView,
    accuracy,
    against_actual,
    latest_forecasts,
    models,
)
from supportix.projections.forecasts import Forecasts, forecast_scores

RANK_BINS = 10
CHARTED = timedelta(days=7)


class ReportedSeries(msgspec.Struct, frozen=True, kw_only=True):
    """A department, or the whole desk, whose time zone is UTC unless all departments share another.

    `ranks`: of the next hour's forecasts, how many counts fell into each of RANK_BINS equal parts of the distribution.
    `hours`: the last days, up to the last full hour. `latest`: of the last two days.
    """

    series_id: UUID
    name: str
    time_zone: str
    latest: LatestForecast | None = None
    model: ModelView | None = None
    accuracy: tuple[Accuracy, ...] = ()
    ranks: tuple[int, ...] = (0,) * RANK_BINS
    hours: tuple[HourAgainstForecast, ...] = ()


class ForecastReport(msgspec.Struct, frozen=True, kw_only=True):
    """Models and forecasts as they were known `at` that time, scores of hours in [since, until); the desk first.

    `position`: up to which position of the log all of it is known.
    """

    at: datetime
    since: datetime
    until: datetime
    position: int
    series: tuple[ReportedSeries, ...]


class NamedSeries(msgspec.Struct, frozen=True):
    """A department as the page names it."""

    department_id: UUID
    name: str
    time_zone: str


class RankCount(msgspec.Struct, frozen=True):
    """So many counts fell into this part of their forecast distribution, counted from 0."""

    department_id: UUID
    part: int
    hours: int


async def forecast_report(database: ReadDatabase, since: datetime, until: datetime, *, at: datetime) -> ForecastReport:
    """Of all series. Charts end with the last hour that was over by `until` and `at`."""
    named = await _named(database)
    latest = await latest_forecasts(database, at)
    chosen = await models(database)
    scored = await accuracy(database, since, until)
    ranked = await _rank_counts(database, since, until)
    ranks = _ranks(ranked.value)
    latest_of = {each.department_id: each for each in latest.value}
    model_of = {each.department_id: each for each in chosen.value}
    scores_of = _by_series(scored.value)
    position = min(each.position for each in (named, latest, chosen, scored, ranked))
    series = []
    for each in _in_order(named.value, {*latest_of, *model_of, *scores_of}):
        hours = await _charted(database, each.department_id, min(until, at))
        position = min(position, hours.position)
        series.append(
            ReportedSeries(
                series_id=each.department_id,
                name=each.name,
                time_zone=each.time_zone,
                latest=latest_of.get(each.department_id),
                model=model_of.get(each.department_id),
                accuracy=tuple(scores_of[each.department_id]),
                ranks=ranks[each.department_id],
                hours=tuple(hours.value),
            )
        )
    return ForecastReport(at=at, since=since, until=until, position=position, series=tuple(series))


def common_time_zone(time_zones: Iterable[str]) -> str:
    """By whose clock the whole desk is shown: the departments' own, where they all have the same; else UTC."""
    found = set(time_zones)
    return found.pop() if len(found) == 1 else "UTC"


async def _named(database: ReadDatabase) -> AsOf[list[NamedSeries]]:
    own = departments.c
    time_zone = func.coalesce(own.calendar["time_zone"].astext, "UTC").label("time_zone")
    query = select(own.department_id, own.name, time_zone)
    return await fetch(database, query, NamedSeries, of=[DepartmentDirectory.name])


def _in_order(named: Sequence[NamedSeries], wanted: set[UUID]) -> list[NamedSeries]:
    """The desk first, then departments by name. One that isn't known is named by its id."""
    known = {each.department_id: each for each in named}
    known[DESK_ID] = NamedSeries(DESK_ID, DESK_NAME.capitalize(), common_time_zone(each.time_zone for each in named))
    found = [known.get(each) or NamedSeries(each, str(each), "UTC") for each in wanted]
    return sorted(found, key=lambda each: (each.department_id != DESK_ID, each.name.casefold(), each.department_id))


async def _rank_counts(database: ReadDatabase, since: datetime, until: datetime) -> AsOf[list[RankCount]]:
    own = forecast_scores.c
    part = cast(func.least(func.floor(own.rank * RANK_BINS), RANK_BINS - 1), Integer).label("part")
    query = (
        select(own.department_id, part, func.count().label("hours"))
        .where(own.lead_hours == NEXT_HOUR, own.hour >= since, own.hour < until)
        .group_by(own.department_id, part)
    )
    return await fetch(database, query, RankCount, of=[Forecasts.name])


def _ranks(counts: Iterable[RankCount]) -> defaultdict[UUID, tuple[int, ...]]:
    parts: dict[UUID, list[int]] = {}
    for each in counts:
        parts.setdefault(each.department_id, [0] * RANK_BINS)[each.part] = each.hours
    return defaultdict(lambda: (0,) * RANK_BINS, {series_id: tuple(found) for series_id, found in parts.items()})


async def _charted(database: ReadDatabase, series_id: UUID, end: datetime) -> AsOf[list[HourAgainstForecast]]:
    full = hour_of(end)
    return await against_actual(database, series_id, full - CHARTED, full)


def _by_series(found: Iterable[Accuracy]) -> defaultdict[UUID, list[Accuracy]]:
    series: defaultdict[UUID, list[Accuracy]] = defaultdict(list)
    for each in found:
        series[each.department_id].append(each)
    return series
