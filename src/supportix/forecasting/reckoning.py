"""All that is fitted and forecast, in the process that does nothing else: series, their models, and what follows.

Forecasts are issued first, with what is fitted already; fitting again and choosing models come after them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from psycopg_pool import AsyncConnectionPool

from supportix.domain.forecast_words import DESK_ID, CandidateScore, Confidence, Horizon, Steps
from supportix.forecasting.batch import Job, fit_many
from supportix.forecasting.calendar import HOUR
from supportix.forecasting.choosing import Choice, choose, not_compared
from supportix.forecasting.coherence import add_up
from supportix.forecasting.cold_start import pooled
from supportix.forecasting.drift import drifts
from supportix.forecasting.forecaster import Forecast, Forecaster
from supportix.forecasting.histories import Counts, History, latest_counts, whole_histories
from supportix.forecasting.messages import (
    Ask,
    Issue,
    Message,
    Read,
    Setting,
    Tend,
    ToChoose,
    ToIssue,
    Told,
    ToTellDrift,
)
from supportix.forecasting.scores import Past, issued_for, scored

DAY_HOURS, FORTNIGHT_HOURS = 24, 14 * 24
WHOLE_AT = 0
"""The UTC hour in which all traffic is read anew, since a past may have been imported."""
REFIT_AFTER = timedelta(hours=24)
CHOSEN_FOR = timedelta(days=28)
MOST_SCORED_HOURS = 48
FITTED_TOGETHER = 16
_OWN_HOURS = 28 * 24
"""With so much history of its own, a department isn't supposed to be like others any longer."""
LOCAL, DASK = "local", "dask"
_DIGITS = 5
"""How many digits of a forecast are worth storing."""

_STORED = "SELECT department_id, settings, chosen_at, drifted OR choice_asked FROM read_model.forecast_models"
_FORTNIGHTS = "SELECT department_id, max(begin) FROM read_model.forecasts WHERE horizon = 'fortnight' GROUP BY 1"
_SCORED_UNTIL = "SELECT max(hour) FROM read_model.forecast_scores WHERE lead_hours = 1"


class Stored(msgspec.Struct, frozen=True):
    """What the log knows of a series' model."""

    settings: str
    chosen_at: datetime
    wants_choice: bool


class Kept(msgspec.Struct, eq=False):
    """A series and its model. Without `chosen_at`, models haven't been compared for it."""

    history: History
    choice: Choice
    chosen_at: datetime | None = None
    wants_choice: bool = False
    forecaster: Forecaster | None = None
    fitted_at: datetime | None = None
    fortnight_at: datetime | None = None

    @property
    def fitted(self) -> Forecaster:
        if self.forecaster is None:
            raise AssertionError(f"{self.history.name} was expected to be fitted by now")
        return self.forecaster

    def add(self, quarters: Counts) -> None:
        """The quarters of the hours that have ended since."""
        before = len(self.history.hours)
        self.history.add(quarters)
        if self.forecaster is not None:
            self.forecaster.observe(self.history.hours[before:])

    def is_due_for_fit(self, now: datetime) -> bool:
        return self.fitted_at is None or now - self.fitted_at >= REFIT_AFTER

    def is_due_for_choice(self, now: datetime) -> bool:
        """Asked for, drifted, long ago, or of so short a past that another model may be the better one by now."""
        if self.chosen_at is None or self.wants_choice or now - self.chosen_at >= CHOSEN_FOR:
            return True
        return len(self.history.hours) >= 2 * self.choice.history_hours


