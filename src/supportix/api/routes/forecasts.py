"""Forecasts: of each department and the whole desk, how good they were, and what makes them."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec

from supportix.api.access import any_of
from supportix.api.call import Call, Read
from supportix.api.endpoints import command, query
from supportix.api.inputs import END, UUID_PATTERN, Moment, Nothing
from supportix.api.refusals import Fault, InvalidRequest, SpanTooLong
from supportix.commands.desk import Outcome
from supportix.commands.forecast_models import ForecastModelAnswer
from supportix.domain.errors import NotFound
from supportix.domain.forecast_words import DESK, DESK_ID, LEVELS, Confidence, Horizon, Steps, department_of, hour_of
from supportix.forecasting.quarter_hours import by_quarters
from supportix.forecasting.running_hour import running_hour
from supportix.identity.roles import Permission
from supportix.projections.forecast_queries import (
    Accuracy,
    HourAgainstForecast,
    IssuedForecast,
    LatestForecast,
    ModelView,
    accuracy,
    against_actual,
    issued_forecast,
    latest_forecasts,
    models,
)

TAG = "Forecasts"
READING = any_of(Permission.FORECASTS_READ)
HOUR = timedelta(hours=1)
LONGEST_SPAN = timedelta(days=62)
LONGEST_ACCURACY = timedelta(days=366)

OutwardT = TypeVar("OutwardT", bound=msgspec.Struct)
SeriesName = Annotated[
    str,
    msgspec.Meta(
        pattern=f"^({DESK}|{UUID_PATTERN}){END}",
        description="A department's id, or `desk` for all of them together.",
        examples=[DESK],
    ),
]


class ExpectedCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many tickets are expected: on average, the median, and the bounds of the 50, 80 and 95 % intervals."""

    begin: datetime
    end: datetime
    mean: float
    median: float
    low50: float
    high50: float
    low80: float
    high80: float
    low95: float
    high95: float


class CurrentForecast(msgspec.Struct, frozen=True, kw_only=True):
    """A series now. `department_id` null: the whole desk.

    `running` is this hour's total, what has `arrived` included; `expected_by_now` is what had been expected to arrive
    by now. `stale`: nothing was issued for this hour, so nothing newer is known. `wape`: how much the forecasts of the
    next hour missed by in the 28 days before, as a share of what came; null where nothing was scored.
    """

    department_id: UUID | None
    issued_at: datetime
    model: str
    confidence: Confidence
    reason: str
    stale: bool
    drifted: bool
    arrived: int
    expected_by_now: float
    running: ExpectedCount
    next_hour: ExpectedCount
    hours_scored: int
    wape: float | None


class CurrentForecasts(msgspec.Struct, frozen=True):
    """Of each series that has a forecast of the last two days."""

    items: tuple[CurrentForecast, ...]


class Step(StrEnum):
    """How long each step of a forecast is."""

    QUARTER = "15m"
    HOUR = "1h"


class ForecastQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which horizon, a day or 14 days, and in which steps. `at`: the forecast that was the latest then."""

    horizon: Horizon = Horizon.DAY
    step: Step = Step.HOUR
    at: Moment | None = None


class ForecastDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A forecast as it was issued. `based_on`: the position of the log up to which arrivals were known."""

    department_id: UUID | None
    horizon: Horizon
    issued_at: datetime
    model: str
    confidence: Confidence
    reason: str
    based_on: int
    steps: tuple[ExpectedCount, ...]


class HoursQuery(msgspec.Struct, frozen=True, kw_only=True, rename={"begin": "from", "end": "to"}):
    """The span, at most 62 days."""

    begin: Moment
    end: Moment


class ForecastAgainstActual(msgspec.Struct, frozen=True, kw_only=True):
    """Each hour of the span: what came, and what had been forecast as the hour began."""

    department_id: UUID | None
    items: tuple[HourAgainstForecast, ...]


class AccuracyQuery(msgspec.Struct, frozen=True, kw_only=True, rename={"begin": "from", "end": "to"}):
    """The span, at most 366 days; the last 28 days without one. Of one series, or of all."""

    begin: Moment | None = None
    end: Moment | None = None
    series: SeriesName | None = None


class AccuracyOfSeries(Accuracy, frozen=True, kw_only=True):
    """How the forecasts of a series were met, so many hours ahead. `department_id` null: the whole desk."""

    department_id: UUID | None  # type: ignore[assignment]  # The desk has no id to those outside.


class Accuracies(msgspec.Struct, frozen=True):
    """Of each series and lead that was scored in the span."""

    items: tuple[AccuracyOfSeries, ...]


class ModelOfSeries(ModelView, frozen=True, kw_only=True):
    """The model that a series is forecast by, and how it was chosen. `department_id` null: the whole desk."""

    department_id: UUID | None  # type: ignore[assignment]  # The desk has no id to those outside.


class Models(msgspec.Struct, frozen=True):
    """Of each series that is forecast."""

    items: tuple[ModelOfSeries, ...]


@query("/forecasts", needs=READING, tag=TAG)
async def list_forecasts(call: Call) -> Read[CurrentForecasts]:
    """Read this hour's and the next hour's forecast of each series, as the arrivals so far have changed them."""
    found = await latest_forecasts(call.backend.database, call.at)
    return Read(CurrentForecasts(tuple(_current(each, call.at) for each in found.value)), found.position)


