"""The arrivals so far change the forecast of the running hour and the next, by Bayes' rule."""

from datetime import UTC, datetime
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom, poisson

from supportix.domain.forecast_words import LEVELS, Steps
from supportix.forecasting.negative_binomial import POISSON, gamma_shape, quantiles
from supportix.forecasting.running_hour import RunningHourInvalid, running_hour

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
MEDIAN = LEVELS.index(0.5)


def issued(mean: float, shape: float, following: float | None = None) -> Steps:
    """A forecast of two hours whose quantiles are those of its distribution."""
    means = (mean, mean if following is None else following)
    columns = [quantiles(each, shape) for each in means]
    return Steps(NINE, 3_600, means, tuple(zip(*columns, strict=True)))


@pytest.mark.parametrize("mean", [0.02, 0.7, 5.0, 40.0, 2_152.0])
@pytest.mark.parametrize("shape", [0.5, 3.0, 80.0])
def test_quantiles_are_those_of_the_negative_binomial_distribution(mean, shape):
    assert quantiles(mean, shape) == pytest.approx(nbinom.ppf(LEVELS, shape, shape / (shape + mean)), abs=1)


@pytest.mark.parametrize("mean", [0.02, 5.0, 2_152.0])
def test_quantiles_of_a_rate_that_is_known_are_those_of_poisson(mean):
    assert quantiles(mean, POISSON) == pytest.approx(poisson.ppf(LEVELS, mean), abs=1)


def test_nothing_is_known_of_the_hour_at_its_begin():
    steps = issued(12, 4)
    updated = running_hour(steps, arrived=0, elapsed_seconds=0, carry=0.5)
    assert updated.means == pytest.approx(steps.means)
    assert updated.quantiles[MEDIAN] == pytest.approx(steps.quantiles[MEDIAN], abs=1)


def test_all_is_known_of_the_hour_at_its_end():
    updated = running_hour(issued(12, 4), arrived=17, elapsed_seconds=3_600, carry=0.5)
    assert updated.means[0] == 17
    assert {row[0] for row in updated.quantiles} == {17}


def test_the_rate_is_the_posterior_of_gamma_and_poisson():
    shape = gamma_shape(10, (10 + 10**2 / 4) ** 0.5)
    assert shape == pytest.approx(4)
    steps = issued(400, 4)
    updated = running_hour(steps, arrived=300, elapsed_seconds=1_800, carry=1)
    known = gamma_shape(
        400, (steps.quantiles[LEVELS.index(0.9)][0] - steps.quantiles[LEVELS.index(0.1)][0]) / 2 / 1.2816
    )
    rate = (known + 300) / (known / 400 + 0.5)
    assert updated.means[0] == pytest.approx(300 + rate / 2, rel=1e-4)
    assert updated.means[1] == pytest.approx(rate, rel=1e-4), "all of the surprise is carried on"


def test_nothing_is_carried_on_where_the_next_hour_is_independent():
    updated = running_hour(issued(10, 4, following=7), arrived=30, elapsed_seconds=1_800, carry=0)
    assert updated.means[1] == pytest.approx(7)


def test_arrivals_in_an_hour_that_expected_none_count():
    steps = Steps(NINE, 3_600, (0.0, 0.0), tuple((0.0, 0.0) for _ in LEVELS))
    updated = running_hour(steps, arrived=5, elapsed_seconds=600, carry=0.5)
    assert updated.means[0] >= 5
    assert updated.quantiles[0][0] >= 5


@given(
    mean=st.floats(0, 3_000),
    shape=st.floats(0.2, 500),
    arrived=st.integers(0, 5_000),
    elapsed=st.floats(0, 3_600),
    carry=st.floats(0, 1),
)
def test_no_count_is_below_what_has_arrived_and_quantiles_rise(mean, shape, arrived, elapsed, carry):
    updated = running_hour(issued(mean, shape), arrived=arrived, elapsed_seconds=elapsed, carry=carry)
    now, following = zip(*updated.quantiles, strict=True)
    assert list(now) == sorted(now)
    assert list(following) == sorted(following)
    assert min(updated.means[0], *now) >= arrived
    assert min(updated.means[1], *following) >= 0


@pytest.mark.parametrize(("arrived", "elapsed", "carry"), [(-1, 10, 0.5), (1, -1, 0.5), (1, 3_601, 0.5), (1, 10, 1.5)])
def test_what_does_not_fit_an_hour_is_refused(arrived, elapsed, carry):
    with pytest.raises(RunningHourInvalid, match="at most 3,600 s"):
        running_hour(issued(10, 4), arrived=arrived, elapsed_seconds=elapsed, carry=carry)


def test_an_update_takes_less_than_twenty_milliseconds():
    steps = issued(2_152, 10)
    began = perf_counter()
    for _ in range(10):
        running_hour(steps, arrived=900, elapsed_seconds=1_200, carry=0.5)
    assert (perf_counter() - began) / 10 < 0.02
