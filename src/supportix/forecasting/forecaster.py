"""The forecaster of one series: fitted once, kept up to date hour by hour, asked at any moment."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import numpy as np

from supportix.domain.errors import Conflict, InvalidInput
from supportix.domain.forecast_words import LEVELS
from supportix.forecasting.calendar import HOUR, Calendar
from supportix.forecasting.candidates import Mixture
from supportix.forecasting.choosing import BUCKETS, COLD, Choice
from supportix.forecasting.distribution import UNKNOWN_DISPERSION, Errors, Predictive
from supportix.forecasting.ensemble import Members
from supportix.forecasting.evaluation import levels_of
from supportix.forecasting.levels import AHEAD, MARGIN, Levels
from supportix.forecasting.posterior import Posterior, posterior
from supportix.forecasting.quarters import Quarters
from supportix.forecasting.record import Record
from supportix.forecasting.robust import cannot_be_silent
from supportix.forecasting.series import Counts, Series, SeriesInvalid, why_no_count
from supportix.forecasting.usual import Array, Prior

QUANTILES = tuple(f"{level:g}" for level in LEVELS)


class Forecast(msgspec.Struct, frozen=True):
    """Per step from `begin` (UTC) on; `quantiles` by level. Zero where closed."""

    begin: datetime
    step_seconds: int
    mean: tuple[float, ...]
    quantiles: dict[str, tuple[float, ...]]
    model: str
    confidence: str
    reason: str


class HorizonInvalid(InvalidInput):
    """Nothing can be forecast that far ahead."""


class FitTooOld(Conflict):
    """The models have to be fitted again."""


class Forecaster:
    """Can be pickled. Times of the forecasts are in the steps of the series; models look at hours."""

    def __init__(
        self,
        levels: Levels,
        members: Members,
        choice: Choice,
        record: Record,
        quarters: Quarters | None,
        unsure: Errors,
        blank: bool,
    ) -> None:
        """Use `fit`. `unsure`: the errors to expect where none have been measured. `blank`: nothing is supposed."""
        self._levels, self._members, self._choice, self._record = levels, members, choice, record
        self._quarters, self._unsure, self._blank = quarters, unsure, blank
        self._running: list[float] = []
        self._silent: list[tuple[int, float]] = []
        """The latest hours in which nothing came, and what was expected."""
        self._means: Array | None = None

    @classmethod
    def fit(
        cls,
        series: Series,
        calendar: Calendar,
        choice: Choice,
        *,
        seed: int = 0,
        prior: Prior | None = None,
        record: Record | None = None,
        ready: Mapping[str, Array] | None = None,
    ) -> "Forecaster":
        """On all that is known.

        `record`: of the forecaster before, so that what it learned of its errors goes on. `ready`: paths of roots that
        were forecast elsewhere, by candidate, instead of a fit here.
        """
        hourly = series.hourly()
        levels = levels_of(hourly, calendar, prior)
        prior = prior or Prior()
        unsure = _unsure(levels, prior)
        members = Members(levels, choice.mixture.members, seed, otherwise=COLD.members, ready=ready or {})
        levels.trim()
        quarters = Quarters(series, calendar) if series.step != HOUR else None
        record = record or Record(levels.day, choice.record)
        forecaster = cls(levels, members, choice, record, quarters, unsure, prior.level == 0)
        if series.step != HOUR:
            forecaster.observe(series.counts[(hourly.end - series.begin) // series.step :])
        return forecaster

    @property
    def now(self) -> datetime:
        """The end of the last step observed."""
        return self._hour + timedelta(hours=len(self._running) / self._steps_an_hour)

    @property
    def record(self) -> Record:
        return self._record

    @property
    def choice(self) -> Choice:
        """With the record up to now: what is to be stored for a restart."""
        left_out = {**self._choice.left_out, **self._members.left_out}
        return msgspec.structs.replace(self._choice, record=self._record.pairs, left_out=left_out)

    @property
    def carry(self) -> float:
        """How much of a surprise in the running hour is expected of the next one: 0 for nothing, 1 for all of it."""
        expected = self.forecast(2).mean
        if min(expected) <= 0:
            return 0.0
        after = self.within(3_600, 2 * expected[0]).mean[1]
        return float(np.clip(np.log2(max(after, 1e-9) / expected[1]), 0.0, 1.0))

    def observe(self, counts: Counts | Sequence[float]) -> None:
        """What came in the steps since, in their order. Nothing is fitted again.

        Refused: SeriesInvalid for what is no count; FitTooOld where a week has been observed since the fit.
        """
        for count in counts:
            if reason := why_no_count(float(count)):
                raise SeriesInvalid(f"{count} was given ({reason}); a count was expected")
            if self._levels.is_full:
                raise FitTooOld(f"the fit was at most {MARGIN} hours old when it was to be fitted again")
            self._running.append(float(count))
            if len(self._running) == self._steps_an_hour:
                self._observe_hour(sum(self._running))
                self._running.clear()

    def forecast(self, horizon: int) -> Forecast:
        """So many steps from now on, up to 14 days. Refused: HorizonInvalid."""
        per, passed = self._steps_an_hour, len(self._running)
        if not 1 <= horizon <= AHEAD * per:
            raise HorizonInvalid(f"{horizon} steps were asked for; 1 to {AHEAD * per} were expected")
        most = horizon + passed
        hours = -(-most // per)
        means, errors = np.array(self._ahead(hours)), self._errors(hours)
        if self._quarters is None:
            return self._told(self.now, HOUR, means, _quantiles(means, errors))
        keys = self._levels.slots.hour_of_week[self._levels.known :][:hours]
        if passed:
            first = self._within(passed / per, sum(self._running))
            means[1:2] = first.after
        fine = self._quarters.split(keys, means)
        if passed:
            fine[:per] = self._quarters.left(int(keys[0]), passed, first.left)
        there = slice(passed, most)
        spread = [each for each in errors for _ in range(per)]
        return self._told(self.now, HOUR / per, fine[there], _quantiles(fine[there], spread[there]))

    def next_hour(self) -> Predictive:
        """The whole distribution of the hour after the last one that is over."""
        return Predictive(self._ahead(1), self._errors(1)[0])

    def within(self, elapsed_seconds: float, arrived: float) -> Forecast:
        """Two hours, the running one and the next, from what has arrived so far. Cheap: nothing is fitted again."""
        found = self._within(min(max(elapsed_seconds / 3600, 0.0), 1.0), max(arrived, 0.0))
        errors = self._errors(2)
        of_first = found.remaining.quantile(LEVELS) + arrived
        of_next = Predictive(np.array([found.after]), errors[1]).quantile(LEVELS)
        means = np.array([found.left + arrived, found.after])
        return self._told(self._hour, HOUR, means, np.concatenate([of_first, of_next], axis=1))

    @property
    def _hour(self) -> datetime:
        return self._levels.begin + self._levels.known * HOUR

    @property
    def _steps_an_hour(self) -> int:
        return 1 if self._quarters is None else self._quarters.an_hour

    def _observe_hour(self, count: float) -> None:
        mean, place = float(self._raw(1)[0]), self._levels.known
        used = bool(self._levels.used[place])
        self._levels.observe(count)
        self._members.observe(count)
        self._means = None
        if used:
            self._record.add(mean, count)
            self._silent = [] if count > 0 else [*self._silent, (place, mean)]
            self._distrust_silence()

    def _distrust_silence(self) -> None:
        """Where it's next to impossible that nothing came, the record is out, not the traffic: it goes on as usual."""
        if cannot_be_silent(sum(mean for _, mean in self._silent)):
            places = [place for place, _ in self._silent]
            self._record.drop(int(self._levels.used[places].sum()))
            self._levels.distrust(places)

    def _raw(self, hours: int) -> Array:
        if self._blank and not self._levels.counts[: self._levels.known].any():
            return np.zeros(hours)
        if self._means is None or len(self._means) < hours:
            self._means = self._combined(self._members.means(hours))
        return self._means[:hours]

    def _combined(self, means: Mapping[str, Array]) -> Array:
        return Mixture(tuple(means), self._choice.mixture.combination).combined(means)

    def _ahead(self, hours: int) -> Array:
        return self._raw(hours) * self._record.correction()

    def _within(self, elapsed: float, arrived: float) -> Posterior:
        mean = float(self._ahead(1)[0])
        found = posterior(mean, self._errors(1)[0], self._elapsed_share(elapsed), arrived)
        factor = self._record.correction()
        after = self._combined(self._members.after((arrived + found.left) / factor))
        return msgspec.structs.replace(found, after=float(after[0]) * factor)

    def _elapsed_share(self, elapsed: float) -> float:
        if self._quarters is None:
            return elapsed
        return self._quarters.elapsed_share(int(self._levels.slots.hour_of_week[self._levels.known]), elapsed)

    def _errors(self, hours: int) -> list[Errors]:
        """Per hour ahead; the next hour's from the live record."""
        stored = self._choice.errors or (self._unsure,) * len(BUCKETS)
        live = self._record.errors(stored[0])
        found: list[Errors] = []
        for farthest, errors in zip(BUCKETS, stored, strict=True):
            wider = errors if errors.dispersion >= live.dispersion else live
            found += [live if farthest == 1 else wider] * (farthest - len(found))
        return [*found, found[-1]][:hours]

    def _told(self, begin: datetime, step: timedelta, means: Array, quantiles: Array) -> Forecast:
        return Forecast(
            begin=begin,
            step_seconds=int(step.total_seconds()),
            mean=tuple(means.tolist()),
            quantiles={name: tuple(row.tolist()) for name, row in zip(QUANTILES, quantiles, strict=True)},
            model=Mixture(self._members.names, self._choice.mixture.combination).name,
            confidence=self._choice.confidence,
            reason=self._choice.reason,
        )


def _unsure(levels: Levels, prior: Prior) -> Errors:
    """Of a department without measured errors: as wide as little is known of its level (gamma, by counts so far)."""
    came = float(levels.counts[: levels.known][levels.used[: levels.known]].sum())
    return Errors(UNKNOWN_DISPERSION + 1 / (prior.certainty + came))


def _quantiles(means: Array, errors: Sequence[Errors]) -> Array:
    """Levels by steps; steps of the same errors are reckoned together."""
    found = np.zeros((len(LEVELS), len(means)))
    start = 0
    for end in range(1, len(means) + 1):
        if end == len(means) or errors[end] is not errors[start]:
            found[:, start:end] = Predictive(means[start:end], errors[start]).quantile(LEVELS)
            start = end
    return found