class Reckoning:
    """Keeps what was fitted from hour to hour. Tells what it comes to as soon as it does."""

    def __init__(self, setting: Setting, tell: Callable[[Message], None]) -> None:
        self._setting = setting
        self._tell = tell
        self._kept: dict[UUID, Kept] = {}
        self._until: datetime | None = None
        self._position = 0

    async def reckon(self, pool: AsyncConnectionPool[Any], ask: Ask) -> None:
        match ask:
            case Issue(hour=hour):
                await self._take_in(pool, hour)
                self._tell(Read(self._position))
                self._fit([each for each in self._kept.values() if each.forecaster is None], hour)
                self._tell_forecasts(hour)
                await self._tell_scores(pool, hour)
            case Tend():
                if ask.hour.hour == WHOLE_AT or self._until is None:
                    await self._take_all_in(pool, ask.hour)
                self._tell(Read(self._position))
                await self._tell_drift(pool, ask.hour)
                self._tend(ask)

    async def _take_in(self, pool: AsyncConnectionPool[Any], hour: datetime) -> None:
        """The counts of the hours that have ended since; all of them anew where that isn't enough."""
        if self._until is None or not timedelta(0) <= hour - self._until <= REFIT_AFTER:
            await self._take_all_in(pool, hour)
            return
        position, counts = await latest_counts(pool, self._until, hour)
        if any(series_id not in self._kept and quarters.any() for series_id, quarters in counts.items()):
            await self._take_all_in(pool, hour)
            return
        length = (hour - self._until) // HOUR * 4
        for series_id, kept in self._kept.items():
            if series_id != DESK_ID:
                kept.add(counts.get(series_id, np.zeros(length)))
        if DESK_ID in self._kept:
            self._kept[DESK_ID].add(np.sum([counts[each] for each in counts if each in self._kept], axis=0))
        self._until, self._position = hour, position

    async def _take_all_in(self, pool: AsyncConnectionPool[Any], hour: datetime) -> None:
        self._tell(Told("Reading the traffic", 0, 1))
        histories = await whole_histories(pool, hour)
        async with pool.connection() as connection:
            models = await (await connection.execute(_STORED)).fetchall()
            fortnights = dict(await (await connection.execute(_FORTNIGHTS)).fetchall())
        stored = {row[0]: Stored(*row[1:]) for row in models}
        before, self._kept = self._kept, {}
        for history in histories.items:
            kept = _taken_up(history, stored.get(history.series_id), before.get(history.series_id))
            kept.fortnight_at = fortnights.get(history.series_id)
            self._kept[history.series_id] = kept
        self._until, self._position = hour, histories.position

    def _fit(self, kept: Sequence[Kept], now: datetime) -> None:
        for done, each in enumerate(self._fitted(kept)):
            self._tell(Told("Fitting", done + 1, len(kept)))
            each.fitted_at = now

    def _fitted(self, kept: Sequence[Kept]) -> Iterator[Kept]:
        jobs = [self._job(each) for each in kept]
        setting = self._setting
        if setting.backend == LOCAL:
            fitted = fit_many(jobs, workers=setting.workers)
        else:
            cluster = None if setting.backend == DASK else setting.backend
            fitted = fit_many(jobs, workers=setting.workers, backend="dask", cluster=cluster)
        for key, forecaster in fitted:
            found = self._kept[UUID(key)]
            found.forecaster = forecaster
            yield found

    def _job(self, kept: Kept) -> Job:
        history = kept.history
        others = (
            each.history for each in self._kept.values() if each.history.series_id not in {DESK_ID, history.series_id}
        )
        prior = None
        if len(history.hours) < _OWN_HOURS:
            prior = pooled((each.hourly(), each.calendar) for each in others)
        return Job(
            key=str(history.series_id),
            series=history.hourly(),
            calendar=history.calendar,
            choice=kept.choice,
            record=kept.forecaster.record if kept.forecaster is not None else None,
            prior=prior,
        )

    def _tell_forecasts(self, hour: datetime) -> None:
        """The parts add up to the whole, at every horizon."""
        self._tell_horizon(Horizon.DAY, DAY_HOURS)
        kept = self._kept.values()
        if any(each.fortnight_at is None or hour - each.fortnight_at >= REFIT_AFTER for each in kept):
            self._tell_horizon(Horizon.FORTNIGHT, FORTNIGHT_HOURS)
            for each in kept:
                each.fortnight_at = hour

    def _tell_horizon(self, horizon: Horizon, hours: int) -> None:
        forecasts = _coherent({series_id: kept.fitted.forecast(hours) for series_id, kept in self._kept.items()})
        for series_id, kept in self._kept.items():
            forecast = forecasts[series_id]
            self._tell(
                ToIssue(
                    department_id=_outward(series_id),
                    horizon=horizon,
                    steps=_steps(forecast),
                    model=forecast.model,
                    confidence=Confidence(forecast.confidence),
                    reason=forecast.reason,
                    carry=round(kept.fitted.carry, 3),
                    quarter_shares=_shares(kept.history, hours) if horizon is Horizon.DAY else (),
                )
            )

    async def _tell_scores(self, pool: AsyncConnectionPool[Any], hour: datetime) -> None:
        """Of the hours that have ended since the last one that was scored."""
        async with pool.connection() as connection:
            row = await (await connection.execute(_SCORED_UNTIL)).fetchone()
        earliest = hour - MOST_SCORED_HOURS * HOUR
        ended = earliest if row is None or row[0] is None else max(earliest, row[0] + HOUR)
        while ended < hour:
            after = (hour - ended) // HOUR - 1
            past_of = {
                series_id: Past(kept.history.hours[: len(kept.history.hours) - after])
                for series_id, kept in self._kept.items()
                if len(kept.history.hours) > after
            }
            for message in scored(await issued_for(pool, ended), ended, past_of):
                self._tell(message)
            ended += HOUR

    async def _tell_drift(self, pool: AsyncConnectionPool[Any], hour: datetime) -> None:
        """Whoever drifts, or is asked for, is chosen anew."""
        async with pool.connection() as connection:
            rows = await (await connection.execute(_STORED)).fetchall()
        for series_id, *stored in rows:
            if series_id in self._kept:
                self._kept[series_id].wants_choice = Stored(*stored).wants_choice
        for series_id, drift in await drifts(pool, hour):
            self._tell(ToTellDrift(department_id=_outward(series_id), drift=drift))
            if series_id in self._kept:
                self._kept[series_id].wants_choice |= drift.found

    def _tend(self, ask: Tend) -> None:
        due = [each for each in self._kept.values() if each.is_due_for_choice(ask.hour)]
        for done, each in enumerate(sorted(due, key=lambda kept: -float(kept.history.quarters.sum()))):
            if datetime.now(UTC) >= ask.until:
                return
            self._tell(Told(f"Choosing a model for {each.history.name}", done, len(due)))
            self._choose(each, ask.hour)
        for some in _in_parts([each for each in self._kept.values() if each.is_due_for_fit(ask.hour)], FITTED_TOGETHER):
            if datetime.now(UTC) >= ask.until:
                return
            self._fit(some, ask.hour)

    def _choose(self, kept: Kept, now: datetime) -> None:
        """Compare the candidates on the series' own past; the winner forecasts from the next hour on."""
        job = self._job(kept)
        choice = choose(job.series, job.calendar, prior=job.prior)
        self._tell(
            ToChoose(
                department_id=_outward(kept.history.series_id),
                model=choice.mixture.name,
                members=choice.mixture.members,
                confidence=Confidence(choice.confidence),
                reason=choice.reason,
                scores=_candidate_scores(choice),
                evaluated=_evaluated(choice),
                settings=msgspec.json.encode(choice).decode(),
            )
        )
        kept.choice, kept.chosen_at, kept.wants_choice = choice, now, False
        self._fit([kept], now)


