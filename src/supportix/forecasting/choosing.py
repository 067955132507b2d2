"""Which model a department gets: champion and challengers by their errors over the department's own latest weeks.

Rolling origin over the window before the end of the series; the lowest CRPS wins, but the default ensemble is kept
where the winner isn't better by a hundredth, and the seasonal naive forecast takes over where nothing beats it.
"""

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise

import msgspec
import numpy as np

from supportix.forecasting.calendar import Calendar
from supportix.forecasting.candidates import DEFAULT, ENSEMBLES, FLOOR, Mixture
from supportix.forecasting.distribution import Errors, Predictive, errors_of
from supportix.forecasting.evaluation import A_DAY, Rolled, Told, levels_of, roll, unheard
from supportix.forecasting.levels import AHEAD
from supportix.forecasting.record import Record, issued
from supportix.forecasting.scoring import mase, seasonal_scale, wape
from supportix.forecasting.series import Series
from supportix.forecasting.usual import Prior

WINDOW_DAYS = 28
_LEAST_HISTORY_DAYS = 14
_LEAST_WINDOW_DAYS = 3
_DEFAULT_HOURS = 21 * A_DAY
_CLEARLY = 0.99
BUCKETS = (1, 6, 24, 168, AHEAD)
"""Errors are kept for horizons up to each of these, in hours."""
COLD = Mixture(("gamma_level",))


class Scores(msgspec.Struct, frozen=True):
    """None where nothing came. CRPS in counts."""

    wape: float | None
    mase: float | None
    crps: float


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Storable. What was chosen and why, and all that a restart needs to forecast without evaluating again.

    errors: one per horizon of BUCKETS. record: (mean, count) of the latest hours forecast. confidence: none (nothing is
    known yet), low (under two weeks of history) or normal.
    """

    mixture: Mixture
    reason: str
    confidence: str
    history_hours: int
    scores: Mapping[str, Scores] = {}
    left_out: Mapping[str, str] = {}
    errors: tuple[Errors, ...] = ()
    record: tuple[tuple[float, float], ...] = ()
    window_begin: datetime | None = None
    window_end: datetime | None = None


def choose(
    series: Series,
    calendar: Calendar,
    *,
    seed: int = 0,
    told: Told = unheard,
    prior: Prior | None = None,
    window_days: int = WINDOW_DAYS,
) -> Choice:
    """By the series' own past alone. Takes about a minute: every candidate is fitted for each day of the window."""
    hourly = series.hourly()
    days = len(hourly) // A_DAY
    window = min(window_days, days // 2, days - _LEAST_HISTORY_DAYS)
    used = hourly.open & hourly.trusted
    if window < _LEAST_WINDOW_DAYS or not hourly.counts[used].any():
        return cold_choice(hourly, prior)
    begin = len(hourly) - window * A_DAY
    rolled = roll(hourly, calendar, begin, len(hourly), seed=seed, prior=prior, told=told)
    return chosen(rolled, hourly, begin, levels_of(hourly, calendar, prior).day)


def cold_choice(series: Series, prior: Prior | None = None) -> Choice:
    """Of a series that is too short, or too empty, to compare models on."""
    used = series.open & series.trusted
    days = len(series) // A_DAY
    if not series.counts[used].any():
        reason, confidence = "no traffic has been recorded yet", "none"
        if prior is not None:
            reason += ": what is usual for similar departments"
    elif days < 1:
        reason, confidence = "less than a day of history: the mean so far", "low"
    else:
        reason = (
            f"{days} days of history: too few to compare models, so the level of the latest hours on the usual week"
        )
        confidence = "low" if days < _LEAST_HISTORY_DAYS else "normal"
    return Choice(mixture=COLD, reason=reason, confidence=confidence, history_hours=len(series))


def chosen(rolled: Rolled, series: Series, begin: int, hours_a_day: int) -> Choice:
    """From what each candidate would have forecast since `begin`, an hourly place in the series."""
    mixtures = [Mixture((name,)) for name in rolled.means] + [each for each in ENSEMBLES if rolled.has(each)]
    scale = seasonal_scale(series.counts[:begin], (series.open & series.trusted)[:begin])
    scores = {each.name: _scores(rolled, each, hours_a_day, scale) for each in mixtures}
    best = min(mixtures, key=lambda each: scores[each.name].crps)
    winner, reason = _preferred(best, scores)
    record = tuple((round(float(m), 4), float(a)) for m, a in zip(rolled.mean_of(winner), rolled.actual, strict=True))
    return Choice(
        mixture=winner,
        reason=reason,
        confidence="normal",
        history_hours=len(series),
        scores=scores,
        left_out=rolled.left_out,
        errors=_errors_by_horizon(rolled, winner),
        record=Record(hours_a_day, record).pairs,
        window_begin=series.begin + begin * series.step,
        window_end=series.end,
    )


def _preferred(best: Mixture, scores: Mapping[str, Scores]) -> tuple[Mixture, str]:
    floor = scores[FLOOR].crps if FLOOR in scores else None
    if floor is not None and scores[best.name].crps >= _CLEARLY * floor:
        return Mixture((FLOOR,)), "nothing was clearly better than the same hour a week before"
    winner = best
    if DEFAULT.name in scores and scores[best.name].crps > _CLEARLY * scores[DEFAULT.name].crps:
        winner = DEFAULT
    reason = f"the lowest error (CRPS {scores[winner.name].crps:.3g}) over its own latest weeks"
    if winner != best:
        reason = f"no other model was clearly better ({best.name}: CRPS {scores[best.name].crps:.3g})"
    if floor is not None and floor > 0:
        reason += f"; {1 - scores[winner.name].crps / floor:.0%} below the same hour a week before"
    return winner, reason


def _scores(rolled: Rolled, mixture: Mixture, hours_a_day: int, scale: float | None) -> Scores:
    means = issued(Record(hours_a_day), rolled.actual, rolled.mean_of(mixture), hours_a_day).means
    errors = errors_of(rolled.actual, means)
    crps = Predictive(means, errors).crps(rolled.actual)
    return Scores(
        wape(rolled.actual, means), mase(rolled.actual, means, scale), float(crps.mean()) if len(crps) else 0.0
    )


def _errors_by_horizon(rolled: Rolled, mixture: Mixture) -> tuple[Errors, ...]:
    """As measured on the paths; where nothing could be, as for the horizon before."""
    path, found = rolled.path_of(mixture), [errors_of(rolled.actual, rolled.mean_of(mixture))]
    for nearer, farthest in pairwise(BUCKETS):
        actual, means = rolled.path_actual[:, nearer:farthest], path[:, nearer:farthest]
        known = ~np.isnan(actual)
        found.append(errors_of(actual[known], means[known]) if known.any() else found[-1])
    return tuple(found)


def not_compared(series: Series) -> Choice:
    """Until models are compared on the series: the default where the history is long enough for it."""
    if len(series) < _DEFAULT_HOURS:
        return cold_choice(series)
    reason = "models haven't been compared on its traffic yet"
    return Choice(mixture=DEFAULT, reason=reason, confidence="normal", history_hours=len(series))
