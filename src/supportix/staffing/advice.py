"""What a supervisor is advised to do about gaps in staffing: who is missing or left over when, and why.

Each advice is about how things are if those before it in time are followed: what they prevent asks for nobody again.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from supportix.domain.ids import DepartmentId
from supportix.staffing.gaps import Gap, GapKind
from supportix.staffing.plan import Department, Plan, Spare
from supportix.staffing.required import Bound, performance
from supportix.staffing.wording import agents, duration, percent, span
from supportix.staffing.work import HOUR, Kind, Target, Work


class AdviceKind(StrEnum):
    MORE_AGENTS = "more_agents"
    FEWER_AGENTS = "fewer_agents"
    MERGE = "merge"
    """As many as are missing could come from another department."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What an advice is based on; tuples have one entry per interval of its span."""

    kind: Kind
    step_seconds: float
    work: Work
    target: Target
    staffed_for: float | None
    """The quantile of the arrivals that the requirement is for; None: their mean."""
    arrivals: tuple[float, ...]
    arrivals_low: tuple[float, ...]
    arrivals_high: tuple[float, ...]
    """Between these come 80 % of the counts; empty where the forecast tells of no quantiles."""
    required: tuple[int, ...]
    """On shift, as `on_shift` is."""
    required_at_work: tuple[int, ...]
    square_root: tuple[float | None, ...]
    """The requirement at work by the square-root rule, to check by."""
    on_shift: tuple[float, ...]
    occupancy: float
    """Expected of those on shift as planned; 1: more work than they can do."""
    waiting: float
    """In the queue when the plan was made: at its begin, not at the span's."""
    spare: int
    """Of `with_department_id`, throughout the span."""


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """`share_without` and `share_with` this advice, of what comes in the span: taken within the target's time."""

    department_id: DepartmentId
    begin: datetime
    end: datetime
    kind: AdviceKind
    agents: int
    with_department_id: DepartmentId | None
    share_without: float
    share_with: float
    evidence: Evidence
    sentence: str


def advise(plan: Plan, spares: Iterable[Spare] = ()) -> tuple[Advice, ...]:
    """In the order of time. `spares`: of other departments; only compatible ones are proposed to help.

    Too few are told where customers would wait longer than the target says, or callers' agents be busier than they
    may; too many only where the target is still met without them.
    """
    helpers = [each for each in spares if each.department_id in plan.department.compatible_ids]
    gaps = plan.gaps
    staff = list(plan.on_shift)
    now = plan.expected(staff) if gaps else ()
    found = []
    for gap in gaps:
        by = gap.agents if gap.kind is GapKind.MISSING else -gap.agents
        changed = [max(0.0, each + by) if gap.begin <= number < gap.end else each for number, each in enumerate(staff)]
        then = plan.expected(changed)
        advice = (_too_few if by > 0 else _too_many)(plan, gap, now, then, helpers)
        if advice is not None:
            found.append(advice)
            staff, now = changed, then
    return tuple(found)


Levels = Sequence[float | None]


def _too_few(plan: Plan, gap: Gap, now: Levels, then: Levels, helpers: Sequence[Spare]) -> Advice | None:
    department = plan.department
    without, with_them = (plan.share(each, gap.begin, gap.end) for each in (now, then))
    is_busy = any(each.bound_by is Bound.OCCUPANCY for each in plan.needs[gap.begin : gap.end])
    if without >= department.target.share and not is_busy:
        return None
    begin, end = plan.arrivals.moment(gap.begin), plan.arrivals.moment(gap.end)
    able = [(each.throughout(begin, end), each) for each in helpers]
    most, helper = max(able, key=lambda each: (each[0], -each[1].department_id.int), default=(0, None))
    helper = helper if most else None
    evidence = _evidence(plan, gap, spare=most)
    subject = f"{agents(gap.agents, 'more')} {span(begin, end, department.time_zone)}{_or_merge(gap, helper, most)}"
    return Advice(
        department_id=department.department_id,
        begin=begin,
        end=end,
        kind=AdviceKind.MERGE if most >= gap.agents else AdviceKind.MORE_AGENTS,
        agents=gap.agents,
        with_department_id=helper.department_id if helper else None,
        share_without=without,
        share_with=with_them,
        evidence=evidence,
        sentence=subject + _effect(department, gap.agents, without, with_them, evidence.occupancy),
    )


