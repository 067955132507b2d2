"""A department's staffing over a horizon: what is needed, who is on shift, and what customers will meet with."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from supportix.domain.ids import DepartmentId
from supportix.staffing.gaps import Gap, gaps
from supportix.staffing.required import Need, needs_for_calls, performance
from supportix.staffing.tickets import agents_for_tickets, expected_share
from supportix.staffing.work import Arrivals, Kind, StaffInvalid, Target, Work, must_be_staff


class Department(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be known of a department to staff it. `compatible_ids`: who may help it in a merge."""

    department_id: DepartmentId
    name: str
    time_zone: str = "UTC"
    kind: Kind = Kind.TICKETS
    work: Work
    target: Target
    compatible_ids: tuple[DepartmentId, ...] = ()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One per department and forecast. `on_shift` is counted before shrinkage, as `Need.scheduled` is."""

    department: Department
    arrivals: Arrivals
    level: float | None
    """The quantile of the arrivals that is staffed for; None: their mean."""
    opening: tuple[bool, ...] | None
    waiting: float
    needs: tuple[Need, ...]
    on_shift: tuple[float, ...]
    reachable: float = 1.0
    """The share in time with any number of agents: below 1 where tickets are due before it opens again."""

    @property
    def gaps(self) -> tuple[Gap, ...]:
        return gaps([need.scheduled for need in self.needs], self.on_shift, self.arrivals.step_seconds)

    def expected(self, on_shift: Sequence[float]) -> tuple[float | None, ...]:
        """The share of each interval's arrivals taken in time if so many were on shift, for arrivals as forecast."""
        return expected(self.department, self.arrivals, on_shift, opening=self.opening, waiting=self.waiting)

    def share(self, levels: Sequence[float | None], begin: int, end: int) -> float:
        """Of what comes in these intervals, by the levels of each; 1 where nothing comes."""
        pairs = [
            (mean, level)
            for mean, level in zip(self.arrivals.mean[begin:end], levels[begin:end], strict=True)
            if level is not None
        ]
        total = sum(mean for mean, _ in pairs)
        return sum(mean * level for mean, level in pairs) / total if total else 1.0


class Spare(msgspec.Struct, frozen=True, kw_only=True):
    """The agents that a department can do without, per interval."""

    department_id: DepartmentId
    name: str
    begin: datetime
    step_seconds: float
    agents: tuple[int, ...]

    def throughout(self, begin: datetime, end: datetime) -> int:
        """How many, all the time from the one moment to the other; none where not all of it is known."""
        first = (begin - self.begin).total_seconds() / self.step_seconds
        last = (end - self.begin).total_seconds() / self.step_seconds
        if first < 0 or last > len(self.agents) or last <= first:
            return 0
        return min(self.agents[int(first) : -int(-last // 1)])


def plan(
    department: Department,
    arrivals: Arrivals,
    on_shift: Sequence[float],
    *,
    level: float | None = None,
    opening: Sequence[bool] | None = None,
    waiting: float = 0.0,
    open_before: int = 0,
) -> Plan:
    """`open_before`: for so many intervals it has been open as the first one begins; shifts are counted from there.

    Refused: WorkInvalid, TargetInvalid, ArrivalsInvalid, StaffInvalid.
    """
    must_be_staff(on_shift, len(arrivals.mean))
    try:
        ZoneInfo(department.time_zone)
    except (KeyError, ValueError, OSError):
        raise StaffInvalid(
            f"time zone {department.time_zone!r} isn't known; a name such as Europe/Lisbon was expected"
        ) from None
    work, target, reachable = department.work, department.target, 1.0
    if department.kind is Kind.CALLS:
        needs = needs_for_calls(arrivals, work, target, level=level)
    else:
        found = agents_for_tickets(
            arrivals, work, target, opening=opening, waiting=waiting, level=level, open_before=open_before
        )
        needs, reachable = found.needs, found.reachable
    return Plan(
        department=department,
        arrivals=arrivals,
        level=level,
        opening=None if opening is None else tuple(opening),
        waiting=waiting,
        needs=needs,
        on_shift=tuple(on_shift),
        reachable=reachable,
    )


def spare(of: Plan) -> Spare:
    """What a plan leaves over. Where several departments want the same agents, each is told of them."""
    return Spare(
        department_id=of.department.department_id,
        name=of.department.name,
        begin=of.arrivals.begin,
        step_seconds=of.arrivals.step_seconds,
        agents=tuple(max(0, int(there - need.scheduled)) for there, need in zip(of.on_shift, of.needs, strict=True)),
    )


def expected(
    department: Department,
    arrivals: Arrivals,
    on_shift: Sequence[float],
    *,
    opening: Sequence[bool] | None = None,
    waiting: float = 0.0,
) -> tuple[float | None, ...]:
    """The share of each interval's arrivals that is taken in time. Refused: as plan."""
    must_be_staff(on_shift, len(arrivals.mean))
    work, target = department.work, department.target
    at_work = [work.at_work(each) for each in on_shift]
    if department.kind is Kind.TICKETS:
        return expected_share(arrivals, at_work, work, target, opening=opening, waiting=waiting)[0]
    return tuple(
        performance(agents, mean, arrivals.step_seconds, work, target).service_level
        for agents, mean in zip(at_work, arrivals.mean, strict=True)
    )
