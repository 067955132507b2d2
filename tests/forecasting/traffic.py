"""Made-up traffic of a desk: working days and hours, a level that wanders, and Poisson counts."""

from datetime import UTC, datetime
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from supportix.domain.calendar import EventKind, KnownEvent
from supportix.domain.ids import KnownEventId
from supportix.forecasting.calendar import HOUR
from supportix.forecasting.series import Series

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
DAY = 24


def rates(days: int, mean: float) -> NDArray[np.float64]:
    hours = np.arange(days * DAY)
    shape = 0.15 + np.exp(-(((hours % DAY) - 13) ** 2) / 18) * np.where(hours // DAY % 7 < 5, 1.0, 0.15)
    return mean * shape / shape.mean()


def counts(days: int, mean: float = 12.0, seed: int = 1) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    daily = np.exp(0.15 * random.standard_normal(days))[np.arange(days * DAY) // DAY]
    return random.poisson(rates(days, mean) * daily).astype(np.float64)


def series(values: NDArray[np.float64], begin: datetime = MONDAY) -> Series:
    always = np.ones(len(values), dtype=np.bool_)
    return Series(begin, HOUR, np.asarray(values, dtype=np.float64), always, always)


def known_event(name: str, kind: EventKind, begin: datetime, end: datetime) -> KnownEvent:
    return KnownEvent(event_id=KnownEventId(uuid4()), name=name, kind=kind, begin=begin, end=end)