def _too_many(plan: Plan, gap: Gap, now: Levels, then: Levels, _: Sequence[Spare]) -> Advice | None:
    department, goal = plan.department, plan.department.target.share
    without, with_it = (plan.share(each, gap.begin, gap.end) for each in (now, then))
    before, after = (plan.share(each, 0, len(each)) for each in (now, then))
    if with_it < goal or after < min(goal, before):
        return None
    begin, end = plan.arrivals.moment(gap.begin), plan.arrivals.moment(gap.end)
    return Advice(
        department_id=department.department_id,
        begin=begin,
        end=end,
        kind=AdviceKind.FEWER_AGENTS,
        agents=gap.agents,
        with_department_id=None,
        share_without=without,
        share_with=with_it,
        evidence=_evidence(plan, gap, spare=0),
        sentence=(
            f"{agents(gap.agents, 'fewer')} {span(begin, end, department.time_zone)} "
            f"{'keep' if gap.agents > 1 else 'keeps'} {_goal(department.target)}: "
            f"{percent(without)} expected as planned, {percent(with_it)} with {gap.agents} fewer."
        ),
    )


def _or_merge(gap: Gap, helper: Spare | None, most: int) -> str:
    if helper is None:
        return ""
    if most >= gap.agents:
        return f", or a merge with {helper.name}, which has {most} to spare,"
    return f", {most} of them by a merge with {helper.name},"


def _effect(department: Department, count: int, without: float, with_them: float, busy: float) -> str:
    target, limit = department.target, department.work.max_occupancy
    told = f"{percent(without)} expected as planned, {percent(with_them)} with {count} more."
    keep, come = ("keep", "come") if count > 1 else ("keeps", "comes")
    if without >= target.share:
        return f" {keep} agents busy for no more than {percent(limit)} of their time: {percent(busy)} as planned."
    if with_them < target.share:
        return f" {come} nearer to {_goal(target)}: {told}"
    return f" {keep} {_goal(target)}: {told}"


def _goal(target: Target) -> str:
    return f"{percent(target.share)} under {duration(target.within_seconds)}"


def _evidence(plan: Plan, gap: Gap, *, spare: int) -> Evidence:
    inside = slice(gap.begin, gap.end)
    arrivals, needs, work = plan.arrivals, plan.needs[inside], plan.department.work
    return Evidence(
        kind=plan.department.kind,
        step_seconds=arrivals.step_seconds,
        work=work,
        target=plan.department.target,
        staffed_for=plan.level,
        arrivals=arrivals.mean[inside],
        arrivals_low=arrivals.quantiles.get("0.1", ())[inside],
        arrivals_high=arrivals.quantiles.get("0.9", ())[inside],
        required=tuple(each.scheduled for each in needs),
        required_at_work=tuple(each.raw for each in needs),
        square_root=tuple(each.square_root for each in needs),
        on_shift=plan.on_shift[inside],
        occupancy=_occupancy(plan, gap),
        waiting=plan.waiting,
        spare=spare,
    )


def _occupancy(plan: Plan, gap: Gap) -> float:
    """How busy those on shift would be: in the busiest interval for calls, which can't wait; over all for tickets."""
    department, arrivals, work = plan.department, plan.arrivals, plan.department.work
    at_work = [work.at_work(each) for each in plan.on_shift[gap.begin : gap.end]]
    means = arrivals.mean[gap.begin : gap.end]
    if department.kind is Kind.CALLS:
        step, target = arrivals.step_seconds, department.target
        pairs = zip(at_work, means, strict=True)
        return max(performance(each, mean, step, work, target).occupancy for each, mean in pairs)
    able = sum(at_work) * work.per_agent_hour * arrivals.step_seconds / HOUR
    return min(1.0, sum(means) / able) if able else float(sum(means) > 0)
