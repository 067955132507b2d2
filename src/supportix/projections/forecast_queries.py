"""Reading forecasts, how good they were, and the models behind them. DESK_ID stands for the whole desk throughout."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Double, Integer, Interval, Select, and_, case, cast, func, literal, select
from sqlalchemy.dialects.postgresql import distinct_on

from supportix.domain.forecast_words import DESK_ID, CandidateScore, Confidence, Horizon, Steps
from supportix.projections.checkpoint_queries import AsOf, ReadDatabase, fetch, fetch_one
from supportix.projections.forecasts import Forecasts, forecast_models, forecast_scores, forecasts
from supportix.projections.traffic_history import TrafficHistory, traffic_history

NEXT_HOUR = 1
"""The lead, in hours, of the forecasts that are issued as their hour begins."""
_HOUR = timedelta(hours=1)
_OLDEST = timedelta(days=2)
"""A forecast of the next day that is older is none."""
_RECENTLY = timedelta(days=28)


class IssuedForecast(msgspec.Struct, frozen=True, kw_only=True):
    """A forecast as it was issued. `based_on`: the position of the log up to which arrivals were known."""

    department_id: UUID
    horizon: Horizon
    begin: datetime
    issued_at: datetime
    steps: Steps
    model: str
    confidence: Confidence
    reason: str
    carry: float
    quarter_shares: tuple[float, ...]
    based_on: int


class LatestForecast(IssuedForecast, frozen=True, kw_only=True):
    """The latest forecast of a series, what has arrived in its first hour, and how the next hour was met lately.

    `drifted`: its model has become worse than when it was chosen. `wape`: of the hours scored in 28 days; None where
    none was, or none had arrivals.
    """

    arrived: int
    drifted: bool
    hours_scored: int
    wape: float | None

    def is_stale(self, at: datetime) -> bool:
        """Nothing was issued for the hour that runs then."""
        return at - self.begin >= _HOUR


class Accuracy(msgspec.Struct, frozen=True, kw_only=True):
    """How the forecasts of a series were met, `lead_hours` ahead.

    `wape`: the sum of errors over that of counts. `mase`: the sum of errors over that of the seasonal naive's typical
    misses in the past, of the hours for which that is known. `naive_wape`: of the count a week before, over the same
    hours where there was one, with `wape_beside_naive`. `bias`: the sum of forecasts over that of counts, less 1.
    `coverage50`, `80`, `95`: how often the count lay in the interval. None where nothing can be said.
    """

    department_id: UUID
    lead_hours: int
    hours: int
    arrivals: int
    wape: float | None
    mase: float | None
    naive_wape: float | None
    wape_beside_naive: float | None
    bias: float | None
    pinball: float
    coverage50: float
    coverage80: float
    coverage95: float


class ModelView(msgspec.Struct, frozen=True, kw_only=True):
    """The model that a series is forecast by, and how it was chosen."""

    department_id: UUID
    model: str
    members: tuple[str, ...]
    confidence: Confidence
    reason: str
    scores: tuple[CandidateScore, ...]
    evaluated_from: datetime | None
    evaluated_until: datetime | None
    chosen_at: datetime
    times_chosen: int
    choice_asked: bool
    drifted: bool
    drift_reason: str
    drift_at: datetime | None


class HourAgainstForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What came in an hour, and what had been issued for it as it began; None where nothing had."""

    hour: datetime
    actual: int
    mean: float | None
    low80: float | None
    high80: float | None
    low95: float | None
    high95: float | None


_ISSUED = [forecasts.c[name] for name in IssuedForecast.__struct_fields__]


async def latest_forecasts(
    database: ReadDatabase, at: datetime, *, department_ids: Sequence[UUID] = ()
) -> AsOf[list[LatestForecast]]:
    """Of each series that has one, or of these."""
    own = forecasts.c
    latest = (
        select(*_ISSUED)
        .ext(distinct_on(own.department_id))
        .where(own.horizon == Horizon.DAY, own.begin <= at, own.begin > at - _OLDEST)
        .order_by(own.department_id, own.begin.desc())
    )
    if department_ids:
        latest = latest.where(own.department_id.in_(department_ids))
    found = latest.subquery("latest")
    scores = _recent_scores(at).subquery("scores")
    query = (
        select(
            *found.c,
            _arrived(found).label("arrived"),
            func.coalesce(forecast_models.c.drifted, False).label("drifted"),
            func.coalesce(scores.c.hours, 0).label("hours_scored"),
            scores.c.wape,
        )
        .select_from(found)
        .outerjoin(forecast_models, forecast_models.c.department_id == found.c.department_id)
        .outerjoin(scores, scores.c.department_id == found.c.department_id)
    )
    return await fetch(
        database, query, LatestForecast, of=[Forecasts.name, TrafficHistory.name], order=[found.c.department_id]
    )


