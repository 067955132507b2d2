"""A forecaster of one series: no look-ahead, closed hours, bad series, the running hour, quarters, restarts."""

import pickle
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from tests.forecasting.traffic import DAY, MONDAY, counts, rates, series

from supportix.domain.schedule import Shift
from supportix.forecasting.calendar import ALWAYS_OPEN, HOUR, QUARTER, Calendar
from supportix.forecasting.candidates import CANDIDATES, DEFAULT, Mixture
from supportix.forecasting.choosing import Choice, choose, cold_choice
from supportix.forecasting.evaluation import roll
from supportix.forecasting.forecaster import FitTooOld, Forecaster, HorizonInvalid
from supportix.forecasting.scoring import wape
from supportix.forecasting.series import Series, SeriesInvalid, series_of

CHEAP = ("seasonal_naive", "hour_of_week", "gamma_level", "poisson_glm", "boosting")
CHOSEN = Choice(mixture=DEFAULT, reason="for the test", confidence="normal", history_hours=0)


def fitted(of: Series, calendar: Calendar = ALWAYS_OPEN, choice: Choice = CHOSEN) -> Forecaster:
    return Forecaster.fit(of, calendar, choice)


def test_what_comes_later_does_not_change_a_forecast_by_a_bit() -> None:
    """The future is shuffled: everything forecast before it stays the same to the last bit, by every candidate."""
    values = counts(35, seed=3)
    cut = 31 * DAY
    shuffled = values.copy()
    np.random.default_rng(9).shuffle(shuffled[cut + 5 :])
    names = [name for name in CANDIDATES if name != "auto_theta"]
    one, other = (roll(series(each), ALWAYS_OPEN, cut - DAY, cut + DAY, names=names) for each in (values, shuffled))
    known = one.places <= cut + 5
    assert one.means.keys() == other.means.keys() >= {*CHEAP, "mstl_arima", "mstl_ets"}
    for name in one.means:
        assert one.means[name][known].tobytes() == other.means[name][known].tobytes(), name
        assert one.means[name].tobytes() != other.means[name].tobytes() or name in {"seasonal_naive", "hour_of_week"}
        assert one.paths[name][:5].tobytes() == other.paths[name][:5].tobytes(), name


def test_nor_does_it_change_a_choice() -> None:
    values = counts(24, seed=4)
    longer = series(np.concatenate([values, np.full(200, 9_999.0)]))
    assert choose(series(values), ALWAYS_OPEN, window_days=3) == choose(
        longer.until(len(values)), ALWAYS_OPEN, window_days=3
    )


def test_traffic_is_forecast_better_than_by_the_week_before() -> None:
    values = counts(70, seed=5)
    rolled = roll(series(values), ALWAYS_OPEN, 60 * DAY, 70 * DAY, names=CHEAP)
    errors = {name: wape(rolled.actual, means) or 1.0 for name, means in rolled.means.items()}
    assert (wape(rolled.actual, rolled.mean_of(DEFAULT)) or 1.0) < 0.75 * errors["seasonal_naive"]


