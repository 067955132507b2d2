"""The running hour as its models see it: what is still to come, and what the next hour's models make of it.

The update is that of `running_hour`, which needs no model, from the department's own errors instead of what was issued.
"""

import msgspec
import numpy as np

from supportix.forecasting.distribution import Errors, Predictive
from supportix.forecasting.negative_binomial import updated_rate

_LEAST_SHAPE = 1e-6


class Posterior(msgspec.Struct, frozen=True, eq=False):
    """left: the mean of what is still to come in the hour. after: the mean of the next hour, which the models tell."""

    left: float
    remaining: Predictive
    after: float = 0.0


def posterior(mean: float, errors: Errors, elapsed_share: float, arrived: float) -> Posterior:
    """`elapsed_share`: how much of the hour's traffic usually has come by now, 0 to 1."""
    shape = 1 / errors.dispersion
    left = updated_rate(mean, shape, arrived, elapsed_share) * (1 - elapsed_share) if mean > 0 else 0.0
    dispersion = 1 / max(shape + arrived, _LEAST_SHAPE)
    return Posterior(left, Predictive(np.array([left]), Errors(dispersion)))