@query("/forecasts/accuracy", needs=READING, tag=TAG, refusals=(SpanTooLong,))
async def get_forecast_accuracy(call: Call, query: AccuracyQuery) -> Read[Accuracies]:
    """Read how the forecasts of each series were met, by how far ahead they were."""
    end = query.end or call.at
    _must_be_a_usual_year("to", end)
    begin = query.begin or end - timedelta(days=28)
    _must_span(begin, end, LONGEST_ACCURACY)
    wanted = [_id_of(query.series)] if query.series is not None else []
    found = await accuracy(call.backend.database, begin, end, department_ids=wanted)
    return Read(Accuracies(tuple(_outward(each, AccuracyOfSeries) for each in found.value)), found.position)


@query("/forecasts/models", needs=READING, tag=TAG)
async def list_forecast_models(call: Call) -> Read[Models]:
    """Read which model each series is forecast by, how the candidates did, and why it was chosen."""
    found = await models(call.backend.database)
    return Read(Models(tuple(_outward(each, ModelOfSeries) for each in found.value)), found.position)


@query("/forecasts/{series}", needs=READING, tag=TAG, refusals=(NotFound,))
async def get_forecast(call: Call, series: SeriesName, query: ForecastQuery) -> Read[ForecastDetail]:
    """Read a forecast as it was issued."""
    found = await issued_forecast(call.backend.database, _id_of(series), query.horizon, query.at or call.at)
    if found.value is None:
        raise NotFound(f"no forecast of {series} had been issued; the first one follows the first hour with traffic")
    issued = found.value
    steps = issued.steps if query.step is Step.HOUR else by_quarters(issued.steps, issued.quarter_shares)
    return Read(_detail(issued, steps), found.position)


@query("/forecasts/{series}/actual", needs=READING, tag=TAG, refusals=(SpanTooLong,))
async def get_forecast_against_actual(call: Call, series: SeriesName, query: HoursQuery) -> Read[ForecastAgainstActual]:
    """Read what came in each hour beside what had been forecast as it began."""
    _must_span(query.begin, query.end, LONGEST_SPAN)
    begin = hour_of(query.begin)
    found = await against_actual(call.backend.database, _id_of(series), begin, query.end)
    items = tuple(found.value)
    return Read(ForecastAgainstActual(department_id=department_of(_id_of(series)), items=items), found.position)


@command(
    "POST",
    "/forecasts/{series}/choose",
    needs=any_of(Permission.FORECASTS_MANAGE),
    tag=TAG,
    answer=ForecastModelAnswer,
    refusals=(NotFound,),
)
async def choose_forecast_model(call: Call, series: SeriesName, body: Nothing) -> Outcome:  # noqa: ARG001 - checked to be empty.
    """Have the model of a series chosen anew, at the next hour."""
    department_id = department_of(_id_of(series))
    models_of = call.backend.core.forecast_models
    return await models_of.ask_for_choice(department_id, call.actor, call.envelope, at=call.at)


def _current(latest: LatestForecast, at: datetime) -> CurrentForecast:
    elapsed = min(HOUR, at - latest.begin).total_seconds()
    steps = running_hour(latest.steps, arrived=latest.arrived, elapsed_seconds=elapsed, carry=latest.carry)
    return CurrentForecast(
        department_id=department_of(latest.department_id),
        issued_at=latest.issued_at,
        model=latest.model,
        confidence=latest.confidence,
        reason=latest.reason,
        stale=latest.is_stale(at),
        drifted=latest.drifted,
        arrived=latest.arrived,
        expected_by_now=latest.steps.means[0] * elapsed / HOUR.total_seconds(),
        running=_expected(steps, 0),
        next_hour=_expected(steps, 1),
        hours_scored=latest.hours_scored,
        wape=latest.wape,
    )


def _detail(issued: IssuedForecast, steps: Steps) -> ForecastDetail:
    return ForecastDetail(
        department_id=department_of(issued.department_id),
        horizon=issued.horizon,
        issued_at=issued.issued_at,
        model=issued.model,
        confidence=issued.confidence,
        reason=issued.reason,
        based_on=issued.based_on,
        steps=tuple(_expected(steps, place) for place in range(len(steps.means))),
    )


def _expected(steps: Steps, place: int) -> ExpectedCount:
    by_level = dict(zip(LEVELS, steps.quantiles_of(place), strict=True))
    return ExpectedCount(
        begin=steps.begin_of(place),
        end=steps.begin_of(place + 1),
        mean=steps.means[place],
        median=by_level[0.5],
        low50=by_level[0.25],
        high50=by_level[0.75],
        low80=by_level[0.1],
        high80=by_level[0.9],
        low95=by_level[0.025],
        high95=by_level[0.975],
    )


def _id_of(series: str) -> UUID:
    return DESK_ID if series == DESK else UUID(series)


def _outward(view: msgspec.Struct, kind: type[OutwardT]) -> OutwardT:
    fields = {name: getattr(view, name) for name in view.__struct_fields__}
    return kind(**fields | {"department_id": department_of(fields["department_id"])})


def _must_span(begin: datetime, end: datetime, longest: timedelta) -> None:
    _must_be_a_usual_year("from", begin)
    _must_be_a_usual_year("to", end)
    if not timedelta(0) <= end - begin <= longest:
        raise SpanTooLong(f"a span of up to {longest.days} days was expected")


def _must_be_a_usual_year(name: str, moment: datetime) -> None:
    if not 1970 <= moment.year < 3000:  # noqa: PLR2004 - what PostgreSQL and people reckon with.
        raise InvalidRequest(Fault("query", "a year from 1970 to 2999 was expected", parameter=name))


ENDPOINTS = (
    list_forecasts,
    get_forecast_accuracy,
    list_forecast_models,
    get_forecast,
    get_forecast_against_actual,
    choose_forecast_model,
)
