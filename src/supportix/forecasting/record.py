"""Forecasts of the next hour that were issued, and what came: whence bias is corrected and intervals are widened."""

from collections.abc import Iterable

import msgspec
import numpy as np

from supportix.forecasting.distribution import Errors, errors_of
from supportix.forecasting.usual import Array

_DAYS_OF_BIAS = 14
_DAYS_OF_ERRORS = 28
_DOUBT_DAYS = 0.5
"""How many days of forecasts need to have run high to be corrected by half."""
_LEAST_DAYS = 7


class Record:
    """Of one department: the latest means, before correction, and counts, over open hours with a trusted record."""

    def __init__(self, hours_a_day: int, pairs: Iterable[tuple[float, float]] = ()) -> None:
        self._day = hours_a_day
        self._pairs = list(pairs)[-_DAYS_OF_ERRORS * hours_a_day :]

    def __len__(self) -> int:
        return len(self._pairs)

    @property
    def pairs(self) -> tuple[tuple[float, float], ...]:
        return tuple(self._pairs)

    def add(self, mean: float, actual: float) -> None:
        self._pairs.append((mean, actual))
        del self._pairs[: -_DAYS_OF_ERRORS * self._day]

    def drop(self, latest: int) -> None:
        """What came in the latest hours turned out not to be so."""
        del self._pairs[len(self._pairs) - latest :]

    def correction(self) -> float:
        """By what means are to be multiplied, from what the latest two weeks ran too high or too low."""
        if len(self._pairs) < _LEAST_DAYS * self._day:
            return 1.0
        means, actual = self._arrays(self._pairs[-_DAYS_OF_BIAS * self._day :])
        doubt = _DOUBT_DAYS * self._day * float(means.mean())
        total = float(means.sum()) + doubt
        return (float(actual.sum()) + doubt) / total if total > 0 else 1.0

    def errors(self, otherwise: Errors) -> Errors:
        if len(self._pairs) < _LEAST_DAYS * self._day:
            return otherwise
        means, actual = self._arrays(self._pairs)
        return errors_of(actual, means * self.correction())

    @staticmethod
    def _arrays(pairs: list[tuple[float, float]]) -> tuple[Array, Array]:
        both = np.array(pairs)
        return both[:, 0], both[:, 1]


class Issued(msgspec.Struct, frozen=True, eq=False):
    """What would have been issued over a span: corrected means, and the errors in force at each day's begin."""

    means: Array
    errors: tuple[Errors, ...]
    starts: tuple[int, ...]


def issued(record: Record, actual: Array, means: Array, hours_a_day: int) -> Issued:
    """Day by day through a span: corrected by what came before the day alone."""
    corrected, errors, starts = np.array(means), [], []
    for start in range(0, len(means), hours_a_day):
        there = slice(start, start + hours_a_day)
        corrected[there] = means[there] * record.correction()
        errors.append(record.errors(Errors()))
        starts.append(start)
        for mean, count in zip(means[there], actual[there], strict=True):
            record.add(float(mean), float(count))
    return Issued(corrected, tuple(errors), tuple(starts))
