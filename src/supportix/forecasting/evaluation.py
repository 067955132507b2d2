"""Rolling origin: what each candidate would have forecast, fitted again each day on what was known by then.

Between two fits each hour is forecast, scored and then observed. Every six hours the path of the next two weeks is
kept too, which tells how errors grow with the horizon. Nothing after the hour in question is ever looked at.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from supportix.forecasting.calendar import Calendar
from supportix.forecasting.candidates import CANDIDATES, Mixture, suited
from supportix.forecasting.ensemble import Members
from supportix.forecasting.levels import AHEAD, Levels
from supportix.forecasting.robust import cleaned
from supportix.forecasting.series import Series
from supportix.forecasting.usual import Array, Places, Prior

A_DAY = 24
_HOURS_BETWEEN_PATHS = 6
Told = Callable[[int, int], None]
"""Is told how many hours of how many are done; may raise to end the evaluation."""


def unheard(_done: int, _total: int) -> None:
    """Nobody listens."""


class Rolled(msgspec.Struct, frozen=True, eq=False):
    """Means by candidate at the same places: of the next hour, and paths from some of the hours, two weeks each.

    left_out: why a candidate has no means here. Where `path_actual` is NaN, nothing is known to score against.
    """

    places: Places
    actual: Array
    means: dict[str, Array]
    path_places: Places
    path_actual: Array
    paths: dict[str, Array]
    left_out: dict[str, str]

    def mean_of(self, mixture: Mixture) -> Array:
        return mixture.combined(self.means)

    def path_of(self, mixture: Mixture) -> Array:
        return mixture.combined(self.paths)

    def between(self, begin: int, end: int) -> "Rolled":
        """As if it had been rolled over these places alone, and nothing had been known from `end` on."""
        there = (self.places >= begin) & (self.places < end)
        rows = (self.path_places >= begin) & (self.path_places < end)
        beyond = self.path_places[rows][:, None] + np.arange(AHEAD)[None, :] >= end
        return Rolled(
            places=self.places[there],
            actual=self.actual[there],
            means={name: means[there] for name, means in self.means.items()},
            path_places=self.path_places[rows],
            path_actual=np.where(beyond, np.nan, self.path_actual[rows]),
            paths={name: paths[rows] for name, paths in self.paths.items()},
            left_out=self.left_out,
        )

    def has(self, mixture: Mixture) -> bool:
        return all(each in self.means for each in mixture.members)


def roll(
    series: Series,
    calendar: Calendar,
    begin: int,
    end: int,
    *,
    names: Sequence[str] | None = None,
    seed: int = 0,
    every: int = A_DAY,
    prior: Prior | None = None,
    told: Told = unheard,
) -> Rolled:
    """The hours from `begin` to before `end` of an hourly series, by the candidates named, or all that suit it."""
    run = _Run(series, calendar, seed, prior)
    for origin in range(begin, end, every):
        told(origin - begin, end - begin)
        run.go(origin, min(origin + every, end), names)
    told(end - begin, end - begin)
    return run.result()


class _Run:
    def __init__(self, series: Series, calendar: Calendar, seed: int, prior: Prior | None) -> None:
        self._series, self._calendar, self._seed, self._prior = series, calendar, seed, prior
        self._places: list[int] = []
        self._path_places: list[int] = []
        self._means: dict[str, list[float]] = defaultdict(list)
        self._paths: dict[str, list[Array]] = defaultdict(list)
        self._left_out: dict[str, str] = {}

    def go(self, origin: int, end: int, names: Sequence[str] | None) -> None:
        """From one fit to the next."""
        series = self._series
        levels = levels_of(series.until(origin), self._calendar, self._prior)
        members = Members(levels, self._wanted(levels, names), self._seed)
        for place in range(origin, end):
            if (place - origin) % _HOURS_BETWEEN_PATHS == 0:
                self._path_places.append(place)
                for name, path in members.means(AHEAD).items():
                    self._paths[name].append(path)
            if series.open[place] and series.trusted[place]:
                self._places.append(place)
                for name, means in members.means(1).items():
                    self._means[name].append(float(means[0]))
            levels.observe(float(series.counts[place]), bool(series.trusted[place]))
            members.observe(float(series.counts[place]))
        self._left_out |= members.left_out

    def _wanted(self, levels: Levels, names: Sequence[str] | None) -> list[str]:
        """A candidate that was left out once stays out, so that all are scored over the same hours."""
        suiting = {each.name for each in suited(levels)}
        for name in names or CANDIDATES:
            if name not in suiting:
                self._left_out.setdefault(name, "the history is too short for it, or the counts are too large")
        return [name for name in names or CANDIDATES if name not in self._left_out]

    def result(self) -> Rolled:
        places = np.array(self._places, dtype=np.int64)
        return Rolled(
            places=places,
            actual=self._series.counts[places],
            means={name: np.array(each) for name, each in self._means.items() if name not in self._left_out},
            path_places=np.array(self._path_places, dtype=np.int64),
            path_actual=np.array([_scorable(self._series, each) for each in self._path_places]).reshape(-1, AHEAD),
            paths={name: np.array(each) for name, each in self._paths.items() if name not in self._left_out},
            left_out=self._left_out,
        )


def levels_of(series: Series, calendar: Calendar, prior: Prior | None = None) -> Levels:
    clean = cleaned(series, calendar)
    return Levels(clean.series, calendar, clean.usual, prior)


def _scorable(series: Series, origin: int) -> Array:
    actual = np.full(AHEAD, np.nan)
    there = slice(origin, min(origin + AHEAD, len(series)))
    known = np.where(series.open[there] & series.trusted[there], series.counts[there], np.nan)
    actual[: len(known)] = known
    return actual
