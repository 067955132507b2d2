"""A forecast by quarters of an hour: each hour's tickets on its quarters, by the department's own shares."""

from collections.abc import Sequence

from supportix.domain.forecast_words import LEVELS, Steps
from supportix.forecasting.negative_binomial import deviation_of, gamma_shape, quantiles

AN_HOUR = 4


def by_quarters(steps: Steps, shares: Sequence[float] = ()) -> Steps:
    """Of steps of an hour. `shares`: four for each step, evenly without them.

    The rate of a quarter is as uncertain as that of its hour, so the counts of quarters are a gamma mixture of Poisson
    counts with the hour's shape: theirs add up to the hour's.
    """
    if len(shares) != AN_HOUR * len(steps.means):
        shares = (1 / AN_HOUR,) * (AN_HOUR * len(steps.means))
    means, columns = [], []
    for place, mean in enumerate(steps.means):
        shape = gamma_shape(max(mean, 1e-9), deviation_of(steps.quantiles_of(place)))
        for share in shares[AN_HOUR * place : AN_HOUR * (place + 1)]:
            means.append(mean * share)
            columns.append(quantiles(mean * share, shape))
    return Steps(
        begin=steps.begin,
        step_seconds=steps.step_seconds // AN_HOUR,
        means=tuple(means),
        quantiles=tuple(zip(*columns, strict=True)) if columns else tuple(() for _ in LEVELS),
    )