async def issued_forecast(
    database: ReadDatabase, department_id: UUID, horizon: Horizon, at: datetime
) -> AsOf[IssuedForecast | None]:
    """The latest one that begins by then."""
    own = forecasts.c
    query = (
        select(*_ISSUED)
        .where(own.department_id == department_id, own.horizon == horizon, own.begin <= at)
        .order_by(own.begin.desc())
        .limit(1)
    )
    return await fetch_one(database, query, IssuedForecast, of=[Forecasts.name])


async def accuracy(
    database: ReadDatabase, since: datetime, until: datetime, *, department_ids: Sequence[UUID] = ()
) -> AsOf[list[Accuracy]]:
    """Of each series and lead, over hours in [since, until)."""
    own = forecast_scores.c
    error = func.abs(own.mean - own.actual)
    beside = own.naive_error.is_not(None)
    query = (
        select(
            own.department_id,
            own.lead_hours,
            func.count().label("hours"),
            func.sum(own.actual).label("arrivals"),
            (func.sum(error) / func.nullif(func.sum(own.actual), 0)).label("wape"),
            (_sum_where(error, own.level > 0) / func.nullif(func.sum(own.level), 0)).label("mase"),
            (func.sum(own.naive_error) / func.nullif(_sum_where(own.actual, beside), 0)).label("naive_wape"),
            (_sum_where(error, beside) / func.nullif(_sum_where(own.actual, beside), 0)).label("wape_beside_naive"),
            (func.sum(own.mean) / func.nullif(func.sum(own.actual), 0) - 1).label("bias"),
            func.avg(own.pinball).label("pinball"),
            *(_share_within(share).label(f"coverage{share}") for share in (50, 80, 95)),
        )
        .where(own.hour >= since, own.hour < until)
        .group_by(own.department_id, own.lead_hours)
    )
    if department_ids:
        query = query.where(own.department_id.in_(department_ids))
    order = [own.department_id, own.lead_hours]
    return await fetch(database, query, Accuracy, of=[Forecasts.name], order=order)


async def models(database: ReadDatabase, *, department_ids: Sequence[UUID] = ()) -> AsOf[list[ModelView]]:
    """Of each series, or of these."""
    query = select(*(forecast_models.c[name] for name in ModelView.__struct_fields__))
    if department_ids:
        query = query.where(forecast_models.c.department_id.in_(department_ids))
    return await fetch(database, query, ModelView, of=[Forecasts.name], order=[forecast_models.c.department_id])


async def against_actual(
    database: ReadDatabase, department_id: UUID, begin: datetime, end: datetime
) -> AsOf[list[HourAgainstForecast]]:
    """Each hour that begins in [begin, end), of which `begin` is on the hour."""
    hours = select(
        func.generate_series(begin, end - timedelta(microseconds=1), literal(_HOUR, Interval())).label("hour")
    ).subquery("hours")
    own, history = forecasts.c, traffic_history.c
    came = select(func.coalesce(func.sum(history.arrivals), 0)).where(
        history.quarter >= hours.c.hour, history.quarter < hours.c.hour + literal(_HOUR, Interval())
    )
    if department_id != DESK_ID:
        came = came.where(history.department_id == department_id)
    query = select(
        hours.c.hour,
        came.scalar_subquery().label("actual"),
        cast(own.steps["means"][0].astext, Double).label("mean"),
        _quantile(1).label("low80"),
        _quantile(5).label("high80"),
        _quantile(0).label("low95"),
        _quantile(6).label("high95"),
    ).select_from(
        hours.outerjoin(
            forecasts,
            and_(own.department_id == department_id, own.horizon == Horizon.DAY, own.begin == hours.c.hour),
        )
    )
    return await fetch(
        database, query, HourAgainstForecast, of=[Forecasts.name, TrafficHistory.name], order=[hours.c.hour]
    )


def _quantile(place: int) -> Any:
    """Of the first step, the quantile at this place of LEVELS."""
    return cast(forecasts.c.steps["quantiles"][place][0].astext, Double)


def _arrived(found: Any) -> Any:
    """What has arrived in the first hour of the forecast."""
    history = traffic_history.c
    return (
        select(func.coalesce(func.sum(history.arrivals), 0))
        .where(
            history.quarter >= found.c.begin,
            history.quarter < found.c.begin + literal(_HOUR, Interval()),
            (found.c.department_id == DESK_ID) | (history.department_id == found.c.department_id),
        )
        .scalar_subquery()
    )


def _recent_scores(at: datetime) -> Select[Any]:
    own = forecast_scores.c
    return (
        select(
            own.department_id,
            func.count().label("hours"),
            (func.sum(func.abs(own.mean - own.actual)) / func.nullif(func.sum(own.actual), 0)).label("wape"),
        )
        .where(own.lead_hours == NEXT_HOUR, own.hour >= at - _RECENTLY)
        .group_by(own.department_id)
    )


def _sum_where(value: Any, condition: Any) -> Any:
    return func.sum(case((condition, value), else_=0))


def _share_within(percent: int) -> Any:
    """How often the rank lay in the central interval of so many percent."""
    tail = (1 - percent / 100) / 2
    inside = forecast_scores.c.rank.between(tail, 1 - tail)
    return func.avg(cast(case((inside, 1), else_=0), Integer))