def test_closed_hours_are_forecast_as_zero_up_to_two_weeks_ahead() -> None:
    calendar = Calendar(opening=tuple(Shift(day, 8 * 60, 18 * 60) for day in range(5)))
    rows = [(MONDAY + hour * HOUR, count) for hour, count in enumerate(counts(42, mean=40))]
    found, _ = series_of(rows, step=HOUR, until=MONDAY + timedelta(days=42), calendar=calendar)
    told = fitted(found, calendar, msgspec.structs.replace(CHOSEN, mixture=Mixture(tuple(CHEAP)))).forecast(14 * DAY)
    is_open = np.array([8 <= hour % DAY < 18 and hour // DAY % 7 < 5 for hour in range(14 * DAY)])
    assert told.begin == MONDAY + timedelta(days=42)
    assert (np.array(told.mean)[is_open] > 1).all()
    assert not np.array(told.mean)[~is_open].any()
    assert not np.array(list(told.quantiles.values()))[:, ~is_open].any()


def test_an_hour_observed_moves_the_next_ones_as_a_new_fit_would_see_it() -> None:
    values = counts(60, seed=6)
    values[50 * DAY : 50 * DAY + 6] *= 3
    forecaster = fitted(series(values[: 50 * DAY]))
    before = forecaster.forecast(24).mean
    forecaster.observe(values[50 * DAY : 50 * DAY + 6])
    assert forecaster.now == MONDAY + timedelta(days=50, hours=6)
    assert sum(forecaster.forecast(6).mean) > 1.2 * sum(before[6:12])


def test_what_has_arrived_so_far_moves_this_hour_and_the_next() -> None:
    """Half of an hour is over, with usual, twice and no arrivals."""
    forecaster = fitted(series(counts(56, mean=30)[: 50 * DAY + 13]))
    usual = forecaster.forecast(2).mean
    quiet, normal, busy = (forecaster.within(1_800, usual[0] * share) for share in (0.0, 0.5, 1.0))
    assert quiet.mean[0] < normal.mean[0] < busy.mean[0]
    assert quiet.mean[1] < normal.mean[1] < busy.mean[1]
    assert normal.mean[0] == pytest.approx(usual[0], rel=1e-6)
    assert busy.quantiles["0.025"][0] >= usual[0]
    assert forecaster.within(3_600, 17).mean[0] == pytest.approx(17)
    assert forecaster.forecast(2).mean == usual


def test_quarters_of_an_hour_add_up_to_the_hours() -> None:
    """In each hour all traffic comes in the second quarter."""
    hourly = counts(40, mean=20)
    rows = [(MONDAY + hour * HOUR + QUARTER, count) for hour, count in enumerate(hourly)]
    fine, _ = series_of([(MONDAY, 0.0), *rows], step=QUARTER, until=MONDAY + 40 * DAY * HOUR, calendar=ALWAYS_OPEN)
    by_quarters, by_hours = fitted(fine).forecast(96), fitted(series(hourly)).forecast(24)
    quarters = np.array(by_quarters.mean).reshape(24, 4)
    assert by_quarters.step_seconds == 900
    assert quarters.sum(axis=1) == pytest.approx(np.array(by_hours.mean))
    assert (quarters[12, 1] / quarters[12].sum()) > 0.85


def test_an_hour_half_observed_in_quarters_counts_as_running() -> None:
    rows = [(MONDAY + step * QUARTER, 5.0) for step in range(40 * 96 + 2)]
    fine, _ = series_of(rows, step=QUARTER, until=rows[-1][0] + QUARTER, calendar=ALWAYS_OPEN)
    forecaster = fitted(fine)
    assert forecaster.now == MONDAY + timedelta(days=40, minutes=30)
    told = forecaster.forecast(4)
    assert told.begin == forecaster.now
    assert told.mean == pytest.approx([5] * 4, rel=0.1)
    forecaster.observe([5.0, 5.0])
    assert forecaster.forecast(4).begin == MONDAY + timedelta(days=40, hours=1)


@pytest.mark.parametrize("step", [HOUR, QUARTER])
@pytest.mark.parametrize(
    "rows",
    [
        [],
        [(MONDAY, 4.0)],
        [(MONDAY, 0.0), (MONDAY + timedelta(days=40), 0.0)],
        [(MONDAY + hour * HOUR, 5.0) for hour in range(40 * DAY)],
        [(MONDAY, 7.0), (MONDAY + timedelta(days=40), 7.0)],
        [(MONDAY + hour * HOUR, -1.0) for hour in range(40 * DAY)],
        [(MONDAY + hour * HOUR, 1e6 * (hour % 2)) for hour in range(40 * DAY)],
    ],
    ids=["none", "one", "zeros", "constant", "two far apart", "negative", "saw"],
)
def test_no_series_makes_it_fail(rows: list[tuple[datetime, float]], step: timedelta) -> None:
    """Whatever was chosen: a forecast of finite numbers, never below zero, with a reason in words."""
    found, _ = series_of(rows, step=step, until=MONDAY + timedelta(days=40, hours=1), calendar=ALWAYS_OPEN)
    everything = msgspec.structs.replace(CHOSEN, mixture=Mixture(tuple(CANDIDATES)))
    for choice in (cold_choice(found.hourly()), everything):
        forecaster = fitted(found, choice=choice)
        for told in (forecaster.forecast(30), forecaster.within(600, 3)):
            numbers = np.array([told.mean, *told.quantiles.values()])
            assert np.isfinite(numbers).all()
            assert (numbers >= 0).all()
            assert told.reason
            assert told.model


def test_a_department_without_traffic_says_so() -> None:
    found = series(np.zeros(40 * DAY))
    choice = choose(found, ALWAYS_OPEN)
    assert (choice.confidence, choice.reason) == ("none", "no traffic has been recorded yet")
    assert not any(fitted(found, choice=choice).forecast(24).mean)


def test_a_member_that_fails_is_left_out_and_its_reason_kept() -> None:
    """Trees can't learn from no hour at all."""
    choice = msgspec.structs.replace(CHOSEN, mixture=Mixture(("boosting", "gamma_level")))
    forecaster = fitted(series(np.zeros(0)), choice=choice)
    assert forecaster.forecast(1).model == "gamma_level"
    assert forecaster.choice.left_out == {"boosting": "it failed: ValueError: there is no hour to learn from"}


def test_where_all_fail_the_level_of_the_day_takes_over() -> None:
    choice = msgspec.structs.replace(CHOSEN, mixture=Mixture(("boosting",)))
    forecaster = fitted(series(np.zeros(0)), choice=choice)
    forecaster.observe([4.0, 6.0, 5.0])
    assert forecaster.forecast(1).model == "gamma_level"
    assert 2 < forecaster.forecast(1).mean[0] < 8
    assert "boosting" in forecaster.choice.left_out


def test_one_day_longer_or_shorter_by_a_change_of_clocks_is_forecast_by_local_hours() -> None:
    """Lisbon opens 9 to 17; clocks are set forward on 31 March 2024, so UTC hours shift by one."""
    calendar = Calendar(time_zone="Europe/Lisbon", opening=tuple(Shift(day, 9 * 60, 17 * 60) for day in range(7)))
    begin = datetime(2024, 2, 19, tzinfo=UTC)
    busy_at_nine = [(begin + hour * HOUR, 80.0 if hour % 24 == 9 else 20.0) for hour in range(41 * DAY)]
    found, _ = series_of(busy_at_nine, step=HOUR, until=begin + 41 * DAY * HOUR, calendar=calendar)
    told = fitted(found, calendar).forecast(48)
    assert told.begin == datetime(2024, 3, 31, tzinfo=UTC)
    assert np.flatnonzero(told.mean).tolist() == [*range(8, 16), *range(32, 40)]
    assert (told.mean[8], told.mean[32]) == pytest.approx((80, 80), rel=0.15)
    assert told.mean[9] == pytest.approx(20, rel=0.15)


def test_what_cannot_be_answered_is_refused() -> None:
    forecaster = fitted(series(counts(30)))
    for horizon in (0, 14 * DAY + 1):
        with pytest.raises(HorizonInvalid, match="1 to 336"):
            forecaster.forecast(horizon)
    for count in (-1.0, float("nan")):
        with pytest.raises(SeriesInvalid, match="a count was expected"):
            forecaster.observe([count])


def test_a_fit_lasts_for_most_of_a_week_and_then_has_to_be_made_anew() -> None:
    forecaster = fitted(series(counts(30)))
    forecaster.observe(counts(6))
    assert len(forecaster.forecast(14 * DAY).mean) == 14 * DAY
    with pytest.raises(FitTooOld):
        forecaster.observe(counts(2))


def test_a_forecaster_and_a_choice_survive_being_stored() -> None:
    values = counts(40)
    forecaster = fitted(series(values[: 39 * DAY]))
    forecaster.observe(values[39 * DAY : 39 * DAY + 9])
    again = pickle.loads(pickle.dumps(forecaster))  # noqa: S301 - our own bytes.
    assert again.forecast(48) == forecaster.forecast(48)
    assert len(pickle.dumps(forecaster)) < 1_000_000
    stored = msgspec.json.encode(forecaster.choice)
    assert msgspec.json.decode(stored, type=Choice) == forecaster.choice
    assert len(forecaster.choice.record) == 9


def test_intervals_are_as_wide_as_the_errors_of_the_latest_weeks() -> None:
    """Three weeks of steady traffic against three of erratic."""
    random = np.random.default_rng(2)
    before, erratic = counts(60, mean=30), np.exp(0.8 * random.standard_normal(21 * DAY))
    dispersions = []
    for factor in (np.ones(21 * DAY), erratic):
        forecaster = fitted(series(before))
        for day in range(3):
            forecaster.observe(random.poisson(rates(21, 30) * factor)[day * 7 * DAY :][: 2 * DAY])
            values = np.concatenate([before, random.poisson(rates(21, 30) * factor)[: (day + 1) * 7 * DAY]])
            forecaster = Forecaster.fit(series(values), ALWAYS_OPEN, CHOSEN, record=forecaster.record)
        forecaster.observe(random.poisson(rates(21, 30) * factor)[: 2 * DAY])
        dispersions.append(forecaster.next_hour().errors.dispersion)
    assert dispersions[0] < 0.1
    assert dispersions[1] > 0.3


def test_silence_that_cannot_be_is_taken_for_an_outage_of_the_record() -> None:
    values = counts(42, mean=200)
    forecaster = fitted(series(values))
    usual = forecaster.forecast(24).mean
    forecaster.observe(np.zeros(12))
    assert forecaster.forecast(12).mean == pytest.approx(usual[12:], rel=0.15)
