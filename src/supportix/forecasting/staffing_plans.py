"""From what is known of a department to its plan for the next day, hour by hour.

No I/O, no clock. Takes a tenth of a second for a department of tickets, so it is run in a thread.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from supportix.domain.forecast_words import HOUR_SECONDS, LEVELS
from supportix.domain.schedule import Leave, Schedule
from supportix.domain.staffing_terms import StaffingTerms, WorkKind
from supportix.forecasting.staffing_table import (
    HandleTime,
    NothingForecast,
    StaffedHour,
    StaffingTable,
    StaffingTermsNotSet,
)
from supportix.projections.staffing_scene import DepartmentToStaff, IssuedDay, People, StaffingScene
from supportix.projections.traffic_history import HANDLE_TIME_EDGES
from supportix.staffing.gaps import on_shift
from supportix.staffing.handle_times import Default, handle_times
from supportix.staffing.plan import Department, Plan, plan
from supportix.staffing.work import Arrivals, Kind, Target, Work

HOUR = timedelta(seconds=HOUR_SECONDS)
DAY_HOURS = 24
ASSUMED_SECONDS = {WorkKind.CALLS: 300.0, WorkKind.CHATS: 600.0, WorkKind.TICKETS: 1_800.0}
"""Handle times before any was measured: guesses, which weigh as much as 20 that were."""
DIGITS = 6
"""Of shares and counts: more say nothing."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A department's plan from `hour` on, and what it rests on."""

    hour: datetime
    terms: StaffingTerms
    handle_time: HandleTime
    forecast: IssuedDay
    plan: Plan
    has_shifts: bool
    """Whether anybody's hours are known: where nobody's are, nobody can be told to stay at home."""


def day_plan(
    department: DepartmentToStaff, people: Iterable[People], hour: datetime, *, level: float | None = None
) -> Planned:
    """From this hour on, as far as its latest forecast reaches, 24 hours at most.

    `level`: for this quantile of the arrivals instead of their mean. Refused: StaffingTermsNotSet, NothingForecast,
    ArrivalsInvalid.
    """
    terms = department.terms
    if terms is None:
        raise StaffingTermsNotSet(
            f"department {department.name} has no terms of staffing; "
            f"set them by PUT /departments/{department.department_id}/staffing"
        )
    arrivals = _arrivals(department, hour)
    opening = opening_of(department, hour, len(arrivals.mean))
    serving = [each for each in people if department.department_id in each.department_ids]
    handle_time = handle_time_of(department, terms)
    planned = plan(
        _to_plan(department, terms, handle_time),
        arrivals,
        staff_on_shift(serving, hour, opening),
        level=level,
        opening=opening,
        waiting=department.waiting,
        open_before=_open_before(department, hour),
    )
    return Planned(
        hour=hour,
        terms=terms,
        handle_time=handle_time,
        forecast=_must_be_forecast(department),
        plan=planned,
        has_shifts=any(each.schedule.shifts for each in serving),
    )


def table_of(scene: StaffingScene, hour: datetime, level: float | None) -> StaffingTable:
    """Of the scene's only department. Refused: as day_plan."""
    (department,) = scene.departments
    planned = day_plan(department, scene.people, hour, level=level)
    found, terms = planned.plan, planned.terms
    return StaffingTable(
        department_id=department.department_id,
        name=department.name,
        time_zone=department.calendar.time_zone,
        kind=terms.kind,
        target_share=terms.target_share,
        target_seconds=terms.target_seconds,
        handle_time=planned.handle_time,
        concurrency=terms.concurrency,
        patience_seconds=found.department.work.patience_seconds,
        shrinkage=terms.shrinkage,
        max_occupancy=terms.max_occupancy,
        staffed_for=level,
        waiting=department.waiting,
        reachable=round(float(found.reachable), DIGITS),
        shifts_known=planned.has_shifts,
        forecast_from=planned.forecast.begin,
        forecast_model=planned.forecast.model,
        confidence=planned.forecast.confidence,
        hours=tuple(_hours(found)),
    )


def _hours(found: Plan) -> Iterator[StaffedHour]:
    arrivals, expected = found.arrivals, found.expected(found.on_shift)
    for number, (need, there, share) in enumerate(zip(found.needs, found.on_shift, expected, strict=True)):
        yield StaffedHour(
            begin=arrivals.moment(number),
            end=arrivals.moment(number + 1),
            open=found.opening is None or found.opening[number],
            mean=arrivals.mean[number],
            low80=arrivals.quantiles["0.1"][number],
            high80=arrivals.quantiles["0.9"][number],
            needed=need.scheduled,
            needed_at_work=need.raw,
            on_shift=there,
            gap=round(there - need.scheduled, DIGITS),
            share_in_target=None if share is None else round(float(share), DIGITS),
        )


