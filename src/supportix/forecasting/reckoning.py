"""All that is fitted and forecast, in the process that does nothing else: series, their models, and what follows.

Forecasts are issued first, with what is fitted already; fitting again and choosing models come after them.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from psycopg_pool import AsyncConnectionPool

from supportix.domain.forecast_words import DESK_ID, CandidateScore, Confidence, Horizon, Steps
from supportix.forecasting.calendar import HOUR
from supportix.forecasting.choosing import Choice, choose, unchosen
from supportix.forecasting.coherence import Part, reconciled
from supportix.forecasting.cold_start import prior_of
from supportix.forecasting.drift import drifts
from supportix.forecasting.fitting import Fit, fit_many
from supportix.forecasting.forecaster import Forecaster
from supportix.forecasting.histories import Histories, History, latest_counts, whole_histories
from supportix.forecasting.messages import (
    Ask,
    Issue,
    Message,
    Read,
    Setting,
    Tend,
    Told,
    ToChoose,
    ToIssue,
    ToTellDrift,
)
from supportix.forecasting.scores import Past, issued_for, scored

DAY_HOURS, FORTNIGHT_HOURS = 24, 14 * 24
FORTNIGHT_AT = 0
"""The UTC hour at which the forecast of the next 14 days is issued."""
REFIT_AFTER = timedelta(hours=24)
CHOSEN_FOR = timedelta(days=28)
MOST_SCORED_HOURS = 48
FITTED_TOGETHER = 16
_DIGITS = 5

_STORED = "SELECT department_id, settings, chosen_at, drifted, choice_asked FROM read_model.forecast_models"
_SCORED_UNTIL = "SELECT max(hour) FROM read_model.forecast_scores WHERE lead_hours = 1"


class Kept(msgspec.Struct, eq=False):
    """A series and its model. Without a stored choice, `choice` is one that nothing was compared for."""

    history: History
    choice: Choice
    chosen_at: datetime | None = None
    wants_choice: bool = False
    forecaster: Forecaster | None = None
    fitted_at: datetime | None = None

    def add(self, quarters: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> None:
        """The quarters of the hours that have ended since."""
        before = len(self.history.hours)
        self.history.add(quarters)
        if self.forecaster is not None:
            self.forecaster.observe(self.history.hours[before:])

    def is_due_for_fit(self, now: datetime) -> bool:
        return self.fitted_at is None or now - self.fitted_at >= REFIT_AFTER

    def is_due_for_choice(self, now: datetime) -> bool:
        """Asked for, drifted, long ago, or of so much shorter a past that another model may be the better one by now."""
        hours = len(self.history.hours)
        if self.chosen_at is None or self.wants_choice:
            return True
        return now - self.chosen_at >= CHOSEN_FOR or hours >= 2 * self.choice.history_hours


class Reckoning:
    """Keeps what was fitted from hour to hour. Tells what it comes to as soon as it does."""

    def __init__(self, setting: Setting, tell: Callable[[Message], None]) -> None:
        self._setting = setting
        self._tell = tell
        self._kept: dict[UUID, Kept] = {}
        self._until: datetime | None = None

    async def reckon(self, pool: AsyncConnectionPool[Any], ask: Ask) -> None:
        match ask:
            case Issue(hour=hour):
                self._tell(Read(await self._take_in(pool, hour)))
                self._fit([each for each in self._kept.values() if each.forecaster is None], hour)
                self._tell_forecasts(hour)
                await self._tell_scores(pool, hour)
            case Tend():
                await self._tend(pool, ask)

    async def _take_in(self, pool: AsyncConnectionPool[Any], hour: datetime) -> int:
        """The counts of the hours that have ended since. Returns the position of the log that they are true for."""
        if self._until is not None and timedelta(0) <= hour - self._until <= REFIT_AFTER:
            position, counts = await latest_counts(pool, self._until, hour)
            if all(series_id in self._kept or not quarters.any() for series_id, quarters in counts.items()):
                self._add(counts)
                self._until = hour
                return position
        return await self._take_all_in(pool, hour)

    def _add(self, counts: dict[UUID, "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"]) -> None:
        known = {series_id: quarters for series_id, quarters in counts.items() if series_id in self._kept}
        for series_id, quarters in known.items():
            self._kept[series_id].add(quarters)
        if DESK_ID in self._kept:
            self._kept[DESK_ID].add(np.sum(list(known.values()), axis=0))

    async def _take_all_in(self, pool: AsyncConnectionPool[Any], hour: datetime) -> int:
        """Everything anew: at first, with a new department, and each day, since a past may have been imported."""
        self._tell(Told("Reading the traffic", 0, 1))
        histories = await whole_histories(pool, hour)
        async with pool.connection() as connection:
            rows = await (await connection.execute(_STORED)).fetchall()
        stored = {row[0]: row[1:] for row in rows}
        self._kept = {each.series_id: self._taken_up(each, stored.get(each.series_id)) for each in histories.items}
        self._until = hour
        return histories.position

    def _taken_up(self, history: History, stored: tuple[Any, ...] | None) -> Kept:
        """With the forecaster that there is, where it has seen this very history."""
        kept = _with_choice(history, stored)
        known = self._kept.get(history.series_id)
        if known is None or known.forecaster is None or not _goes_on(known.history, history):
            return kept
        since = len(known.history.quarters)
        known.add(history.quarters[since:])
        known.history, known.wants_choice = history, kept.wants_choice
        return known

    def _fit(self, kept: Sequence[Kept], now: datetime) -> None:
        done = 0
        for some in _in_parts(kept, FITTED_TOGETHER):
            self._tell(Told("Fitting", done, len(kept)))
            fits = [
                Fit(
                    series=each.history.series(),
                    calendar=each.history.calendar,
                    choice=each.choice,
                    prior=prior_of([other.history for other in self._kept.values()], each.history),
                    record=each.forecaster.record if each.forecaster is not None else None,
                )
                for each in some
            ]
            fitted = fit_many(fits, workers=self._setting.workers, backend=self._setting.backend)
            for each, forecaster in zip(some, fitted, strict=True):
                each.forecaster, each.fitted_at = forecaster, now
            done += len(some)

    def _tell_forecasts(self, hour: datetime) -> None:
        """The parts add up to the whole, at every horizon."""
        ready = [each for each in self._kept.values() if each.forecaster is not None]
        self._tell_horizon(Horizon.DAY, DAY_HOURS, ready, hour)
        due = [each for each in ready if each.fortnight_at is None or hour - each.fortnight_at >= REFIT_AFTER]
        if due:
            self._tell_horizon(Horizon.FORTNIGHT, FORTNIGHT_HOURS, ready, hour)
            for each in ready:
                each.fortnight_at = hour

    def _tell_horizon(self, horizon: Horizon, hours: int, ready: Sequence[Kept], hour: datetime) -> None:
        forecasts = coherent({each.history.series_id: each.must_have_fitted.forecast(hours) for each in ready}, DESK_ID)
        for each in ready:
            forecast = forecasts[each.history.series_id]
            self._tell(
                ToIssue(
                    department_id=_outward(each.history.series_id),
                    horizon=horizon,
                    steps=_steps(forecast, hour),
                    model=forecast.model,
                    confidence=Confidence(forecast.confidence),
                    reason=forecast.reason,
                    carry=each.must_have_fitted.carry(),
                )
            )

    async def _tell_scores(self, pool: AsyncConnectionPool[Any], hour: datetime) -> None:
        """Of the hours that have ended since the last one that was scored."""
        async with pool.connection() as connection:
            row = await (await connection.execute(_SCORED_UNTIL)).fetchone()
        earliest = hour - MOST_SCORED_HOURS * HOUR
        ended = earliest if row is None or row[0] is None else max(earliest, row[0] + HOUR)
        while ended < hour:
            back = (hour - ended) // HOUR - 1
            past_of = {
                series_id: Past(kept.history.hours[: len(kept.history.hours) - back])
                for series_id, kept in self._kept.items()
                if len(kept.history.hours) > back
            }
            for message in scored(await issued_for(pool, ended), ended, past_of):
                self._tell(message)
            ended += HOUR

    async def _tend(self, pool: AsyncConnectionPool[Any], ask: Tend) -> None:
        if ask.hour.hour == WHOLE_AT:
            await self._take_all_in(pool, ask.hour)
        for drift in await drifts(pool, ask.hour):
            self._tell(ToTellDrift(department_id=_outward(drift.series_id), drift=drift.drift))
            if drift.drift.found and drift.series_id in self._kept:
                self._kept[drift.series_id].wants_choice = True
        for some in _in_parts([each for each in self._kept.values() if each.is_due_for_choice(ask.hour)], self._together):
            if datetime.now(UTC) >= ask.until:
                return
            self._choose(some, ask.hour)
        for some in _in_parts([each for each in self._kept.values() if each.is_due_for_fit(ask.hour)], FITTED_TOGETHER):
            if datetime.now(UTC) >= ask.until:
                return
            self._fit(some, ask.hour)
