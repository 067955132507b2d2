"""statsforecast's models: decomposition with ARIMA or exponential smoothing, Theta, and those for intermittent demand.

They see the latest eight weeks of the regular opening hours, on the square root scale, where the variance of counts is
nearly constant (Anscombe 1948): sqrt(count + 3/8). Hours without a trusted record are filled with what is expected. The
package takes seconds to import, so it is imported where something is fitted and nowhere else.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from supportix.forecasting.levels import Levels
from supportix.forecasting.usual import Array, Places

_WEEKS = 8
_ANSCOMBE = 3 / 8
_DECOMPOSING = {"trend_jump": 24, "low_pass_jump": 24}
"""Without them a decomposition takes ten times as long, for the same accuracy."""
_VARIANCE_OF_POISSON_ROOTS = 1 / 4
_TINY_SMOOTHING = 0.1
Model = Any
"""A model of statsforecast, which has no types."""


class _Statistical:
    """A model of roots that takes in new ones by `forward`, without fitting again."""

    name: str

    def __init__(self, levels: Levels, seed: int = 0) -> None:
        del seed  # There is no chance in it.
        self._levels = levels
        self._roots, self._day, self._week = roots_of(levels)
        self._ahead: Array | None = None
        self._variance = self._fit()

    def _fit(self) -> float:
        """Returns the variance of the errors on the roots."""
        raise NotImplementedError

    def _forward(self, steps: int) -> Array:
        raise NotImplementedError

    def observe(self, count: float) -> None:
        del count  # As the levels have it: filled where the record is out.
        place = self._levels.known - 1
        if self._levels.regular[place]:
            self._roots = np.concatenate([self._roots, _roots(_filled(self._levels, np.array([place])))])
            self._ahead = None

    def mean(self, horizon: int) -> Array:
        """The square of a root underestimates the mean by the root's variance."""
        levels = self._levels
        places = np.arange(levels.known, levels.known + horizon)
        regular = levels.regular[places]
        steps = int(regular.sum())
        means = np.zeros(horizon)
        if steps:
            if self._ahead is None or len(self._ahead) < steps:
                roots = np.maximum(self._forward(steps), 0.0)
                self._ahead = np.maximum(roots**2 - _ANSCOMBE + self._variance, 0.0)
            means[regular] = self._ahead[:steps]
        return np.where(levels.slots.open[places], means, 0.0)

    def after(self, count: float) -> float:
        """An hour that isn't over is left to the other members of an ensemble."""
        del count
        return float(self.mean(2)[1])


class _Decomposed(_Statistical):
    """Seasons of a day and a week as they were at the fit; what is left after them is forecast by another model."""

    def _fit(self) -> float:
        seasons = _seasons(self._day, self._week)
        model = self._make(self._day, self._week)
        model.fit(self._roots)
        parts = model.model_
        seasonal = parts[[each for each in parts.columns if each.startswith("seasonal")]].to_numpy()
        self._seasonal = seasonal.sum(axis=1)
        ahead = [_continued(seasonal[:, place], season, self._week) for place, season in enumerate(seasons)]
        self._next_week: Array = np.sum(ahead, axis=0)
        self._model = model.trend_forecaster
        fitted = np.asarray(self._model.predict_in_sample()["fitted"])
        return float(np.nanvar(self._roots - self._seasonal - fitted))

    @staticmethod
    def _make(day: int, week: int) -> Model:
        raise NotImplementedError

    def _forward(self, steps: int) -> Array:
        passed = len(self._roots) - len(self._seasonal)
        ahead = self._next_week[np.arange(passed + steps) % self._week]
        rest = self._roots - np.concatenate([self._seasonal, ahead[:passed]])
        return np.asarray(self._model.forward(y=rest, h=steps)["mean"]) + ahead[passed:]


class MstlArima(_Decomposed):
    name = "mstl_arima"

    @staticmethod
    def _make(day: int, week: int) -> Model:
        from statsforecast.models import MSTL, AutoARIMA

        return MSTL(_seasons(day, week), AutoARIMA(), stl_kwargs=_DECOMPOSING)


