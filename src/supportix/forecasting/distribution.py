"""The predictive distribution of counts: a mean, and how far what came has strayed from such means before.

Small counts are negative binomial around the mean. From LARGE_COUNT on, the quantiles are those of the department's
own scaled errors (normalised conformal prediction: Lei et al. 2018, JASA 113:523), kept from forecasts that were issued
before their hour came. Neither is ever below zero.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from supportix.forecasting.scoring import LEVELS, crps

LARGE_COUNT = 20.0
LEAST_ERRORS = 100
"""With fewer errors of its own, a large count is taken to be negative binomial as well."""
UNKNOWN_DISPERSION = 0.3
"""Of a department that nothing is known about: half to double is usual."""
_KEPT = 199
_DISPERSIONS = np.concatenate([[1e-6], np.geomspace(1e-4, 4.0, 60)])
Array = NDArray[np.float64]


class Errors(msgspec.Struct, frozen=True):
    """What a department's own errors come to. Storable.

    dispersion: the variance of a count beyond Poisson, as a share of the squared mean.
    scaled: evenly spaced quantiles of (count - mean) / deviation over large counts; empty where there are too few.
    """

    dispersion: float = UNKNOWN_DISPERSION
    scaled: tuple[float, ...] = ()
    seen: int = 0


def errors_of(actual: Array, mean: Array) -> Errors:
    """Reckoned from forecasts and what came."""
    if not len(actual):
        return Errors()
    dispersion = fitted_dispersion(actual, mean)
    large = mean >= LARGE_COUNT
    scaled: tuple[float, ...] = ()
    if int(large.sum()) >= LEAST_ERRORS:
        ratios = np.sort((actual[large] - mean[large]) / deviation(mean[large], dispersion))
        places = np.arange(1, _KEPT + 1) / (_KEPT + 1) * (len(ratios) + 1) - 1
        scaled = tuple(float(each) for each in np.interp(places, np.arange(len(ratios)), ratios))
    return Errors(dispersion, scaled, len(actual))


def deviation(mean: Array, dispersion: float) -> Array:
    return np.asarray(np.sqrt(mean + dispersion * mean**2))


def fitted_dispersion(actual: Array, mean: Array) -> float:
    """The dispersion under which the counts are most likely; of those tried, between Poisson and four."""
    from scipy.special import gammaln

    some = mean > 1e-9  # noqa: PLR2004 - a mean of zero tells nothing.
    if not some.any():
        return UNKNOWN_DISPERSION
    count, expected = actual[some][None, :], mean[some][None, :]
    size = 1 / _DISPERSIONS[:, None]
    likelihood = (
        gammaln(count + size)
        - gammaln(size)
        - (count + size) * np.log1p(expected / size)
        + count * np.log(expected / size)
    ).sum(axis=1)
    return float(_DISPERSIONS[int(np.argmax(likelihood))])


class Predictive:
    """One distribution per step, of the same errors."""

    def __init__(self, mean: Array, errors: Errors) -> None:
        self.mean = np.maximum(mean, 0.0)
        self.errors = errors
        self._large = (self.mean >= LARGE_COUNT) & bool(errors.scaled)
        self._deviation = deviation(self.mean, errors.dispersion)

    def quantile(self, levels: Sequence[float]) -> Array:
        """Levels by steps."""
        found = self._negative_binomial(np.asarray(levels))
        if self._large.any():
            scaled = np.interp(levels, _levels_of(self.errors), self.errors.scaled)
            own = self.mean[None, :] + scaled[:, None] * self._deviation[None, :]
            found[:, self._large] = np.maximum(own[:, self._large], 0.0)
        return found

    def interval(self, share: float) -> tuple[Array, Array]:
        """The central interval that holds this share."""
        low, high = self.quantile(((1 - share) / 2, (1 + share) / 2))
        return low, high

    def crps(self, actual: Array) -> Array:
        return crps(actual, self.quantile(LEVELS))

    def pit(self, actual: Array, random: np.random.Generator) -> Array:
        """Probability integral transform, randomised within a count's own probability: uniform where calibrated."""
        below, at = self._cumulative(actual - 1), self._cumulative(actual)
        return np.asarray(below + random.random(len(actual)) * (at - below))

    def _cumulative(self, count: Array) -> Array:
        from scipy.special import betainc

        size = 1 / self.errors.dispersion
        probability = 1 / (1 + np.maximum(self.mean, 1e-12) / size)
        found = np.where(count < 0, 0.0, betainc(size, np.maximum(count, 0) + 1, probability))
        if self._large.any():
            ratio = (count + 0.5 - self.mean) / np.maximum(self._deviation, 1e-12)
            own = np.interp(ratio, self.errors.scaled, _levels_of(self.errors), left=0.0, right=1.0)
            found = np.where(self._large, own, found)
        return found

    def _negative_binomial(self, levels: Array) -> Array:
        from scipy.stats import nbinom

        size = 1 / self.errors.dispersion
        found = np.zeros((len(levels), len(self.mean)))
        some = self.mean > 0
        found[:, some] = nbinom.ppf(levels[:, None], size, 1 / (1 + self.mean[some][None, :] / size))
        return found


def _levels_of(errors: Errors) -> Array:
    kept = len(errors.scaled)
    return np.arange(1, kept + 1) / (kept + 1)