def staff_on_shift(people: Iterable[People], begin: datetime, opening: Sequence[bool]) -> tuple[float, ...]:
    """Agents of one department in each hour. One who serves several counts as a share in each of them.

    Those without shifts are taken to be there whenever it is open; those with shifts are there when these say.
    """
    serving = list(people)
    sums = [0.0] * len(opening)
    for has_shifts in (True, False):
        some = [each for each in serving if bool(each.schedule.shifts) is has_shifts]
        parts = [1 / len(each.department_ids) for each in some]
        present = [_present(each, part, begin, len(opening)) for each, part in zip(some, parts, strict=True)]
        for each in present:
            for number, count in enumerate(each):
                sums[number] += count if has_shifts or opening[number] else 0.0
    return tuple(round(each, DIGITS) for each in sums)


def opening_of(department: DepartmentToStaff, begin: datetime, hours: int) -> tuple[bool, ...]:
    """Whether it is open for half of each hour at least, by its calendar and the closures that it knows."""
    open_share = on_shift([_open(department)], begin, HOUR_SECONDS, hours)
    return tuple(each >= 0.5 for each in open_share)  # noqa: PLR2004 - a half.


def handle_time_of(department: DepartmentToStaff, terms: StaffingTerms) -> HandleTime:
    """What the terms say; else what was measured in four weeks, drawn towards a guess where that is little."""
    if terms.handle_seconds is not None:
        return HandleTime(seconds=terms.handle_seconds, seen=None)
    seen = max(department.handled, sum(department.handle_times.values()))
    found = handle_times(
        HANDLE_TIME_EDGES,
        department.handle_times,
        Default(mean_seconds=ASSUMED_SECONDS[terms.kind]),
        count=seen,
        total_seconds=department.handle_seconds,
    )
    return HandleTime(
        seconds=round(max(found.mean_seconds, 1.0), 3),
        seen=found.seen,
        median_seconds=round(found.quantile(0.5), 1),
        p90_seconds=round(found.quantile(0.9), 1),
    )


def _present(people: People, part: float, begin: datetime, hours: int) -> list[float]:
    return [each * part * people.count for each in on_shift([people.schedule], begin, HOUR_SECONDS, hours)]


def _open(department: DepartmentToStaff) -> Schedule:
    """The opening hours, less closures, as what they are: shifts and leave."""
    calendar = department.calendar
    leave = tuple(Leave(each.begin, each.end) for each in department.closures)
    return Schedule(time_zone=calendar.time_zone, shifts=calendar.opening, leave=leave)


def _open_before(department: DepartmentToStaff, hour: datetime) -> int:
    """For how many hours it has been open; since its midnight where it always is."""
    zone = ZoneInfo(department.calendar.time_zone)
    midnight = hour.astimezone(zone).replace(hour=0, minute=0).astimezone(UTC)
    if not department.calendar.opening:
        return int((hour - midnight) / HOUR)
    before = opening_of(department, hour - DAY_HOURS * HOUR, DAY_HOURS)
    return next((hours for hours, is_open in enumerate(reversed(before)) if not is_open), DAY_HOURS)


def _arrivals(department: DepartmentToStaff, hour: datetime) -> Arrivals:
    forecast = _must_be_forecast(department)
    place = int((hour - forecast.begin) / HOUR)
    until = min(place + DAY_HOURS, len(forecast.steps.means))
    return Arrivals(
        begin=hour,
        step_seconds=HOUR_SECONDS,
        mean=forecast.steps.means[place:until],
        quantiles={f"{level:g}": row[place:until] for level, row in zip(LEVELS, forecast.steps.quantiles, strict=True)},
    )


def _must_be_forecast(department: DepartmentToStaff) -> IssuedDay:
    if department.forecast is None:
        raise NothingForecast(
            f"no forecast of department {department.name} has been issued in the last hours; "
            "a worker issues one at the beginning of each hour, once there is traffic"
        )
    return department.forecast


def _to_plan(department: DepartmentToStaff, terms: StaffingTerms, handle_time: HandleTime) -> Department:
    kind = kind_of(terms.kind)
    return Department(
        department_id=department.department_id,
        name=department.name,
        time_zone=department.calendar.time_zone,
        kind=kind,
        work=Work(
            handle_seconds=handle_time.seconds,
            patience_seconds=terms.patience_seconds if kind is Kind.CALLS else None,
            concurrency=terms.concurrency,
            shrinkage=terms.shrinkage,
            max_occupancy=terms.max_occupancy,
        ),
        target=Target(share=terms.target_share, within_seconds=terms.target_seconds),
        compatible_ids=department.compatible_ids,
    )


def kind_of(kind: WorkKind) -> Kind:
    """Chats are staffed as calls are, with several at a time."""
    return Kind.TICKETS if kind is WorkKind.TICKETS else Kind.CALLS