def _taken_up(history: History, stored: Stored | None, before: Kept | None) -> Kept:
    """With the forecaster that there is, where it has seen this very past."""
    kept = _with_choice(history, stored)
    if before is None or before.forecaster is None or not _goes_on(before.history, history):
        return kept
    before.add(history.quarters[len(before.history.quarters) :])
    before.history, before.wants_choice = history, kept.wants_choice
    return before


def _with_choice(history: History, stored: Stored | None) -> Kept:
    """A choice that this release can't read is made anew."""
    if stored is not None:
        try:
            choice = msgspec.json.decode(stored.settings, type=Choice)
        except msgspec.MsgspecError:
            stored = None
        else:
            return Kept(history, choice, stored.chosen_at, stored.wants_choice)
    return Kept(history, not_compared(history.hourly()))


def _goes_on(known: History, now: History) -> bool:
    length = len(known.quarters)
    same_calendar = known.calendar == now.calendar
    return same_calendar and known.begin == now.begin and np.array_equal(known.quarters, now.quarters[:length])


def _coherent(forecasts: Mapping[UUID, Forecast]) -> Mapping[UUID, Forecast]:
    parts = {str(series_id): forecast for series_id, forecast in forecasts.items() if series_id != DESK_ID}
    if DESK_ID not in forecasts:
        return forecasts
    desk, moved = add_up(forecasts[DESK_ID], parts)
    return {UUID(key): forecast for key, forecast in moved.items()} | {DESK_ID: desk}


def _steps(forecast: Forecast) -> Steps:
    """Quantiles are in the order of LEVELS."""
    return Steps(
        begin=forecast.begin,
        step_seconds=forecast.step_seconds,
        means=_rounded(forecast.mean),
        quantiles=tuple(_rounded(forecast.quantiles[level]) for level in sorted(forecast.quantiles, key=float)),
    )


def _shares(history: History, hours: int) -> tuple[float, ...]:
    return tuple(round(share, 4) for share in history.quarter_shares(history.end, hours).tolist())


def _rounded(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{_DIGITS}g}") for value in values)


def _candidate_scores(choice: Choice) -> tuple[CandidateScore, ...]:
    """The best first, then those that were left out."""
    ranked = sorted(choice.scores.items(), key=lambda item: item[1].crps)
    compared = [CandidateScore(name, found.wape, found.mase, found.crps) for name, found in ranked]
    return (*compared, *(CandidateScore(name, why_not=why) for name, why in choice.left_out.items()))


def _evaluated(choice: Choice) -> tuple[datetime, datetime] | None:
    if choice.window_begin is None or choice.window_end is None:
        return None
    return choice.window_begin, choice.window_end


def _outward(series_id: UUID) -> UUID | None:
    return None if series_id == DESK_ID else series_id


def _in_parts(kept: Sequence[Kept], size: int) -> Iterator[Sequence[Kept]]:
    for begin in range(0, len(kept), size):
        yield kept[begin : begin + size]
