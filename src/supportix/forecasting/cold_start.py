"""A department on its first days: supposed to be like similar ones, until its own history tells more."""

from collections.abc import Iterable

import numpy as np

from supportix.forecasting.calendar import HOUR, Calendar, slots
from supportix.forecasting.series import Series
from supportix.forecasting.usual import Array, Prior

_LEAST_HOURS = 14 * 24
"""A department with less history of its own tells nothing of others."""
_SMOOTHING_HOURS = 24.0
"""How many hours' usual traffic, spread evenly, is added to a department's shape."""
_LEAST_SHAPE, _MOST_SHAPE = 0.5, 20.0


def pooled(similar: Iterable[tuple[Series, Calendar]]) -> Prior | None:
    """What is usual for these departments: their mean shape, each counting alike, and their level. None: nothing known.

    How much the levels differ tells how little a new department's level is known: as the shape of a gamma distribution
    with that coefficient of variation.
    """
    found = [each for each in (_shape_and_level(series, calendar) for series, calendar in similar) if each is not None]
    if not found:
        return None
    levels = np.array([level for _, level in found])
    shape = np.mean([shape for shape, _ in found], axis=0)
    level = float(np.exp(np.log(levels).mean()))
    spread = float(np.log(levels).var()) if len(levels) > 1 else 1.0
    certainty = float(np.clip(1 / max(np.expm1(spread), 1e-9), _LEAST_SHAPE, _MOST_SHAPE))
    return Prior(shape / shape.mean(), level, certainty / level)


def _shape_and_level(series: Series, calendar: Calendar) -> tuple[Array, float] | None:
    hourly = series.hourly()
    keys = slots(calendar, hourly.begin, HOUR, len(hourly)).hour_of_week
    used = hourly.open & hourly.trusted
    total, hours = float(hourly.counts[used].sum()), int(used.sum())
    if hours < _LEAST_HOURS or total == 0:
        return None
    mean = total / hours
    came, seen = np.bincount(keys[used], hourly.counts[used], 168), np.bincount(keys[used], minlength=168)
    evenly = _SMOOTHING_HOURS / 168
    return (came / mean + evenly) / (seen + evenly), mean
