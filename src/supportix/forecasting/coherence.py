"""Parts that add up: the forecasts of the departments and of the whole desk are moved by as little as it takes.

Each moves in proportion to its variance, the surer one less: weighted least squares (Wickramasuriya, Athanasopoulos &
Hyndman 2019, JASA 114:804, with a diagonal covariance). No part goes below zero.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from supportix.domain.errors import InvalidInput
from supportix.forecasting.forecaster import Forecast
from supportix.forecasting.usual import Array

_NORMAL_80 = 2 * 1.2815515655446004
"""How many deviations wide an interval is that holds 80 % of a normal distribution."""


class PartsDiffer(InvalidInput):
    """Forecasts that are to add up have to be of the same steps."""


class Coherent(NamedTuple):
    """`whole` is the sum of `parts` over its first axis, exactly."""

    whole: Array
    parts: Array


def reconcile(whole: Array, parts: Array, whole_variance: Array, part_variances: Array) -> Coherent:
    """Steps, and parts by steps, all alike. Refused: PartsDiffer."""
    if parts.ndim != 2 or parts.shape != part_variances.shape or parts.shape[1:] != whole.shape:  # noqa: PLR2004
        raise PartsDiffer(
            f"parts of {parts.shape} and a whole of {whole.shape} were given; parts by the same steps expected"
        )
    moved = np.maximum(parts, 0.0)
    if not len(parts):
        return Coherent(np.zeros_like(whole), moved)
    missing = np.maximum(whole, 0.0) - moved.sum(axis=0)
    total = part_variances.sum(axis=0)
    trusted = np.divide(total, total + whole_variance, out=np.zeros_like(total), where=total + whole_variance > 0)
    shares = np.divide(part_variances, total, out=np.zeros_like(part_variances), where=total > 0)
    moved = moved + shares * missing * trusted
    target = moved.sum(axis=0)
    moved = np.maximum(moved, 0.0)
    over = moved.sum(axis=0)
    moved = moved * np.divide(np.maximum(target, 0.0), over, out=np.ones_like(over), where=over > 0)
    return Coherent(moved.sum(axis=0), moved)


def add_up(desk: Forecast, departments: Mapping[str, Forecast]) -> tuple[Forecast, dict[str, Forecast]]:
    """The same forecasts with means that add up; their quantiles are moved along. Refused: PartsDiffer."""
    for name, each in departments.items():
        if (each.begin, each.step_seconds, len(each.mean)) != (desk.begin, desk.step_seconds, len(desk.mean)):
            raise PartsDiffer(f"the forecast of {name} isn't of the same steps as that of the desk")
    if not departments:
        return desk, {}
    parts = list(departments.values())
    coherent = reconcile(
        np.array(desk.mean),
        np.array([each.mean for each in parts]),
        _variance(desk),
        np.array([_variance(each) for each in parts]),
    )
    moved = {name: _moved(each, mean) for (name, each), mean in zip(departments.items(), coherent.parts, strict=True)}
    return _moved(desk, coherent.whole), moved


def _variance(forecast: Forecast) -> Array:
    """At least that of a Poisson count."""
    width = np.array(forecast.quantiles["0.9"]) - np.array(forecast.quantiles["0.1"])
    return np.asarray(np.maximum((width / _NORMAL_80) ** 2, np.array(forecast.mean)))


def _moved(forecast: Forecast, mean: Array) -> Forecast:
    old = np.array(forecast.mean)
    factor = np.divide(mean, old, out=np.ones_like(old), where=old > 0)
    quantiles = {name: tuple((np.array(each) * factor).tolist()) for name, each in forecast.quantiles.items()}
    return msgspec.structs.replace(forecast, mean=tuple(mean.tolist()), quantiles=quantiles)
