"""Two regressions of counts on `levels`: a log-linear Poisson model, and gradient boosted trees under Poisson loss."""

import numpy as np

from supportix.forecasting.distribution import LARGE_COUNT
from supportix.forecasting.levels import Levels
from supportix.forecasting.usual import Array, Places

_FIRST_WEEK = 168
"""The first hours have too little before them to learn from; of a short history, the first third."""
_RIDGE_OF_LEVELS = 100.0
"""In counts: as much evidence is needed against leaving the profile as it is."""
_RIDGE_OF_HOURS = 1.0
"""In shares of all counts: the profile knows the hours already."""
_MOST_ROUNDS = 25
_TOLERANCE = 1e-6
_STEEPEST = 3.0
"""In one round no logarithm of a mean moves further, so that a bad start doesn't run away."""
_FARTHEST = 3.0
"""No mean is further than this, in logarithms, from what is expected."""
_MONTH_BEGINS, _MONTH_ENDS = 3, 28
_SATURDAY = 5
_FOUR_HOURS = 4
"""The column of `Levels.rows` with the ratio over the latest four hours."""


def learned_from(levels: Levels) -> Places:
    """Open hours with a trusted record that have something before them to look at. ValueError: there are none."""
    places = np.arange(min(_FIRST_WEEK, levels.known // 3), levels.known)
    places = places[levels.used[places]]
    if not len(places):
        raise ValueError("there is no hour to learn from")
    return places


class PoissonGlm:
    """mean = expected × exp(features · weights): without evidence the profile is left as it is.

    Fitted by penalised iteratively reweighted least squares (McCullagh & Nelder 1989, 2.5; the penalty is a ridge).
    """

    name = "poisson_glm"

    def __init__(self, levels: Levels, seed: int = 0) -> None:
        del seed  # There is no chance in it.
        self._levels = levels
        places = learned_from(levels)
        counts, design = levels.counts[places], self._design(places)
        of_levels = np.full(levels.features + 2, _RIDGE_OF_LEVELS)
        of_hours = np.full(design.shape[1] - len(of_levels) - 1, _RIDGE_OF_HOURS * max(1.0, float(counts.sum())))
        ridge = np.concatenate([of_levels, of_hours, [1.0]])
        self._weights = _fitted(design, counts, np.log(levels.expected(places)), ridge)

    def observe(self, count: float) -> None:
        """The levels have it already."""

    def mean(self, horizon: int) -> Array:
        """Hour by hour, each reckoned on from the means before it."""
        means = np.zeros(horizon)
        for ahead in range(horizon):
            place = self._levels.known + ahead
            means[ahead] = self._at(place)
            self._levels.suppose(place, means[ahead])
        return means

    def after(self, count: float) -> float:
        self._levels.suppose(self._levels.known, count)
        return self._at(self._levels.known + 1)

    def _at(self, place: int) -> float:
        if not self._levels.slots.open[place]:
            return 0.0
        places = np.array([place])
        change = np.clip(self._design(places) @ self._weights, -_FARTHEST, _FARTHEST)
        return float((self._levels.expected(places) * np.exp(change))[0])

    def _design(self, places: Places) -> Array:
        rows = self._levels.rows(places)
        hour, weekday = np.divmod(self._levels.slots.hour_of_week[places], 24)[::-1]
        day = self._levels.slots.day_of_month[places]
        hours = np.eye(24)[hour]
        month = np.stack([day <= _MONTH_BEGINS, day >= _MONTH_ENDS], axis=1).astype(np.float64)
        weekend = (weekday >= _SATURDAY)[:, None]
        latest = hours * rows[:, _FOUR_HOURS][:, None]
        return np.hstack([rows, month, hours, np.eye(7)[weekday], hours * weekend, latest, np.ones((len(rows), 1))])


def _fitted(design: Array, counts: Array, offset: Array, ridge: Array) -> Array:
    weights = np.zeros(design.shape[1])
    penalty = np.diag(ridge)
    for _ in range(_MOST_ROUNDS):
        mean = np.exp(offset + np.clip(design @ weights, -2 * _FARTHEST, 2 * _FARTHEST))
        gradient = design.T @ (counts - mean) - ridge * weights
        step = np.linalg.solve((design * mean[:, None]).T @ design + penalty, gradient)
        step *= min(1.0, _STEEPEST / max(_TOLERANCE, float(np.abs(design @ step).max(initial=0.0))))
        weights = weights + step
        if float(np.abs(step).max()) < _TOLERANCE:
            break
    return weights


class Boosting:
    """Trees learn the counts where they are small, and ratios to what is expected where they are large.

    Beyond the next hour they look at levels reckoned on along the means of the log-linear model.
    """

    name = "boosting"

    def __init__(self, levels: Levels, seed: int = 0) -> None:
        from sklearn.ensemble import HistGradientBoostingRegressor

        self._levels, self._path = levels, PoissonGlm(levels)
        places = learned_from(levels)
        counts, expected = levels.counts[places], levels.expected(places)
        self._by_ratio = float(counts.mean()) >= LARGE_COUNT
        self._trees = HistGradientBoostingRegressor(
            loss="poisson",
            max_iter=200,
            learning_rate=0.04,
            max_leaf_nodes=8,
            max_features=0.4,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=seed,
        )
        if self._by_ratio:
            self._trees.fit(self._design(places), counts / expected, sample_weight=expected)
        else:
            self._trees.fit(self._design(places), counts)

    def observe(self, count: float) -> None:
        """The levels have it already."""

    def mean(self, horizon: int) -> Array:
        if horizon > 1:
            self._path.mean(horizon)
        return self._at(np.arange(self._levels.known, self._levels.known + horizon))

    def after(self, count: float) -> float:
        self._levels.suppose(self._levels.known, count)
        return float(self._at(np.array([self._levels.known + 1]))[0])

    def _at(self, places: Places) -> Array:
        means = np.asarray(self._trees.predict(self._design(places)))
        if self._by_ratio:
            means = means * self._levels.expected(places)
        return np.where(self._levels.slots.open[places], means, 0.0)

    def _design(self, places: Places) -> Array:
        rows = self._levels.rows(places)
        hour_of_week = self._levels.slots.hour_of_week[places]
        hours = np.stack([hour_of_week % 24, hour_of_week // 24], axis=1)
        at_level = rows[:, :1] + rows[:, _FOUR_HOURS - 1 : _FOUR_HOURS + 2]
        return np.hstack([rows, at_level, hours])
