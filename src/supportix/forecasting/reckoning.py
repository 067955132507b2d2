"""All that is fitted and forecast, in the process that does nothing else: series, their models, and what follows.

Forecasts are issued first, with what is fitted already; fitting again and choosing models come after them.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from psycopg_pool import AsyncConnectionPool

from supportix.domain.forecast_words import DESK_ID, Confidence, Horizon, department_of
from supportix.forecasting.batch import Job, fit_many
from supportix.forecasting.calendar import HOUR
from supportix.forecasting.choosing import choose
from supportix.forecasting.cold_start import pooled
from supportix.forecasting.drift import drifts
from supportix.forecasting.histories import Latest, latest_counts, whole_histories
from supportix.forecasting.kept import REFIT_AFTER, Kept, Stored, taken_up
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
from supportix.forecasting.outward import candidate_scores, coherent, evaluated, shares_of, steps_of
from supportix.forecasting.scores import Past, issued_for, scored
from supportix.forecasting.usual import Prior

DAY_HOURS, FORTNIGHT_HOURS = 24, 14 * 24
WHOLE_AT = 0
"""The UTC hour in which all traffic is read anew, since a past may have been imported."""
MOST_SCORED_HOURS = 48
FITTED_TOGETHER = 16
LOCAL, DASK = "local", "dask"

_STORED = """
SELECT department_id, settings, chosen_at,
    choice_asked OR drifted AND (chosen_at <= drift_at OR chosen_at <= %s - interval '7 days')
FROM read_model.forecast_models
"""
"""A drift has the model chosen anew once, and again while it lasts after a week."""
_FORTNIGHTS = "SELECT department_id, max(begin) FROM read_model.forecasts WHERE horizon = 'fortnight' GROUP BY 1"
_SCORED_UNTIL = "SELECT max(hour) FROM read_model.forecast_scores WHERE lead_hours = 1"


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
        latest = await latest_counts(pool, self._until, hour)
        if self._is_news(latest):
            await self._take_all_in(pool, hour)
            return
        departments = [kept for series_id, kept in self._kept.items() if series_id != DESK_ID]
        for kept in departments:
            kept.add(latest.quarters[kept.history.series_id])
        if departments:
            self._kept[DESK_ID].add(np.sum([latest.quarters[each.history.series_id] for each in departments], axis=0))
        self._until, self._position = hour, latest.position

    def _is_news(self, latest: Latest) -> bool:
        """Whether a department has its first traffic, or another calendar: known events among it."""
        for series_id, quarters in latest.quarters.items():
            kept = self._kept.get(series_id)
            if quarters.any() if kept is None else kept.history.calendar != latest.calendars[series_id]:
                return True
        return False

    async def _take_all_in(self, pool: AsyncConnectionPool[Any], hour: datetime) -> None:
        self._tell(Told("Reading the traffic", 0, 1))
        histories = await whole_histories(pool, hour)
        async with pool.connection() as connection:
            models = await (await connection.execute(_STORED, (hour,))).fetchall()
            fortnights = dict(await (await connection.execute(_FORTNIGHTS)).fetchall())
        stored = {row[0]: Stored(*row[1:]) for row in models}
        before, self._kept = self._kept, {}
        for history in histories.items:
            kept = taken_up(history, stored.get(history.series_id), before.get(history.series_id))
            kept.fortnight_at = fortnights.get(history.series_id)
            self._kept[history.series_id] = kept
        self._until, self._position = hour, histories.position

    def _fit(self, kept: Sequence[Kept], now: datetime) -> None:
        for done, each in enumerate(self._fitted(kept)):
            self._tell(Told("Fitting", done + 1, len(kept)))
            each.fitted_at = now

    def _fitted(self, kept: Sequence[Kept]) -> Iterator[Kept]:
        usual = self._usual() if any(each.is_young for each in kept) else None
        jobs = [self._job(each, usual) for each in kept]
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

    def _usual(self) -> Prior | None:
        """What is usual for this desk's departments, as far as they have been there for long enough to tell."""
        histories = [kept.history for series_id, kept in self._kept.items() if series_id != DESK_ID]
        return pooled((each.hourly(), each.calendar) for each in histories)

    def _job(self, kept: Kept, usual: Prior | None) -> Job:
        history = kept.history
        return Job(
            key=str(history.series_id),
            series=history.hourly(),
            calendar=history.calendar,
            choice=kept.choice,
            record=kept.forecaster.record if kept.forecaster is not None else None,
            prior=usual if kept.is_young else None,
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
        forecasts = coherent({series_id: kept.fitted.forecast(hours) for series_id, kept in self._kept.items()})
        for series_id, kept in self._kept.items():
            forecast = forecasts[series_id]
            self._tell(
                ToIssue(
                    department_id=department_of(series_id),
                    horizon=horizon,
                    steps=steps_of(forecast),
                    model=forecast.model,
                    confidence=Confidence(forecast.confidence),
                    reason=forecast.reason,
                    carry=round(kept.fitted.carry, 3),
                    quarter_shares=shares_of(kept.history, hours) if horizon is Horizon.DAY else (),
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
            rows = await (await connection.execute(_STORED, (hour,))).fetchall()
        for series_id, *stored in rows:
            if series_id in self._kept:
                self._kept[series_id].wants_choice = Stored(*stored).wants_choice
        for series_id, drift in await drifts(pool, hour):
            self._tell(ToTellDrift(department_id=department_of(series_id), drift=drift))
            if series_id in self._kept:
                self._kept[series_id].wants_choice |= drift.found

    def _tend(self, ask: Tend) -> None:
        """Fits come first: a model that is too old can't go on, and one that isn't the best can."""
        for some in _in_parts([each for each in self._kept.values() if each.is_due_for_fit(ask.hour)], FITTED_TOGETHER):
            if datetime.now(UTC) >= ask.until:
                return
            self._fit(some, ask.hour)
        due = [each for each in self._kept.values() if each.is_due_for_choice(ask.hour)]
        for done, each in enumerate(sorted(due, key=lambda kept: -float(kept.history.quarters.sum()))):
            if datetime.now(UTC) >= ask.until:
                return
            self._tell(Told(f"Choosing a model for {each.history.name}", done, len(due)))
            self._choose(each, ask.hour)

    def _choose(self, kept: Kept, now: datetime) -> None:
        """Compare the candidates on the series' own past; the winner forecasts from the next hour on."""
        job = self._job(kept, self._usual() if kept.is_young else None)
        choice = choose(job.series, job.calendar, prior=job.prior)
        self._tell(
            ToChoose(
                department_id=department_of(kept.history.series_id),
                model=choice.mixture.name,
                members=choice.mixture.members,
                confidence=Confidence(choice.confidence),
                reason=choice.reason,
                scores=candidate_scores(choice),
                evaluated=evaluated(choice),
                settings=msgspec.json.encode(choice).decode(),
            )
        )
        kept.choice, kept.chosen_at, kept.wants_choice = choice, now, False
        self._fit([kept], now)


def _in_parts(kept: Sequence[Kept], size: int) -> Iterator[Sequence[Kept]]:
    for begin in range(0, len(kept), size):
        yield kept[begin : begin + size]
