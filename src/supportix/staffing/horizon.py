"""The time over which tickets are staffed, and what is judged of it."""

from collections.abc import Sequence
from math import ceil

import msgspec

from supportix.staffing.deadlines import due
from supportix.staffing.flow import Flow, share_within
from supportix.staffing.work import HOUR, Arrivals, Target

DAY_SECONDS = 24 * HOUR
WEEK_SECONDS = 7 * DAY_SECONDS
_ROUNDING = 1e-9


class Horizon(msgspec.Struct, frozen=True, kw_only=True):
    """The time that is asked for, and so much more, like the days before, that its last tickets are due within it."""

    order: tuple[int, ...]
    """Which interval of those asked for each one is, or is like."""
    asked: int
    arrivals: Arrivals
    opening: tuple[bool, ...]
    due: tuple[float, ...]


def horizon_of(arrivals: Arrivals, target: Target, opening: Sequence[bool] | None, level: float | None) -> Horizon:
    asked, step = len(arrivals.mean), arrivals.step_seconds
    is_open = tuple(opening) if opening is not None else (True,) * asked
    period = max(1, round((WEEK_SECONDS if asked * step >= WEEK_SECONDS else DAY_SECONDS) / step))
    period = min(period, asked)
    more = ceil((target.within_seconds + DAY_SECONDS) / step)
    if target.opening_hours_only:
        more = ceil(more * asked / max(1, sum(is_open)))
    order = [*range(asked), *(asked - period + number % period for number in range(more))]
    quantiles = {} if level is not None else arrivals.quantiles
    longer = Arrivals(
        begin=arrivals.begin,
        step_seconds=step,
        mean=tuple(arrivals.at_level(level)[number] for number in order),
        quantiles={name: tuple(values[number] for number in order) for name, values in quantiles.items()},
    )
    still_open = tuple(is_open[number] for number in order)
    return Horizon(
        order=tuple(order), asked=asked, arrivals=longer, opening=still_open, due=due(still_open, step, target)
    )


def judged(flow: Flow, horizon: Horizon) -> tuple[tuple[float | None, ...], float]:
    """The shares within the time that is asked for."""
    each, _ = share_within(flow, horizon.due)
    asked = each[: horizon.asked]
    weights = [mean for mean, share in zip(horizon.arrivals.mean, asked, strict=False) if share is not None]
    known = [share for share in asked if share is not None]
    total = sum(weights)
    return asked, sum(w * s for w, s in zip(weights, known, strict=True)) / total if total else 1.0


def too_late(
    shares: Sequence[float | None],
    at_best: Sequence[float | None],
    shifts: Sequence[range],
    horizon: Horizon,
    target: Target,
) -> list[float]:
    """How many tickets more each shift has to take in time, of those that come in it or since the one before."""
    found = []
    for place in range(len(shifts)):
        told = [
            (horizon.arrivals.mean[number], share, best)
            for number in _since(shifts, place)
            if number < horizon.asked
            and (share := shares[number]) is not None
            and (best := at_best[number]) is not None
        ]
        all_came = sum(mean for mean, _, _ in told)
        best = sum(mean * best for mean, _, best in told)
        wanted = target.share * (all_came if best >= target.share * all_came else best)
        lacking = wanted - sum(mean * share for mean, share, _ in told)
        found.append(lacking if lacking > _ROUNDING * (1 + all_came) else 0.0)
    return found


def came(horizon: Horizon, shifts: Sequence[range], place: int) -> float:
    return sum(horizon.arrivals.mean[number] for number in _since(shifts, place) if number < horizon.asked)


def _since(shifts: Sequence[range], place: int) -> range:
    """The shift's intervals, and the closed ones since the one before."""
    return range(shifts[place - 1].stop if place else 0, shifts[place].stop)
