"""How many agents calls and chats need: as few as meet the target and the limit of occupancy, interval by interval.

Each interval is taken for a queue in its steady state (the stationary independent period by period approach, SIPP;
Green, Kolesar, Soares 2001), which fits where handle times are short against the interval. Chats: an agent with k at a
time is k places, and each contact lasts as long as with an agent who has k of them. Where agents have fewer they are
quicker, so chats are staffed a little too well.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import cache
from math import ceil, exp, floor, isfinite, pi, sqrt
from statistics import NormalDist

import msgspec

from supportix.staffing.erlang import IDLE, Performance, erlang_a, without_abandonment
from supportix.staffing.work import Arrivals, ArrivalsInvalid, Target, Work, must_be_counts

_ROUNDING = 1e-9
"""So much above a whole number of agents is the rounding of a double, not a person."""


class Bound(StrEnum):
    """What asks for the last of the agents."""

    TARGET = "target"
    OCCUPANCY = "occupancy"
    WORK = "work"
    """Tickets: that all of it is done, with agents as busy as they may be."""
    NOTHING = "nothing"


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """Agents for one interval: `raw` at work, `scheduled` on shift; and what is expected with `raw`.

    None: not told for tickets, or due only after the horizon.
    """

    raw: int
    scheduled: int
    service_level: float | None
    occupancy: float
    bound_by: Bound
    p_wait: float | None = None
    abandonment: float | None = None
    mean_wait_seconds: float | None = None
    square_root: float | None = None
    """What the square-root rule says in the place of `raw`: a check, that leaves out occupancy and patience."""


def agents_for_calls(arrivals: float, interval_seconds: float, work: Work, target: Target) -> Need:
    """The fewest agents. With patience by Erlang A, which counts who left as not served in time; else by Erlang C.

    Refused: WorkInvalid, TargetInvalid, ArrivalsInvalid.
    """
    _must_be_sound(arrivals, interval_seconds, work, target)
    if arrivals == 0:
        return _need(0, 0, IDLE, Bound.NOTHING, 0.0)
    load = work.load(arrivals, interval_seconds)

    @cache
    def seen(agents: int) -> Performance:
        return _places(agents * work.concurrency, load=load, work=work, target=target)

    guess = square_root_agents(load, work, target)
    raw = _fewest(ceil(guess), lambda agents: _suffices(seen(agents), work, target))
    bound = Bound.TARGET if seen(raw - 1).service_level < target.share else Bound.OCCUPANCY
    return _need(raw, scheduled_for(raw, work), seen(raw), bound, guess)


def needs_for_calls(arrivals: Arrivals, work: Work, target: Target, *, level: float | None = None) -> tuple[Need, ...]:
    """Of every interval, for the mean or for this quantile of the arrivals: 0.8 staffs for four days of five.

    Refused: as agents_for_calls.
    """
    arrivals.must_be_sound()
    return tuple(agents_for_calls(each, arrivals.step_seconds, work, target) for each in arrivals.at_level(level))


def performance(agents: float, arrivals: float, interval_seconds: float, work: Work, target: Target) -> Performance:
    """What is expected of so many agents at work; between whole numbers of places on the straight line.

    Refused: WorkInvalid, TargetInvalid, ArrivalsInvalid, QueueInvalid.
    """
    _must_be_sound(arrivals, interval_seconds, work, target)
    places = agents * work.concurrency
    load = work.load(arrivals, interval_seconds)
    if arrivals == 0:
        return IDLE
    lower = floor(places + _ROUNDING)
    part = max(0.0, places - lower)
    low = _places(lower, load=load, work=work, target=target)
    if part < _ROUNDING:
        return low
    high = _places(lower + 1, load=load, work=work, target=target)
    one, other = msgspec.structs.asdict(low), msgspec.structs.asdict(high)
    return Performance(**{name: one[name] * (1 - part) + other[name] * part for name in one})


def scheduled_for(raw: float, work: Work) -> int:
    """How many have to be on shift for so many to be at work: raw / (1 - shrinkage), rounded up."""
    return ceil(raw / (1 - work.shrinkage) - _ROUNDING)


def square_root_agents(load: float, work: Work, target: Target) -> float:
    """Agents at work by the square-root rule, n = a + b sqrt(a) places (Halfin, Whitt 1981).

    b solves P(wait) exp(-b sqrt(a) T / h) = 1 - share, with P(wait) = 1 / (1 + b F(b) / f(b)), F and f those of the
    normal distribution.
    """
    if load == 0:
        return 0.0
    root, within = sqrt(load), target.within_seconds / work.seconds_each

    def late(beta: float) -> float:
        density = exp(-beta * beta / 2) / sqrt(2 * pi)
        return density / (density + beta * NormalDist().cdf(beta)) * exp(-beta * root * within)

    low, high = 0.0, 40.0
    while high - low > 1e-6:  # noqa: PLR2004 - of a square root of the load: far less than a person.
        middle = (low + high) / 2
        low, high = (middle, high) if late(middle) > 1 - target.share else (low, middle)
    return (load + high * root) / work.concurrency


def _fewest(guess: int, suffices: Callable[[int], bool]) -> int:
    """The smallest number from 1 on that suffices; all larger ones do as well."""
    low, high, stride = 0, max(1, guess), 1
    while not suffices(high):
        low, high, stride = high, high + stride, stride * 2
    stride = 1
    while high - low > 1 and stride:
        middle = max(low + 1, high - stride)
        if suffices(middle):
            high, stride = middle, stride * 2
        else:
            low, stride = middle, 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


def _suffices(seen: Performance, work: Work, target: Target) -> bool:
    return seen.service_level >= target.share and seen.occupancy <= work.max_occupancy + _ROUNDING


def _places(places: int, *, load: float, work: Work, target: Target) -> Performance:
    if work.patience_seconds is None:
        return without_abandonment(places, load, work.seconds_each, target.within_seconds)
    return erlang_a(places, load, work.seconds_each, work.patience_seconds, target.within_seconds)


def _need(raw: int, scheduled: int, seen: Performance, bound: Bound, square_root: float) -> Need:
    return Need(
        raw=raw,
        scheduled=scheduled,
        service_level=seen.service_level,
        occupancy=seen.occupancy,
        p_wait=seen.p_wait,
        abandonment=seen.abandonment,
        mean_wait_seconds=seen.mean_wait_seconds,
        bound_by=bound,
        square_root=square_root,
    )


def _must_be_sound(arrivals: float, interval_seconds: float, work: Work, target: Target) -> None:
    work.must_be_sound()
    target.must_be_sound()
    must_be_counts((arrivals,), "the number of arrivals")
    if not (isfinite(interval_seconds) and interval_seconds > 0):
        raise ArrivalsInvalid(f"an interval of {interval_seconds} seconds; more than 0 were expected")
