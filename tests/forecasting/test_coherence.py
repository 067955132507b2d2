"""The departments' forecasts add up to the desk's, exactly, and the surer ones move less."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.forecasting.traffic import counts, series

from supportix.forecasting.calendar import ALWAYS_OPEN
from supportix.forecasting.choosing import cold_choice
from supportix.forecasting.coherence import PartsDiffer, add_up, reconcile
from supportix.forecasting.forecaster import Forecaster

AMOUNTS = arrays(np.float64, (3, 4), elements=st.floats(0, 1e6))
WHOLES = arrays(np.float64, (4,), elements=st.floats(0, 1e6))


@given(WHOLES, AMOUNTS, WHOLES, AMOUNTS)
def test_parts_add_up_exactly_and_are_never_negative(whole, parts, whole_variance, variances) -> None:
    found = reconcile(whole, parts, whole_variance, variances)
    assert (found.parts >= 0).all()
    assert np.isfinite(found.parts).all()
    assert (found.parts.sum(axis=0) == found.whole).all()


def test_the_unsure_one_moves() -> None:
    found = reconcile(np.array([30.0]), np.array([[10.0], [10.0]]), np.array([1e-9]), np.array([[1.0], [9.0]]))
    assert found.parts[:, 0].tolist() == pytest.approx([11.0, 19.0])


def test_forecasts_move_with_their_quantiles() -> None:
    tables = {"whole": counts(20, 30.0), "a": counts(20, 10.0, seed=2), "b": counts(20, 12.0, seed=3)}
    told = {}
    for name, values in tables.items():
        found = series(values)
        told[name] = Forecaster.fit(found, ALWAYS_OPEN, cold_choice(found)).forecast(48)
    desk, parts = add_up(told["whole"], {name: told[name] for name in "ab"})
    assert (np.array(parts["a"].mean) + np.array(parts["b"].mean)).tolist() == list(desk.mean)
    assert sum(told["a"].mean) < sum(parts["a"].mean)
    assert sum(desk.mean) < sum(told["whole"].mean)
    ratio = parts["a"].mean[12] / told["a"].mean[12]
    assert parts["a"].quantiles["0.9"][12] == pytest.approx(told["a"].quantiles["0.9"][12] * ratio)


def test_other_steps_are_refused() -> None:
    with pytest.raises(PartsDiffer, match="same steps"):
        reconcile(np.zeros(3), np.zeros((2, 4)), np.zeros(3), np.zeros((2, 4)))


def test_a_desk_without_departments_stays_as_it_is() -> None:
    found = series(counts(20))
    told = Forecaster.fit(found, ALWAYS_OPEN, cold_choice(found)).forecast(24)
    assert add_up(told, {}) == (told, {})
