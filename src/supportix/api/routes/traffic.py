"""Traffic: what came, was taken up, handled and given up, per quarter hour, hour or day."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec

from supportix.api.access import any_of
from supportix.api.call import Call, Read
from supportix.api.endpoints import query
from supportix.api.refusals import Fault, InvalidRequest, SpanTooLong
from supportix.domain.schedule import is_time_zone
from supportix.identity.roles import Permission
from supportix.projections.department_queries import department_detail
from supportix.projections.traffic_queries import TrafficCounts, TrafficStep, traffic

TAG = "Operations"
YEARS = range(1970, 3000)
LONGEST_SPANS: Mapping[TrafficStep, timedelta] = {
    TrafficStep.QUARTER: timedelta(days=35),
    TrafficStep.HOUR: timedelta(days=140),
    TrafficStep.DAY: timedelta(days=3_360),
}
"""So many that an answer never holds more than 3,360 steps."""

TrafficMoment = Annotated[
    datetime, msgspec.Meta(tz=True, extra_json_schema={"pattern": "^(19[789]|2[0-9][0-9])[0-9]-"})
]


class TrafficQuery(msgspec.Struct, frozen=True, kw_only=True, rename={"begin": "from", "end": "to"}):
    """The steps that begin in the span: at most 35 days of `15m`, 140 of `1h`, 3,360 of `1d`.

    Of one department, or without one of all of them together. Days and hours are those of `time_zone`; by default of
    the department's calendar, and UTC for all of them.
    """

    begin: TrafficMoment
    end: TrafficMoment
    step: TrafficStep = TrafficStep.QUARTER
    department_id: UUID | None = None
    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64, examples=["Europe/Lisbon"])] | None = None


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Every step of the span, quiet ones too, in order. Steps begin and end in UTC."""

    department_id: UUID | None
    step: TrafficStep
    time_zone: str
    items: tuple[TrafficCounts, ...]


@query("/traffic", needs=any_of(Permission.TRAFFIC_READ), tag=TAG, refusals=(SpanTooLong,))
async def get_traffic(call: Call, query: TrafficQuery) -> Read[Traffic]:
    """Read arrivals, assignments, resolutions, abandonments and handle times per quarter hour, hour or day."""
    for name, moment in (("from", query.begin), ("to", query.end)):
        if moment.year not in YEARS:
            raise InvalidRequest(Fault("query", f"a year from {YEARS[0]} to {YEARS[-1]} was expected", parameter=name))
    longest = LONGEST_SPANS[query.step]
    if not timedelta(0) <= query.end - query.begin <= longest:
        raise SpanTooLong(f"a span of up to {longest.days} days was expected for steps of {query.step}")
    time_zone = query.time_zone or await _time_zone(call, query.department_id)
    if not is_time_zone(time_zone):
        raise InvalidRequest(Fault("query", "a name such as Europe/Lisbon was expected", parameter="time_zone"))
    found = await traffic(
        call.backend.database,
        department_id=query.department_id,
        begin=query.begin,
        end=query.end,
        step=query.step,
        time_zone=time_zone,
    )
    items = tuple(found.value)
    shown = Traffic(department_id=query.department_id, step=query.step, time_zone=time_zone, items=items)
    return Read(shown, found.position)


async def _time_zone(call: Call, department_id: UUID | None) -> str:
    """That of the department's calendar."""
    if department_id is None:
        return "UTC"
    department = (await department_detail(call.backend.database, department_id)).value
    return "UTC" if department is None else department.calendar.time_zone


ENDPOINTS = (get_traffic,)
