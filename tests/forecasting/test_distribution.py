"""Predictive distributions are calibrated on a department's own errors, and scores say how good they were."""

import numpy as np
import pytest
from numpy.typing import NDArray

from supportix.forecasting.distribution import Errors, Predictive, errors_of, fitted_dispersion
from supportix.forecasting.scoring import LEVELS, bias, coverage, mase, seasonal_scale, wape

Array = NDArray[np.float64]
RANDOM = np.random.default_rng(5)


def negative_binomial(mean: Array, dispersion: float) -> Array:
    return RANDOM.poisson(RANDOM.gamma(1 / dispersion, dispersion * mean)).astype(np.float64)


@pytest.mark.parametrize("level", [0.3, 2.0, 12.0, 300.0])
def test_intervals_hold_what_they_promise(level: float) -> None:
    mean = level * np.exp(0.3 * RANDOM.standard_normal(8_000))
    actual = negative_binomial(mean, 0.1)
    errors = errors_of(actual[:4_000], mean[:4_000])
    found = Predictive(mean[4_000:], errors)
    pits = found.pit(actual[4_000:], RANDOM)
    for share in (0.5, 0.8, 0.95):
        assert coverage(pits, share) == pytest.approx(share, abs=0.025)
    if level > 1:
        assert errors.dispersion == pytest.approx(0.1, rel=0.35)


def test_large_counts_follow_the_own_errors_and_not_a_formula() -> None:
    """These errors are skewed as no negative binomial is."""
    mean = np.full(6_000, 500.0)
    actual = mean + 60 * (RANDOM.exponential(size=6_000) - 1)
    found = Predictive(mean[3_000:], errors_of(actual[:3_000], mean[:3_000]))
    low, high = found.interval(0.8)
    assert ((actual[3_000:] < low).mean(), (actual[3_000:] > high).mean()) == pytest.approx((0.1, 0.1), abs=0.02)


def test_nothing_is_ever_below_zero_or_not_a_number() -> None:
    means = np.array([0.0, 1e-9, 0.02, 19.0, 25.0, 1e6])
    errors = Errors(0.5, tuple(np.linspace(-8, 8, 199)), 500)
    quantiles = Predictive(means, errors).quantile((0.001, 0.5, 0.999))
    assert np.isfinite(quantiles).all()
    assert (quantiles >= 0).all()
    assert (np.diff(quantiles, axis=0) >= 0).all()
    assert quantiles[:, 0].tolist() == [0, 0, 0]


def test_poisson_counts_show_no_dispersion() -> None:
    mean = np.full(3_000, 6.0)
    assert fitted_dispersion(RANDOM.poisson(mean).astype(np.float64), mean) < 0.01


def test_the_better_forecast_has_the_lower_crps() -> None:
    actual = RANDOM.poisson(8.0, 2_000).astype(np.float64)
    right, wrong = (Predictive(np.full(2_000, mean), Errors(1e-6)).crps(actual).mean() for mean in (8.0, 11.0))
    assert right < wrong
    assert len(LEVELS) == 19


def test_scores_of_nothing_are_none() -> None:
    nothing = np.zeros(0)
    assert wape(nothing, nothing) is None
    assert wape(np.zeros(3), np.ones(3)) is None
    assert bias(nothing, nothing) is None
    assert mase(nothing, nothing, 1.0) is None
    assert coverage(nothing, 0.8) is None
    assert seasonal_scale(np.ones(100), np.ones(100, dtype=np.bool_)) is None


def test_scores_by_hand() -> None:
    actual, mean = np.array([10.0, 0.0, 30.0]), np.array([12.0, 1.0, 27.0])
    assert wape(actual, mean) == pytest.approx(6 / 40)
    assert bias(actual, mean) == pytest.approx(0.0)
    assert mase(actual, mean, 4.0) == pytest.approx(0.5)
    assert seasonal_scale(np.array([1.0, 5.0, 3.0]), np.array([True, True, False]), season=1) == pytest.approx(4.0)
