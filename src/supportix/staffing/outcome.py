"""What came of an advice, once its span is over: whether it was followed, and whether it was needed."""

from collections.abc import Sequence

import msgspec

from supportix.domain.errors import InvalidInput
from supportix.staffing.advice import Advice, AdviceKind
from supportix.staffing.plan import Department, expected
from supportix.staffing.wording import percent
from supportix.staffing.work import Arrivals, must_be_counts, must_be_staff

FOLLOWED = 0.5
"""An advice counts as followed where at least this part of the agents came or went, on average over the span."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`needed` is judged by what came, not by what was forecast, and for the agents that were planned.

    `share_without` and `share_with` the advice: of what came, taken in time by the model.
    """

    followed: bool
    needed: bool
    arrivals_expected: float
    arrivals: float
    arrivals_within_band: bool | None
    """Whether as many came as 80 % of the time were expected to at least and at most; None: no band was told."""
    agents_planned: float
    agents_advised: float
    agents: float
    """On shift, on average."""
    share_without: float
    share_with: float
    share: float | None
    """Really taken in time; None where nothing came."""
    sentence: str


def judge(
    advice: Advice,
    *,
    arrivals: Sequence[float],
    on_shift: Sequence[float],
    came: int,
    in_time: int,
    waiting: float = 0.0,
    merged: bool = False,
) -> Outcome:
    """`arrivals` and `on_shift` as they were in each interval of the span; of `came` that came in it, `in_time` were
    taken within the target. `waiting`: in the queue when it began. `merged`: with the department that was proposed.

    More agents were needed where the plan's would have missed the target by what came; fewer agents where the target
    would have been met without them. Refused: OutcomeInvalid, ArrivalsInvalid, StaffInvalid.
    """
    evidence = advice.evidence
    _must_be_sound(advice, arrivals, on_shift, came, in_time)
    by = -advice.agents if advice.kind is AdviceKind.FEWER_AGENTS else advice.agents
    advised = [max(0.0, each + by) for each in evidence.on_shift]
    changed = _mean(on_shift) - _mean(evidence.on_shift)
    followed = changed / by >= FOLLOWED or (merged and advice.with_department_id is not None)
    without = _share(advice, arrivals, evidence.on_shift, waiting)
    with_it = _share(advice, arrivals, advised, waiting)
    share = in_time / came if came else None
    goal = evidence.target.share
    needed = with_it >= goal if advice.kind is AdviceKind.FEWER_AGENTS else without < goal
    return Outcome(
        followed=followed,
        needed=needed,
        arrivals_expected=sum(evidence.arrivals),
        arrivals=sum(arrivals),
        arrivals_within_band=_is_within(advice, sum(arrivals)),
        agents_planned=_mean(evidence.on_shift),
        agents_advised=_mean(advised),
        agents=_mean(on_shift),
        share_without=without,
        share_with=with_it,
        share=share,
        sentence=_sentence(followed=followed, needed=needed, expected=sum(evidence.arrivals), came=came, share=share),
    )


def _share(advice: Advice, arrivals: Sequence[float], on_shift: Sequence[float], waiting: float) -> float:
    """By the model that the advice came from, of what really came."""
    evidence = advice.evidence
    department = Department(
        department_id=advice.department_id, name="", kind=evidence.kind, work=evidence.work, target=evidence.target
    )
    real = Arrivals(begin=advice.begin, step_seconds=evidence.step_seconds, mean=tuple(arrivals))
    levels = expected(department, real, on_shift, waiting=waiting)
    pairs = [(count, level) for count, level in zip(arrivals, levels, strict=True) if level is not None]
    total = sum(count for count, _ in pairs)
    return sum(count * level for count, level in pairs) / total if total else 1.0


def _is_within(advice: Advice, arrivals: float) -> bool | None:
    low, high = advice.evidence.arrivals_low, advice.evidence.arrivals_high
    return sum(low) <= arrivals <= sum(high) if low and high else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _sentence(*, followed: bool, needed: bool, expected: float, came: int, share: float | None) -> str:
    words = f"{'Followed' if followed else 'Not followed'}, {'needed' if needed else 'not needed'}: "
    return (
        words
        + f"{came} came, {expected:.0f} were expected"
        + (f"; {percent(share)} in time." if share is not None else ".")
    )


def _must_be_sound(
    advice: Advice, arrivals: Sequence[float], on_shift: Sequence[float], came: int, in_time: int
) -> None:
    intervals = len(advice.evidence.on_shift)
    must_be_counts(arrivals, "the arrivals")
    must_be_staff(on_shift, intervals)
    if len(arrivals) != intervals:
        raise OutcomeInvalid(f"arrivals of {len(arrivals)} intervals were given; {intervals} were expected")
    if not 0 <= in_time <= came:
        raise OutcomeInvalid(f"{in_time} of {came} were taken in time; from none to all were expected")


class OutcomeInvalid(InvalidInput):
    """What happened doesn't fit the advice."""
