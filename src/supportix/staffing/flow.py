"""How work that may wait flows through a department over time: what comes, what agents take, what still waits.

Once as a fluid, of expected values; or as many random paths of whole contacts. First come, first served: a contact is
taken as soon as a place is free, and ends after a handle time of the work's mean. Nobody leaves the queue, and what an
agent holds stays with it when others go off shift.
"""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from supportix.staffing.work import Arrivals, StaffInvalid, Work, must_be_staff

Floats = NDArray[np.float64]

STEPS_A_HANDLE_TIME = 2
FEWEST_STEPS, MOST_STEPS = 2, 16
"""An interval is cut into parts of half a handle time, within these bounds."""
_ROUNDING = 1e-9


class Start(NamedTuple):
    """How things stand when the first interval begins. `in_work` None: as in a department that has run for long."""

    waiting: float = 0.0
    in_work: float | None = None


class Flow(NamedTuple):
    """One row per path, one column per boundary of intervals: n + 1 of them. Counts since the beginning."""

    arrived: Floats
    """Those that waited at the beginning included."""
    waiting: Floats
    ended: Floats

    @property
    def taken(self) -> Floats:
        return self.arrived - self.waiting


def fluid(arrivals: Arrivals, at_work: Sequence[float], work: Work, start: Start) -> Flow:
    """Of expected values: a queue grows only while more comes than can be taken. One path. Refused: StaffInvalid."""
    return _flow(arrivals, at_work, work, start, None, 1)


def paths(arrivals: Arrivals, at_work: Sequence[float], work: Work, start: Start, *, count: int, seed: int) -> Flow:
    """Random ones, the same for the same seed. Refused: StaffInvalid.

    Each path has its own level of arrivals, lognormal and as far off as the quantiles are spread beyond Poisson, over
    the whole horizon: that days come busy or calm as a whole is what makes backlogs. Given the level, arrivals are
    Poisson, and so are the ends of busy places, as of exponential handle times.
    """
    return _flow(arrivals, at_work, work, start, np.random.default_rng(seed), count)


def _flow(
    arrivals: Arrivals,
    at_work: Sequence[float],
    work: Work,
    start: Start,
    dice: np.random.Generator | None,
    count: int,
) -> Flow:
    _must_be_sound(arrivals, at_work, work, start)
    parts = _parts(arrivals.step_seconds, work.seconds_each)
    ends_per_place = arrivals.step_seconds / parts / work.seconds_each
    rates = _rates(arrivals, parts, dice, count)
    places = [each * work.concurrency for each in at_work]
    waiting = np.full(count, float(start.waiting))
    held = np.full(count, _held(arrivals, places, work, start))
    come, gone = np.zeros(count), np.zeros(count)
    seen = [(start.waiting + come, waiting, gone)]
    for interval, room in enumerate(places):
        present = waiting + held
        held = np.maximum(held, np.minimum(room, present))
        waiting = present - held
        for _ in range(parts):
            new = rates[interval] if dice is None else dice.poisson(rates[interval])
            mean = np.minimum(held, room) * ends_per_place
            ends = np.minimum(mean if dice is None else dice.poisson(mean), waiting + held + new)
            present = waiting + held + new - ends
            held = np.maximum(held - ends, np.minimum(room, present))
            waiting = np.maximum(0.0, present - held)
            held = present - waiting
            come, gone = come + new, gone + ends
        seen.append((start.waiting + come, waiting, gone))
    return Flow(*(np.stack(each, axis=1) for each in zip(*seen, strict=True)))


def share_within(flow: Flow, due: Sequence[float]) -> tuple[tuple[float | None, ...], float | None]:
    """The share of each interval's arrivals that is taken by when it is due, and that of all; None: it can't be told.

    `due[n]` is when an arrival at boundary n is due, counted in intervals; what is due beyond the last boundary is left
    out. Within an interval contacts come and are taken evenly. Those that waited at the beginning aren't judged.
    """
    intervals = flow.arrived.shape[1] - 1
    known = sum(each <= intervals + _ROUNDING for each in due) - 1
    if known < 1:
        return (None,) * intervals, None
    ahead = _at(flow.taken, due[: known + 1]) - flow.arrived[:, : known + 1] + _ROUNDING
    before, after = np.maximum(ahead[:, :-1], 0), np.maximum(ahead[:, 1:], 0)
    span = np.abs(ahead[:, :-1]) + np.abs(ahead[:, 1:])
    share = np.where((ahead[:, :-1] >= 0) & (ahead[:, 1:] >= 0), 1.0, (before + after) / np.maximum(span, _ROUNDING))
    came = np.diff(flow.arrived)[:, :known]
    within, all_came = (came * share).sum(axis=0), came.sum(axis=0)
    each = [float(one / total) if total > 0 else 1.0 for one, total in zip(within, all_came, strict=True)]
    overall = float(within.sum() / all_came.sum()) if all_came.sum() > 0 else 1.0
    return (*each, *(None,) * (intervals - known)), overall


def _at(curves: Floats, moments: Sequence[float]) -> Floats:
    """The curves at moments between boundaries, on the straight line."""
    last = curves.shape[1] - 1
    spots = np.minimum(np.asarray(moments, float), last)
    left = np.minimum(spots.astype(int), max(0, last - 1))
    part = spots - left
    result: Floats = curves[:, left] * (1 - part) + curves[:, left + 1] * part
    return result


def _parts(step_seconds: float, handle_seconds: float) -> int:
    return min(MOST_STEPS, max(FEWEST_STEPS, ceil(step_seconds * STEPS_A_HANDLE_TIME / handle_seconds)))


def _rates(arrivals: Arrivals, parts: int, dice: np.random.Generator | None, count: int) -> Floats:
    """Expected arrivals of each part of an interval: a row per interval, a column per path."""
    means = np.repeat(np.asarray(arrivals.mean, float)[:, None] / parts, count, axis=1)
    if dice is None:
        return means
    spreads = np.asarray(arrivals.rate_spreads())[:, None]
    levels = dice.standard_normal(count)[None, :]
    result: Floats = means * np.exp(spreads * levels - spreads**2 / 2)
    return result


def _held(arrivals: Arrivals, places: Sequence[float], work: Work, start: Start) -> float:
    if start.in_work is not None:
        return start.in_work
    room = places[0] if places else 0.0
    return room if start.waiting else min(room, work.load(arrivals.mean[0], arrivals.step_seconds) if places else 0.0)


def _must_be_sound(arrivals: Arrivals, at_work: Sequence[float], work: Work, start: Start) -> None:
    arrivals.must_be_sound()
    work.must_be_sound()
    must_be_staff(at_work, len(arrivals.mean))
    for name, value in (("waiting", start.waiting), ("in_work", start.in_work or 0.0)):
        if not (np.isfinite(value) and value >= 0):
            raise StaffInvalid(f"{name} is {value} at the beginning; a number of 0 or more was expected")
