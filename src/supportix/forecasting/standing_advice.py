"""What newer forecasts make of the advice that stands: what is given, changed or withdrawn. Pure.

What people have decided on, and what has begun, stays as it is; nothing is given beside it that says no more.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from supportix.domain.advice_words import AdviceState, Advised
from supportix.domain.ids import AdviceId
from supportix.projections.advice_standing import StandingAdvice

NOTABLE = 0.05
"""A share in time that has changed by less is told as it was."""


class Differences(msgspec.Struct, frozen=True):
    """What has to be done for the newer forecast's advice to stand."""

    give: tuple[Advised, ...]
    change: tuple[tuple[AdviceId, Advised], ...]
    withdraw: tuple[AdviceId, ...]


def differences(standing: Iterable[StandingAdvice], wanted: Sequence[Advised], at: datetime) -> Differences:
    """Of one department."""
    upheld = [each for each in standing if each.state is not AdviceState.WITHDRAWN]
    open_ = {each.advice_id: each for each in upheld if each.state is AdviceState.GIVEN and each.told.begin > at}
    fixed = [each.told for each in upheld if each.advice_id not in open_]
    give, change = [], []
    for each in wanted:
        if any(one.covers(each) for one in fixed):
            continue
        known = _about_the_same(open_.values(), each)
        if known is None:
            give.append(each)
            continue
        del open_[known.advice_id]
        if _differs(known.told, each):
            change.append((known.advice_id, each))
    return Differences(tuple(give), tuple(change), tuple(open_))


def _about_the_same(open_: Iterable[StandingAdvice], wanted: Advised) -> StandingAdvice | None:
    """The one that shares most of its time."""
    able = [each for each in open_ if each.told.asks_for_more is wanted.asks_for_more and each.told.overlaps(wanted)]
    return max(able, key=lambda each: (_shared(each.told, wanted), each.advice_id.int), default=None)


def _shared(one: Advised, other: Advised) -> float:
    return (min(one.end, other.end) - max(one.begin, other.begin)).total_seconds()


def _differs(known: Advised, newer: Advised) -> bool:
    same = ("kind", "begin", "end", "agents", "with_department_id")
    if any(getattr(known, name) != getattr(newer, name) for name in same):
        return True
    return any(abs(getattr(known, name) - getattr(newer, name)) >= NOTABLE for name in ("share_without", "share_with"))
