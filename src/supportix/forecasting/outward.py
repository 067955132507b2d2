"""Forecasts and choices as they are told: what stands in the log of what was reckoned."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from supportix.domain.forecast_words import DESK_ID, CandidateScore, Steps
from supportix.forecasting.choosing import Choice
from supportix.forecasting.coherence import add_up
from supportix.forecasting.forecaster import Forecast
from supportix.forecasting.histories import History

_DIGITS = 5
"""How many digits of a forecast are worth storing."""


def coherent(forecasts: Mapping[UUID, Forecast]) -> Mapping[UUID, Forecast]:
    parts = {str(series_id): forecast for series_id, forecast in forecasts.items() if series_id != DESK_ID}
    if DESK_ID not in forecasts:
        return forecasts
    desk, moved = add_up(forecasts[DESK_ID], parts)
    return {UUID(key): forecast for key, forecast in moved.items()} | {DESK_ID: desk}


def steps_of(forecast: Forecast) -> Steps:
    """Quantiles are in the order of LEVELS."""
    return Steps(
        begin=forecast.begin,
        step_seconds=forecast.step_seconds,
        means=_rounded(forecast.mean),
        quantiles=tuple(_rounded(forecast.quantiles[level]) for level in sorted(forecast.quantiles, key=float)),
    )


def shares_of(history: History, hours: int) -> tuple[float, ...]:
    return tuple(round(share, 4) for share in history.quarter_shares(history.end, hours).tolist())


def _rounded(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{_DIGITS}g}") for value in values)


def candidate_scores(choice: Choice) -> tuple[CandidateScore, ...]:
    """The best first, then those that were left out."""
    ranked = sorted(choice.scores.items(), key=lambda item: item[1].crps)
    compared = [CandidateScore(name, found.wape, found.mase, found.crps) for name, found in ranked]
    return (*compared, *(CandidateScore(name, why_not=why) for name, why in choice.left_out.items()))


def evaluated(choice: Choice) -> tuple[datetime, datetime] | None:
    if choice.window_begin is None or choice.window_end is None:
        return None
    return choice.window_begin, choice.window_end
