"""Models that need no fitting to speak of: the floor, the weekly mean, and the level of the day on the profile."""

import numpy as np
from scipy.signal import lfilter

from supportix.forecasting.levels import Levels
from supportix.forecasting.usual import Array

A_WEEK = 168
_WEEKS = 4
_FORGETTING = (0.5, 0.7, 0.8, 0.88, 0.93, 0.96, 0.98)
_SLOW = 0.995
_PRIOR_COUNTS = 3.0
"""How many counts the level needs to tell as much as that the profile is right."""


class SeasonalNaive:
    """The same local hour a week before: the honest floor."""

    name = "seasonal_naive"

    def __init__(self, levels: Levels, seed: int = 0) -> None:
        del seed
        self._levels = levels

    def observe(self, count: float) -> None:
        """The levels have it already."""

    def mean(self, horizon: int) -> Array:
        return weeks_before(self._levels, horizon, 1)

    def after(self, count: float) -> float:
        """What comes in the running hour changes nothing."""
        del count
        return float(self.mean(2)[1])


class HourOfWeek:
    """The plain mean of the same local hour over the latest four weeks."""

    name = "hour_of_week"

    def __init__(self, levels: Levels, seed: int = 0) -> None:
        del seed
        self._levels = levels

    def observe(self, count: float) -> None:
        """The levels have it already."""

    def mean(self, horizon: int) -> Array:
        return weeks_before(self._levels, horizon, _WEEKS)

    def after(self, count: float) -> float:
        """What comes in the running hour changes nothing."""
        del count
        return float(self.mean(2)[1])


def weeks_before(levels: Levels, horizon: int, most: int) -> Array:
    """Means of the latest used hours of the same hour of the week; the profile where there is none."""
    known = np.flatnonzero(levels.used[: levels.known])
    keys = levels.slots.hour_of_week
    means = np.zeros(horizon)
    latest: dict[int, float] = {}
    for ahead in range(horizon):
        place = levels.known + ahead
        if not levels.slots.open[place]:
            continue
        key = int(keys[place])
        if key not in latest:
            same = known[keys[known] == key][-most:]
            latest[key] = (
                float(levels.counts[same].mean()) if len(same) else float(levels.expected(np.array([place]))[0])
            )
        means[ahead] = latest[key]
    return means


class GammaLevel:
    """The level of the rate over the profile is gamma distributed; each count updates it, older ones are forgotten.

    How fast is what would have been most likely on the history. Farther ahead the level returns to the slow one.
    """

    name = "gamma_level"

    def __init__(self, levels: Levels, seed: int = 0) -> None:
        del seed
        self._levels = levels
        used = np.flatnonzero(levels.used[: levels.known])
        counts, expected = levels.counts[used], levels.expected(used)
        self._slow = _Level(_SLOW, counts, expected)
        scores = [_deviance(counts, expected * _levels_before(each, counts, expected)) for each in _FORGETTING]
        self._fast = _Level(_FORGETTING[int(np.argmin(scores))], counts, expected)

    def observe(self, count: float) -> None:
        place = self._levels.known - 1
        if self._levels.used[place]:
            expected = float(self._levels.expected(np.array([place]))[0])
            self._slow.observe(count, expected)
            self._fast.observe(count, expected)

    def mean(self, horizon: int) -> Array:
        levels = self._levels
        places = np.arange(levels.known, levels.known + horizon)
        passed = np.cumsum(levels.used[places]) - 1
        fading = self._fast.forgetting ** np.maximum(passed, 0)
        level = self._slow.value * (self._fast.value / self._slow.value) ** fading
        return np.where(levels.slots.open[places], levels.expected(places) * level, 0.0)

    def after(self, count: float) -> float:
        known = self._levels.known
        if not self._levels.slots.open[known + 1]:
            return 0.0
        due, after = (float(each) for each in self._levels.expected(np.array([known, known + 1])))
        return after * (self._fast.after(count, due) if self._levels.used[known] else self._fast.value)


class _Level:
    """Gamma posterior of a level: counts that came over counts that were expected, both forgotten alike."""

    def __init__(self, forgetting: float, counts: Array, expected: Array) -> None:
        self.forgetting = forgetting
        self.came, self.due = (_forgotten(forgetting, each)[-1] if len(each) else 0.0 for each in (counts, expected))

    @property
    def value(self) -> float:
        return float((self.came + _PRIOR_COUNTS) / (self.due + _PRIOR_COUNTS))

    def after(self, count: float, expected: float) -> float:
        came, due = self.came * self.forgetting + count, self.due * self.forgetting + expected
        return float((came + _PRIOR_COUNTS) / (due + _PRIOR_COUNTS))

    def observe(self, count: float, expected: float) -> None:
        self.came = self.came * self.forgetting + count
        self.due = self.due * self.forgetting + expected


def _forgotten(forgetting: float, values: Array) -> Array:
    return np.asarray(lfilter([1.0], [1.0, -forgetting], values))


def _levels_before(forgetting: float, counts: Array, expected: Array) -> Array:
    came, due = _forgotten(forgetting, counts), _forgotten(forgetting, expected)
    return np.concatenate([[1.0], (came[:-1] + _PRIOR_COUNTS) / (due[:-1] + _PRIOR_COUNTS)])[: len(counts)]


def _deviance(counts: Array, means: Array) -> float:
    from scipy.special import xlogy

    return float((xlogy(counts, counts / means) - counts + means).sum())
