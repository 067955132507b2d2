"""What is expected of each hour, and how the latest hours compare with that: what all regressions look at.

A profile, the weighted mean of the same local hour of the week over the weeks before, times the factor of a special
day; the ratios of what came to that over the latest hours and days; and the same hour of the day and the week before.
Whatever belongs to an hour is reckoned from hours before it alone; beyond the last known hour, from the means so far.
"""

from collections.abc import Sequence

import numpy as np

from supportix.forecasting.calendar import HOUR, NORMAL_DAY, Calendar, slots
from supportix.forecasting.series import Series
from supportix.forecasting.usual import Array, Flags, Places, Prior, Profile, special_factors

AHEAD = 24 * 14
"""The longest horizon, in hours."""
MARGIN = 24 * 7
"""Hours that may be observed after a fit before a new one is due."""
_KEPT = 24 * 7 * 5
"""Hours that are kept after a fit: four weeks are looked back on, at most."""
_LEVEL_WEIGHT = 1.0
"""Counts that are added to both sides of a ratio, so that few of them tell little."""
_LAG_WEIGHT = 0.5
_HOURS_BACK = (1, 2, 4, 8)
_DAYS_OF_RATIO = (1, 3, 7)
_CLOSED_DAYS = 4
"""The same hour of the day before is looked for on as many earlier days, where it was closed."""


class Levels:
    """Of one hourly series. `observe` takes in what came, `suppose` a mean where nothing is known yet."""

    def __init__(
        self, series: Series, calendar: Calendar, usual: Flags | None = None, prior: Prior | None = None
    ) -> None:
        """`usual`: False on hours that the profile doesn't learn from."""
        self.begin, self.known = series.begin, len(series)
        self.room = self.known + AHEAD + MARGIN
        self.slots = slots(calendar, series.begin, HOUR, self.room)
        self.counts = np.zeros(self.room)
        self.counts[: self.known] = series.counts
        self.used = self.slots.open & ~self.slots.outage
        """Open hours with a trusted record, or still to come."""
        self.used[: self.known] = series.open & series.trusted
        learned = self.used & (self.slots.special == NORMAL_DAY)
        learned[self.known :] = False
        if usual is not None:
            learned[: self.known] &= usual
        self.profile = Profile(self.slots, self.counts, learned, prior or Prior())
        self._factors = special_factors(self.slots, self.counts, self.profile.expected, self.used, self.known)
        self.day = self._open_hours_a_day()
        self.windows = (*_HOURS_BACK, *(days * self.day for days in _DAYS_OF_RATIO))
        self.regular = self._regular_hours()
        """Hours of the week in which it usually is open: a closure changes nothing here."""
        self._lags = (self._same_hour(1, _CLOSED_DAYS), self._same_hour(7, 1))
        self._sum_up()

    @property
    def features(self) -> int:
        return 2 + len(self.windows) + len(self._lags)

    @property
    def is_full(self) -> bool:
        """No more hours can be observed, as two weeks couldn't be forecast from there."""
        return self.known + AHEAD + 1 >= self.room

    def expected(self, places: Places) -> Array:
        return self.profile.expected[places] * self._factors[places]

    def observe(self, count: float, trusted: bool = True) -> None:
        """What came in the first hour that wasn't known."""
        place = self.known
        self.counts[place] = count
        self.used[place] &= trusted
        self.known += 1
        usual = bool(self.used[place]) and self.slots.special[place] == NORMAL_DAY
        self.profile.observe(place, count, learned=usual)
        self._sum_up()

    def distrust(self, places: Sequence[int]) -> None:
        """What came in these hours isn't so. The profile keeps it until the next fit, where it weighs little."""
        self.used[list(places)] = False
        self._sum_up()

    def suppose(self, place: int, mean: float) -> None:
        """Reckon on from here as if this mean had come, until the hour is observed."""
        self.counts[place] = mean
        if self.used[place]:
            before = self._before[place]
            self._sums[before + 1] = self._sums[before] + mean

    def rows(self, places: Places) -> Array:
        """Logarithms, hours by features: the profile, its hour of the day, the ratios over windows, and the lags."""
        expected = self.expected(places)
        columns = [np.log(expected), np.log(self.profile.by_hour[places])]
        columns += [np.log(self.ratio(places, window)) for window in self.windows]
        for lag in self._lags:
            then = np.maximum(lag[places], 0)
            ratio = (self.counts[then] + _LAG_WEIGHT) / (self.expected(then) + _LAG_WEIGHT)
            columns.append(np.where(lag[places] >= 0, np.log(ratio), 0.0))
        return np.stack(columns, axis=1)

    def ratio(self, places: Places, window: int) -> Array:
        """What came to what was expected, over this many used hours before each place."""
        before = self._before[places]
        since = np.maximum(before - window, 0)
        came, due = self._sums[before] - self._sums[since], self._due[before] - self._due[since]
        return np.asarray((came + _LEVEL_WEIGHT) / (due + _LEVEL_WEIGHT))

    def trim(self) -> None:
        """Let go of what lies far back; nothing is to be fitted on these levels any more."""
        cut = self.known - _KEPT
        if cut <= 0:
            return
        self.begin += cut * HOUR
        self.known, self.room = self.known - cut, self.room - cut
        self.slots = self.slots.since(cut)
        self.counts, self.used, self.regular = self.counts[cut:], self.used[cut:], self.regular[cut:]
        self._factors = self._factors[cut:]
        self._lags = (np.maximum(self._lags[0][cut:] - cut, -1), np.maximum(self._lags[1][cut:] - cut, -1))
        self.profile.trim(cut)
        self._sum_up()

    def _regular_hours(self) -> Flags:
        is_open = np.zeros(168, dtype=np.bool_)
        is_open[self.slots.hour_of_week[self.slots.open]] = True
        return np.asarray(is_open[self.slots.hour_of_week])

    def _sum_up(self) -> None:
        """Sums over the used hours, so that a window of them is one difference."""
        self._before = np.concatenate([[0], np.cumsum(self.used)[:-1]])
        """How many used hours lie before each hour."""
        used = np.flatnonzero(self.used)
        self._sums = np.concatenate([[0.0], np.cumsum(self.counts[used])])
        self._due = np.concatenate([[0.0], np.cumsum(self.expected(used))])

    def _same_hour(self, days: int, tries: int) -> Places:
        """Where the same local hour was so many days before; where it wasn't used, as long before that. -1: nowhere."""
        local, places = self.slots.local_step, np.arange(self.room)
        found = np.full(self.room, -1)
        for more in range(1, tries + 1):
            back = 24 * days * more
            then = places - back
            shifted = then + np.where(then >= 0, local - back - local[np.maximum(then, 0)], 0)
            good = (then >= 0) & (shifted >= 0) & (shifted < places) & (found < 0)
            good &= self.used[np.clip(shifted, 0, self.room - 1)]
            found[good] = shifted[good]
        return found

    def _open_hours_a_day(self) -> int:
        """Of the days of the week on which it opens at all."""
        hours = np.unique(self.slots.hour_of_week[self.slots.open])
        return max(1, round(len(hours) / max(1, len(np.unique(hours // 24)))))
