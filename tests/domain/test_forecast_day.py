"""What is issued, updated and scored of the forecasts of one day."""

from datetime import UTC, date, datetime, timedelta, timezone
from math import inf, nan
from uuid import UUID

import msgspec
import pytest
from tests.given import STREAM, but, given, given_nothing
from tests.issued import hours, score

from supportix.domain.forecast_day import (
    AlreadyIssued,
    CarryOutOfRange,
    ForecastDay,
    ForecastIssued,
    ForecastNotIssued,
    ForecastScored,
    ForecastUpdated,
    forecast_day_id,
    utc_day,
)
from supportix.domain.forecast_model import forecast_model_id
from supportix.domain.forecast_words import DESK_ID, Confidence, Horizon, Steps, StepsInvalid
from supportix.domain.ids import DepartmentId

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEN = NINE + timedelta(hours=1)
AT = NINE + timedelta(seconds=4)
BILLING, SALES = DepartmentId(UUID(int=0xB)), DepartmentId(UUID(int=0x5A))
STEPS = hours(NINE, 12, 14, 9)
ISSUED = ForecastIssued(
    occurred_at=AT,
    department_id=BILLING,
    horizon=Horizon.DAY,
    steps=STEPS,
    model="poisson",
    confidence=Confidence.NORMAL,
    based_on=7,
    reason="it was best",
    carry=0.25,
)
UPDATED = ForecastUpdated(
    occurred_at=AT, department_id=BILLING, steps=hours(NINE, 16, 15), arrived=8, elapsed_seconds=900
)
SCORED = ForecastScored(occurred_at=AT, department_id=BILLING, scores=(score(NINE, 12, 15),))


def issuing(steps=STEPS, horizon=Horizon.DAY, *, carry=0.25, department_id=BILLING):
    def issue(day):
        day = day or ForecastDay(id=STREAM, department_id=department_id)
        about = {"model": "poisson", "confidence": Confidence.NORMAL, "reason": "it was best"}
        return day.issue(horizon, steps, based_on=7, carry=carry, at=AT, **about)

    return issue


def updating(steps=UPDATED.steps):
    return lambda day: day.update(steps, arrived=8, elapsed_seconds=900, at=AT)


def test_a_forecast_is_issued_with_what_made_it():
    given_nothing().when(issuing()).then(ISSUED)


def test_the_desks_forecast_is_of_no_department():
    given_nothing().when(issuing(department_id=None)).then(but(ISSUED, department_id=None))


def test_a_forecast_is_issued_once():
    given(ISSUED).when(issuing()).then_refused(AlreadyIssued, saying="2026-03-02 09:00")
    given(ISSUED).when(issuing(hours(NINE, 99, 99))).then_refused(AlreadyIssued)


def test_each_horizon_and_each_hour_has_a_forecast_of_its_own():
    given(ISSUED).when(issuing(horizon=Horizon.FORTNIGHT)).then(but(ISSUED, horizon=Horizon.FORTNIGHT))
    later = hours(TEN, 14, 9)
    given(ISSUED).when(issuing(later)).then(but(ISSUED, steps=later))


@pytest.mark.parametrize(
    ("steps", "saying"),
    [
        (hours(NINE, 12), "this hour and the next"),
        (msgspec.structs.replace(STEPS, step_seconds=900), "steps of an hour"),
        (msgspec.structs.replace(STEPS, quantiles=STEPS.quantiles[1:]), "7 rows"),
        (msgspec.structs.replace(STEPS, quantiles=tuple(row[:2] for row in STEPS.quantiles)), "each of 3"),
        (msgspec.structs.replace(STEPS, means=(12.0, nan, 9.0)), "finite"),
        (msgspec.structs.replace(STEPS, means=(12.0, -0.5, 9.0)), "finite"),
        (msgspec.structs.replace(STEPS, quantiles=(*STEPS.quantiles[:-1], (1.0, inf, 2.0))), "finite"),
    ],
)
def test_steps_that_nobody_could_read_are_refused(steps: Steps, saying: str):
    given_nothing().when(lambda _: issuing(steps)(ForecastDay(id=STREAM))).then_refused(StepsInvalid, saying=saying)
    given(ISSUED).when(updating(steps)).then_refused(StepsInvalid, saying=saying)


@pytest.mark.parametrize("carry", [-0.1, 1.1, nan])
def test_a_share_that_is_carried_on_is_one(carry):
    given(ISSUED).when(issuing(hours(TEN, 1, 1), carry=carry)).then_refused(CarryOutOfRange, saying="from 0 to 1")


def test_an_issued_hour_is_updated_as_often_as_it_moves():
    given(ISSUED).when(updating()).then(UPDATED)
    given(ISSUED, UPDATED).when(updating()).then(UPDATED)


def test_only_what_was_issued_for_the_day_is_updated():
    given(ISSUED).when(updating(hours(TEN, 16, 15))).then_refused(ForecastNotIssued, saying="10:00")
    given(but(ISSUED, horizon=Horizon.FORTNIGHT)).when(updating()).then_refused(ForecastNotIssued)


def test_hours_are_scored_together():
    two = (score(NINE, 12, 15), score(TEN, 14, 3))
    given(ISSUED).when(lambda day: day.score(two, at=AT)).then(but(SCORED, scores=two))


def test_an_hour_is_scored_once_for_each_lead():
    again, ahead, later = score(NINE, 12, 99), score(NINE, 12, 15, lead_hours=24), score(TEN, 14, 3)
    scored = given(ISSUED, SCORED)
    scored.when(lambda day: day.score((again,), at=AT)).then_nothing()
    scored.when(lambda day: day.score((again, ahead, later), at=AT)).then(but(SCORED, scores=(ahead, later)))
    given(ISSUED).when(lambda day: day.score((*SCORED.scores, again), at=AT)).then(SCORED)


def test_nothing_is_recorded_where_no_hour_has_ended():
    given(ISSUED).when(lambda day: day.score((), at=AT)).then_nothing()


def test_the_stream_is_named_by_department_and_utc_day():
    day = date(2026, 3, 2)
    streams = [
        forecast_day_id(BILLING, day),
        forecast_day_id(SALES, day),
        forecast_day_id(None, day),
        forecast_day_id(BILLING, date(2026, 3, 3)),
        forecast_model_id(BILLING),
        forecast_model_id(None),
    ]
    assert len(set(streams)) == len(streams)
    assert forecast_day_id(BILLING, day) == UUID("542bb3ea-c877-5e1e-85b5-5de783970743"), "it is stored for years"
    assert forecast_day_id(None, day) == forecast_day_id(DESK_ID, day)


def test_the_day_is_that_of_utc_wherever_the_clock_stands():
    tokyo = timezone(timedelta(hours=9))
    assert utc_day(datetime(2026, 3, 3, 8, 59, tzinfo=tokyo)) == date(2026, 3, 2)
    assert utc_day(datetime(2026, 3, 3, 9, tzinfo=tokyo)) == date(2026, 3, 3)


def test_steps_tell_when_each_begins():
    assert [STEPS.begin_of(place) for place in range(3)] == [NINE, TEN, TEN + timedelta(hours=1)]
    assert STEPS.end == NINE + timedelta(hours=3)
