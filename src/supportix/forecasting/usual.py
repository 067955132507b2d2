"""What is usual: the weekly profile of a department, and what special days make of it. Learned hour by hour."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from supportix.forecasting.calendar import NORMAL_DAY, Slots

_WEEK_DECAY = 0.85
"""What a week counts compared with the one after it."""
_DAY_DECAY = 0.98
_OWN_COUNTS = 24.0
"""How many counts an hour of the week needs to tell as much as its hour of the day."""
_OWN_DAYS = 2.0
"""How many days an hour of the day needs to tell as much as the prior shape."""
_LEAST_CERTAINTY = 0.5
_SPECIAL_DAYS = 0.5
"""How many special days a kind needs to tell as much as what is known of the others."""
_LEAST = 1e-2
_LEAST_FACTOR = 1e-3
_SATURDAY = 5
Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]


class Prior:
    """What is supposed before a department's own history tells: a shape over the hours of the week, and a level.

    weight: how many hours of its own tell as much about the level. Without similar departments: no traffic at any hour.
    """

    def __init__(self, shape: Array | None = None, level: float = 0.0, weight: float = 1.0) -> None:
        self.shape = np.ones(168) if shape is None else shape
        self.level, self.weight = level, weight

    @property
    def certainty(self) -> float:
        """In counts: the shape of the gamma distribution of the level."""
        return max(self.level * self.weight, _LEAST_CERTAINTY)


class Profile:
    """`expected` and `by_hour` tell for each hour what was usual as of just before it; for those to come, as of now."""

    def __init__(self, slots: Slots, counts: Array, learned: Flags, prior: Prior) -> None:
        weekend = slots.hour_of_week // 24 >= _SATURDAY
        self._weekly = _Decayed(slots.hour_of_week, counts, learned, _WEEK_DECAY, slots.open)
        self._daily = _Decayed(slots.hour_of_week % 24 + 24 * weekend, counts, learned, _DAY_DECAY, slots.open)
        self._prior, self._shape = prior, prior.shape[slots.hour_of_week]
        self._came = np.concatenate([[0.0], np.cumsum(counts * learned)])
        self._due = np.concatenate([[0.0], np.cumsum(self._shape * learned)])
        self.by_hour, self.expected = np.zeros(len(counts)), np.zeros(len(counts))
        self._blend(np.arange(len(counts)))

    def observe(self, place: int, count: float, *, learned: bool) -> None:
        self._came[place + 1 :] = self._came[place] + count * learned
        self._due[place + 1 :] = self._due[place] + self._shape[place] * learned
        self._weekly.observe(place, count, learned)
        self._daily.observe(place, count, learned)
        self._blend(np.arange(place + 1, len(self.expected)))

    def trim(self, cut: int) -> None:
        """Let go of the first hours."""
        self._shape, self._came, self._due = self._shape[cut:], self._came[cut:], self._due[cut:]
        self.by_hour, self.expected = self.by_hour[cut:], self.expected[cut:]
        self._weekly.trim(cut)
        self._daily.trim(cut)

    def _blend(self, places: Places) -> None:
        prior = self._prior
        level = (self._came[places] + prior.level * prior.weight) / (self._due[places] + prior.weight)
        supposed = np.maximum(level * self._shape[places], _LEAST)
        own = self._daily.sums[places] + _OWN_DAYS * supposed
        by_hour = np.maximum(own / (self._daily.weights[places] + _OWN_DAYS), _LEAST)
        of_week = (self._weekly.sums[places] + _OWN_COUNTS) / (self._weekly.weights[places] + _OWN_COUNTS / by_hour)
        self.by_hour[places], self.expected[places] = by_hour, np.maximum(of_week, _LEAST)


class _Decayed:
    """Sums over earlier hours of the same key, each time one passes decayed."""

    def __init__(self, keys: Places, counts: Array, learned: Flags, decay: float, counted: Flags) -> None:
        self._decay, self._keys = decay, keys
        self.sums, self.weights = np.zeros(len(keys)), np.zeros(len(keys))
        self._places = {int(key): np.flatnonzero((keys == key) & counted) for key in np.unique(keys)}
        for places in self._places.values():
            for into, values in ((self.sums, counts * learned), (self.weights, learned.astype(np.float64))):
                into[places[1:]] = lfilter([1.0], [1.0, -decay], values[places])[:-1]

    def trim(self, cut: int) -> None:
        self._keys, self.sums, self.weights = self._keys[cut:], self.sums[cut:], self.weights[cut:]
        self._places = {key: places[places >= cut] - cut for key, places in self._places.items()}

    def observe(self, place: int, count: float, learned: bool) -> None:
        places = self._places[int(self._keys[place])]
        later = places[places > place]
        steps = self._decay ** np.arange(len(later))
        self.sums[later] = steps * (self.sums[place] * self._decay + learned * count)
        self.weights[later] = steps * (self.weights[place] * self._decay + learned)


def special_factors(slots: Slots, counts: Array, expected: Array, used: Flags, known: int) -> Array:
    """Per hour, what its day makes of the usual: 1 on normal days, else as on such days before it.

    A kind that is new is taken to be like its group, and a new group to be like any day.
    """
    factors = np.ones(len(counts))
    special = slots.special != NORMAL_DAY
    came: dict[str, float] = {}
    due: dict[str, float] = {}
    days = slots.local_step // 24
    for day in np.unique(days[special & slots.open]):
        today = np.flatnonzero((days == day) & special & slots.open)
        for code in np.unique(slots.special[today]):
            inside = today[slots.special[today] == code]
            kind = slots.kinds[code]
            group = kind.partition("/")[0]
            weight = _SPECIAL_DAYS * float(expected[inside].sum())
            of_group = (came.get(group, 0.0) + weight) / (due.get(group, 0.0) + weight)
            own = (came.get(kind, 0.0) + weight * of_group) / (due.get(kind, 0.0) + weight)
            factors[inside] = max(own, _LEAST_FACTOR)
            past = inside[(inside < known) & used[inside]]
            for name in {kind, group}:
                came[name] = came.get(name, 0.0) + float(counts[past].sum())
                due[name] = due.get(name, 0.0) + float(expected[past].sum())
    return factors
