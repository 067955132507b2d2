"""Counts whose rate has a gamma distribution: negative binomial, and Poisson where the rate is as good as known.

Plain Python, since it runs in processes that don't have numpy at hand.
"""

from collections.abc import Sequence
from math import exp, lgamma, log, sqrt

from supportix.domain.forecast_words import LEVELS

POISSON = 1e9
"""The shape from which on the rate is as good as known."""
_WIDE = 12.0
"""Standard deviations to either side beyond which nothing is reckoned with."""
_NOTHING = 1e-9
_Z80 = 1.2815515655446004
_LOW, _HIGH = LEVELS.index(0.1), LEVELS.index(0.9)


def gamma_shape(mean: float, deviation: float) -> float:
    """The shape of the gamma distribution of the rate, where counts deviate so from their mean; large for Poisson."""
    excess = deviation * deviation - mean
    return min(POISSON, mean * mean / excess) if excess > 0 else POISSON


def updated_rate(mean: float, shape: float, arrived: float, share: float) -> float:
    """The rate of a whole hour after `arrived` of it in this share of it, where `mean` was expected, which is above 0.

    The gamma's posterior mean; its shape is then `shape` + `arrived` (Gelman et al., Bayesian Data Analysis, 3rd ed.,
    2.6).
    """
    return (shape + arrived) / (shape / mean + share)


def quantiles(mean: float, shape: float, levels: Sequence[float] = LEVELS) -> list[float]:
    """Of a negative binomial count, at these levels, which rise: the least counts that reach them."""
    if mean < _NOTHING:
        return [0.0] * len(levels)
    spread = sqrt(mean + mean * mean / shape)
    count = max(0, int(mean - _WIDE * spread))
    last = int(mean + _WIDE * spread) + 10
    chance = exp(_log_chance(count, mean, shape))
    below, found = chance, [0.0] * len(levels)
    place = 0
    while place < len(levels):
        if below >= levels[place] or count >= last:
            found[place] = float(count)
            place += 1
            continue
        chance *= (count + shape) / (count + 1) * (mean / (mean + shape))
        count += 1
        below += chance
    return found


def _log_chance(count: int, mean: float, shape: float) -> float:
    """Of a negative binomial count."""
    if shape >= POISSON:
        return count * log(mean) - mean - lgamma(count + 1)
    return (
        lgamma(count + shape)
        - lgamma(shape)
        - lgamma(count + 1)
        + shape * log(shape / (shape + mean))
        + count * log(mean / (shape + mean))
    )


def cumulative(count: int, mean: float, shape: float) -> float:
    """The probability of so many or fewer. For small counts: it sums over all of them."""
    if count < 0:
        return 0.0
    if mean < _NOTHING:
        return 1.0
    return min(1.0, sum(exp(_log_chance(each, mean, shape)) for each in range(count + 1)))


def deviation_of(values: Sequence[float]) -> float:
    """About the standard deviation, by quantiles at LEVELS: the width of the 80 % interval over the normal one's."""
    return (values[_HIGH] - values[_LOW]) / (2 * _Z80)
