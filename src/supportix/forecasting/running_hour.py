"""What the arrivals so far say about the running hour and the next one. No model is fitted anew for it.

The hour's rate has a gamma distribution around the issued mean, as wide as the issued quantiles say; arrivals are
Poisson given the rate. So the rate after `arrived` in a share of the hour is gamma again, and what is still to come
negative binomial (conjugate updating: Gelman et al., Bayesian Data Analysis, 3rd ed., 2.6; for call centres Shen &
Huang 2008, https://doi.org/10.1287/msom.1070.0179). Plain Python, since it runs in the API and the worker too.
"""

from supportix.domain.errors import InvalidInput
from supportix.domain.forecast_words import FEWEST_HOURS, HOUR_SECONDS, Steps
from supportix.forecasting.negative_binomial import deviation_of, gamma_shape, quantiles, updated_rate

_LEAST_MEAN = 1e-3
"""An hour in which nothing was expected is taken to be worth as much, so that what comes nevertheless counts."""


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
    shape = gamma_shape(mean, deviation_of(steps.quantiles_of(0)))
    rate = updated_rate(mean, shape, arrived, share)
    left = rate * (1 - share)
    now = [arrived + each for each in quantiles(left, shape + arrived)]
    factor = (rate / mean) ** carry
    next_mean = steps.means[1] * factor
    following = quantiles(
        next_mean, gamma_shape(max(next_mean, _LEAST_MEAN), deviation_of(steps.quantiles_of(1)) * factor)
    )
    return Steps(
        begin=steps.begin,
        step_seconds=HOUR_SECONDS,
        means=(arrived + left, next_mean),
        quantiles=tuple(zip(now, following, strict=True)),
    )
