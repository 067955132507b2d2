"""When work is due, and the evenest pace that does it in time.

Positions in time are counted in intervals from the beginning of the horizon; an interval is open or closed as a whole.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from math import inf

from supportix.staffing.work import Target


def due(opening: Sequence[bool], step_seconds: float, target: Target) -> tuple[float, ...]:
    """For an arrival at each boundary of intervals, until when it has to be taken; infinite where beyond the horizon.

    Where the target's clock runs in opening hours only, it stands still in closed intervals.
    """
    length = target.within_seconds / step_seconds
    if not target.opening_hours_only:
        return tuple(number + length for number in range(len(opening) + 1))
    clock = [0, *accumulate(map(int, opening))]
    return tuple(_when(clock, each + length) for each in clock)


def _when(clock: Sequence[int], wanted: float) -> float:
    """The earliest position at which a clock, which rises by 0 or 1 from one to the next, shows this."""
    if wanted > clock[-1]:
        return inf
    after = bisect_left(clock, wanted)
    return after - (clock[after] - wanted)


def blocks(opening: Sequence[bool], length: int, open_before: int = 0) -> list[range]:
    """The open runs, cut into shifts of `length` intervals; what is left over joins the last one if under a half.

    `open_before`: so long has the run lasted that the first interval belongs to, so that shifts end when they end,
    whenever it is looked at them.
    """
    if open_before and opening and opening[0]:
        whole = blocks((True,) * open_before + tuple(opening), length)
        left = [each for each in whole if each.stop > open_before]
        return [range(max(0, each.start - open_before), each.stop - open_before) for each in left]
    found: list[range] = []
    begin = 0
    while begin < len(opening):
        if not opening[begin]:
            begin += 1
            continue
        end = begin
        while end < len(opening) and opening[end]:
            end += 1
        while end - begin >= length * 1.5:
            found.append(range(begin, begin + length))
            begin += length
        found.append(range(begin, end))
        begin = end
    return found


def even_pace(released: Sequence[float], needed: Sequence[float]) -> list[float]:
    """The pace of each interval that keeps between what is there to be done and what is due, as even as can be.

    Both are cumulative, at the boundaries 0 .. n, begin with 0, and agree at the end. It is the taut string between the
    two, whose highest pace is the lowest possible one (Yao, Demers, Shenker 1995, for first come, first served).
    """
    last = len(released) - 1
    pace: list[float] = []
    done = 0.0
    while len(pace) < last:
        at = len(pace)
        bend, slope = _next_bend(released, needed, at, done)
        pace.extend([slope] * (bend - at))
        done += slope * (bend - at)
    return [max(0.0, each) for each in pace]


def _next_bend(released: Sequence[float], needed: Sequence[float], at: int, done: float) -> tuple[int, float]:
    """Until where the string is straight, and how steep."""
    low, high, low_at, high_at = -inf, inf, at, at
    for there in range(at + 1, len(released)):
        least, most = (needed[there] - done) / (there - at), (released[there] - done) / (there - at)
        if least > high:
            return high_at, high
        if most < low:
            return low_at, low
        if least >= low:
            low, low_at = least, there
        if most <= high:
            high, high_at = most, there
    last = len(released) - 1
    return last, (needed[last] - done) / (last - at)
