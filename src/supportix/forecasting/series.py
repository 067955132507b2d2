"""A department's counts on a regular grid, and what was found wrong on the way there."""

import math
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from supportix.domain.errors import InvalidInput
from supportix.forecasting.calendar import HOUR, STEPS, Calendar, slots

MOST_STEPS = 24 * 366 * 4 * 12
"""Twelve years of quarters of an hour; whatever is longer has a wrong date in it."""
MOST_COUNT = 1e9
Counts = NDArray[np.float64]
Flags = NDArray[np.bool_]


class SeriesInvalid(InvalidInput):
    """The counts make no series."""


class Finding(msgspec.Struct, frozen=True):
    """What was found in the rows, how often, and the first example of it.

    Kinds: unsorted, duplicated (were added up), missing (gaps, filled with zeros), future and negative and not_a_number
    (were left out; the step isn't learned from), and those of `robust`.
    """

    kind: str
    count: int
    example: str


class Series(msgspec.Struct, frozen=True, eq=False):
    """Counts per step from `begin` (UTC, on the grid) on, zero where nothing was recorded.

    open: False outside the opening hours; forecasts are zero there, and scores leave it out.
    trusted: False where the record is wrong, so that nothing is learned from it.
    """

    begin: datetime
    step: timedelta
    counts: Counts
    open: Flags
    trusted: Flags

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def end(self) -> datetime:
        return self.begin + len(self) * self.step

    def until(self, length: int) -> "Series":
        """The first steps."""
        return msgspec.structs.replace(
            self, counts=self.counts[:length], open=self.open[:length], trusted=self.trusted[:length]
        )

    def position(self, at: datetime) -> int:
        """The number of steps that ended by then, within the series."""
        return min(max((at - self.begin) // self.step, 0), len(self))

    def hourly(self) -> "Series":
        """The same by hours; an hour that isn't over at the end is left out."""
        if self.step == HOUR:
            return self
        ahead = (self.begin - floored(self.begin, HOUR)) // self.step
        per = HOUR // self.step
        whole = (len(self) + ahead) // per
        padding = ((ahead, 0),)
        counts, is_open, wrong = (
            np.pad(each, padding)[: whole * per].reshape(whole, per) for each in (self.counts, self.open, ~self.trusted)
        )
        opened = np.asarray(is_open.any(axis=1), dtype=np.bool_)
        trusted = np.asarray(~wrong.any(axis=1), dtype=np.bool_)
        return Series(floored(self.begin, HOUR), HOUR, counts.sum(axis=1), opened, trusted)


def floored(at: datetime, step: timedelta) -> datetime:
    """The begin of the step in which a moment lies, in UTC. Refused: SeriesInvalid for a moment without a time zone."""
    if at.tzinfo is None:
        raise SeriesInvalid(f"{at.isoformat()} has no time zone; one was expected")
    seconds = int(step.total_seconds())
    return datetime.fromtimestamp(math.floor(at.timestamp()) // seconds * seconds, UTC)


def series_of(
    rows: Iterable[tuple[datetime, float]], *, step: timedelta, until: datetime, calendar: Calendar
) -> tuple[Series, tuple[Finding, ...]]:
    """Rows of (moment, count) as a series that ends before the step in which `until` lies, and what was wrong in them.

    Refused: SeriesInvalid for another step than 15 minutes or an hour, moments without a zone, or a span of many years.
    """
    if step not in STEPS:
        raise SeriesInvalid(f"a step of {step} was given; 15 minutes or an hour was expected")
    end = floored(until, step)
    found, sums, bad, seen = _Found(), dict[datetime, float](), set[datetime](), set[datetime]()
    last = None
    for at, count in rows:
        begin = floored(at, step)
        reason = why_no_count(count) or ("future" if begin >= end else None)
        if reason is not None:
            found.add(reason, f"{count} at {at.isoformat()}")
            bad.add(begin)
            continue
        if last is not None and at < last:
            found.add("unsorted", at.isoformat())
        if at in seen:
            found.add("duplicated", at.isoformat())
        seen.add(at)
        last = at
        sums[begin] = sums.get(begin, 0.0) + float(count)
    begin = min(sums, default=end)
    length = (end - begin) // step
    if length > MOST_STEPS:
        raise SeriesInvalid(
            f"counts from {begin.isoformat()} to {end.isoformat()} were given; 12 years were expected at most"
        )
    return _on_grid(sums, bad, begin, step, length, calendar, found), found.told()


def _on_grid(
    sums: dict[datetime, float],
    bad: set[datetime],
    begin: datetime,
    step: timedelta,
    length: int,
    calendar: Calendar,
    found: "_Found",
) -> Series:
    counts, seen, trusted = np.zeros(length), np.zeros(length, np.bool_), np.ones(length, np.bool_)
    for at, count in sums.items():
        counts[(at - begin) // step] = count
        seen[(at - begin) // step] = True
    for at in bad:
        if 0 <= (place := (at - begin) // step) < length:
            trusted[place] = False
    known = slots(calendar, begin, step, length)
    missing = np.flatnonzero(~seen & known.open)
    if len(missing):
        found.add("missing", (begin + int(missing[0]) * step).isoformat(), len(missing))
    return Series(begin, step, counts, known.open, trusted & ~known.outage)


def why_no_count(count: float) -> str | None:
    """None where it is one."""
    if not math.isfinite(count) or count > MOST_COUNT:
        return "not_a_number"
    return "negative" if count < 0 else None


class _Found:
    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def add(self, kind: str, example: str, count: int = 1) -> None:
        self._counts[kind] += count
        self._examples.setdefault(kind, example)

    def told(self) -> tuple[Finding, ...]:
        return tuple(Finding(kind, count, self._examples[kind]) for kind, count in sorted(self._counts.items()))


def on_grid(
    begin: datetime, step: timedelta, counts: Counts, calendar: Calendar, *, trusted: Flags | None = None
) -> Series:
    """Counts that are known to be sound, one per step from `begin` on."""
    known = slots(calendar, begin, step, len(counts))
    sure = ~known.outage if trusted is None else trusted & ~known.outage
    return Series(begin, step, counts, known.open, sure)
