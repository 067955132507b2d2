"""Forecasts of hours, told by quarters of an hour."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportix.domain.forecast_words import LEVELS, Steps
from supportix.forecasting.negative_binomial import quantiles
from supportix.forecasting.quarter_hours import by_quarters

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def hours(*means: float, shape: float = 4.0) -> Steps:
    columns = [quantiles(mean, shape) for mean in means]
    return Steps(NINE, 3_600, means, tuple(zip(*columns, strict=True)))


def test_an_hour_falls_on_its_quarters_by_their_shares():
    found = by_quarters(hours(40.0, 8.0), (0.1, 0.2, 0.3, 0.4, 0.25, 0.25, 0.25, 0.25))
    assert found.means == pytest.approx((4, 8, 12, 16, 2, 2, 2, 2))
    assert found.begin_of(1) - found.begin == timedelta(minutes=15)
    assert found.end == NINE + timedelta(hours=2)


def test_without_shares_quarters_are_alike():
    assert by_quarters(hours(40.0)).means == pytest.approx((10, 10, 10, 10))


@given(mean=st.floats(0, 2_000), shape=st.floats(0.3, 200))
def test_quarters_are_less_certain_than_their_hour_and_their_quantiles_rise(mean, shape):
    hour = hours(mean, shape=shape)
    found = by_quarters(hour)
    for column in zip(*found.quantiles, strict=True):
        assert list(column) == sorted(column)
        assert column[-1] <= hour.quantiles[-1][0] + 1
        assert len(column) == len(LEVELS)
    assert sum(found.means) == pytest.approx(mean)