class MstlEts(_Decomposed):
    name = "mstl_ets"

    @staticmethod
    def _make(day: int, week: int) -> Model:
        from statsforecast.models import MSTL, AutoETS

        return MSTL(_seasons(day, week), AutoETS(model="ZZN"), stl_kwargs=_DECOMPOSING)


class Theta(_Statistical):
    name = "auto_theta"

    @staticmethod
    def _make(day: int, _week: int) -> Model:
        from statsforecast.models import AutoTheta

        return AutoTheta(season_length=day)

    def _fit(self) -> float:
        self._model = self._make(self._day, self._week)
        self._model.fit(self._roots)
        return float(np.nanvar(self._roots - np.asarray(self._model.predict_in_sample()["fitted"])))

    def _forward(self, steps: int) -> Array:
        return np.asarray(self._model.forward(y=self._roots, h=steps)["mean"])


class Prepared(_Statistical):
    """A path of roots that was forecast elsewhere: hours that come to be known don't move it."""

    name = "prepared"

    def __init__(self, levels: Levels, path: Array) -> None:
        self._path = path
        super().__init__(levels)
        self._fitted_until = len(self._roots)

    def _fit(self) -> float:
        return _VARIANCE_OF_POISSON_ROOTS

    def _forward(self, steps: int) -> Array:
        passed = len(self._roots) - self._fitted_until
        return self._path[passed : passed + steps]


class _Intermittent:
    """One rate for all open hours, from a model for demand that is mostly zero. Forecast anew from all counts."""

    name: str

    def __init__(self, levels: Levels, model: Model) -> None:
        self._levels, self._model = levels, model
        self._rate: float | None = self._rate_now()

    def observe(self, count: float) -> None:
        del count  # The levels have it.
        self._rate = None

    def mean(self, horizon: int) -> Array:
        levels = self._levels
        if self._rate is None:
            self._rate = self._rate_now()
        return np.where(levels.slots.open[levels.known : levels.known + horizon], self._rate, 0.0)

    def after(self, count: float) -> float:
        del count  # One hour changes next to nothing.
        return float(self.mean(2)[1])

    def _rate_now(self) -> float:
        levels = self._levels
        counts = levels.counts[np.flatnonzero(levels.used[: levels.known])][-_WEEKS * 7 * levels.day :]
        return max(0.0, float(self._model.forecast(counts, h=1)["mean"][0])) if counts.any() else 0.0


class Croston(_Intermittent):
    """With the correction of Syntetos & Boylan 2005."""

    name = "croston"

    def __init__(self, levels: Levels, seed: int = 0) -> None:
        del seed
        from statsforecast.models import CrostonSBA

        super().__init__(levels, CrostonSBA())


class Tsb(_Intermittent):
    """Teunter, Syntetos & Babai 2011."""

    name = "tsb"

    def __init__(self, levels: Levels, seed: int = 0) -> None:
        del seed
        from statsforecast.models import TSB

        super().__init__(levels, TSB(_TINY_SMOOTHING, _TINY_SMOOTHING))


class Adida(_Intermittent):
    """Nikolopoulos et al. 2011."""

    name = "adida"

    def __init__(self, levels: Levels, seed: int = 0) -> None:
        del seed
        from statsforecast.models import ADIDA

        super().__init__(levels, ADIDA())


DISTRIBUTED: Mapping[str, Callable[[int, int], Model]] = {each.name: each._make for each in (MstlArima, MstlEts, Theta)}
"""What statsforecast's own distributed backend can fit, by the seasons of a day and a week."""


def roots_of(levels: Levels) -> tuple[Array, int, int]:
    """The roots that models are fitted on, and how many of them are a day and a week."""
    week = int(np.unique(levels.slots.hour_of_week[levels.regular]).size)
    places = np.flatnonzero(levels.regular[: levels.known])
    return _roots(_filled(levels, places))[-_WEEKS * week :], levels.day, week


def _seasons(day: int, week: int) -> list[int]:
    return [day, week] if week > day else [week]


def _continued(seasonal: Array, season: int, length: int) -> Array:
    return np.asarray(np.resize(seasonal[-season:], length))


def _filled(levels: Levels, places: Places) -> Array:
    return np.where(levels.used[places], levels.counts[places], levels.expected(places))


def _roots(counts: Array) -> Array:
    return np.asarray(np.sqrt(counts + _ANSCOMBE))
