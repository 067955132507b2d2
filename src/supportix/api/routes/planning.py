"""What a department is planned by: its calendar, the terms of its staffing, and the events it knows."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from supportix.api.access import any_of
from supportix.api.call import Call, Read
from supportix.api.endpoints import command, query
from supportix.api.inputs import Moment, Name
from supportix.api.routes.departments import MANAGING, TAG
from supportix.api.shifts import NewShift
from supportix.commands.departments import DepartmentAnswer
from supportix.commands.desk import Outcome
from supportix.commands.planning import KnownEventAnswer, UnknownCountry
from supportix.domain.calendar import (
    BusinessCalendar,
    CalendarInvalid,
    EventKind,
    KnownEventInvalid,
    KnownEventNotFound,
    TooManyKnownEvents,
)
from supportix.domain.errors import NotFound
from supportix.domain.schedule import MOST_SHIFTS
from supportix.domain.staffing_terms import (
    LARGEST_SHRINKAGE,
    LONGEST_SECONDS,
    MOST_CONCURRENT,
    StaffingTerms,
    StaffingTermsInvalid,
    WorkKind,
)
from supportix.identity.roles import Permission
from supportix.projections.department_queries import KnownEventView, department_detail, events_of_department

Country = Annotated[
    str,
    Meta(
        pattern="^[A-Z]{2}(-[A-Z0-9]{1,3})?$",
        description="ISO 3166-1 alpha-2, with a subdivision of ISO 3166-2 where holidays differ.",
        examples=["PT", "US-CA"],
    ),
]
Seconds = Annotated[float, Meta(gt=0, le=LONGEST_SECONDS, examples=[20])]
TargetShare = Annotated[float, Meta(gt=0, lt=1, examples=[0.8])]
Occupancy = Annotated[float, Meta(gt=0, le=1, examples=[0.85])]
Shrinkage = Annotated[float, Meta(ge=0, le=LARGEST_SHRINKAGE, examples=[0.3])]
Concurrency = Annotated[int, Meta(ge=1, le=MOST_CONCURRENT)]


class NewCalendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the department is open from now on; always, without opening hours. Whose public holidays count."""

    time_zone: Annotated[str, Meta(min_length=1, max_length=64, examples=["Europe/Lisbon"])] = "UTC"
    opening: Annotated[tuple[NewShift, ...], Meta(max_length=MOST_SHIFTS)] = ()
    country: Country | None = None


class NewStaffing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the department's work is handled, and which share of it is to be taken up within which time.

    `handle_seconds`: null for what the traffic history measured. `patience_seconds`: null where nobody gives up.
    """

    kind: WorkKind
    target_seconds: Seconds
    target_share: TargetShare = 0.8
    handle_seconds: Seconds | None = None
    patience_seconds: Seconds | None = None
    concurrency: Concurrency = 1
    shrinkage: Shrinkage = 0.3
    max_occupancy: Occupancy = 0.85


class NewKnownEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that moves the traffic or hides it: a campaign, an outage, a closure. `end` isn't included."""

    name: Name
    kind: EventKind = EventKind.OTHER
    begin: Moment
    end: Moment


class KnownEvents(msgspec.Struct, frozen=True):
    """All that a department knows, in order of time."""

    department_id: UUID
    items: tuple[KnownEventView, ...]


@command(
    "PUT",
    "/departments/{department_id}/calendar",
    needs=MANAGING,
    tag=TAG,
    answer=DepartmentAnswer,
    conditional=True,
    refusals=(NotFound, CalendarInvalid, UnknownCountry),
)
async def change_calendar(call: Call, department_id: UUID, body: NewCalendar) -> Outcome:
    """Say when a department is open, in which time zone its days are counted, and whose holidays it keeps."""
    opening = tuple(each.shift for each in body.opening)
    calendar = BusinessCalendar(time_zone=body.time_zone, opening=opening, country=body.country)
    return await call.backend.core.planning.change_calendar(
        department_id, calendar, call.actor, call.envelope, call.expected_version, at=call.at
    )


@command(
    "PUT",
    "/departments/{department_id}/staffing",
    needs=MANAGING,
    tag=TAG,
    answer=DepartmentAnswer,
    conditional=True,
    refusals=(NotFound, StaffingTermsInvalid),
)
async def change_staffing(call: Call, department_id: UUID, body: NewStaffing) -> Outcome:
    """Say how a department's work is handled and what service is promised: what its staffing is reckoned by."""
    terms = StaffingTerms(**msgspec.structs.asdict(body))
    return await call.backend.core.planning.change_staffing(
        department_id, terms, call.actor, call.envelope, call.expected_version, at=call.at
    )


@command(
    "POST",
    "/departments/{department_id}/events",
    needs=MANAGING,
    tag=TAG,
    answer=KnownEventAnswer,
    status=201,
    refusals=(NotFound, KnownEventInvalid, TooManyKnownEvents),
)
async def note_event(call: Call, department_id: UUID, body: NewKnownEvent) -> Outcome:
    """Note an event that moves a department's traffic or hides it, whether it lies ahead or behind."""
    return await call.backend.core.planning.note_event(
        department_id, body.name, body.kind, body.begin, body.end, call.actor, call.envelope, at=call.at
    )


@command(
    "DELETE",
    "/departments/{department_id}/events/{event_id}",
    needs=MANAGING,
    tag=TAG,
    answer=DepartmentAnswer,
    refusals=(NotFound, KnownEventNotFound),
)
async def withdraw_event(call: Call, department_id: UUID, event_id: UUID) -> Outcome:
    """Withdraw an event, as if it had never been noted."""
    return await call.backend.core.planning.withdraw_event(
        department_id, event_id, call.actor, call.envelope, at=call.at
    )


@query("/departments/{department_id}/events", needs=any_of(Permission.TRAFFIC_READ), tag=TAG, refusals=(NotFound,))
async def list_events_of_department(call: Call, department_id: UUID) -> Read[KnownEvents]:
    """List the events that a department knows."""
    if (await department_detail(call.backend.database, department_id)).value is None:
        raise NotFound(f"no department has the id {department_id}")
    found = await events_of_department(call.backend.database, department_id)
    return Read(KnownEvents(department_id, tuple(found.value)), found.position)


ENDPOINTS = (change_calendar, change_staffing, note_event, withdraw_event, list_events_of_department)
