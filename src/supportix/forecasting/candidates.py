"""What may forecast a department: every candidate, what history it needs, and the ensembles of them.

A candidate is fitted on `Levels`, which its owner keeps: it observes each hour there first, and then in the models.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec
import numpy as np

from supportix.forecasting.levels import Levels
from supportix.forecasting.regression import Boosting, PoissonGlm
from supportix.forecasting.simple import GammaLevel, HourOfWeek, SeasonalNaive
from supportix.forecasting.statistical import Adida, Croston, MstlArima, MstlEts, Theta, Tsb
from supportix.forecasting.usual import Array

_LEAST_OF_MEMBER = 1e-3
"""So that a geometric mean survives a member that says zero."""
_DAY, _WEEK = 24, 168
_TINY = 0.5


class Fitted(Protocol):
    """A model of one series that is up to date."""

    def observe(self, count: float) -> None:
        """Take in the hour that the levels have just observed, without fitting again."""

    def mean(self, horizon: int) -> Array:
        """Hours ahead of the last one observed: never negative, zero where closed."""

    def after(self, count: float) -> float:
        """The mean of the hour after the next if so many come in the next; cheap, for the update inside the hour."""


class Candidate(msgspec.Struct, frozen=True):
    """needs: hours of history below which it isn't tried. below: it is for mean counts an hour under this alone."""

    name: str
    fit: Callable[[Levels, int], Fitted]
    needs: int
    below: float | None = None


CANDIDATES: Mapping[str, Candidate] = {
    each.name: each
    for each in (
        Candidate("seasonal_naive", SeasonalNaive, _WEEK),
        Candidate("hour_of_week", HourOfWeek, _WEEK),
        Candidate("gamma_level", GammaLevel, _DAY),
        Candidate("poisson_glm", PoissonGlm, 2 * _WEEK),
        Candidate("boosting", Boosting, 2 * _WEEK),
        Candidate("mstl_arima", MstlArima, 3 * _WEEK),
        Candidate("mstl_ets", MstlEts, 3 * _WEEK),
        Candidate("auto_theta", Theta, 3 * _WEEK),
        Candidate("croston", Croston, 2 * _WEEK, _TINY),
        Candidate("tsb", Tsb, 2 * _WEEK, _TINY),
        Candidate("adida", Adida, 2 * _WEEK, _TINY),
    )
}
STATSFORECAST = ("mstl_arima", "mstl_ets", "auto_theta", "croston", "tsb", "adida")
FLOOR = "seasonal_naive"


class Mixture(msgspec.Struct, frozen=True):
    """Which candidates forecast together, and how their means are put together: geometric or arithmetic."""

    members: tuple[str, ...]
    combination: str = "geometric"

    @property
    def name(self) -> str:
        if len(self.members) == 1:
            return self.members[0]
        return f"{self.combination} mean of {', '.join(self.members)}"

    def combined(self, means: Mapping[str, Array]) -> Array:
        """Of the members that are there."""
        stacked = np.stack([means[each] for each in self.members if each in means])
        if self.combination == "arithmetic":
            return np.asarray(stacked.mean(axis=0))
        some = stacked.max(axis=0) > 0
        return np.where(some, np.exp(np.log(np.maximum(stacked, _LEAST_OF_MEMBER)).mean(axis=0)), 0.0)


DEFAULT = Mixture(("poisson_glm", "boosting"))
"""Where nothing else is clearly better."""
ENSEMBLES = tuple(
    Mixture(members, combination)
    for members in (
        ("poisson_glm", "boosting"),
        ("poisson_glm", "boosting", "gamma_level"),
        ("poisson_glm", "boosting", "mstl_arima"),
        ("poisson_glm", "boosting", "gamma_level", "mstl_arima"),
    )
    for combination in ("geometric", "arithmetic")
)


def suited(levels: Levels) -> list[Candidate]:
    """Those that the history is long enough for, and the counts of the right size."""
    used = levels.used[: levels.known]
    mean = float(levels.counts[: levels.known][used].mean()) if used.any() else 0.0
    return [
        each for each in CANDIDATES.values() if levels.known >= each.needs and (each.below is None or mean < each.below)
    ]
