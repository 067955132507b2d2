"""From its first day on a department is forecast like similar ones, and it says how unsure that is."""

import numpy as np
import pytest
from tests.forecasting.traffic import DAY, counts, rates, series

from supportix.forecasting.calendar import ALWAYS_OPEN
from supportix.forecasting.choosing import choose
from supportix.forecasting.cold_start import pooled
from supportix.forecasting.forecaster import Forecast, Forecaster
from supportix.forecasting.usual import Prior

SIMILAR = [(series(counts(60, mean=mean, seed=int(mean))), ALWAYS_OPEN) for mean in (8.0, 12.0, 18.0)]


def forecast_after(days: int, prior: Prior | None, mean: float = 12.0, seed: int = 50) -> Forecast:
    own = series(counts(max(days, 1), mean=mean, seed=seed)[: days * DAY])
    choice = choose(own, ALWAYS_OPEN, prior=prior)
    return Forecaster.fit(own, ALWAYS_OPEN, choice, prior=prior).forecast(7 * DAY)


def width(told: Forecast) -> float:
    return float(np.sum(told.quantiles["0.9"]) - np.sum(told.quantiles["0.1"]))


def test_before_any_traffic_it_is_like_the_others() -> None:
    told = forecast_after(0, pooled(SIMILAR))
    assert told.confidence == "none"
    assert "similar departments" in told.reason
    assert np.corrcoef(told.mean, rates(7, 12.0))[0, 1] > 0.95
    assert sum(told.mean) == pytest.approx(rates(7, 12.0).sum(), rel=0.3)


def test_its_own_level_shows_after_days_and_it_gets_surer() -> None:
    """It's three times as busy as the others."""
    wanted = rates(7, 36.0).sum()
    after = {days: forecast_after(days, pooled(SIMILAR), mean=36.0) for days in (1, 3, 10)}
    assert sum(after[3].mean) == pytest.approx(wanted, rel=0.25)
    assert sum(after[10].mean) == pytest.approx(wanted, rel=0.2)
    assert {told.confidence for told in after.values()} == {"low"}
    assert width(after[10]) / sum(after[10].mean) < width(forecast_after(0, pooled(SIMILAR))) / sum(
        forecast_after(0, pooled(SIMILAR)).mean
    )


def test_with_others_to_look_at_the_first_days_are_forecast_better() -> None:
    def error(prior: Prior | None) -> float:
        wanted = np.roll(rates(7, 12.0), -2 * DAY)
        return sum(
            float(np.abs(np.array(forecast_after(2, prior, seed=seed).mean) - wanted).sum()) for seed in range(8)
        )

    assert error(pooled(SIMILAR)) < 0.6 * error(None)


def test_those_without_history_tell_nothing() -> None:
    assert pooled([(series(counts(3)), ALWAYS_OPEN), (series(np.zeros(60 * DAY)), ALWAYS_OPEN)]) is None
