"""How many agents tickets need that may wait for hours: sized over the target's time, not for the peak.

First the evenest pace at which the target's share of each interval's tickets is taken when it is due, and the rest a
day later, as if all came as expected; from it the level of each shift, at which agents are as busy as they may be.
Then chance: on random paths, served first come, first served, it is looked at which share is taken in time, and agents
are added to the shifts in which most come too late, until the target's share is in each.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from math import ceil

import msgspec
import numpy as np

from supportix.staffing.deadlines import blocks, even_pace
from supportix.staffing.flow import Start, fluid, paths
from supportix.staffing.horizon import DAY_SECONDS, Horizon, came, horizon_of, judged, too_late
from supportix.staffing.required import Bound, Need, scheduled_for
from supportix.staffing.work import HOUR, Arrivals, ArrivalsInvalid, Target, Work, must_be_staff

SHIFT_SECONDS = 4 * HOUR
PATHS = 100
MOST_LOOKS = 40
"""So often agents are added, then it is left as it is and told."""
_ROUNDING = 1e-9

Shares = tuple[float | None, ...]
"""Of each interval's tickets, those taken in time; None: it can't be told."""


class TicketNeeds(msgspec.Struct, frozen=True, kw_only=True):
    """Agents for each interval, and what is expected with them."""

    needs: tuple[Need, ...]
    share: float
    """Of all tickets of the horizon, taken in time."""
    reachable: float
    """The same with any number of agents: below 1 where tickets come while closed and the clock runs on."""


def agents_for_tickets(
    arrivals: Arrivals,
    work: Work,
    target: Target,
    *,
    opening: Sequence[bool] | None = None,
    waiting: float = 0.0,
    level: float | None = None,
    shift_seconds: float = SHIFT_SECONDS,
    open_before: int = 0,
    seed: int = 0,
) -> TicketNeeds:
    """The level of each shift within the opening hours; without them, always open. `waiting`: tickets in the queue now.

    `open_before`: so many intervals ago the first of the shifts began, or one before it.
    `level`: for the quantile of the arrivals instead of their mean; days of 0.8 quantiles are rarer than one in five.
    Refused: WorkInvalid, TargetInvalid, ArrivalsInvalid, StaffInvalid.
    """
    _must_be_sound(arrivals, work, target, opening, shift_seconds)
    horizon = horizon_of(arrivals, target, opening, level)
    start = Start(waiting=waiting)
    shifts = blocks(horizon.opening, max(1, round(shift_seconds / arrivals.step_seconds)), open_before)
    levels = _levels(horizon, shifts, work, target, waiting)

    def shares(raw: Sequence[float]) -> tuple[Shares, float]:
        flow = paths(horizon.arrivals, raw, work, start, count=PATHS, seed=seed)
        return judged(flow, horizon)

    at_best, reachable = shares([_plenty(horizon, work, waiting) if each else 0.0 for each in horizon.opening])
    each_share, share, added = _add_where_late(levels, shifts, horizon, target, at_best, shares)
    raw = _spread(levels, shifts, horizon)
    needs = _needs(horizon, raw, each_share, added, work, start)
    return TicketNeeds(needs=needs, share=share, reachable=reachable)


def _add_where_late(
    levels: list[int],
    shifts: Sequence[range],
    horizon: Horizon,
    target: Target,
    at_best: Shares,
    shares: Callable[[Sequence[float]], tuple[Shares, float]],
) -> tuple[Shares, float, set[int]]:
    """Raises the levels. Returns the shares in time with them, and the intervals in which agents were added."""
    added: set[int] = set()
    each_share, share = shares(_spread(levels, shifts, horizon))
    for _ in range(MOST_LOOKS):
        late = too_late(each_share, at_best, shifts, horizon, target)
        if not any(late):
            break
        for shift in (number for number, count in enumerate(late) if count and count >= max(late) / 2):
            levels[shift] += max(1, round(late[shift] / came(horizon, shifts, shift) * levels[shift] / 2))
            added.update(shifts[shift])
        each_share, share = shares(_spread(levels, shifts, horizon))
    return each_share, share, added


def expected_share(
    arrivals: Arrivals,
    at_work: Sequence[float],
    work: Work,
    target: Target,
    *,
    opening: Sequence[bool] | None = None,
    waiting: float = 0.0,
    seed: int = 0,
) -> tuple[Shares, float]:
    """The share of each interval's tickets that so many agents at work take in time, and that of all.

    What is due after the horizon is judged as if its last days went on. None where it still can't be told.
    Refused: as agents_for_tickets.
    """
    _must_be_sound(arrivals, work, target, opening, SHIFT_SECONDS)
    must_be_staff(at_work, len(arrivals.mean))
    horizon = horizon_of(arrivals, target, opening, level=None)
    still = [at_work[number] for number in horizon.order]
    return judged(paths(horizon.arrivals, still, work, Start(waiting=waiting), count=PATHS, seed=seed), horizon)


def _levels(horizon: Horizon, shifts: Sequence[range], work: Work, target: Target, waiting: float) -> list[int]:
    """Agents of each shift by the even pace, at the occupancy that is allowed."""
    step = horizon.arrivals.step_seconds
    works_off = work.per_agent_hour * step / HOUR * work.max_occupancy
    clock = [number for number, is_open in enumerate(horizon.opening) if is_open]
    if not clock:
        return []
    needed = _needed(horizon, clock, target, waiting, ceil(DAY_SECONDS / step))
    so_far = [*accumulate(horizon.arrivals.mean, initial=waiting)]
    released = [0.0, *(so_far[number + 1] for number in clock)]
    needed[-1] = released[-1] = max(needed[-1], released[-1])
    pace = dict(zip(clock, even_pace(released, needed), strict=True))
    return [ceil(sum(pace[each] for each in block) / len(block) / works_off - _ROUNDING) for block in shifts]


def _needed(horizon: Horizon, clock: Sequence[int], target: Target, waiting: float, day: int) -> list[float]:
    """How many tickets are due at the end of each open interval, cumulative, 0 first.

    Those of an interval are due when the first of them is, but not before the end of the first open interval; of what
    is due while closed, it counts that it has to be done before.
    """
    position = {number: place for place, number in enumerate(clock)}
    amounts = [0.0] * (len(clock) + 1)
    jobs = [(0, waiting), *enumerate(horizon.arrivals.mean)]
    for number, amount in jobs:
        first = next((each for each in range(number, len(horizon.opening)) if each in position), None)
        if first is None:
            continue
        for share, later in ((target.share, 0), (1 - target.share, day)):
            until = horizon.due[number] + later
            place = _last_open_before(until, clock)
            amounts[max(place, position[first] + 1)] += amount * share
    return [*accumulate(amounts)]


def _last_open_before(until: float, clock: Sequence[int]) -> int:
    """How many of the open intervals have ended by then."""
    return bisect_right(clock, until - 1 + _ROUNDING)


def _spread(levels: Sequence[int], shifts: Sequence[range], horizon: Horizon) -> list[float]:
    at_work = [0.0] * len(horizon.opening)
    for each, block in zip(levels, shifts, strict=True):
        for number in block:
            at_work[number] = float(each)
    return at_work


def _plenty(horizon: Horizon, work: Work, waiting: float) -> float:
    """Agents with whom hardly a ticket waits that comes while open, and none for long that came before."""
    busiest = max(horizon.arrivals.mean, default=0.0)
    all_at_once = waiting + sum(horizon.arrivals.mean)
    return 1 + (10 * work.load(busiest, horizon.arrivals.step_seconds) + all_at_once) / work.concurrency


def _needs(
    horizon: Horizon,
    raw: Sequence[float],
    shares: Sequence[float | None],
    by_target: set[int],
    work: Work,
    start: Start,
) -> tuple[Need, ...]:
    ended = np.diff(fluid(horizon.arrivals, raw, work, start).ended[0])
    able = work.per_agent_hour * horizon.arrivals.step_seconds / HOUR
    return tuple(
        Need(
            raw=int(raw[number]),
            scheduled=scheduled_for(raw[number], work),
            service_level=shares[number],
            occupancy=min(1.0, float(ended[number]) / (raw[number] * able)) if raw[number] else 0.0,
            bound_by=Bound.NOTHING if not raw[number] else Bound.TARGET if number in by_target else Bound.WORK,
        )
        for number in range(horizon.asked)
    )


def _must_be_sound(
    arrivals: Arrivals, work: Work, target: Target, opening: Sequence[bool] | None, shift_seconds: float
) -> None:
    arrivals.must_be_sound()
    work.must_be_sound()
    target.must_be_sound()
    if opening is not None and len(opening) != len(arrivals.mean):
        raise ArrivalsInvalid(f"{len(opening)} intervals are open or closed; {len(arrivals.mean)} were expected")
    if not shift_seconds > 0:
        raise ArrivalsInvalid(f"shifts of {shift_seconds} seconds; more than 0 were expected")
