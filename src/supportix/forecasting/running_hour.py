"""What the arrivals so far say about the running hour and the next one. No model is fitted anew for it.

The hour's rate has a gamma distribution around the issued mean, as wide as the issued quantiles say; arrivals are
Poisson given the rate. So the rate after `arrived` in a share of the hour is gamma again, and what is still to come
negative binomial (conjugate updating: Gelman et al., Bayesian Data Analysis, 3rd ed., 2.6; for call centres Shen &
Huang 2008, https://doi.org/10.1287/msom.1070.0179). Plain Python, since it runs in the API and the worker too.
"""

from collections.abc import Sequence
from math import exp, lgamma, log, sqrt

from supportix.domain.errors import InvalidInput
from supportix.domain.forecast_words import FEWEST_HOURS, HOUR_SECONDS, LEVELS, Steps

POISSON = 1e9
"""The shape from which on the rate is as good as known."""
_WIDE = 12.0
"""Standard deviations to either side beyond which nothing is reckoned with."""
_NOTHING = 1e-9
_LEAST_MEAN = 1e-3
"""An hour in which nothing was expected is taken to be worth as much, so that what comes nevertheless counts."""
_Z80 = 1.2815515655446004


class RunningHourInvalid(InvalidInput):
    """The arrivals don't fit the hour."""


def running_hour(steps: Steps, *, arrived: int, elapsed_seconds: float, carry: float) -> Steps:
    """The forecast of the first two hours of `steps` after `arrived` tickets in the first `elapsed_seconds` of them.

    Both are counts of whole hours; the first one includes what has arrived. `carry`: how much of the surprise in the
    running hour is expected of the next, from 0 for nothing to 1 for all of it.

    Refused: RunningHourInvalid.
    """
    if arrived < 0 or not 0 <= elapsed_seconds <= HOUR_SECONDS or not 0 <= carry <= 1:
        raise RunningHourInvalid(
            f"{arrived} arrivals after {elapsed_seconds:.0f} s, {carry} carried on; "
            "no negative count, at most 3,600 s and a share from 0 to 1 were expected"
        )
    if steps.step_seconds != HOUR_SECONDS or len(steps.means) < FEWEST_HOURS:
        raise RunningHourInvalid("steps of an hour were expected, two at least")
    share = elapsed_seconds / HOUR_SECONDS
    mean = max(steps.means[0], _LEAST_MEAN)
    shape = gamma_shape(mean, _deviation(steps, 0))
    updated = shape + arrived
    rate = updated / (shape / mean + share)
    left = rate * (1 - share)
    now = [arrived + each for each in quantiles(left, updated)]
    factor = (rate / mean) ** carry
    next_mean = steps.means[1] * factor
    following = quantiles(next_mean, gamma_shape(max(next_mean, _LEAST_MEAN), _deviation(steps, 1) * factor))
    return Steps(
        begin=steps.begin,
        step_seconds=HOUR_SECONDS,
        means=(arrived + left, next_mean),
        quantiles=tuple(zip(now, following, strict=True)),
    )


def gamma_shape(mean: float, deviation: float) -> float:
    """The shape of the gamma distribution of the rate, where counts deviate so from their mean; large for Poisson."""
    excess = deviation * deviation - mean
    return min(POISSON, mean * mean / excess) if excess > 0 else POISSON


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


def _deviation(steps: Steps, place: int) -> float:
    """About the standard deviation: the width of the 80 % interval over that of the normal distribution's."""
    low, high = LEVELS.index(0.1), LEVELS.index(0.9)
    return (steps.quantiles[high][place] - steps.quantiles[low][place]) / (2 * _Z80)
