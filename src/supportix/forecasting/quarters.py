"""How an hour's traffic falls on its quarters: by the department's own shares for that hour of the week."""

import numpy as np

from supportix.forecasting.calendar import HOUR, Calendar, slots
from supportix.forecasting.series import Series, floored
from supportix.forecasting.usual import Array, Places

_OWN_COUNTS = 20.0
"""How many counts an hour of the week needs for its own shares to tell as much as those of all hours."""
_HOURS = 56 * 24


class Quarters:
    """Learned from the latest eight weeks of a series in quarters of an hour."""

    def __init__(self, series: Series, calendar: Calendar) -> None:
        self.an_hour = HOUR // series.step
        ahead = (series.begin - floored(series.begin, HOUR)) // series.step
        whole = max(0, len(series) - (len(series) + ahead) % self.an_hour)
        first = max(0, whole - _HOURS * self.an_hour)
        there = slice(first, whole)
        known = slots(calendar, series.begin + first * series.step, series.step, whole - first)
        quarter = (np.arange(first, whole) + ahead) % self.an_hour
        counts = np.where(series.open[there] & series.trusted[there], series.counts[there], 0.0)
        came = np.zeros((168, self.an_hour))
        np.add.at(came, (known.hour_of_week, quarter), counts)
        of_all = (came.sum(axis=0) + _OWN_COUNTS / self.an_hour) / (came.sum() + _OWN_COUNTS)
        self._shares = (came + _OWN_COUNTS * of_all) / (came.sum(axis=1, keepdims=True) + _OWN_COUNTS)

    def split(self, hours_of_week: Places, means: Array) -> Array:
        return np.asarray((self._shares[hours_of_week] * means[:, None]).reshape(-1))

    def left(self, hour_of_week: int, passed: int, mean: float) -> Array:
        """What is still to come in an hour of which so many quarters have passed, by all of its quarters."""
        shares = np.where(np.arange(self.an_hour) < passed, 0.0, self._shares[hour_of_week])
        return np.asarray(mean * shares / shares.sum())

    def elapsed_share(self, hour_of_week: int, elapsed: float) -> float:
        """The share of the hour's traffic that usually has come by then."""
        until = np.concatenate([[0.0], np.cumsum(self._shares[hour_of_week])])
        return float(np.interp(elapsed, np.linspace(0, 1, self.an_hour + 1), until))
