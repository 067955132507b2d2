"""How good forecasts were: the centre (WAPE, MASE, bias), the distribution (pinball loss, CRPS) and its intervals.

All take arrays over the same steps, closed steps already left out. Where there is nothing to score, or nothing to
divide by, the answer is None and never NaN.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LEVELS = tuple(round(0.05 * k, 2) for k in range(1, 20))
"""The 19 quantiles from which CRPS is reckoned."""
A_WEEK = 168
Array = NDArray[np.float64]


def wape(actual: Array, mean: Array) -> float | None:
    """Weighted absolute percentage error, as a share: the sum of the errors over the sum of what came."""
    total = float(actual.sum())
    return float(np.abs(actual - mean).sum()) / total if total > 0 else None


def bias(actual: Array, mean: Array) -> float | None:
    """Positive: too much was forecast. As a share of what came."""
    total = float(actual.sum())
    return float((mean - actual).sum()) / total if total > 0 else None


def mase(actual: Array, mean: Array, scale: float | None) -> float | None:
    """Mean absolute scaled error (Hyndman & Koehler 2006), by `seasonal_scale`."""
    if not scale or not len(actual):
        return None
    return float(np.abs(actual - mean).mean()) / scale


def seasonal_scale(counts: Array, scored: NDArray[np.bool_], season: int = A_WEEK) -> float | None:
    """The mean error of the seasonal naive forecast within the history: what MASE is scaled by."""
    if len(counts) <= season:
        return None
    both = scored[season:] & scored[:-season]
    return float(np.abs(counts[season:] - counts[:-season])[both].mean()) if both.any() else None


def pinball(actual: Array, quantiles: Array, levels: Sequence[float]) -> Array:
    """Per level and step, the loss of quantile forecasts (Koenker & Bassett 1978): `quantiles` is levels by steps."""
    level = np.asarray(levels)[:, None]
    error = actual[None, :] - quantiles
    return np.maximum(level * error, (level - 1) * error)


def crps(actual: Array, quantiles: Array, levels: Sequence[float] = LEVELS) -> Array:
    """Per step, the continuous ranked probability score as twice the mean pinball loss over evenly spaced levels.

    Gneiting & Ranjan 2011, Journal of Business & Economic Statistics 29:3.
    """
    return np.asarray(2 * pinball(actual, quantiles, levels).mean(axis=0))


def coverage(pits: Array, share: float) -> float | None:
    """How often the central interval of this share held what came, by randomised PIT, so that counts don't over-cover.

    Czado, Gneiting & Held 2009, Biometrics 65:4.
    """
    if not len(pits):
        return None
    return float((np.abs(pits - 0.5) <= share / 2).mean())
