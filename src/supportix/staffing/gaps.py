"""Agents on shift against agents needed: who is on shift when, and the runs of too few and too many."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil, floor

import msgspec

from supportix.domain.schedule import Schedule
from supportix.staffing.work import StaffInvalid, must_be_staff

SAMPLE_SECONDS = 15 * 60.0
SHORTEST_MISSING_SECONDS = 30 * 60.0
SHORTEST_SURPLUS_SECONDS = 60 * 60.0
"""What is shorter isn't worth a change of shifts."""
_ROUNDING = 1e-9


class GapKind(StrEnum):
    MISSING = "missing"
    SURPLUS = "surplus"


class Gap(msgspec.Struct, frozen=True):
    """From interval `begin` to before `end`: so many agents are missing at most, or left over at least."""

    kind: GapKind
    begin: int
    end: int
    agents: int


def on_shift(
    schedules: Iterable[Schedule],
    begin: datetime,
    step_seconds: float,
    intervals: int,
    *,
    shares: Iterable[float] | None = None,
) -> tuple[float, ...]:
    """Agents on duty in each interval, on average; looked at every quarter of an hour.

    `shares`: which part of each agent is this department's, as 0.5 where it serves two; all of it without them.
    Refused: StaffInvalid.
    """
    if not step_seconds > 0:
        raise StaffInvalid(f"intervals of {step_seconds} seconds; more than 0 were expected")
    people = list(schedules)
    parts = [1.0] * len(people) if shares is None else list(shares)
    if len(parts) != len(people) or any(not 0 <= each <= 1 for each in parts):
        raise StaffInvalid(f"{len(people)} shares from 0 to 1 were expected, one for each schedule")
    same: Counter[Schedule] = Counter()
    for schedule, part in zip(people, parts, strict=True):
        same[schedule] += part  # type: ignore[assignment]  # Counts of people may be halves.
    looks = max(1, round(step_seconds / SAMPLE_SECONDS))
    return tuple(
        sum(part * schedule.on_duty(look) for look in moments for schedule, part in same.items()) / looks
        for moments in _looks(begin, step_seconds, intervals, looks)
    )


def gaps(needed: Sequence[int], present: Sequence[float], step_seconds: float) -> tuple[Gap, ...]:
    """The runs in the order in which they begin. `needed` and `present` are agents on shift. Refused: StaffInvalid.

    A run is split where it doubles or halves, so that one number tells of all of it; one missing agent for a short time
    isn't told, and a run of missing agents goes on over one interval without.
    """
    must_be_staff(present, len(needed))
    must_be_staff(needed, len(needed))
    missing = [max(0, ceil(need - there - _ROUNDING)) for need, there in zip(needed, present, strict=True)]
    surplus = [max(0, floor(there - need + _ROUNDING)) for need, there in zip(needed, present, strict=True)]
    short = [
        Gap(GapKind.MISSING, begin, end, max(missing[begin:end]))
        for begin, end in _runs(_bridged(missing, surplus))
        if _is_long(begin, end, step_seconds, SHORTEST_MISSING_SECONDS)
    ]
    over = [
        Gap(GapKind.SURPLUS, begin, end, min(surplus[begin:end]))
        for begin, end in _runs(surplus)
        if _is_long(begin, end, step_seconds, SHORTEST_SURPLUS_SECONDS)
    ]
    return tuple(sorted([*short, *over], key=lambda gap: gap.begin))


def _looks(begin: datetime, step_seconds: float, intervals: int, looks: int) -> Iterator[list[datetime]]:
    for interval in range(intervals):
        yield [begin + timedelta(seconds=step_seconds * (interval + (each + 0.5) / looks)) for each in range(looks)]


def _bridged(missing: Sequence[int], surplus: Sequence[int]) -> list[int]:
    """A single interval in which just enough are there counts as its neighbours do, if both want the same."""
    result = list(missing)
    for place in range(1, len(missing) - 1):
        before, after = missing[place - 1], missing[place + 1]
        if not missing[place] and not surplus[place] and before and after:
            result[place] = min(before, after)
    return result


def _runs(counts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where counts are above 0 and alike."""
    begin = 0
    while begin < len(counts):
        end = begin
        least = most = counts[begin]
        while end < len(counts) and counts[end] and _are_alike(min(least, counts[end]), max(most, counts[end])):
            least, most = min(least, counts[end]), max(most, counts[end])
            end += 1
        if end > begin:
            yield begin, end
        begin = max(end, begin + 1)


def _are_alike(least: int, most: int) -> bool:
    return most - least <= 1 or most < 2 * least


def _is_long(begin: int, end: int, step_seconds: float, shortest: float) -> bool:
    return (end - begin) * step_seconds >= shortest
