"""From which probability on a prediction is trusted: measured on examples that its model hasn't seen."""

import math

import numpy as np
from numpy.typing import NDArray

from supportix.routing.model import rounded_up

LEAST_TRUSTED = 20
"""Fewer trusted predictions measure no precision."""
_DEVIATIONS = 1.0


def threshold_for(precision: float, probabilities: NDArray[np.float32], right: NDArray[np.bool_]) -> float | None:
    """The lowest probability from which on at least this share of the predictions is right; None: there is none.

    The share has to be reached by the lower end of its Wilson interval at one standard deviation, so that a lucky few
    don't count (Wilson 1927; https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval).
    """
    order = np.argsort(-probabilities, kind="stable")
    sorted_probabilities = probabilities[order]
    rights = np.cumsum(right[order])
    for trusted in range(len(order), LEAST_TRUSTED - 1, -1):
        ends_here = trusted == len(order) or sorted_probabilities[trusted] < sorted_probabilities[trusted - 1]
        if ends_here and wilson_low(int(rights[trusted - 1]), trusted) >= precision:
            return rounded_up(float(sorted_probabilities[trusted - 1]))
    return None


def wilson_low(right: int, tried: int) -> float:
    """The lower end of the interval in which the true share lies."""
    share, squared = right / tried, _DEVIATIONS**2
    middle = share + squared / (2 * tried)
    spread = _DEVIATIONS * math.sqrt(share * (1 - share) / tried + squared / (4 * tried * tried))
    return (middle - spread) / (1 + squared / tried)
