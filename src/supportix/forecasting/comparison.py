"""All candidates and mixtures of them on a series' own history: every hour forecast from what was known before it."""

from datetime import datetime, timedelta

import msgspec
import numpy as np

from supportix.domain.errors import InvalidInput
from supportix.forecasting.candidates import ENSEMBLES, Mixture
from supportix.forecasting.choosing import chosen
from supportix.forecasting.distribution import Predictive, errors_of
from supportix.forecasting.evaluation import A_DAY, Rolled, Told, levels_of, roll, unheard
from supportix.forecasting.histories import History
from supportix.forecasting.scoring import bias, coverage, mase, seasonal_scale, wape

USUAL_SPAN = timedelta(days=28)
LEAST_BEFORE_DAYS, LEAST_DAYS = 14, 3


class SpanTooShort(InvalidInput):
    """There is too little history to compare models on."""


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """How one did. Shares and CRPS as in `scoring`; None where nothing came, or nothing is known to scale by."""

    name: str
    wape: float | None
    mase: float | None
    crps: float
    bias: float | None
    coverage80: float | None
    coverage95: float | None


class LeftOut(msgspec.Struct, frozen=True):
    name: str
    why: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The best first, by CRPS. `chosen`: which would be chosen on these hours, for `reason`."""

    begin: datetime
    end: datetime
    hours: int
    candidates: tuple[Compared, ...]
    left_out: tuple[LeftOut, ...]
    chosen: str
    reason: str


def compare(history: History, since: datetime | None = None, told: Told = unheard, *, seed: int = 0) -> Comparison:
    """The hours from `since` on, or those of the last four weeks. Refused: SpanTooShort.

    `told` hears how many hours of how many are done, and may raise to end it.
    """
    series = history.hourly()
    begin = series.position(since or series.end - USUAL_SPAN)
    begin = max(begin, LEAST_BEFORE_DAYS * A_DAY)
    if len(series) - begin < LEAST_DAYS * A_DAY:
        raise SpanTooShort(
            f"{len(series) // A_DAY} days of history were found; {LEAST_BEFORE_DAYS} before the span and "
            f"{LEAST_DAYS} days of it were expected at least"
        )
    rolled = roll(series, history.calendar, begin, len(series), seed=seed, told=told)
    scale = seasonal_scale(series.counts[:begin], (series.open & series.trusted)[:begin])
    mixtures = [Mixture((name,)) for name in rolled.means] + [each for each in ENSEMBLES if rolled.has(each)]
    choice = chosen(rolled, series, begin, levels_of(series, history.calendar).day)
    return Comparison(
        begin=series.begin + begin * series.step,
        end=series.end,
        hours=len(rolled.actual),
        candidates=tuple(sorted((_compared(rolled, each, scale, seed) for each in mixtures), key=lambda one: one.crps)),
        left_out=tuple(LeftOut(name, why) for name, why in sorted(rolled.left_out.items())),
        chosen=choice.mixture.name,
        reason=choice.reason,
    )


def _compared(rolled: Rolled, mixture: Mixture, scale: float | None, seed: int) -> Compared:
    """Intervals are those of the errors over the very hours, so they tell of the shape alone."""
    means, actual = rolled.mean_of(mixture), rolled.actual
    predictive = Predictive(means, errors_of(actual, means))
    ranks = predictive.pit(actual, np.random.default_rng(seed))
    return Compared(
        name=mixture.name,
        wape=wape(actual, means),
        mase=mase(actual, means, scale),
        crps=float(predictive.crps(actual).mean()) if len(actual) else 0.0,
        bias=bias(actual, means),
        coverage80=coverage(ranks, 0.8),
        coverage95=coverage(ranks, 0.95),
    )
