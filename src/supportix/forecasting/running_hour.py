"""The running hour: what has arrived so far tells how much is still to come, without fitting anything again.

The hour's rate is gamma distributed around its forecast, as wide as the department's own errors beyond Poisson; counts
update it (the negative binomial is the gamma's predictive distribution: Gelman et al., Bayesian Data Analysis, 2.6).
"""

import msgspec
import numpy as np

from supportix.forecasting.distribution import Errors, Predictive

_LEAST_SHAPE = 1e-6


class RunningHour(msgspec.Struct, frozen=True, eq=False):
    """left: the mean of what is still to come in the hour. after: the mean of the next hour, which the models tell."""

    left: float
    remaining: Predictive
    after: float = 0.0


def running_hour(mean: float, errors: Errors, elapsed_share: float, arrived: float) -> RunningHour:
    """`elapsed_share`: how much of the hour's traffic usually has come by now, 0 to 1."""
    shape = 1 / errors.dispersion
    rate = shape / mean if mean > 0 else np.inf
    updated = (shape + arrived) / (rate + elapsed_share) if mean > 0 else 0.0
    left = updated * (1 - elapsed_share)
    dispersion = 1 / max(shape + arrived, _LEAST_SHAPE)
    return RunningHour(left, Predictive(np.array([left]), Errors(dispersion)))
