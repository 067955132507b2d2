"""A department's calendar, staffing terms and known events."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from tests.given import but, given

from supportix.domain.calendar import (
    MOST_KNOWN_EVENTS,
    BusinessCalendar,
    CalendarInvalid,
    EventKind,
    KnownEvent,
    KnownEventInvalid,
    KnownEventNotFound,
    TooManyKnownEvents,
)
from supportix.domain.department_facts import (
    CalendarChanged,
    DepartmentCreated,
    KnownEventNoted,
    KnownEventWithdrawn,
    StaffingTermsChanged,
)
from supportix.domain.ids import KnownEventId
from supportix.domain.schedule import MINUTES_A_DAY, MOST_SHIFTS, Shift
from supportix.domain.staffing_terms import StaffingTerms, StaffingTermsInvalid, WorkKind

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CREATED = DepartmentCreated(occurred_at=AT, name="Billing", policy="round_robin")
HOURS = (Shift(0, 540, 750), Shift(0, 750, 1_020), Shift(1, 0, MINUTES_A_DAY))
CALENDAR = BusinessCalendar(time_zone="Europe/Lisbon", opening=HOURS, country="US-CA")
CALLS = StaffingTerms(kind=WorkKind.CALLS, target_seconds=20.0, patience_seconds=120.0)
FAIR = KnownEvent(
    event_id=KnownEventId(UUID(int=7)),
    name="Spring fair",
    kind=EventKind.CAMPAIGN,
    begin=AT,
    end=AT + timedelta(days=2),
)


def calendar(**changes):
    return lambda department: department.change_calendar(msgspec.structs.replace(CALENDAR, **changes), at=AT)


def staffing(**changes):
    return lambda department: department.change_staffing(msgspec.structs.replace(CALLS, **changes), at=AT)


def noting(**changes):
    return lambda department: department.note_event(msgspec.structs.replace(FAIR, **changes), at=AT)


def test_a_calendar_is_set_and_replaced_as_a_whole():
    changed = CalendarChanged(occurred_at=AT, calendar=CALENDAR)
    given(CREATED).when(calendar()).then(changed)
    given(CREATED, changed).when(calendar()).then_nothing()
    given(CREATED, changed).when(calendar(opening=(), country=None)).then(
        CalendarChanged(occurred_at=AT, calendar=BusinessCalendar(time_zone="Europe/Lisbon"))
    )
    assert given(CREATED).aggregate.calendar == BusinessCalendar(time_zone="UTC")


@pytest.mark.parametrize(
    ("changes", "saying"),
    [
        ({"time_zone": "Mars/Olympus"}, "time zone 'Mars/Olympus' isn't known"),
        ({"time_zone": "localtime"}, "a name such as Europe/Lisbon was expected"),
        ({"time_zone": "../etc/passwd"}, "isn't known"),
        ({"time_zone": ""}, "isn't known"),
        ({"country": "pt"}, "a code such as PT or US-CA"),
        ({"country": "PT\n"}, "a code such as PT or US-CA"),
        ({"opening": (Shift(0, 540, 541), Shift(0, 500, 560))}, "don't overlap"),
        ({"opening": (Shift(0, 540, 540),)}, "to end after they start"),
        ({"opening": (Shift(7, 540, 600),)}, "to end after they start"),
        ({"opening": (Shift(0, 540, MINUTES_A_DAY + 1),)}, "on the same day"),
        ({"opening": tuple(Shift(0, n, n + 1) for n in range(MOST_SHIFTS + 1))}, f"at most {MOST_SHIFTS}"),
    ],
)
def test_what_makes_no_calendar_is_refused(changes, saying):
    given(CREATED).when(calendar(**changes)).then_refused(CalendarInvalid, saying=saying)


def test_staffing_terms_are_set_and_replaced():
    changed = StaffingTermsChanged(occurred_at=AT, terms=CALLS)
    given(CREATED).when(staffing()).then(changed)
    given(CREATED, changed).when(staffing()).then_nothing()
    assert given(CREATED).aggregate.staffing is None


@pytest.mark.parametrize(
    "changes",
    [
        {"target_seconds": 0},
        {"target_seconds": float("nan")},
        {"handle_seconds": float("inf")},
        {"patience_seconds": -1.0},
        {"target_share": 0.0},
        {"target_share": 1.0},
        {"concurrency": 0},
        {"shrinkage": -0.1},
        {"shrinkage": 0.91},
        {"max_occupancy": 0.0},
        {"max_occupancy": 1.01},
        {"max_occupancy": float("nan")},
    ],
)
def test_terms_out_of_range_are_refused(changes):
    given(CREATED).when(staffing(**changes)).then_refused(StaffingTermsInvalid, saying=f"{next(iter(changes))} ")


def test_the_limits_are_allowed():
    given(CREATED).when(staffing(shrinkage=0.9, max_occupancy=1.0, handle_seconds=None)).then(
        StaffingTermsChanged(occurred_at=AT, terms=msgspec.structs.replace(CALLS, shrinkage=0.9, max_occupancy=1.0))
    )


def test_an_event_is_noted_and_withdrawn():
    noted, withdrawn = (
        KnownEventNoted(occurred_at=AT, event=FAIR),
        KnownEventWithdrawn(occurred_at=AT, event_id=FAIR.event_id),
    )
    given(CREATED).when(noting()).then(noted)
    given(CREATED, noted).when(lambda each: each.withdraw_event(FAIR.event_id, at=AT)).then(withdrawn)
    given(CREATED, noted, withdrawn).when(lambda each: each.withdraw_event(FAIR.event_id, at=AT)).then_refused(
        KnownEventNotFound
    )
    assert given(CREATED, noted, withdrawn).aggregate.known_events == {}


@pytest.mark.parametrize(
    ("changes", "saying"),
    [
        ({"name": " "}, "visible character"),
        ({"name": "x" * 101}, "at most 100"),
        ({"end": AT}, "an end after"),
        ({"begin": AT.replace(tzinfo=None)}, "with a time zone"),
        ({"end": datetime(9_999, 1, 1, tzinfo=UTC)}, "by the year"),
    ],
)
def test_what_is_no_event_is_refused(changes, saying):
    given(CREATED).when(noting(**changes)).then_refused(KnownEventInvalid, saying=saying)


def test_a_department_knows_so_many_events_and_no_more():
    many = [
        KnownEventNoted(occurred_at=AT, event=but(FAIR, event_id=KnownEventId(UUID(int=number))))
        for number in range(1, MOST_KNOWN_EVENTS)
    ]
    last = KnownEventNoted(occurred_at=AT, event=but(FAIR, event_id=KnownEventId(UUID(int=5_000))))
    given(CREATED, *many).when(noting(event_id=KnownEventId(UUID(int=5_000)))).then(last)
    given(CREATED, *many, last).when(noting(event_id=KnownEventId(UUID(int=5_001)))).then_refused(
        TooManyKnownEvents, saying="withdraw one"
    )
